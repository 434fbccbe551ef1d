"""Find and load the files of an open_clip model; each error message says what was expected."""

import difflib
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.factory import parse_model_name
from open_clip.pretrained import download_pretrained_from_hf
from safetensors import SafetensorError

from engine import models
from engine.encoders import image_trunks
from engine.encoders.encoder import ModelSpec
from engine.errors import InvalidSetting

image_trunks.register()

CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"

# What open_clip and the readers of weights raise when files are missing, truncated or of another model.
_FAILURES = (
    OSError,
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    EOFError,
    SafetensorError,
    pickle.UnpicklingError,
)


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model on disk: its name for open_clip, and its weights file, None for random weights."""

    name: str
    pretrained: str | None
    weights: Path | None
    quick_gelu: bool = False

    def config(self) -> dict[str, Any]:
        """Return the architecture from the model's own configuration."""
        config: dict[str, Any] = open_clip.get_model_config(self.name)
        return {**config, "quick_gelu": True} if self.quick_gelu else config

    def overrides(self) -> dict[str, Any]:
        """Return further arguments for open_clip: the location of a text tower that comes with the model.

        A configuration names it as a folder inside the model's own, so that the model can be moved; open_clip would
        look for it in the working directory.
        """
        schema, folder = parse_model_name(self.name)
        text = self.config()["text_cfg"]
        tower = text.get("hf_model_name")
        if schema != "local-dir" or not tower or not (Path(folder) / tower / "config.json").is_file():
            return {}
        return {"text_cfg": {**text, "hf_model_name": str(Path(folder, tower).resolve()), "hf_model_pretrained": False}}


def find(spec: ModelSpec, random_weights: bool = False) -> ModelFiles:
    """Return the model for the spec; downloads its weights if needed.

    Raises:
        InvalidSetting: The name, the tag or a file does not exist, or the download failed.
    """
    schema, name = _parse(spec.model)
    if schema is None and spec.model in models.EMBEDDED:
        schema, name = "local-dir", str(models.folder(spec.model))
    if schema is None and Path(name).is_dir():
        schema = "local-dir"
    if schema is not None and spec.pretrained is not None:
        raise InvalidSetting(
            f"expected no pretrained tag with {spec.model!r}, which has its own weights, got {spec.pretrained!r}"
        )
    if schema == "local-dir":
        return _find_in_directory(Path(name), random_weights)
    if schema == "hf-hub":
        return _find_on_hub(name)
    return _find_by_tag(name, spec.pretrained, random_weights)


def load(source: ModelFiles, device: torch.device, dtype: torch.dtype) -> Any:
    """Return the model in evaluation mode, cast to the dtype. Raises InvalidSetting if the weights do not fit."""
    try:
        model = open_clip.create_model(
            source.name,
            source.pretrained,
            # open_clip's "bf16" mixes dtypes, which CoCa and HF towers cannot compute; it is no more accurate.
            precision="fp32" if dtype == torch.float32 else "pure_bf16",
            device=device,
            force_quick_gelu=source.quick_gelu,
            require_pretrained=source.weights is not None,
            pretrained_text=False,
            **source.overrides(),
        )
    except _FAILURES as error:
        raise InvalidSetting(f"cannot load the model {source.name!r} from {source.weights}: {error}") from error
    return model.eval().requires_grad_(False)


def tokenizer(source: ModelFiles) -> Any:
    """Return the model's tokenizer: texts to (n, context_length) token ids."""
    try:
        return open_clip.get_tokenizer(source.name)
    except _FAILURES as error:
        raise InvalidSetting(f"cannot load the tokenizer of {source.name!r}: {error}") from error


def _parse(model: str) -> tuple[str | None, str]:
    try:
        schema, name = parse_model_name(model)
    except ValueError as error:
        raise InvalidSetting(f"expected a directory or repository after the colon, got {model!r}") from error
    return schema, name


def _find_in_directory(directory: Path, random_weights: bool) -> ModelFiles:
    if not (directory / CONFIG).is_file():
        raise InvalidSetting(f"expected a model in {directory} ({CONFIG} and {WEIGHTS}), got no {CONFIG}")
    found = [
        path for pattern in ("*.safetensors", "*.bin", "*.pth", "*.pt") for path in sorted(directory.glob(pattern))
    ]
    weights = next((path for path in found if path.name == WEIGHTS), None)
    if weights is None and len(found) == 1:
        weights = found[0]
    if weights is None and not random_weights:
        names = ", ".join(path.name for path in found) or "no weights"
        raise InvalidSetting(f"expected {WEIGHTS} in {directory}, got {names}")
    return ModelFiles(f"local-dir:{directory}", None, weights)


def _find_on_hub(repository: str) -> ModelFiles:
    try:
        weights = download_pretrained_from_hf(repository)
    except _FAILURES as error:
        raise InvalidSetting(f"cannot fetch the model 'hf-hub:{repository}': {error}") from error
    return ModelFiles(f"hf-hub:{repository}", None, Path(weights))


def _find_by_tag(name: str, pretrained: str | None, random_weights: bool) -> ModelFiles:
    if open_clip.get_model_config(name) is None:
        near = difflib.get_close_matches(name, open_clip.list_models(), n=5)
        hint = f"; similar names: {', '.join(near)}" if near else ""
        raise InvalidSetting(
            f"expected {' or '.join(map(repr, models.EMBEDDED))}, a directory with a model, 'hf-hub:org/repo' or an "
            f"open_clip architecture, got {name!r}{hint}"
        )
    tags = ", ".join(open_clip.list_pretrained_tags_by_model(name)) or "none known"
    if pretrained is None:
        if random_weights:
            return ModelFiles(name, None, None)
        raise InvalidSetting(f"expected a pretrained tag for {name!r} ({tags}) or a weights file, got none")
    if Path(pretrained).is_file():
        return ModelFiles(name, pretrained, Path(pretrained))
    settings = open_clip.get_pretrained_cfg(name, pretrained)
    if not settings:
        raise InvalidSetting(f"expected a pretrained tag for {name!r} ({tags}) or a weights file, got {pretrained!r}")
    try:
        weights = open_clip.download_pretrained(settings)
    except _FAILURES as error:
        raise InvalidSetting(f"cannot fetch the weights {pretrained!r} of {name!r}: {error}") from error
    # OpenAI's weights use another GELU than most architectures' names suggest; open_clip only warns about it.
    return ModelFiles(name, pretrained, Path(weights), quick_gelu=bool(settings.get("quick_gelu", False)))
