"""Detect whether a model knows a catalogue's language: it splits text in an unknown language into single letters."""

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from engine.encoders.encoder import Encoder
from engine.snapshot.manifest import Manifest

# Minimum known share of a text that is read: English is far above it, Chinese under an English vocabulary far below.
MIN_KNOWN_SHARE = 0.3
# A build warns below this share of read texts.
MIN_TEXTS_READ = 0.8
_SAMPLE = 1000


@runtime_checkable
class TextCoverage(Protocol):
    """An encoder that reports vocabulary coverage."""

    def known_shares(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (n,) shares from 0 to 1."""


def texts_read(encoder: Encoder, texts: Sequence[str], seed: int = 7) -> float | None:
    """Return the share of up to 1,000 sampled texts that the encoder has words for; None if it cannot tell."""
    present = [text for text in texts if text]
    # It may be wrapped in a cache or a batcher.
    reader = getattr(encoder, "encoder", encoder)
    if not isinstance(reader, TextCoverage) or not present:
        return None
    sample = np.random.default_rng(seed).permutation(len(present))[:_SAMPLE]
    return float((reader.known_shares([present[index] for index in sample.tolist()]) >= MIN_KNOWN_SHARE).mean())


def find_unread_texts(manifest: Manifest) -> Iterator[str]:
    """Yield a warning for each model that has no words for many of the texts that it encoded."""
    for record in (manifest.model, manifest.text_model):
        if record is not None and record.texts_read is not None and record.texts_read < MIN_TEXTS_READ:
            yield (
                f"model {record.model} has no words for {1 - record.texts_read:.0%} of the item texts, which are in a "
                "language it does not know: they are found by exact words only, not by meaning; try --text-model with "
                "a model of that language"
            )
