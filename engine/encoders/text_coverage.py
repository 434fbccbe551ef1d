"""Vocabulary coverage: a model understands nothing of a script that its tokenizer splits into single letters."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# A shorter token says nothing about a word: BERT's English vocabulary has single Chinese characters.
_MIN_LETTERS = 2


def known_shares(tokenizer: Any, texts: Sequence[str]) -> NDArray[np.float32]:
    """Return (n,) the share of each text's letters in tokens of two or more letters; 1 for a text without letters.

    English has .9 and more under an English vocabulary, Chinese under .1, and .5 to .8 under a multilingual one.

    Args:
        tokenizer: open_clip's own, or a fast tokenizer of transformers.
        texts: The texts.
    """
    letters = np.array([sum(map(str.isalpha, text)) for text in texts], np.float32)
    known = np.array([_count_known_letters(tokenizer, text) for text in texts], np.float32)
    return np.where(letters > 0, np.minimum(known / np.maximum(letters, 1), 1), 1).astype(np.float32)


def _count_known_letters(tokenizer: Any, text: str) -> int:
    # Only open_clip's tokenizer has it; importing its class would load open_clip for sentence models too.
    if hasattr(tokenizer, "byte_decoder"):
        pieces = [_token_text(tokenizer, number) for number in tokenizer.encode(text)]
    else:
        encoding = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        pieces = [
            text[start:end]
            for number, (start, end) in zip(encoding["input_ids"], encoding["offset_mapping"], strict=True)
            if number != tokenizer.unk_token_id
        ]
    counts = [sum(map(str.isalpha, piece)) for piece in pieces]
    return sum(count for count in counts if count >= _MIN_LETTERS)


def _token_text(tokenizer: Any, number: int) -> str:
    """Return the text of a token, without incomplete UTF-8 sequences."""
    coded: str = tokenizer.decoder[number].removesuffix("</w>")
    return bytes(tokenizer.byte_decoder[character] for character in coded).decode("utf-8", errors="ignore")
