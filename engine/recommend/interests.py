"""What a shopper is interested in: the clusters of what they took, and the item that stands for each.

One mean of everything somebody likes lies between their tastes, where nothing is that they like. PinnerSage (Pal and
others 2020) keeps several instead: Ward's clusters, each told by its medoid, an item there is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.scoring.vectors import Matrix

MOST_INTERESTS = 8

LOOSEST = 0.7
"""Clusters that differ by more than this share of what two items of the shop usually differ by are two interests."""

# Below this vectors are the same: more is left by rounding of rows that were kept in float16.
_SAME = 1e-3

Rows = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class InterestCluster:
    """One interest. members: its places in the history, the one that stands for it first, then the next best.

    share: its part of all weights.
    """

    members: tuple[int, ...]
    share: float

    @property
    def medoid(self) -> int:
        """The place of the item that is nearest to all items of the interest, heavier ones counting more."""
        return self.members[0]


def find_interests(
    vectors: Matrix,
    weights: NDArray[np.floating],
    usual: float = 0.0,
    loosest: float = LOOSEST,
    most: int = MOST_INTERESTS,
) -> list[InterestCluster]:
    """Return the interests of a history, the strongest first; their shares sum to 1.

    vectors: (n, d) unit rows, one a different item.   weights: (n,) above 0.
    usual: the cosine that two items of the shop usually have, so that "alike" means what it means there.
    loosest, most: a cluster is parted where Ward joined it last if the cosine of items from both sides is, in the mean,
    less than 1 - loosest * (1 - usual); the one whose sides are furthest apart first, until there are `most`.
    No vectors have no interests. Cost: O(n² d), some milliseconds for 200.
    """
    if not len(vectors):
        return []
    rows = np.asarray(vectors, np.float64)
    shares = np.asarray(weights, np.float64)
    shares = shares / shares.sum()
    limit = max(loosest * (1.0 - usual), _SAME)
    found = [_interest(rows, shares, places) for places in _parted(rows, shares, limit, most)]
    return sorted(found, key=lambda interest: (-interest.share, interest.members))


def _parted(rows: Rows, shares: Rows, limit: float, most: int) -> list[Places]:
    """Return the places of each cluster; none joins two that differ more than `limit`, unless there are `most`."""
    count = len(rows)
    joins = _ward(rows)
    under = [np.array([place]) for place in range(count)]
    for first, second in joins:
        under.append(np.concatenate([under[first], under[second]]))

    def gain(node: int) -> float:
        if node < count:
            return 0.0
        sides = [_centre(rows, shares, under[child]) for child in joins[node - count]]
        (first, first_share), (second, second_share) = sides
        if 1.0 - first @ second <= limit:
            return 0.0
        apart = float(np.square(first - second).sum())
        return apart * first_share * second_share / (first_share + second_share)

    gains = {len(under) - 1: gain(len(under) - 1)}
    while len(gains) < most:
        widest = max(gains, key=lambda node: (gains[node], node))
        if gains[widest] == 0:
            break
        del gains[widest]
        gains |= {child: gain(child) for child in joins[widest - count]}
    return [under[node] for node in gains]


def _ward(rows: Rows) -> list[tuple[int, int]]:
    """Return the two nodes that each join of Ward's tree joins; nodes below n are rows, n + i is join i."""
    if len(rows) == 1:
        return []
    from scipy.cluster.hierarchy import linkage

    return [(int(first), int(second)) for first, second, _, _ in linkage(rows, "ward")]


def _centre(rows: Rows, shares: Rows, places: Places) -> tuple[Rows, float]:
    """Return the weighted mean of some rows and their share."""
    share = float(shares[places].sum())
    return shares[places] @ rows[places] / share, share


def _interest(rows: Rows, shares: Rows, places: Places) -> InterestCluster:
    nearness = rows[places] @ (shares[places] @ rows[places])
    # Of equally near ones the heavier stands for the others, then the one that comes first. Rounded: sums of the same
    # numbers in another order are not the same.
    order = np.lexsort((places, -shares[places], -np.round(nearness / shares[places].sum(), 6)))
    return InterestCluster(tuple(places[order].tolist()), float(shares[places].sum()))
