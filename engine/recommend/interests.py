"""A shopper's interests: clusters of the history, each represented by its medoid.

The mean of everything a shopper likes lies between their tastes, where no item is. PinnerSage (Pal et al. 2020)
therefore keeps several interests: Ward clusters, each represented by its medoid, which is a real item.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.scoring.vectors import Matrix

MAX_INTERESTS = 8

SPLIT_THRESHOLD = 0.7
"""Clusters are separate interests if they are further apart than this share of the typical distance of two items."""

# Smaller distances are rounding: rows may have been stored as float16.
_ROUNDING = 1e-3

Rows = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Interest:
    """A cluster of a shopper's history.

    Attributes:
        members: Indices into the history, the medoid first, then by centrality.
        share: The cluster's share of all weights.
    """

    members: tuple[int, ...]
    share: float

    @property
    def medoid(self) -> int:
        """The index of the item closest to all items of the interest, weighted."""
        return self.members[0]


def find_interests(
    vectors: Matrix,
    weights: NDArray[np.floating],
    mean_similarity: float = 0.0,
    split_threshold: float = SPLIT_THRESHOLD,
    limit: int = MAX_INTERESTS,
) -> list[Interest]:
    """Return the interests of a history, strongest first; their shares sum to 1.

    A cluster is split at its last Ward merge if the mean cosine between the two sides is below
    `1 - split_threshold * (1 - mean_similarity)`, the widest split first. Cost: O(n² d), milliseconds for 200 rows.

    Args:
        vectors: (n, d) unit rows, one per item. No rows have no interests.
        weights: (n,) above 0.
        mean_similarity: The mean cosine of two items of the catalogue.
        limit: The maximum number of interests.
    """
    if not len(vectors):
        return []
    rows = np.asarray(vectors, np.float64)
    shares = np.asarray(weights, np.float64)
    shares = shares / shares.sum()
    max_distance = max(split_threshold * (1.0 - mean_similarity), _ROUNDING)
    clusters = _split_clusters(rows, shares, max_distance, limit)
    interests = [_to_interest(rows, shares, indices) for indices in clusters]
    return sorted(interests, key=lambda interest: (-interest.share, interest.members))


def _split_clusters(rows: Rows, shares: Rows, max_distance: float, limit: int) -> list[Indices]:
    """Return the row indices of each cluster.

    No cluster merges sides further apart than `max_distance`, unless there are `limit` clusters already.
    """
    count = len(rows)
    merges = _merge_tree(rows)
    members = [np.array([index]) for index in range(count)]
    for first, second in merges:
        members.append(np.concatenate([members[first], members[second]]))

    def split_gain(node: int) -> float:
        if node < count:
            return 0.0
        sides = [_centroid(rows, shares, members[child]) for child in merges[node - count]]
        (first, first_share), (second, second_share) = sides
        if 1.0 - first @ second <= max_distance:
            return 0.0
        distance = float(np.square(first - second).sum())
        return distance * first_share * second_share / (first_share + second_share)

    gains = {len(members) - 1: split_gain(len(members) - 1)}
    while len(gains) < limit:
        widest = max(gains, key=lambda node: (gains[node], node))
        if gains[widest] == 0:
            break
        del gains[widest]
        gains |= {child: split_gain(child) for child in merges[widest - count]}
    return [members[node] for node in gains]


def _merge_tree(rows: Rows) -> list[tuple[int, int]]:
    """Return the two nodes of each merge of Ward's tree; nodes below n are rows, node n + i is merge i."""
    if len(rows) == 1:
        return []
    from scipy.cluster.hierarchy import linkage

    return [(int(first), int(second)) for first, second, _, _ in linkage(rows, "ward")]


def _centroid(rows: Rows, shares: Rows, indices: Indices) -> tuple[Rows, float]:
    """Return the weighted mean of the rows, and their share."""
    share = float(shares[indices].sum())
    return shares[indices] @ rows[indices] / share, share


def _to_interest(rows: Rows, shares: Rows, indices: Indices) -> Interest:
    centrality = rows[indices] @ (shares[indices] @ rows[indices])
    # Ties go to the heavier item, then to the first. Rounded: sums of the same numbers in another order differ.
    order = np.lexsort((indices, -shares[indices], -np.round(centrality / shares[indices].sum(), 6)))
    return Interest(tuple(indices[order].tolist()), float(shares[indices].sum()))
