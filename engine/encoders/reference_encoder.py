"""The reference encoder: open_clip's own computation, nothing skipped or rounded, to compare faster ways with."""

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
    """open_clip's own encode functions, on the float32 CPU model of an encoder."""

    def __init__(self, encoder: OpenClipEncoder) -> None:
        self._encoder = encoder
        self._tower = TextTower.of(encoder.model)

    def encode_texts(self, texts: Sequence[str]) -> Matrix:
        """Return (n, dim) unit rows of the padded texts, in one batch."""
        with torch.inference_mode():
            rows: Matrix = self._encoder.model.encode_text(self._encoder.tokenizer(list(texts)), normalize=True).numpy()
        return rows

    def encode_images(self, images: Sequence[Image.Image]) -> Matrix:
        """Return (n, dim) unit rows of the images, preprocessed one by one, in one batch."""
        with torch.inference_mode():
            pixels = torch.stack([self._encoder.preprocess(image) for image in images])
            rows: Matrix = self._encoder.model.encode_image(pixels, normalize=True).numpy()
        return rows

    def count_tokens(self, text: str) -> int:
        """Return how many tokens determine a text's vector, including those that mark its start and end."""
        return int(self._tower.lengths(self._encoder.tokenizer([text]))[0])


def open_seeded(spec: ModelSpec, dtype: str, runtime: str, threads: int, seed: int = 0) -> OpenClipEncoder:
    """Open a model on the CPU; an architecture without weights gets random ones, equal for equal seeds."""
    torch.manual_seed(seed)
    return OpenClipEncoder(spec, "cpu", dtype, runtime=runtime, threads=threads, random_weights=True)
