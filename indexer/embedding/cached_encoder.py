"""An encoder that looks into the embedding cache first, so that a rebuild encodes no probe again."""

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from PIL import Image

from engine.encoders.embedding_cache import EmbeddingCache, space_of
from engine.encoders.encoder import Encoder, Fingerprint, Matrix

BATCH = 64

_Input = TypeVar("_Input", str, Image.Image)


class CachedEncoder:
    """Any encoder behind the cache. Vectors are rounded to float16 the first time too, so that all builds are alike."""

    def __init__(self, encoder: Encoder, cache: EmbeddingCache) -> None:
        self.encoder = encoder
        self._cache = cache

    @property
    def fingerprint(self) -> Fingerprint:
        """What the encoder is."""
        return self.encoder.fingerprint

    @property
    def dim(self) -> int:
        """Length of its vectors."""
        return self.encoder.dim

    def encode_texts(self, texts: Sequence[str]) -> Matrix:
        """Return (n, dim) rows, one a text."""
        return self._encode("text", texts, lambda text: text.encode(), self.encoder.encode_texts)

    def encode_images(self, images: Sequence[Image.Image]) -> Matrix:
        """Return (n, dim) rows, one a picture."""
        return self._encode("image", images, _pixels, self.encoder.encode_images)

    def _encode(
        self,
        kind: str,
        inputs: Sequence[_Input],
        to_bytes: Callable[[_Input], bytes],
        encode: Callable[[Sequence[_Input]], Matrix],
    ) -> Matrix:
        if not inputs:
            return np.zeros((0, self.dim), np.float32)
        space = space_of(self.encoder.fingerprint, kind)
        keys = [hashlib.sha256(to_bytes(one)).digest() for one in inputs]
        known = dict(self._cache.get(space, keys))
        unknown = {key: one for key, one in zip(keys, inputs, strict=True) if key not in known}
        waiting = list(unknown.items())
        for start in range(0, len(waiting), BATCH):
            batch = waiting[start : start + BATCH]
            rows = encode([one for _, one in batch]).astype(np.float16)
            fresh = {key: row for (key, _), row in zip(batch, rows, strict=True)}
            self._cache.put(space, fresh)
            known |= fresh
        return np.stack([known[key] for key in keys]).astype(np.float32)


def _pixels(image: Image.Image) -> bytes:
    # Not the bytes of a file: a picture of the catalogue is kept under those.
    return f"{image.mode} {image.size} ".encode() + image.tobytes()
