"""What an encoder is: texts and pictures in, unit vectors out, and a fingerprint that tells it from every other one.

Vectors of two models look alike and mean nothing to each other, so a snapshot keeps the fingerprint and the vectors
of a few golden inputs, and an encoder proves itself against both before it answers anything.
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

    model: a name in engine.models.EMBEDDED, a directory, "local-dir:DIR", "hf-hub:org/repo" or an open_clip
    architecture; only the last needs `pretrained`, a tag or a weights file. encoder: a name in ENCODERS, or
    "module:Class" of your own; "sentence" takes a directory or a hub's name of sentence-transformers.
    """

    model: str
    pretrained: str | None = None
    encoder: str = "openclip"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """All that decides an encoder's vectors, and its dtype, which only rounds them.

    preprocess: how a picture becomes the model's input; empty for a model that knows texts alone.
    """

    architecture: str
    weights_sha256: str
    tokenizer_sha256: str
    preprocess: Mapping[str, Any]
    preprocess_sha256: str
    dim: int
    dtype: str

    def to_json(self) -> dict[str, Any]:
        """Return it as values that JSON holds."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return what to_json made. Raises ModelMismatch if fields are missing or unknown."""
        expected, came = set(cls.__dataclass_fields__), set(values)
        if expected != came:
            raise ModelMismatch(f"expected a fingerprint of {sorted(expected)}, got {sorted(came)}")
        return cls(**values)


class Encoder(Protocol):
    """Turns texts and pictures into vectors of one space, where an inner product is a similarity."""

    @property
    def fingerprint(self) -> Fingerprint:
        """What it is."""

    @property
    def dim(self) -> int:
        """Length of its vectors."""

    def encode_texts(self, texts: Sequence[str]) -> Matrix:
        """Return (n, dim) unit rows, one a text, in order."""

    def encode_images(self, images: Sequence[Image.Image]) -> Matrix:
        """Return (n, dim) unit rows, one a picture, in order."""


def open_encoder(spec: ModelSpec, device: str = "auto", dtype: str = "auto", runtime: str = "auto") -> Encoder:
    """Open the model that `spec` names. Costs the loading of its weights, and of its library the first time.

    device: auto, cpu, cuda or cuda:N.   dtype: auto, float32 or bfloat16.   runtime: auto, torch or openvino; an
    encoder of your own is not told of it.
    Raises InvalidSetting for a name that leads nowhere, MissingDependency if the library is not installed.
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
    """Return the sha256 of a JSON value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


GOLDEN_TEXTS = (
    "",
    "a red leather shoe with a white sole",
    "Blue cotton T-shirt, size XL - 19.99 EUR!",
    "élégante robe d'été à fleurs 夏のワンピース",
    "a small wooden table for the garden " * 12,
)
# bfloat16 against float32: .999 and more (ViT-B-32, CoCa), a squared error of at most .0002 a unit row. A mean and std
# of .5 instead of CLIP's: .65 to .94; another resize mode: .86 at most. A mean nearer than that only the hash tells.
AGREEMENT = 0.985
ROUNDING = 4e-4


@cache
def golden_images() -> tuple[Image.Image, ...]:
    """Return four pictures made of whole numbers alone, none of them square, so that any resize mode shows."""
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
    """Return the encoder's vectors of the golden texts, and pictures if it knows any, as JSON values (a few kB)."""
    golden = {"texts": _pack(encoder.encode_texts(GOLDEN_TEXTS))}
    if encoder.fingerprint.preprocess:
        golden["images"] = _pack(encoder.encode_images(golden_images()))
    return golden


def check(encoder: Encoder, expected: Fingerprint, golden: Mapping[str, Any]) -> None:
    """Do nothing if the encoder is the one that made `expected` and `golden`, on whatever device and dtype.

    Raises ModelMismatch with every difference: in the fingerprint, or in the golden vectors, which also show what no
    hash can, such as another library's resize. Cost: nine inputs encoded, five by a model of texts alone.
    """
    came = encoder.fingerprint
    differences = [
        f"{name}: expected {getattr(expected, name)}, got {getattr(came, name)}"
        for name in ("architecture", "dim", "weights_sha256", "tokenizer_sha256", "preprocess_sha256")
        if getattr(expected, name) != getattr(came, name)
    ]
    if expected.preprocess_sha256 != came.preprocess_sha256:
        differences += [
            f"preprocess.{key}: expected {expected.preprocess.get(key)}, got {came.preprocess.get(key)}"
            for key in sorted({*expected.preprocess, *came.preprocess})
            if expected.preprocess.get(key) != came.preprocess.get(key)
        ]
    if expected.dim == came.dim:
        now = golden_vectors(encoder)
        for kind in now:
            agreement = _agreement(_unpack(golden, kind, came.dim), _unpack(now, kind, came.dim))
            if not agreement >= AGREEMENT:
                differences.append(f"golden {kind}: expected an agreement of at least {AGREEMENT}, got {agreement:.3f}")
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


def _agreement(expected: Matrix, came: Matrix) -> float:
    """Return 1 - (squared error, less rounding's) / (squared spread of the expected rows); 0 is as bad as their mean.

    The cosine would not do: rows of one kind share most of their direction, so a wrong one is still near.
    """
    if expected.shape != came.shape:
        return 0.0
    error = float(np.square(expected - came).sum(axis=1).mean()) - ROUNDING
    spread = float(np.square(expected - expected.mean(axis=0)).sum(axis=1).mean())
    return 1.0 if error <= 0 else 1.0 - error / max(spread, ROUNDING)
