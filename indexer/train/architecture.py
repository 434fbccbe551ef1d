"""The open_clip model to train, built from scratch or opened from a checkpoint, and its initial weights."""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.coca_model import CoCa
from open_clip.transformer import PatchDropout, VisionTransformer
from torch import nn

from engine import models
from engine.encoders.checkpoint import ModelFiles
from engine.errors import InvalidSetting
from indexer.train import train_tokenizer

COCA_MINI: dict[str, Any] = {
    "embed_dim": 192,
    "custom_text": True,
    "vision_cfg": {
        "image_size": 64,
        "patch_size": 8,
        "width": 192,
        "layers": 6,
        "head_width": 32,
        "mlp_ratio": 4.0,
        "no_ln_pre": True,
        "block_type": "custom",
        "attentional_pool": True,
        "attn_pooler_queries": 33,
        "attn_pooler_heads": 6,
        "output_tokens": True,
    },
    "text_cfg": {
        "context_length": 77,
        "vocab_size": 2048,
        "width": 192,
        "heads": 6,
        "layers": 3,
        "embed_cls": True,
        "block_type": "custom",
        "output_tokens": True,
        "hf_tokenizer_name": "local",
    },
    "multimodal_cfg": {
        "context_length": 77,
        "vocab_size": 2048,
        "width": 192,
        "heads": 6,
        "layers": 1,
        "mlp_ratio": 4,
    },
}
SCRATCH = {"coca-mini": COCA_MINI}
PREPROCESS = {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25), "interpolation": "bicubic", "resize_mode": "shortest"}
_POSITION_DIMS = 32
# Offsets in patches, right and down, that the heads of a new transformer attend to.
_OFFSETS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1), (1, -1), (-1, 1))


@dataclass(frozen=True, slots=True)
class Trainee:
    """A model with what open_clip needs to load it again.

    Attributes:
        model: The open_clip model.
        model_cfg: Its `model_cfg` in open_clip's format.
        preprocess_cfg: Its `preprocess_cfg` in open_clip's format.
        tokenize: Texts to (n, context_length) token ids.
        tokenizer: The Hugging Face tokenizer; None if it has another kind.
        image_size: Pixels of a side of its images.
        from_scratch: Whether its weights are new.
        owns_text_tower: Whether its Hugging Face text tower is a folder inside its own.
    """

    model: Any
    model_cfg: dict[str, Any]
    preprocess_cfg: dict[str, Any]
    tokenize: Callable[[Sequence[str]], torch.Tensor]
    tokenizer: Any
    image_size: int
    from_scratch: bool
    owns_text_tower: bool = False

    @property
    def is_captioner(self) -> bool:
        """Whether the model also learns to caption."""
        return isinstance(self.model, CoCa)

    @property
    def embed_dim(self) -> int:
        """The dimension of the model's vectors."""
        return int(self.model_cfg["embed_dim"])

    @property
    def pad_id(self) -> int:
        """The token id of padding."""
        return int(self.model_cfg["text_cfg"].get("pad_id", 0))


def open_trainee(name: str, pretrained: str | None, texts: Iterable[str], vocabulary_size: int) -> Trainee:
    """Return the model of this name; one from scratch gets new weights and a tokenizer trained on the texts.

    Raises:
        InvalidSetting: Neither this module nor open_clip knows the name.
    """
    if name in models.EMBEDDED:
        name = f"local-dir:{models.folder(name)}"
    if name in SCRATCH or name.endswith(".json"):
        return _from_scratch(_read_config(name), texts, vocabulary_size)
    try:
        tower = ModelFiles(name, pretrained, None).overrides() if ":" in name else {}
        model, _, _ = open_clip.create_model_and_transforms(name, pretrained=pretrained, **tower)
        tokenizer = open_clip.get_tokenizer(name)
    except (RuntimeError, ValueError, FileNotFoundError) as error:
        raise InvalidSetting(f"expected a model open_clip can open, got {name!r}: {error}") from error
    if isinstance(model, CoCa) and pretrained is None and ":" not in name:
        start_decoder(model)
    preprocess = open_clip.get_model_preprocess_cfg(model)
    return Trainee(
        model, _known_config(name), preprocess, tokenizer, getattr(tokenizer, "tokenizer", None),
        _square(preprocess["size"]), from_scratch=False, owns_text_tower=bool(tower),
    )  # fmt: skip


def _from_scratch(config: dict[str, Any], texts: Iterable[str], vocabulary_size: int) -> Trainee:
    context_length = config["text_cfg"]["context_length"]
    tokenizer = train_tokenizer.fit(texts, vocabulary_size, context_length)
    config["text_cfg"] |= {
        "vocab_size": len(tokenizer), "pad_id": tokenizer.pad_token_id, "eos_id": tokenizer.eos_token_id,
        "hf_tokenizer_name": config["text_cfg"].get("hf_tokenizer_name", "local"),
    }  # fmt: skip
    if "multimodal_cfg" in config:
        config["multimodal_cfg"]["vocab_size"] = len(tokenizer)
        model: nn.Module = CoCa(**{key: value for key, value in config.items() if key != "custom_text"})
        start_decoder(model)
    else:
        model = open_clip.model.CustomTextCLIP(**{key: v for key, v in config.items() if key != "custom_text"})
    if isinstance(model.visual, VisionTransformer):
        attend_to_neighbours(model.visual)
    size = _square(config["vision_cfg"]["image_size"])

    def tokenize(lines: Sequence[str]) -> torch.Tensor:
        ids: torch.Tensor = tokenizer(
            list(lines), return_tensors="pt", padding="max_length", truncation=True, max_length=context_length
        ).input_ids
        return ids

    return Trainee(model, config, {"size": size, "mode": "RGB", **PREPROCESS}, tokenize, tokenizer, size, True)


def start_decoder(model: CoCa) -> None:
    """Initialise the output of the caption decoder, which open_clip leaves as uninitialised memory."""
    projection = model.text_decoder.text_projection
    nn.init.normal_(projection, std=projection.shape[0] ** -0.5)


def attend_to_neighbours(visual: VisionTransformer) -> None:
    """Initialise a new vision transformer so that its heads attend to neighbouring patches, as a convolution does.

    32 dimensions hold the patch's position as sines and cosines; a head's query is the key rotated by one patch, so the
    attention of head h peaks at offset h. A thousand photos are too few to learn this, and without it little else is
    learned. Transformers whose heads are not 32 wide stay unchanged.
    """
    width, heads = visual.transformer.width, visual.transformer.resblocks[0].attn.num_heads
    rows, columns = visual.grid_size
    if width // heads != _POSITION_DIMS or width <= _POSITION_DIMS:
        return
    frequencies = torch.arange(1, _POSITION_DIMS // 4 + 1) * math.pi / (_POSITION_DIMS // 4)
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    angles = torch.cat([x.reshape(-1, 1) * frequencies, y.reshape(-1, 1) * frequencies], dim=1)
    with torch.no_grad():
        visual.positional_embedding.normal_(std=0.02)
        visual.positional_embedding[1:, :_POSITION_DIMS] = torch.cat([angles.sin(), angles.cos()], dim=1)
        visual.positional_embedding[0, :_POSITION_DIMS] = 0
        visual.conv1.weight[:_POSITION_DIMS] = 0
        nn.init.kaiming_normal_(visual.conv1.weight[_POSITION_DIMS:], nonlinearity="linear")
        for layer, block in enumerate(visual.transformer.resblocks):
            nn.init.normal_(block.attn.in_proj_weight, std=0.5 * width**-0.5)
            nn.init.normal_(block.attn.out_proj.weight, std=width**-0.5 * (2 * visual.transformer.layers) ** -0.5)
            nn.init.normal_(block.mlp.c_fc.weight, std=width**-0.5)
            nn.init.normal_(block.mlp.c_proj.weight, std=(4 * width) ** -0.5 * (2 * visual.transformer.layers) ** -0.5)
            # The last head of each layer attends to no fixed offset.
            for head in range(heads - 1):
                across, down = _OFFSETS[(layer * (heads - 1) + head) % len(_OFFSETS)]
                _set_offset(block.attn.in_proj_weight, head, width, across * frequencies, down * frequencies)


def _set_offset(weight: torch.Tensor, head: int, width: int, across: torch.Tensor, down: torch.Tensor) -> None:
    half = _POSITION_DIMS // 2
    angle = torch.cat([across, down])
    cosine, sine = torch.diag(angle.cos()), torch.diag(angle.sin())
    # sin(a + t) = cos t sin a + sin t cos a;  cos(a + t) = cos t cos a - sin t sin a
    query = torch.cat([torch.cat([cosine, sine], dim=1), torch.cat([-sine, cosine], dim=1)])
    at = slice(head * _POSITION_DIMS, (head + 1) * _POSITION_DIMS)
    weight[:width][at] *= 0.2
    weight[width : 2 * width][at] *= 0.2
    weight[:width][at, : 2 * half] += 2 * query
    weight[width : 2 * width][at, : 2 * half] += 2 * torch.eye(_POSITION_DIMS)


def set_patch_dropout(model: nn.Module, share: float) -> None:
    """Drop this share of the patches in training; the stored model drops none."""
    visual = model.visual
    if isinstance(visual, VisionTransformer):
        visual.patch_dropout = PatchDropout(share) if share > 0 else nn.Identity()
    elif share > 0:
        raise InvalidSetting(f"expected patch_dropout 0 for a {type(visual).__name__}, got {share}")


def _read_config(name: str) -> dict[str, Any]:
    if name in SCRATCH:
        return deepcopy(SCRATCH[name])
    path = Path(name)
    if not path.is_file():
        raise InvalidSetting(f"expected a file with an open_clip model_cfg, got {name}, which is not a file")
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if missing := {"embed_dim", "vision_cfg", "text_cfg"} - set(config):
        raise InvalidSetting(f"{name}: expected embed_dim, vision_cfg and text_cfg, missing {sorted(missing)}")
    return config


def _known_config(name: str) -> dict[str, Any]:
    if name.startswith("local-dir:"):
        stored = Path(name.removeprefix("local-dir:")) / "open_clip_config.json"
        config: dict[str, Any] = json.loads(stored.read_text(encoding="utf-8"))["model_cfg"]
        return config
    known = open_clip.get_model_config(name)
    if known is None:
        raise InvalidSetting(f"expected an open_clip architecture or local-dir:, got {name!r}")
    return deepcopy(known)


def _square(size: int | Sequence[int]) -> int:
    return size if isinstance(size, int) else min(size)
