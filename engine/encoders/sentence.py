"""A sentence model as a text-only encoder: any model that sentence-transformers opens, from a directory or a hub.

CLIP's text tower is trained to match images and reads a title poorly compared with a text model. In a snapshot with
such a text model, query text is matched with the text block through it, and with images through CLIP.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors import SafetensorError
from sentence_transformers import SentenceTransformer

from engine.encoders.devices import to_device, to_dtype
from engine.encoders.encoder import Fingerprint, ModelSpec, digest
from engine.encoders.runtimes import RUNTIMES
from engine.encoders.text_coverage import known_shares
from engine.errors import InvalidSetting, NoEncoder
from engine.scoring.vectors import to_unit

Matrix = NDArray[np.float32]

_PROBES = (
    "",
    "A red shoe, size 42½",
    "élégante ROBE d'été",
    "夏のワンピース",
    "naïve  café\n& <b>tags</b>",
    "word " * 999,
)

# What sentence-transformers and its file readers raise when files are missing, truncated or of another model.
_FAILURES = (OSError, RuntimeError, ValueError, LookupError, TypeError, AttributeError, SafetensorError)


class SentenceEncoder:
    """Encodes texts with one sentence model held in memory; thread-safe.

    Queries and item texts are encoded alike; the model's prompts are not used.
    """

    def __init__(
        self,
        spec: ModelSpec,
        device: str = "auto",
        dtype: str = "auto",
        *,
        runtime: str = "auto",
        threads: int | None = None,
        batch_size: int = 64,
    ) -> None:
        """Load the model.

        Args:
            spec: The model.
            device: auto, cpu, cuda or cuda:N.
            dtype: auto, float32 or bfloat16.
            runtime: auto, torch or openvino; always computed by torch, since rounding costs such models more quality.
            threads: Number of CPU threads of torch in this process; None leaves it unchanged.
            batch_size: Texts per batch; limits memory.

        Raises:
            InvalidSetting: The device, dtype or model does not exist.
        """
        if threads is not None:
            torch.set_num_threads(threads)
        if runtime not in RUNTIMES:
            raise InvalidSetting(f"expected the runtime {', '.join(RUNTIMES)}, got {runtime!r}")
        if spec.pretrained is not None:
            raise InvalidSetting(
                f"expected no pretrained tag with the sentence model {spec.model!r}, got {spec.pretrained!r}"
            )
        self.device = to_device(device)
        self.dtype = to_dtype(dtype, self.device)
        self.batch_size = batch_size
        self.model = _load(spec.model, self.device)
        weights = _hash_weights(self.model)
        self.model.to(self.dtype)
        self.dim = int(self._encode([""]).shape[1])
        self.fingerprint = Fingerprint(
            architecture=_describe(self.model, self.dim),
            weights_sha256=weights,
            tokenizer_sha256=_hash_tokenizer(self.model),
            preprocess={},
            preprocess_sha256=digest({}),
            dim=self.dim,
            dtype=str(self.dtype).removeprefix("torch."),
        )

    def encode_texts(self, texts: Sequence[str]) -> Matrix:
        """Return (n, dim) unit rows, one per text; longer texts are truncated to the model's length."""
        if not texts:
            return np.empty((0, self.dim), np.float32)
        return to_unit(self._encode(texts))

    def known_shares(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (n,) the share of each text that is in the tokenizer's vocabulary, 0 to 1."""
        return known_shares(self.model.tokenizer, texts)

    def encode_images(self, images: Sequence[Image.Image]) -> Matrix:
        """Raise NoEncoder: a sentence model does not encode images."""
        raise NoEncoder(message=f"expected texts for the sentence model, got {len(images)} images")

    def _encode(self, texts: Sequence[str]) -> Matrix:
        rows = self.model.encode(
            list(texts), batch_size=self.batch_size, show_progress_bar=False, convert_to_tensor=True
        )
        array: Matrix = rows.float().cpu().numpy()
        return array


def _load(name: str, device: torch.device) -> SentenceTransformer:
    directory = Path(name)
    if directory.is_dir() and not (directory / "modules.json").is_file():
        raise InvalidSetting(
            f"expected a sentence model in {directory} (modules.json and the files it names), got none"
        )
    try:
        model: SentenceTransformer = SentenceTransformer(name, device=str(device), local_files_only=directory.is_dir())
    except _FAILURES as error:
        raise InvalidSetting(
            f"expected the directory or hub name of a sentence model, got {name!r}: {error}"
        ) from error
    model.eval().requires_grad_(False)
    return model


def _describe(model: SentenceTransformer, dim: int) -> str:
    """Return the architecture as one word that does not depend on the version of the library."""
    config: Any = getattr(model[0], "auto_model", model[0]).config
    tower = f"{config.model_type}{config.num_hidden_layers}x{config.hidden_size}"
    return f"sentence-{tower}-{'-'.join(type(module).__name__.lower() for module in model)}-{dim}d"


def _hash_weights(model: SentenceTransformer) -> str:
    """Return the sha256 of all weights by name, a second per GB; buffers differ between library versions."""
    hashed = hashlib.sha256()
    for name, tensor in sorted(model.named_parameters()):
        hashed.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        hashed.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return hashed.hexdigest()


def _hash_tokenizer(model: SentenceTransformer) -> str:
    """Return the sha256 of the vocabulary, the maximum length and the tokens of a few hard texts."""
    tokenizer: Any = model.tokenizer
    length = model.max_seq_length
    probes = tokenizer(list(_PROBES), truncation=True, max_length=length)["input_ids"]
    return digest({"vocabulary": tokenizer.get_vocab(), "length": length, "probes": probes})
