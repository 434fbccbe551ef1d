"""Dense word features of item texts: TF-IDF reduced by truncated SVD (LSA, Deerwester 1990).

A title usually names its category in one word, which an embedding of the whole title blurs: on 4,393 fashion products
in 43 categories, words alone classify .970 correctly, the picture and text embeddings of the model `mini` .729.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import chain

import numpy as np
import scipy.sparse

from engine.lexical.tokenizer import to_words
from engine.scoring.fusion import Matrix

DIMENSIONS = 256
MIN_ITEMS = 2
"""Words that occur in fewer items are dropped."""

_SEED = 7


def to_vectors(texts: Sequence[str]) -> Matrix:
    """Return (n, d) vectors with d <= DIMENSIONS, zero for a text that shares no word with another."""
    from sklearn.utils.extmath import randomized_svd

    weighted = _tf_idf(texts)
    dimensions = min(DIMENSIONS, min(weighted.shape) - 1)
    if dimensions < 1:
        return np.zeros((len(texts), 0), np.float32)
    left, strengths, _ = randomized_svd(weighted, dimensions, random_state=_SEED)
    vectors: Matrix = (left * strengths).astype(np.float32)
    return vectors


def to_item_words(texts: Sequence[str]) -> list[list[str]]:
    """Return the distinct words of each text, joining neighbours that other texts write as one word.

    If other texts write "sweatshirt" or "tshirt", "sweat shirt" and "t-shirt" must not count as "shirt".
    """
    all_words = [to_words(text) for text in texts]
    items = Counter(chain.from_iterable(set(words) for words in all_words))
    return [list(dict.fromkeys(_compounds(words, items))) for words in all_words]


def _compounds(words: Sequence[str], items: "Counter[str]") -> list[str]:
    joined: list[str] = []
    for word in words:
        if joined and items[joined[-1] + word] >= MIN_ITEMS:
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def _tf_idf(texts: Sequence[str]) -> "scipy.sparse.csr_matrix":
    """Return (n, words) unit rows: each distinct word of an item weighted by ln(n / items with the word)."""
    column_by_word: dict[str, int] = {}
    rows: list[int] = []
    words: list[int] = []
    for row, item_words in enumerate(to_item_words(texts)):
        columns = [column_by_word.setdefault(word, len(column_by_word)) for word in item_words]
        words += columns
        rows += [row] * len(columns)
    counts = scipy.sparse.csr_matrix((np.ones(len(rows)), (rows, words)), shape=(len(texts), len(column_by_word)))
    items = np.bincount(words, minlength=len(column_by_word)) if words else np.zeros(0, np.int64)
    kept = np.flatnonzero(items >= MIN_ITEMS)
    weighted = counts[:, kept] @ scipy.sparse.diags(np.log(len(texts) / items[kept]))
    lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    scale = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return scipy.sparse.csr_matrix(scipy.sparse.diags(scale) @ weighted)
