"""Segments of shoppers: who is alike in what they do, take, pay and like."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.profiles.population import FEWEST
from engine.profiles.shopper_features import Numbers

SEGMENTS = range(3, 9)
"""How many segments there may be."""

# Fewer shoppers make no segments worth a name.
_LEAST_SHOPPERS = 30
_SMALLEST_SHARE = 0.02
_COMPARED = 3_000
_STARTS = 8


@dataclass(frozen=True, slots=True)
class ShopperGroups:
    """u shoppers in k groups. groups: (u,) the largest first.   centroids: (k, f).

    silhouettes: number of groups → how clear they are, from -1 to 1, for each number that was tried and could be.
    """

    groups: NDArray[np.int32]
    centroids: Numbers
    silhouettes: dict[int, float]


def group(points: Numbers, seed: int = 7) -> ShopperGroups | None:
    """Return the shoppers in 3 to 8 groups by k-means, as many as have the largest silhouette; None for too few.

    points: (u, f), distances between them tell how unlike shoppers are. A group is never so small that it could tell
    who is in it. Cost: some seconds for 100,000 shoppers.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    if len(points) < _LEAST_SHOPPERS:
        return None
    smallest = max(FEWEST, int(_SMALLEST_SHARE * len(points)))
    compared = np.random.default_rng(seed).permutation(len(points))[:_COMPARED]
    silhouettes: dict[int, float] = {}
    best: tuple[NDArray[np.int32], Numbers] | None = None
    for count in SEGMENTS:
        if len(np.unique(points, axis=0)) < count:
            break
        found = KMeans(count, n_init=_STARTS, random_state=seed).fit(points)
        if np.bincount(found.labels_).min() < smallest or len(np.unique(found.labels_[compared])) < 2:
            continue
        clear = float(silhouette_score(points[compared], found.labels_[compared]))
        if best is None or clear > max(silhouettes.values()):
            best = found.labels_, found.cluster_centers_
        silhouettes[count] = clear
    if best is None:
        return None
    labels, centroids = best
    order = np.argsort(-np.bincount(labels), kind="stable")
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    return ShopperGroups(places[labels].astype(np.int32), np.asarray(centroids[order], np.float64), silhouettes)
