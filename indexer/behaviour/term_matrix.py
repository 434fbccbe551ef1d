"""The words of items' texts as a sparse matrix, weighted by rarity."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix, diags_array

from engine.lexical.tokenizer import to_words

MAX_WORD_SHARE = 0.1
"""Words in more than this share of the items carry no information, and would relate every item to every other."""

_MIN_ITEMS_TO_FILTER = 1_000


def to_term_matrix(texts: Sequence[str]) -> csr_matrix:
    """Return (n, words) unit rows of the texts' distinct words, weighted by inverse document frequency."""
    columns_by_word: dict[str, int] = {}
    columns: list[int] = []
    starts = [0]
    for text in texts:
        columns += sorted({columns_by_word.setdefault(word, len(columns_by_word)) for word in to_words(text)})
        starts.append(len(columns))
    counts = np.bincount(np.array(columns, np.int64), minlength=len(columns_by_word))
    rarity = np.log(len(texts) / np.maximum(counts, 1)) + 1.0
    if len(texts) > _MIN_ITEMS_TO_FILTER:
        rarity[counts > MAX_WORD_SHARE * len(texts)] = 0.0
    data = rarity[np.array(columns, np.int64)].astype(np.float32)
    words = csr_matrix(
        (data, np.array(columns, np.int64), np.array(starts, np.int64)), shape=(len(texts), len(columns_by_word))
    )
    lengths = np.sqrt(np.asarray(words.power(2).sum(axis=1)).ravel())
    unit: csr_matrix = (diags_array(1.0 / np.maximum(lengths, 1e-9)) @ words).tocsr()
    unit.eliminate_zeros()
    return unit
