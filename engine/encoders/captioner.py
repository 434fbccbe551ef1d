"""What a CoCa model says of pictures, and how likely it finds what others say of them."""

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

LONGEST = 24
EMBEDDED = ModelSpec(CAPTIONER)

_PICTURES_AT_ONCE = 32
_TEXTS_AT_ONCE = 256


class CocaCaptioner:
    """Captions with one CoCa model, the same that encodes; any number of threads may call it, one at a time runs."""

    def __init__(self, encoder: OpenClipEncoder, name: str) -> None:
        self.name = name
        self._model = encoder.model
        self._tokenizer = encoder.tokenizer
        self._preprocess = encoder.preprocess
        self._device, self._dtype = encoder.device, encoder.dtype
        self._lock = Lock()

    def say(self, images: Sequence[Image.Image]) -> list[str]:
        """Return the likeliest caption of each picture, word by word (greedy)."""
        said: list[str] = []
        for start in range(0, len(images), _PICTURES_AT_ONCE):
            pixels = self._pixels(images[start : start + _PICTURES_AT_ONCE])
            with self._lock, torch.inference_mode():
                said += say(self._model, _inner(self._tokenizer), pixels)
        return said

    def weigh(self, image: Image.Image, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (n,) the log-likelihood of each text as the caption of a picture."""
        if not texts:
            return np.zeros(0, np.float32)
        pixels = self._pixels([image])
        weighed = []
        with self._lock, torch.inference_mode():
            _, seen = self._model._encode_image(pixels)
            for start in range(0, len(texts), _TEXTS_AT_ONCE):
                tokens = self._tokenizer(list(texts[start : start + _TEXTS_AT_ONCE])).to(self._device)
                weighed.append(_weigh(self._model, seen, tokens))
        return np.concatenate(weighed)

    def _pixels(self, images: Sequence[Image.Image]) -> torch.Tensor:
        return torch.stack([self._preprocess(image) for image in images]).to(self._device, self._dtype)


def open_captioner(encoder: Encoder | None, name: str) -> CocaCaptioner:
    """Return a captioner over the encoder's own model if that is a CoCa, else over the embedded model.

    name: the encoder's model, by which the captioner is known.   An encoder may stand behind another (`.encoder`).
    """
    inner = getattr(encoder, "encoder", encoder)
    if isinstance(inner, OpenClipEncoder) and can_caption(inner):
        return CocaCaptioner(inner, name)
    embedded = open_encoder(EMBEDDED, "cpu", "float32", "torch")
    if not isinstance(embedded, OpenClipEncoder):
        raise TypeError(f"expected the embedded model to be open_clip's, got {type(embedded).__name__}")
    return CocaCaptioner(embedded, EMBEDDED.model)


def can_caption(encoder: OpenClipEncoder) -> bool:
    """Return whether the encoder's model has a decoder of captions and a tokenizer that tells where they end."""
    inner = _inner(encoder.tokenizer)
    return isinstance(encoder.model, CoCa) and all(number is not None for number in _ends(inner))


def say(model: Any, tokenizer: Any, images: torch.Tensor) -> list[str]:
    """Return the likeliest caption of each picture, word by word (greedy), by open_clip's own `generate`.

    images: (n, 3, s, s), normalised as the model wants them. tokenizer: transformers', with start, end, pad, or
    open_clip's.
    """
    start, end, pad = _ends(tokenizer)
    # generate() draws even where one token is left to draw from; a training run must not notice.
    with torch.random.fork_rng(devices=[]):
        ids = model.generate(
            images,
            seq_len=LONGEST,
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
    text: str = tokenizer.decode([number for number in row if number not in marks])
    return text.strip()


def _weigh(model: Any, seen: torch.Tensor, tokens: torch.Tensor) -> NDArray[np.float32]:
    # Under a causal mask the padding behind the longest text changes nothing.
    real = tokens != model.pad_id
    length = int(real.sum(dim=1).max())
    tokens, real = tokens[:, :length], real[:, :length]
    _, heard = model._encode_text(tokens)
    logits = model.text_decoder(seen.expand(len(tokens), -1, -1), heard[:, : length - 1]).float()
    likely = logits.log_softmax(dim=-1).gather(2, tokens[:, 1:, None])[..., 0]
    sums: NDArray[np.float32] = (likely * real[:, 1:]).sum(dim=1).cpu().numpy()
    return sums


def _inner(tokenizer: Any) -> Any:
    """Return transformers' tokenizer where open_clip's own only stands before it."""
    return getattr(tokenizer, "tokenizer", tokenizer)


def _ends(tokenizer: Any) -> tuple[int | None, int | None, int | None]:
    """Return the tokens that begin, end and pad a caption."""
    if isinstance(tokenizer, SimpleTokenizer):
        return tokenizer.sot_token_id, tokenizer.eot_token_id, 0
    return tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id
