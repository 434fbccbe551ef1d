"""Items as vectors, near where the same shoppers like them: a truncated singular value decomposition.

Of the ways measured (docs/behaviour.md) this one was as good as the best for repeats and for what a shopper never had:
beside it stood alternating least squares of `implicit` with 8 to 256 factors, the same whitened, singular vectors of
counts, of their logarithm, of BM25 weights and of columns at length 1, and other powers of the singular values. It
draws nothing at random and has no number of steps to choose.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds

from engine.vectors import to_unit

FACTORS = 64
ROWS_A_FACTOR = 4
"""Of few shoppers or items fewer directions are more than chance: of 60 and of 150 shoppers a quarter was best."""

SINGULAR_POWER = 0.5
"""Directions count by the root of their singular value: by 1 the broadest drown the others, by 0 noise speaks too."""

_LEAST = 1e-6


def factorise(liking: csr_matrix, factors: int = FACTORS) -> NDArray[np.float16]:
    """Return (items, d) unit rows, zero where nobody likes an item; d is `factors`, or less of few shoppers or items.

    liking: (shoppers, items), at least 2 each.   Cost: some hundred products of the matrix and a vector.
    """
    rank = min(factors, max(2, min(liking.shape) // ROWS_A_FACTOR), min(liking.shape) - 1)
    # ARPACK begins with a random vector unless it is given one.
    begin = np.full(min(liking.shape), 1.0) / np.sqrt(min(liking.shape))
    _, values, directions = svds(liking.astype(np.float64), k=rank, v0=begin)
    rows = directions.T * np.maximum(values, 0.0) ** SINGULAR_POWER
    lengths = np.linalg.norm(rows, axis=1)
    rows[lengths < _LEAST * max(float(lengths.max()), _LEAST)] = 0.0
    liked = np.diff(liking.tocsc().indptr) > 0
    rows[~liked] = 0.0
    return to_unit(rows.astype(np.float32)).astype(np.float16)
