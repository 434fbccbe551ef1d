"""Recall@k: the share of the exact top k that an answer holds, with equal scores interchangeable."""

import numpy as np
from numpy.typing import NDArray


def recall_at_k(
    found_scores: NDArray[np.float32], exact_scores: NDArray[np.float32], tolerance: float = 1e-5
) -> NDArray[np.float64]:
    """Return each query's recall from exact scores alone, so that ties at the k-th place count for either item.

    found_scores: (nq, k) exact scores of the rows that were found, -inf where a row is short.
    exact_scores: (nq, k) of the true best k, best first, -inf where fewer than k rows match.
    A found row is a true one when its score is not below the k-th exact score by more than `tolerance`.
    """
    matches = np.isfinite(exact_scores)
    wanted = matches.sum(axis=1)
    worst = np.where(matches, exact_scores, np.inf).min(axis=1, initial=np.inf)
    hits = (found_scores >= (worst - tolerance)[:, None]) & np.isfinite(found_scores)
    shares: NDArray[np.float64] = np.where(
        wanted == 0, 1.0, np.minimum(hits.sum(axis=1), wanted) / np.maximum(wanted, 1)
    )
    return shares
