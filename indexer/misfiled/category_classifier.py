"""From an item's features to its category: ridge regression onto the categories, each item judged by the others.

The score that an item would get from a regression that never saw it has a closed form (PRESS, Allen 1974), so leaving
out one item at a time costs one fit, and one factorization serves any number of labellings of the same items.
"""

from collections.abc import Iterator

import numpy as np
import scipy.linalg
import scipy.sparse
from numpy.typing import NDArray

from engine.scoring.fusion import Matrix

RIDGE = 1.0
"""The penalty, for blocks whose rows have a mean length of 1; from 0.3 to 10 accuracy changes by .003."""

_CHUNK_ROWS = 4_096


class LeaveOneOut:
    """Scores of each item for each category by a regression that did not see the item."""

    def __init__(self, features: Matrix) -> None:
        """Factorize. features: (n, d). Cost: O(n d^2 + d^3)."""
        self._features = np.hstack([features, np.ones((len(features), 1), np.float32)])
        dim = self._features.shape[1]
        gram = RIDGE * np.eye(dim)
        for rows in self._chunks():
            wide = self._features[rows].astype(np.float64)
            gram += wide.T @ wide
        self._factor = scipy.linalg.cho_factor(gram, lower=True)
        inverse = scipy.linalg.cho_solve(self._factor, np.eye(dim))
        leverages = [
            np.einsum("nd,nd->n", self._features[rows] @ inverse, self._features[rows]) for rows in self._chunks()
        ]
        self._leverages = np.concatenate(leverages)

    def scores(self, labels: NDArray[np.int64], classes: int) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Give (m, classes) scores, near 1 for the category an item seems to be of, for some rows at a time.

        labels: (n,) from 0 to classes - 1. Cost: O(n d classes), and memory for some thousand rows of classes.
        """
        targets = one_hot(labels, classes)
        weights = scipy.linalg.cho_solve(self._factor, (targets.T @ self._features.astype(np.float64)).T)
        for rows in self._chunks():
            leverage = self._leverages[rows, None]
            scores = self._features[rows] @ weights
            scores -= leverage * targets[rows].toarray()
            yield rows, scores / (1 - leverage)

    def _chunks(self) -> Iterator[slice]:
        for start in range(0, len(self._features), _CHUNK_ROWS):
            yield slice(start, start + _CHUNK_ROWS)


def one_hot(labels: NDArray[np.int64], classes: int) -> "scipy.sparse.csr_matrix":
    """Return the (n, classes) sparse matrix with a 1 where an item has its label."""
    places = (np.arange(len(labels)), labels)
    return scipy.sparse.csr_matrix((np.ones(len(labels)), places), shape=(len(labels), classes))
