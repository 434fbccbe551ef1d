"""How much of a text a tokenizer has words for: a model reads nothing of a script that it spells letter by letter."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# A piece of fewer letters says nothing of a word: BERT's English vocabulary has Chinese characters, one at a time.
_LEAST_LETTERS = 2


def known_shares(tokenizer: Any, texts: Sequence[str]) -> NDArray[np.float32]:
    """Return (n,) the share of each text's letters that are in known pieces of two letters and more; 1 without letters.

    tokenizer: open_clip's own, or a fast one of transformers. English has .9 and more under an English vocabulary,
    Chinese under .1, and .5 to .8 under a multilingual one.
    """
    letters = np.array([sum(map(str.isalpha, text)) for text in texts], np.float32)
    known = np.array([_known(tokenizer, text) for text in texts], np.float32)
    return np.where(letters > 0, np.minimum(known / np.maximum(letters, 1), 1), 1).astype(np.float32)


def _known(tokenizer: Any, text: str) -> int:
    # Only open_clip's own has it; importing open_clip to ask for its class would load it for sentence models too.
    if hasattr(tokenizer, "byte_decoder"):
        pieces = [_spell(tokenizer, number) for number in tokenizer.encode(text)]
    else:
        said = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        pieces = [
            text[start:end]
            for number, (start, end) in zip(said["input_ids"], said["offset_mapping"], strict=True)
            if number != tokenizer.unk_token_id
        ]
    counts = [sum(map(str.isalpha, piece)) for piece in pieces]
    return sum(count for count in counts if count >= _LEAST_LETTERS)


def _spell(tokenizer: Any, number: int) -> str:
    """Return what a piece stands for, without what are parts of letters only."""
    coded: str = tokenizer.decoder[number].removesuffix("</w>")
    return bytes(tokenizer.byte_decoder[sign] for sign in coded).decode("utf-8", errors="ignore")
