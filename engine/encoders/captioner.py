"""Caption images with a CoCa model, and score given captions."""

from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from open_clip.coca_model import CoCa
from open_clip.tokenizer import SimpleTokenizer
from PIL import Image

from engine.encoders.encoder import Encoder, ModelSpec, open_encoder
from engine.encoders.open_clip import OpenClipEncoder
from engine.models import CAPTIONER

MAX_TOKENS = 24
EMBEDDED = ModelSpec(CAPTIONER)

_IMAGE_BATCH = 32
_TEXT_BATCH = 256


class CocaCaptioner:
    """Captions with one CoCa model, shared with the encoder; thread-safe, one call at a time."""

    def __init__(self, encoder: OpenClipEncoder, name: str) -> None:
        self.name = name
        self._model = encoder.model
        self._tokenizer = encoder.tokenizer
        self._preprocess = encoder.preprocess
        self._device, self._dtype = encoder.device, encoder.dtype
        self._lock = Lock()

    def caption(self, images: Sequence[Image.Image]) -> list[str]:
        """Return the likeliest caption of each image, by greedy decoding."""
        captions: list[str] = []
        for start in range(0, len(images), _IMAGE_BATCH):
            pixels = self._pixels(images[start : start + _IMAGE_BATCH])
            with self._lock, torch.inference_mode():
                captions += generate_captions(self._model, _inner(self._tokenizer), pixels)
        return captions

    def log_likelihoods(self, image: Image.Image, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (n,) the log-likelihood of each text as a caption of the image."""
        if not texts:
            return np.zeros(0, np.float32)
        pixels = self._pixels([image])
        scores = []
        with self._lock, torch.inference_mode():
            _, image_tokens = self._model._encode_image(pixels)
            for start in range(0, len(texts), _TEXT_BATCH):
                tokens = self._tokenizer(list(texts[start : start + _TEXT_BATCH])).to(self._device)
                scores.append(_log_likelihoods(self._model, image_tokens, tokens))
        return np.concatenate(scores)

    def _pixels(self, images: Sequence[Image.Image]) -> torch.Tensor:
        return torch.stack([self._preprocess(image) for image in images]).to(self._device, self._dtype)


def open_captioner(encoder: Encoder | None, name: str) -> CocaCaptioner:
    """Return a captioner on the encoder's own model if that is a CoCa, else on the embedded captioning model.

    Args:
        encoder: The encoder; may wrap another (`.encoder`).
        name: Name of the encoder's model, which becomes the captioner's name.
    """
    inner = getattr(encoder, "encoder", encoder)
    if isinstance(inner, OpenClipEncoder) and can_caption(inner):
        return CocaCaptioner(inner, name)
    embedded = open_encoder(EMBEDDED, "cpu", "float32", "torch")
    if not isinstance(embedded, OpenClipEncoder):
        raise TypeError(f"expected the embedded model to be open_clip's, got {type(embedded).__name__}")
    return CocaCaptioner(embedded, EMBEDDED.model)


def can_caption(encoder: OpenClipEncoder) -> bool:
    """Return whether the encoder's model has a caption decoder and a tokenizer with start, end and pad tokens."""
    inner = _inner(encoder.tokenizer)
    return isinstance(encoder.model, CoCa) and all(token is not None for token in _special_tokens(inner))


def generate_captions(model: Any, tokenizer: Any, images: torch.Tensor) -> list[str]:
    """Return the likeliest caption of each image, by greedy decoding with open_clip's own `generate`.

    Args:
        model: A CoCa model.
        tokenizer: One of transformers with start, end and pad tokens, or open_clip's.
        images: (n, 3, s, s), normalised for the model.
    """
    start, end, pad = _special_tokens(tokenizer)
    # generate() draws random numbers even with one candidate; a training run must not be affected.
    with torch.random.fork_rng(devices=[]):
        ids = model.generate(
            images,
            seq_len=MAX_TOKENS,
            min_seq_len=1,
            generation_type="top_k",
            top_k=1,
            sot_token_id=start,
            eos_token_id=end,
            pad_token_id=pad,
        )
    rows: list[list[int]] = ids.tolist()
    return [_decode(tokenizer, row[: row.index(end)] if end in row else row, (start, pad)) for row in rows]


def _decode(tokenizer: Any, row: Sequence[int], marks: Sequence[int | None]) -> str:
    text: str = tokenizer.decode([token for token in row if token not in marks])
    return text.strip()


def _log_likelihoods(model: Any, image_tokens: torch.Tensor, tokens: torch.Tensor) -> NDArray[np.float32]:
    # Under a causal mask the padding after the longest text has no effect.
    real = tokens != model.pad_id
    length = int(real.sum(dim=1).max())
    tokens, real = tokens[:, :length], real[:, :length]
    _, text_tokens = model._encode_text(tokens)
    logits = model.text_decoder(image_tokens.expand(len(tokens), -1, -1), text_tokens[:, : length - 1]).float()
    token_scores = logits.log_softmax(dim=-1).gather(2, tokens[:, 1:, None])[..., 0]
    sums: NDArray[np.float32] = (token_scores * real[:, 1:]).sum(dim=1).cpu().numpy()
    return sums


def _inner(tokenizer: Any) -> Any:
    """Return transformers' tokenizer if open_clip's wraps one."""
    return getattr(tokenizer, "tokenizer", tokenizer)


def _special_tokens(tokenizer: Any) -> tuple[int | None, int | None, int | None]:
    """Return the start, end and pad tokens of a caption."""
    if isinstance(tokenizer, SimpleTokenizer):
        return tokenizer.sot_token_id, tokenizer.eot_token_id, 0
    return tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id
