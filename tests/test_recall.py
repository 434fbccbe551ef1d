"""Recall@k by hand: from scores alone, so that equal scores at the k-th place count for either item."""

import numpy as np
import pytest

from engine.indexes.recall import recall_at_k

NONE = -np.inf


@pytest.mark.parametrize(
    ("found", "exact", "recall"),
    [
        ([3, 2, 1], [3, 2, 1], 1.0),
        ([3, 1, 0], [3, 2, 1], 2 / 3),
        ([3, 2, 2], [3, 2, 2], 1.0),
        ([3, 2, NONE], [3, 2, 2], 2 / 3),
        ([0, 0, 0], [3, 2, 1], 0.0),
        ([3, 2, NONE], [3, 2, NONE], 1.0),
        ([3, NONE, NONE], [3, 2, NONE], 1 / 2),
        ([NONE, NONE, NONE], [NONE, NONE, NONE], 1.0),
        ([3, 2, 1 - 5e-6], [3, 2, 1], 1.0),
        ([3, 2, 1 - 5e-5], [3, 2, 1], 2 / 3),
    ],
)
def test_recall_by_hand(found: list[float], exact: list[float], recall: float) -> None:
    """The share of the true best k that was found; with fewer than k rows, the share of those."""
    shares = recall_at_k(np.array([found], np.float32), np.array([exact], np.float32))
    assert shares.tolist() == pytest.approx([recall])


def test_each_query_has_its_own_recall() -> None:
    """One number a query, none shared."""
    exact = np.array([[2, 1], [5, 4]], np.float32)
    assert recall_at_k(np.array([[2, 1], [5, 0]], np.float32), exact).tolist() == [1.0, 0.5]
