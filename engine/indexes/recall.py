"""Recall@k: the share of the exact top k that a search finds, where equal scores are interchangeable."""

import numpy as np
from numpy.typing import NDArray


def recall_at_k(
    found_scores: NDArray[np.float32], exact_scores: NDArray[np.float32], tolerance: float = 1e-5
) -> NDArray[np.float64]:
    """Return (nq,) each query's recall, computed from exact scores alone, so that ties at rank k count for either item.

    Args:
        found_scores: (nq, k) exact scores of the found rows, -inf where fewer were found.
        exact_scores: (nq, k) of the true best k, best first, -inf where fewer than k rows match.
        tolerance: A found row is correct if its score is at most this far below the k-th exact score.
    """
    matches = np.isfinite(exact_scores)
    wanted = matches.sum(axis=1)
    worst = np.where(matches, exact_scores, np.inf).min(axis=1, initial=np.inf)
    hits = (found_scores >= (worst - tolerance)[:, None]) & np.isfinite(found_scores)
    shares: NDArray[np.float64] = np.where(
        wanted == 0, 1.0, np.minimum(hits.sum(axis=1), wanted) / np.maximum(wanted, 1)
    )
    return shares
