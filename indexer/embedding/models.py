"""Who encodes what in a build: one model for texts and pictures alike, or a text model beside it for the text block."""

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

# Texts that the picture's model encodes only to see how it usually sees them; .02 of a standard deviation.
_PROBE_TEXTS = 256


@dataclass(frozen=True, slots=True)
class BuildModels:
    """The models of a build, open; None where nothing asks for one. `text_encoder` makes the text block if it is there.

    specs: what each was opened from, by "model" and "text_model".
    """

    specs: Mapping[str, ModelSpec]
    encoder: Encoder | None
    text_encoder: Encoder | None

    @classmethod
    def open(cls, model: ModelSpec | None, text_model: ModelSpec | None, own: frozenset[str]) -> Self:
        """Open those that have a block to make. own: the blocks that the catalogue brings vectors for."""
        asked = {
            "model": model if {"image", TEXT} - own - ({TEXT} if text_model else set()) else None,
            "text_model": text_model if TEXT not in own else None,
        }
        specs = {name: spec for name, spec in asked.items() if spec is not None}
        opened = {name: open_encoder(spec) for name, spec in specs.items()}
        return cls(specs, opened.get("model"), opened.get("text_model"))

    def calibrate(self, embedded: EmbeddedRows, encoded: frozenset[str]) -> Calibration:
        """Return what is usual for each kind of part, as each model says it. encoded: the blocks that models made."""
        shared = encoded - {TEXT} if self.text_encoder else encoded
        encoder, text_encoder = self.encoder, self.text_encoder
        texts = list(GOLDEN_TEXTS) if text_encoder is None else _some(embedded.texts) or list(GOLDEN_TEXTS)
        probes = {}
        if encoder is not None and shared:
            probes = {
                "text": lambda: encoder.encode_texts(texts),
                "image": lambda: encoder.encode_images(golden_images()),
            }
        usual = calibrate(embedded.blocks, embedded.present, shared, embedded.signals, probes)
        if text_encoder is None or TEXT not in encoded:
            return usual
        blocks, present = {TEXT: embedded.blocks[TEXT]}, {TEXT: embedded.present[TEXT]}
        probe = {TEXT: lambda: text_encoder.encode_texts(GOLDEN_TEXTS)}
        own = calibrate(blocks, present, frozenset({TEXT}), {}, probe)
        return Calibration({**usual.similarities, (TEXT, TEXT): own.of(TEXT, TEXT)}, usual.signals)

    def record(self, name: str, encoded: frozenset[str], texts: Sequence[str]) -> ModelRecord | None:
        """Return the manifest's `model` or `text_model`; None if it made no block. texts: what the items say."""
        encoder = {"model": self.encoder, "text_model": self.text_encoder}[name]
        made = encoded & {TEXT} if name == "text_model" else encoded - {TEXT} if self.text_encoder else encoded
        if encoder is None or not made:
            return None
        return _record(self.specs[name], encoder, texts_read(encoder, texts) if TEXT in made else None)


@contextmanager
def remembering(models: BuildModels, cache_file: Path) -> Iterator[BuildModels]:
    """Give the same models behind the embedding cache; without models, and without a cache, the same."""
    if not models.specs:
        yield models
        return
    with EmbeddingCache(cache_file) as cache:
        encoders = (models.encoder, models.text_encoder)
        encoder, text_encoder = (None if one is None else CachedEncoder(one, cache) for one in encoders)
        yield replace(models, encoder=encoder, text_encoder=text_encoder)


def _some(texts: list[str], seed: int = 7) -> list[str]:
    said = [text for text in texts if text]
    drawn = np.random.default_rng(seed).permutation(len(said))[:_PROBE_TEXTS]
    return [said[place] for place in drawn.tolist()]


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
    """Return what names a local folder or file so that a server started elsewhere finds it too; else the name."""
    prefix = "local-dir:" if name.startswith("local-dir:") else ""
    place = Path(name.removeprefix(prefix))
    # An embedded model's name is the embedded model, whatever folder of that name stands here.
    return f"{prefix}{place.resolve()}" if name not in EMBEDDED and (prefix or place.exists()) else name
