"""What open_clip itself computes, with nothing left out, shortened or rounded: the measure of every faster way."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from engine.encoders.encoder import ModelSpec
from engine.encoders.open_clip import OpenClipEncoder
from engine.encoders.text_tower import TextTower

Matrix = NDArray[np.float32]


class ReferenceEncoder:
    """open_clip's own two functions, of the model that an encoder on the CPU holds in float32."""

    def __init__(self, encoder: OpenClipEncoder) -> None:
        self._encoder = encoder
        self._tower = TextTower.of(encoder.model)

    def encode_texts(self, texts: Sequence[str]) -> Matrix:
        """Return (n, dim) unit rows of the padded texts, in one batch."""
        with torch.inference_mode():
            rows: Matrix = self._encoder.model.encode_text(self._encoder.tokenizer(list(texts)), normalize=True).numpy()
        return rows

    def encode_images(self, images: Sequence[Image.Image]) -> Matrix:
        """Return (n, dim) unit rows of the pictures, one prepared after the other, in one batch."""
        with torch.inference_mode():
            pixels = torch.stack([self._encoder.preprocess(image) for image in images])
            rows: Matrix = self._encoder.model.encode_image(pixels, normalize=True).numpy()
        return rows

    def count_tokens(self, text: str) -> int:
        """Return how many tokens of a text decide its vector, those of its beginning and end among them."""
        return int(self._tower.lengths(self._encoder.tokenizer([text]))[0])


def open_seeded(spec: ModelSpec, dtype: str, runtime: str, threads: int, seed: int = 0) -> OpenClipEncoder:
    """Open a model on the CPU; an architecture without weights gets random ones, the same for the same seed."""
    torch.manual_seed(seed)
    return OpenClipEncoder(spec, "cpu", dtype, runtime=runtime, threads=threads, random_weights=True)
