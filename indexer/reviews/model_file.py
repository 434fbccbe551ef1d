"""A feedback model on disk: arrays in safetensors, all else in JSON, and nothing in it that runs when it is read."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from engine.durable import write_durably
from engine.errors import CorruptModel
from indexer.reviews.feedback_model import FeedbackModel
from indexer.reviews.ngram_vocabulary import NgramVocabulary
from indexer.reviews.ngrams import LETTER_RUNS, MAX_CHINESE_RUN, WORDS
from indexer.reviews.sentiment_model import MEMBERS, SentimentModel

SCHEMA = 1
MANIFEST_FILE = "feedback.json"
ARRAYS_FILE = "feedback.safetensors"

_FORMAT = "diptych feedback"
_ARRAYS = ("keys", "families", "scales", "weights", "biases", "edges", "spreads", "joint")
_GRAMS = [MAX_CHINESE_RUN, *LETTER_RUNS, WORDS]


class _ModelRecord(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExpertRecord(_ModelRecord):
    """One expert: the categories with weights of their own, its constant, and what it was learnt from and reached.

    accuracy, balanced_accuracy, auc: on reviews that it had not seen; none where blame or praise has too few of them.
    """

    categories: tuple[str, ...]
    bias: float
    reviews: int
    accuracy: float | None
    balanced_accuracy: float | None
    auc: float | None


class FeedbackManifest(_ModelRecord):
    """What a model says of itself. grams: the lengths of its grams.   sha256: of the arrays' file."""

    format: str
    schema_version: int
    create_time: str
    grams: list[int]
    experts: dict[str, ExpertRecord]
    discovered: dict[str, tuple[str, ...]]
    sha256: str


def save_model(
    model: FeedbackModel, experts: dict[str, ExpertRecord], create_time: str, directory: Path
) -> FeedbackManifest:
    """Write a model into a folder, its manifest last, and return that."""
    directory.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, NDArray[Any]] = {}
    for name, expert in model.experts.items():
        stored = {"keys": expert.vocabulary.keys, "weights": expert.weights.astype(np.float16)}
        for part in _ARRAYS:
            value = stored.get(part)
            arrays[f"{name}.{part}"] = np.ascontiguousarray(getattr(expert, part) if value is None else value)
    data = save(arrays)
    manifest = FeedbackManifest(
        format=_FORMAT,
        schema_version=SCHEMA,
        create_time=create_time,
        grams=_GRAMS,
        experts=experts,
        discovered=model.discovered,
        sha256=hashlib.sha256(data).hexdigest(),
    )
    write_durably(directory / ARRAYS_FILE, data)
    content = json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
    write_durably(directory / MANIFEST_FILE, content.encode())
    return manifest


def load_model(directory: Path) -> tuple[FeedbackModel, FeedbackManifest]:
    """Return the model of a folder. Raises CorruptModel, naming the file, for anything that `save_model` did not write.

    Cost: one reading of its files.
    """
    path = directory / MANIFEST_FILE
    try:
        manifest = FeedbackManifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise CorruptModel(f"{path}: expected the manifest of a feedback model, got {error.strerror}") from error
    except ValidationError as error:
        wrong = error.errors()[0]
        place = ".".join(map(str, wrong["loc"]))
        raise CorruptModel(f"{path}: expected the manifest of a feedback model, got {place}: {wrong['msg']}") from error
    if (manifest.format, manifest.schema_version, manifest.grams) != (_FORMAT, SCHEMA, _GRAMS):
        raise CorruptModel(f"{path}: expected schema version {SCHEMA}, got {manifest.schema_version}; fit it again")
    path = directory / ARRAYS_FILE
    try:
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        if digest != manifest.sha256:
            raise CorruptModel(f"{path}: expected sha256 {manifest.sha256}, got {digest}")
        arrays = load(data)
        experts = {name: _to_expert(name, record, arrays) for name, record in manifest.experts.items()}
    except OSError as error:
        raise CorruptModel(f"{path}: expected the arrays of a feedback model, got {error.strerror}") from error
    except (SafetensorError, KeyError, ValueError) as error:
        raise CorruptModel(f"{path}: expected the arrays of a feedback model, got {error}") from error
    return FeedbackModel(experts, dict(manifest.discovered)), manifest


def _to_expert(name: str, record: ExpertRecord, arrays: dict[str, NDArray[Any]]) -> SentimentModel:
    found = {part: arrays[f"{name}.{part}"] for part in _ARRAYS}
    keys = found.pop("keys")
    shape = (MEMBERS, 1 + len(record.categories), len(keys))
    if found["weights"].shape != shape or found["scales"].shape != (MEMBERS, len(keys)):
        raise ValueError(f"weights of shape {found['weights'].shape} for {shape}")
    found["weights"] = found["weights"].astype(np.float32)
    return SentimentModel(vocabulary=NgramVocabulary(keys), categories=record.categories, bias=record.bias, **found)
