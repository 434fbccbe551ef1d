"""What a CoCa model says of pictures, with open_clip's own `generate`."""

from typing import Any

import torch

LONGEST = 24


def say(model: Any, tokenizer: Any, images: torch.Tensor) -> list[str]:
    """Return the likeliest caption of each picture, word by word (greedy).

    images: (n, 3, s, s), normalised as the model wants them. tokenizer: transformers', with start, end, pad.
    """
    # generate() draws even where one token is left to draw from; a training run must not notice.
    with torch.random.fork_rng(devices=[]):
        ids = model.generate(
            images,
            seq_len=LONGEST,
            min_seq_len=1,
            generation_type="top_k",
            top_k=1,
            sot_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    return [tokenizer.decode(row, skip_special_tokens=True).strip() for row in _until_end(ids, tokenizer)]


def recall(said: str, meant: str) -> float:
    """Return the share of the meant caption's words that were said, whatever their order and case."""
    words = _words(meant)
    return len(words & _words(said)) / len(words) if words else 1.0


def _words(line: str) -> set[str]:
    return {word.strip(".,;:!?'\"()") for word in line.lower().split()} - {""}


def _until_end(ids: torch.Tensor, tokenizer: Any) -> list[list[int]]:
    rows: list[list[int]] = ids.tolist()
    end = tokenizer.eos_token_id
    return [row[: row.index(end)] if end in row else row for row in rows]
