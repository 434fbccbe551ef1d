"""Whether a model knows the words of a catalogue: a language that it was not trained on it spells letter by letter."""

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from engine.encoders.encoder import Encoder
from engine.snapshot.manifest import Manifest

# A text is read from this share on: English is far above it, Chinese under an English vocabulary far below.
READ = 0.3
# Below this share of read texts a build tells of it.
ENOUGH = 0.8
_TEXTS = 1000


@runtime_checkable
class TextCoverage(Protocol):
    """An encoder that can say how much of a text it has words for."""

    def known_shares(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (n,) shares from 0 to 1."""


def texts_read(encoder: Encoder, texts: Sequence[str], seed: int = 7) -> float | None:
    """Return the share of texts that the encoder has words for, of 1,000 at most; None if it cannot tell."""
    said = [text for text in texts if text]
    # A cache or a batcher may stand before it.
    reader = getattr(encoder, "encoder", encoder)
    if not isinstance(reader, TextCoverage) or not said:
        return None
    drawn = np.random.default_rng(seed).permutation(len(said))[:_TEXTS]
    return float((reader.known_shares([said[place] for place in drawn.tolist()]) >= READ).mean())


def unread(manifest: Manifest) -> Iterator[str]:
    """Give a sentence for each model that has no words for many of the texts that it encoded."""
    for record in (manifest.model, manifest.text_model):
        if record is not None and record.texts_read is not None and record.texts_read < ENOUGH:
            yield (
                f"model {record.model} has no words for {1 - record.texts_read:.0%} of the item texts, which are in a "
                "language it does not know: by meaning they are not found, only word for word; try --text-model with "
                "a model of that language"
            )
