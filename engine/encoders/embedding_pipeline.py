"""The embedding pipeline: key, cache, encoder, float16, unit mean. Builds and live updates both embed through it.

Vectors are rounded to float16 before anything is computed from them, so a rebuild from the cache gives the same bits as
the build that filled it, and a live item gets the same bits as the next build gives it.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.encoders.embedding_cache import EmbeddingCache, Half, VectorSpace, vector_space
from engine.encoders.encoder import Encoder, Matrix
from engine.errors import InvalidSetting
from engine.scoring.vectors import to_unit

Content = TypeVar("Content", str, Image.Image)

NOT_FINITE = "expected finite values from the model, got NaN or infinity"
"""Error message for a content without a vector."""


def content_key(content: str | bytes) -> bytes:
    """Return the key of a text, or of the bytes of an image file: its SHA-256."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).digest()


class ContentEmbedder(Generic[Content]):
    """Embeds texts or images with one encoder and an optional cache. Thread-safe if the encoder is.

    Args:
        encode: Returns (n, dim) rows for n contents.
        space: The space of these rows.
        cache: Where vectors are looked up and stored; None for no cache.
    """

    def __init__(
        self, encode: Callable[[Sequence[Content]], Matrix], space: VectorSpace, cache: EmbeddingCache | None
    ) -> None:
        self.space = space
        self._encode: Callable[[Sequence[Content]], Matrix] = encode
        self._cache = cache

    def look_up(self, keys: Sequence[bytes]) -> dict[bytes, Half]:
        """Return the (dim,) vectors of the keys that the cache has."""
        return self._cache.get(self.space, keys) if self._cache is not None and keys else {}

    def encode(self, contents: Mapping[bytes, Content]) -> dict[bytes, Half]:
        """Encode contents in one batch, store their vectors in the cache and return them by key.

        A content is missing from the result if its vector is not finite; see NOT_FINITE.

        Raises:
            InvalidSetting: The encoder returned an array of another shape.
        """
        if not contents:
            return {}
        vectors = self._encode(list(contents.values()))
        if vectors.shape != (len(contents), self.space.dim):
            expected = (len(contents), self.space.dim)
            raise InvalidSetting(f"expected {expected} vectors from the model, got {vectors.shape}")
        halves = vectors.astype(np.float16)
        finite: list[bool] = np.all(np.isfinite(halves), axis=1).tolist()
        encoded = {key: half for key, half, good in zip(contents, halves, finite, strict=True) if good}
        if self._cache is not None and encoded:
            self._cache.put(self.space, encoded)
        return encoded


def text_embedder(encoder: Encoder, cache: EmbeddingCache | None) -> ContentEmbedder[str]:
    """Return an embedder of texts."""
    return ContentEmbedder(encoder.encode_texts, vector_space(encoder.fingerprint, "text"), cache)


def image_embedder(encoder: Encoder, cache: EmbeddingCache | None) -> ContentEmbedder[Image.Image]:
    """Return an embedder of images."""
    return ContentEmbedder(encoder.encode_images, vector_space(encoder.fingerprint, "image"), cache)


def pool(vectors: Sequence[NDArray[np.floating]]) -> NDArray[np.floating]:
    """Return the (dim,) mean of an item's vectors of one block, or the vector itself if there is only one."""
    return vectors[0] if len(vectors) == 1 else np.mean(vectors, axis=0, dtype=np.float32)


def to_stored(rows: NDArray[np.floating]) -> Half:
    """Return rows, (dim,) or (n, dim), as a snapshot stores them: unit length, then float16."""
    return to_unit(rows).astype(np.float16)
