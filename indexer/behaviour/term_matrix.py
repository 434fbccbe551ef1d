"""The words of items' texts as a sparse matrix, the rarer counting the more: which items say the same."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix, diags_array

from engine.lexical.tokenizer import to_words

COMMON = 0.1
"""Words that more than this share of the items have tell nothing, and would make every item like every other."""

_FEW = 1_000


def to_term_matrix(texts: Sequence[str]) -> csr_matrix:
    """Return (n, words) unit rows of the texts' words, each counted once, by the logarithm of how rare it is."""
    places: dict[str, int] = {}
    columns: list[int] = []
    starts = [0]
    for text in texts:
        columns += sorted({places.setdefault(word, len(places)) for word in to_words(text)})
        starts.append(len(columns))
    counts = np.bincount(np.array(columns, np.int64), minlength=len(places))
    rarity = np.log(len(texts) / np.maximum(counts, 1)) + 1.0
    if len(texts) > _FEW:
        rarity[counts > COMMON * len(texts)] = 0.0
    data = rarity[np.array(columns, np.int64)].astype(np.float32)
    words = csr_matrix((data, np.array(columns, np.int64), np.array(starts, np.int64)), shape=(len(texts), len(places)))
    lengths = np.sqrt(np.asarray(words.power(2).sum(axis=1)).ravel())
    unit: csr_matrix = (diags_array(1.0 / np.maximum(lengths, 1e-9)) @ words).tocsr()
    unit.eliminate_zeros()
    return unit
