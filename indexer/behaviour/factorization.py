"""Items as vectors, near where the same shoppers like them and where they share words: singular vectors of both.

The words of the items stand below the shoppers as further rows of the matrix (collective matrix factorisation, Singh
and Gordon 2008), so that an item of few shoppers, who alone would place it by chance, stands near its like. In a
supermarket with three purchases an item that finds 3 % more of what is bought, among gifts with forty it costs nothing.

Of the ways measured (docs/behaviour.md) this one was as good as the best for repeats and for what a shopper never had:
beside it stood alternating least squares of `implicit` with 8 to 256 factors, the same whitened, singular vectors of
counts, of their logarithm, of BM25 weights and of columns at length 1, and other powers of the singular values. It
draws nothing at random and has no number of steps to choose.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack
from scipy.sparse.linalg import svds

from engine.scoring.vectors import to_unit

FACTORS = 64
ROWS_A_FACTOR = 4
"""Of few shoppers or items fewer directions are more than chance: of 60 and of 150 shoppers a quarter was best."""

SINGULAR_POWER = 0.5
"""Directions count by the root of their singular value: by 1 the broadest drown the others, by 0 noise speaks too."""

WORDS = 0.7
"""What all words count beside all that shoppers did, as lengths: .6 to 1 are equal within the noise."""

_LEAST = 1e-6


def factorise(liking: csr_matrix, factors: int = FACTORS, words: csr_matrix | None = None) -> NDArray[np.float16]:
    """Return (items, d) unit rows, zero where nobody likes an item; d is `factors`, or less of few shoppers or items.

    liking: (shoppers, items), at least 2 each.   words: (items, words), see `to_term_matrix`; None for no words.
    Cost: some hundred products of the matrix and a vector.
    """
    rank = min(factors, max(2, min(liking.shape) // ROWS_A_FACTOR), min(liking.shape) - 1)
    # ARPACK begins with a random vector unless it is given one.
    matrix = liking.astype(np.float64) if words is None else _with_words(liking, words)
    begin = np.full(min(matrix.shape), 1.0) / np.sqrt(min(matrix.shape))
    _, values, directions = svds(matrix, k=rank, v0=begin)
    rows = directions.T * np.maximum(values, 0.0) ** SINGULAR_POWER
    lengths = np.linalg.norm(rows, axis=1)
    rows[lengths < _LEAST * max(float(lengths.max()), _LEAST)] = 0.0
    liked = np.diff(liking.tocsc().indptr) > 0
    rows[~liked] = 0.0
    return to_unit(rows.astype(np.float32)).astype(np.float16)


def _with_words(liking: csr_matrix, words: csr_matrix) -> csr_matrix:
    """Return (shoppers + words, items). A word that one item alone has tells of no other, and is left out."""
    shared = words[:, np.flatnonzero(np.bincount(words.indices, minlength=words.shape[1]) > 1)]
    length = float(np.sqrt(shared.power(2).sum()))
    if not length:
        return liking.astype(np.float64)
    factor = WORDS * float(np.sqrt(liking.power(2).sum())) / length
    stacked: csr_matrix = vstack([liking, factor * shared.T]).tocsr().astype(np.float64)
    return stacked
