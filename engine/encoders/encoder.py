"""The Encoder protocol: texts and images in, unit vectors out, and a fingerprint that identifies the model.

Vectors of two models look alike but are not comparable, so a snapshot stores the fingerprint and the vectors of a few
golden inputs, and an encoder is checked against both before it serves queries.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import import_module
from typing import Any, Protocol, Self, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.errors import InvalidSetting, MissingDependency, ModelMismatch

Matrix = NDArray[np.float32]

ENCODERS = {
    "openclip": "engine.encoders.open_clip:OpenClipEncoder",
    "sentence": "engine.encoders.sentence:SentenceEncoder",
}
PACKAGES = {"open_clip": "open-clip-torch", "sentence_transformers": "'diptych[sentence]'"}


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Which model to open.

    Attributes:
        model: A name in engine.models.EMBEDDED, a directory, "local-dir:DIR", "hf-hub:org/repo" or an open_clip
            architecture. For the encoder "sentence": a directory or hub name of sentence-transformers.
        pretrained: A tag or a weights file; only an open_clip architecture needs one.
        encoder: A name in ENCODERS, or "module:Class" for a custom encoder.
    """

    model: str
    pretrained: str | None = None
    encoder: str = "openclip"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Everything that determines an encoder's vectors, and its dtype, which only rounds them.

    Attributes:
        preprocess: How an image becomes the model's input; empty for a text-only model.
    """

    architecture: str
    weights_sha256: str
    tokenizer_sha256: str
    preprocess: Mapping[str, Any]
    preprocess_sha256: str
    dim: int
    dtype: str

    def to_json(self) -> dict[str, Any]:
        """Return the fingerprint as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the fingerprint that `to_json` wrote. Raises ModelMismatch if fields are missing or unknown."""
        expected, found = set(cls.__dataclass_fields__), set(values)
        if expected != found:
            raise ModelMismatch(f"expected a fingerprint of {sorted(expected)}, got {sorted(found)}")
        return cls(**values)


class Encoder(Protocol):
    """Turns texts and images into vectors of one space, in which an inner product is a similarity."""

    @property
    def fingerprint(self) -> Fingerprint:
        """The identity of the model."""

    @property
    def dim(self) -> int:
        """Dimension of the vectors."""

    def encode_texts(self, texts: Sequence[str]) -> Matrix:
        """Return (n, dim) unit rows, one per text, in order."""

    def encode_images(self, images: Sequence[Image.Image]) -> Matrix:
        """Return (n, dim) unit rows, one per image, in order."""


def open_encoder(spec: ModelSpec, device: str = "auto", dtype: str = "auto", runtime: str = "auto") -> Encoder:
    """Open the model that `spec` names; loads its weights, and its library the first time.

    Args:
        spec: The model.
        device: auto, cpu, cuda or cuda:N.
        dtype: auto, float32 or bfloat16.
        runtime: auto, torch or openvino; not passed to a custom encoder.

    Raises:
        InvalidSetting: The encoder or model does not exist.
        MissingDependency: A library is not installed.
    """
    target = ENCODERS.get(spec.encoder, spec.encoder)
    module, _, name = target.partition(":")
    try:
        opener = getattr(import_module(module), name)
    except (ModuleNotFoundError, AttributeError, ValueError) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is not None and not f"{module}.".startswith(f"{missing}."):
            package = PACKAGES.get(missing, missing)
            raise MissingDependency(f"{module} needs {missing}: pip install {package}") from error
        known = ", ".join(ENCODERS)
        raise InvalidSetting(f"expected an encoder ({known}, or module:Class), got {spec.encoder!r}") from error
    if spec.encoder in ENCODERS:
        return cast(Encoder, opener(spec, device, dtype, runtime=runtime))
    return cast(Encoder, opener(spec, device, dtype))


def digest(value: Any) -> str:
    """Return the sha256 of a JSON value, independent of key order."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


GOLDEN_TEXTS = (
    "",
    "a red leather shoe with a white sole",
    "Blue cotton T-shirt, size XL - 19.99 EUR!",
    "élégante robe d'été à fleurs 夏のワンピース",
    "a small wooden table for the garden " * 12,
)
# bfloat16 against float32: .999 and more (ViT-B-32, CoCa), a squared error of at most .0002 per unit row. A mean and
# std of .5 instead of CLIP's: .65 to .94; another resize mode: .86 at most. A closer mean shows in the hash only.
MIN_AGREEMENT = 0.985
ROUNDING_ERROR = 4e-4


@cache
def golden_images() -> tuple[Image.Image, ...]:
    """Return four images computed from integers, none of them square, so that any resize mode shows."""
    y, x = np.mgrid[0:96, 0:160]
    ramp = np.stack([x * 255 // 159, y * 255 // 95, 255 - x * 255 // 159], axis=-1)
    y, x = np.mgrid[0:200, 0:80]
    checks = np.where(((x // 10 + y // 10) % 2)[..., None] == 0, (230, 40, 30), (20, 60, 200))
    y, x = np.mgrid[0:120, 0:90]
    disc = np.where(((x - 30) ** 2 + (y - 80) ** 2 < 900)[..., None], (10, 120, 40), (250, 240, 200))
    y, x = np.mgrid[0:64, 0:150]
    stripes = np.stack([(x * 7) % 256, (x * x + y * 31) % 256, (y * 11) % 256], axis=-1)
    return tuple(Image.fromarray(pixels.astype(np.uint8)) for pixels in (ramp, checks, disc, stripes))


def golden_vectors(encoder: Encoder) -> dict[str, Any]:
    """Return the encoder's vectors of the golden texts, and images if it encodes any, as JSON (a few kB)."""
    golden = {"texts": _pack(encoder.encode_texts(GOLDEN_TEXTS))}
    if encoder.fingerprint.preprocess:
        golden["images"] = _pack(encoder.encode_images(golden_images()))
    return golden


def check(encoder: Encoder, expected: Fingerprint, golden: Mapping[str, Any]) -> None:
    """Check that the encoder is the one that produced `expected` and `golden`, on any device and dtype.

    Encodes nine inputs, five for a text-only model.

    Raises:
        ModelMismatch: With every difference in the fingerprint or in the golden vectors; the latter also reveal what no
            hash can, such as another library's resize.
    """
    actual = encoder.fingerprint
    differences = [
        f"{name}: expected {getattr(expected, name)}, got {getattr(actual, name)}"
        for name in ("architecture", "dim", "weights_sha256", "tokenizer_sha256", "preprocess_sha256")
        if getattr(expected, name) != getattr(actual, name)
    ]
    if expected.preprocess_sha256 != actual.preprocess_sha256:
        differences += [
            f"preprocess.{key}: expected {expected.preprocess.get(key)}, got {actual.preprocess.get(key)}"
            for key in sorted({*expected.preprocess, *actual.preprocess})
            if expected.preprocess.get(key) != actual.preprocess.get(key)
        ]
    if expected.dim == actual.dim:
        vectors = golden_vectors(encoder)
        for kind in vectors:
            agreement = _agreement(_unpack(golden, kind, actual.dim), _unpack(vectors, kind, actual.dim))
            if not agreement >= MIN_AGREEMENT:
                differences.append(
                    f"golden {kind}: expected an agreement of at least {MIN_AGREEMENT}, got {agreement:.3f}"
                )
    if differences:
        raise ModelMismatch("not the model of this snapshot: " + "; ".join(differences))


def _pack(rows: Matrix) -> str:
    return base64.b64encode(rows.astype("<f2").tobytes()).decode()


def _unpack(golden: Mapping[str, Any], kind: str, dim: int) -> Matrix:
    try:
        rows = np.frombuffer(base64.b64decode(golden[kind], validate=True), dtype="<f2").reshape(-1, dim)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelMismatch(f"expected golden {kind} of {dim} dimensions, got {error}") from error
    return rows.astype(np.float32)


def _agreement(expected: Matrix, actual: Matrix) -> float:
    """Return 1 - (squared error beyond rounding) / (squared spread of the expected rows); 0 is as bad as their mean.

    The cosine would not do: rows of one kind share most of their direction, so a wrong row is still close.
    """
    if expected.shape != actual.shape:
        return 0.0
    error = float(np.square(expected - actual).sum(axis=1).mean()) - ROUNDING_ERROR
    spread = float(np.square(expected - expected.mean(axis=0)).sum(axis=1).mean())
    return 1.0 if error <= 0 else 1.0 - error / max(spread, ROUNDING_ERROR)
