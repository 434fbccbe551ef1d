"""The models of a build: one for texts and images alike, or an additional text model for the text block."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from engine.encoders.embedding_cache import EmbeddingCache
from engine.encoders.encoder import (
    GOLDEN_TEXTS,
    Encoder,
    ModelSpec,
    golden_images,
    golden_vectors,
    open_encoder,
)
from engine.models import EMBEDDED
from engine.scoring.fusion import Calibration
from engine.snapshot.manifest import ModelRecord
from indexer.embedding.cached_encoder import CachedEncoder
from indexer.embedding.calibration import calibrate
from indexer.embedding.embedded_rows import EmbeddedRows
from indexer.embedding.language import texts_read

TEXT = "text"

# Texts that the image model encodes for calibration only; the error is .02 of a standard deviation.
_PROBE_TEXTS = 256


@dataclass(frozen=True, slots=True)
class BuildModels:
    """The open models of a build; None where not needed.

    Attributes:
        specs: The spec of each, by "model" and "text_model".
        encoder: Encodes images, and texts if there is no `text_encoder`.
        text_encoder: Encodes the text block, if set.
    """

    specs: Mapping[str, ModelSpec]
    encoder: Encoder | None
    text_encoder: Encoder | None

    @classmethod
    def open(cls, model: ModelSpec | None, text_model: ModelSpec | None, own: frozenset[str]) -> Self:
        """Open the models that have a block to encode. own: blocks whose vectors come with the catalogue."""
        requested = {
            "model": model if {"image", TEXT} - own - ({TEXT} if text_model else set()) else None,
            "text_model": text_model if TEXT not in own else None,
        }
        specs = {name: spec for name, spec in requested.items() if spec is not None}
        opened = {name: open_encoder(spec) for name, spec in specs.items()}
        return cls(specs, opened.get("model"), opened.get("text_model"))

    def calibrate(self, embedded: EmbeddedRows, encoded: frozenset[str]) -> Calibration:
        """Return the calibration of each kind of part, per model. encoded: the blocks that models produced."""
        shared = encoded - {TEXT} if self.text_encoder else encoded
        encoder, text_encoder = self.encoder, self.text_encoder
        texts = list(GOLDEN_TEXTS) if text_encoder is None else _sample_texts(embedded.texts) or list(GOLDEN_TEXTS)
        probes = {}
        if encoder is not None and shared:
            probes = {
                "text": lambda: encoder.encode_texts(texts),
                "image": lambda: encoder.encode_images(golden_images()),
            }
        calibration = calibrate(embedded.blocks, embedded.present, shared, embedded.signals, probes)
        if text_encoder is None or TEXT not in encoded:
            return calibration
        blocks, present = {TEXT: embedded.blocks[TEXT]}, {TEXT: embedded.present[TEXT]}
        probe = {TEXT: lambda: text_encoder.encode_texts(GOLDEN_TEXTS)}
        own = calibrate(blocks, present, frozenset({TEXT}), {}, probe)
        return Calibration({**calibration.similarities, (TEXT, TEXT): own.of(TEXT, TEXT)}, calibration.signals)

    def record(self, name: str, encoded: frozenset[str], texts: Sequence[str]) -> ModelRecord | None:
        """Return the manifest's `model` or `text_model`; None if it produced no block. texts: the item texts."""
        encoder = {"model": self.encoder, "text_model": self.text_encoder}[name]
        encoded_by_model = (
            encoded & {TEXT} if name == "text_model" else encoded - {TEXT} if self.text_encoder else encoded
        )
        if encoder is None or not encoded_by_model:
            return None
        return _record(self.specs[name], encoder, texts_read(encoder, texts) if TEXT in encoded_by_model else None)


@contextmanager
def with_cache(models: BuildModels, cache_file: Path) -> Iterator[BuildModels]:
    """Yield the same models behind the embedding cache; without models, unchanged."""
    if not models.specs:
        yield models
        return
    with EmbeddingCache(cache_file) as cache:
        encoders = (models.encoder, models.text_encoder)
        encoder, text_encoder = (None if model is None else CachedEncoder(model, cache) for model in encoders)
        yield replace(models, encoder=encoder, text_encoder=text_encoder)


def _sample_texts(texts: list[str], seed: int = 7) -> list[str]:
    present = [text for text in texts if text]
    sample = np.random.default_rng(seed).permutation(len(present))[:_PROBE_TEXTS]
    return [present[index] for index in sample.tolist()]


def _record(spec: ModelSpec, encoder: Encoder, read: float | None) -> ModelRecord:
    return ModelRecord(
        model=_absolute(spec.model),
        pretrained=None if spec.pretrained is None else _absolute(spec.pretrained),
        encoder=spec.encoder,
        fingerprint=encoder.fingerprint.to_json(),
        golden=golden_vectors(encoder),
        texts_read=read,
    )


def _absolute(name: str) -> str:
    """Return a local path as an absolute one, so that a server started elsewhere finds it; other names unchanged."""
    prefix = "local-dir:" if name.startswith("local-dir:") else ""
    path = Path(name.removeprefix(prefix))
    # An embedded model's name means that model, even if a folder of that name exists here.
    return f"{prefix}{path.resolve()}" if name not in EMBEDDED and (prefix or path.exists()) else name
