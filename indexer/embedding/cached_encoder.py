"""An encoder with an embedding cache, so that a rebuild encodes no probe again."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from engine.encoders.embedding_cache import EmbeddingCache
from engine.encoders.embedding_pipeline import (
    NOT_FINITE,
    Content,
    ContentEmbedder,
    content_key,
    image_embedder,
    text_embedder,
)
from engine.encoders.encoder import Encoder, Fingerprint, Matrix
from engine.errors import InvalidSetting

BATCH = 64


class CachedEncoder:
    """An encoder with a cache. Vectors are rounded to float16 the first time too, so that all builds are alike."""

    def __init__(self, encoder: Encoder, cache: EmbeddingCache) -> None:
        self.encoder = encoder
        self._texts = text_embedder(encoder, cache)
        self._images = image_embedder(encoder, cache)

    @property
    def fingerprint(self) -> Fingerprint:
        """The identity of the wrapped encoder."""
        return self.encoder.fingerprint

    @property
    def dim(self) -> int:
        """Dimension of the vectors."""
        return self.encoder.dim

    def encode_texts(self, texts: Sequence[str]) -> Matrix:
        """Return (n, dim) rows, one per text."""
        return self._embed(self._texts, {content_key(text): text for text in texts}, [content_key(t) for t in texts])

    def encode_images(self, images: Sequence[Image.Image]) -> Matrix:
        """Return (n, dim) rows, one per image."""
        keys = [_pixels_key(image) for image in images]
        return self._embed(self._images, dict(zip(keys, images, strict=True)), keys)

    def _embed(
        self, embedder: ContentEmbedder[Content], contents: Mapping[bytes, Content], keys: Sequence[bytes]
    ) -> Matrix:
        if not keys:
            return np.zeros((0, self.dim), np.float32)
        found = dict(embedder.look_up(keys))
        missing = [key for key in contents if key not in found]
        for start in range(0, len(missing), BATCH):
            batch = {key: contents[key] for key in missing[start : start + BATCH]}
            encoded = embedder.encode(batch)
            if len(encoded) < len(batch):
                raise InvalidSetting(NOT_FINITE)
            found |= encoded
        return np.stack([found[key] for key in keys]).astype(np.float32)


def _pixels_key(image: Image.Image) -> bytes:
    # Distinct from the key of a file's bytes, which catalogue images are cached under.
    return content_key(f"{image.mode} {image.size} ".encode() + image.tobytes())
