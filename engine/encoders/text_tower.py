"""The text side of an open_clip model, and how much of a padded text it must read to give the same vector.

open_clip pads every text to the context length, 77 tokens where a query has five. Under a causal mask a token sees only
earlier ones, so everything after the pooled token can be dropped. CoCa pools a class token at the end instead; its own
mask hides the padding, and its position is preserved. A Hugging Face tower masks padding and pools only other tokens,
so everything after the last of those can be dropped. Any other tower reads the whole text.
"""

from dataclasses import dataclass
from typing import Any, Self

import torch
from open_clip.hf_model import ClsLastHiddenStatePooler, ClsPooler, HFTextEncoder, MeanPooler
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class TextTower:
    """One model's text side. Token batches may be truncated to the longest of their `lengths` before `encode`."""

    model: Any
    layers: Any
    context_length: int
    pool: str
    eos_id: int

    @classmethod
    def of(cls, model: Any) -> Self:
        """Return the tower of a CLIP, CustomTextCLIP or CoCa model with any text side."""
        layers = getattr(model, "text", model)
        context_length = int(getattr(layers, "context_length", model.context_length))
        eos_id = int(getattr(layers, "text_eos_id", getattr(layers, "eos_id", -1)))
        return cls(model, layers, context_length, _pool(layers), eos_id)

    def weights(self) -> int:
        """Return how many weights a text is multiplied with; excludes the token embedding table."""
        side = self.layers.transformer if hasattr(self.layers, "transformer") else self.layers
        count = sum(parameter.numel() for parameter in side.parameters())
        if isinstance(self.layers, HFTextEncoder):
            count -= sum(parameter.numel() for parameter in side.get_input_embeddings().parameters())
        return int(count)

    def lengths(self, tokens: Tensor) -> Tensor:
        """Return how many leading tokens determine the vector of each row. tokens, padded: (n, context_length)."""
        n, width = tokens.shape
        last: Tensor = torch.full((n,), width - 1, device=tokens.device)
        if self.pool == "argmax":
            last = tokens.argmax(dim=-1)
        elif self.pool == "eos":
            last = (tokens == self.eos_id).int().argmax(dim=-1)
        elif self.pool == "mask":
            real = tokens != self.layers.config.pad_token_id
            last = (real * torch.arange(width, device=tokens.device)).amax(dim=-1)
        elif self.pool == "cls":
            real = tokens != self.layers.pad_id
            # CoCa's mask is off by one: the class token sees the first pad, and itself only if there is none.
            last = (real * torch.arange(1, width + 1, device=tokens.device)).amax(dim=-1).clamp(max=width - 1)
        return last + 1

    def encode(self, tokens: Tensor) -> Tensor:
        """Return (n, dim), not normalised, equal to the model's encode_text of the same texts padded.

        Args:
            tokens: (n, l) with l from the longest of their lengths to the context length.
        """
        if self.pool == "whole" or tokens.shape[1] >= self.context_length:
            rows: Tensor = self.model.encode_text(tokens, normalize=False)
            return rows
        return self.encode_cut(tokens)

    def encode_cut(self, tokens: Tensor) -> Tensor:
        """Return what `encode` does, traceable for tokens of any shape; not for pool "whole"."""
        layers = self.layers
        if self.pool == "mask":
            rows: Tensor = layers(tokens)
            return rows
        dtype = layers.transformer.get_cast_dtype()
        x = layers.token_embedding(tokens).to(dtype)
        # The shape, not len(): a trace keeps the former and turns the latter into a constant.
        n, length = tokens.shape
        positions = layers.positional_embedding[:length]
        mask = layers.attn_mask[:length, :length]
        if self.pool == "cls":
            x = torch.cat([x, layers.cls_emb.to(dtype).expand(n, 1, -1)], dim=1)
            positions = torch.cat([positions, layers.positional_embedding[-1:]])
            mask = self._class_mask(tokens, dtype)
        x = layers.transformer(x + positions.to(dtype), attn_mask=mask)
        pooled = -1 if self.pool == "cls" else self.lengths(tokens) - 1
        rows = layers.ln_final(x[torch.arange(n, device=x.device), pooled])
        projection = layers.text_projection
        if isinstance(projection, nn.Linear):
            rows = projection(rows)
        elif projection is not None:
            rows = rows @ projection
        return rows

    def _class_mask(self, tokens: Tensor, dtype: torch.dtype) -> Tensor:
        """Return CoCa's mask of padding and causality, (n * heads, l + 1, l + 1), as its weights were trained with."""
        real = tokens != self.layers.pad_id
        always_seen = real.new_ones(tokens.shape[0], 1)
        seen = torch.cat([real, always_seen] if self.layers.correct_cls_mask else [always_seen, real], dim=1)
        size = tokens.shape[1] + 1
        hidden = torch.zeros(seen.shape, dtype=dtype, device=tokens.device).masked_fill_(~seen, float("-inf"))
        mask: Tensor = self.layers.attn_mask[:size, :size].to(dtype) + hidden[:, None, :]
        return mask.repeat_interleave(self.layers.heads, dim=0)


def _pool(layers: Any) -> str:
    """Return argmax, eos, cls or mask where dropping padding is known to be exact, else whole."""
    if isinstance(layers, HFTextEncoder):
        pools = isinstance(layers.pooler, MeanPooler | ClsPooler | ClsLastHiddenStatePooler)
        return "mask" if pools and layers.config.pad_token_id is not None else "whole"
    mask = getattr(layers, "attn_mask", None)
    if mask is None or not torch.equal(mask, torch.full_like(mask, float("-inf")).triu_(1)):
        return "whole"
    if getattr(layers, "cls_emb", None) is not None:
        return "cls"
    pool = getattr(layers, "text_pool_type", getattr(layers, "pool_type", ""))
    return pool if pool in ("argmax", "eos") else "whole"
