"""Segments of shoppers by k-means on their features."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.profiles.population import MIN_SHOPPERS
from engine.profiles.shopper_features import Numbers

SEGMENT_COUNTS = range(3, 9)
"""The numbers of segments tried."""

# Fewer shoppers make no meaningful segments.
_MIN_SHOPPERS_TO_CLUSTER = 30
_MIN_SHARE = 0.02
_SILHOUETTE_SAMPLE = 3_000
_INITIALISATIONS = 8


@dataclass(frozen=True, slots=True)
class ShopperGroups:
    """u shoppers in k groups.

    Attributes:
        groups: (u,) group of each shopper, the largest group first.
        centroids: (k, f).
        silhouettes: Number of groups → silhouette, from -1 to 1, for each valid number tried.
    """

    groups: NDArray[np.int32]
    centroids: Numbers
    silhouettes: dict[int, float]


def cluster_shoppers(points: Numbers, seed: int = 7) -> ShopperGroups | None:
    """Return the shoppers in 3 to 8 groups, the number with the largest silhouette; None for too few shoppers.

    No group is so small that it could identify its members. Cost: some seconds for 100,000 shoppers.

    Args:
        points: (u, f) whose distances measure how different shoppers are.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    if len(points) < _MIN_SHOPPERS_TO_CLUSTER:
        return None
    min_size = max(MIN_SHOPPERS, int(_MIN_SHARE * len(points)))
    sample = np.random.default_rng(seed).permutation(len(points))[:_SILHOUETTE_SAMPLE]
    silhouettes: dict[int, float] = {}
    best: tuple[NDArray[np.int32], Numbers] | None = None
    for count in SEGMENT_COUNTS:
        if len(np.unique(points, axis=0)) < count:
            break
        clustering = KMeans(count, n_init=_INITIALISATIONS, random_state=seed).fit(points)
        if np.bincount(clustering.labels_).min() < min_size or len(np.unique(clustering.labels_[sample])) < 2:
            continue
        silhouette = float(silhouette_score(points[sample], clustering.labels_[sample]))
        if best is None or silhouette > max(silhouettes.values()):
            best = clustering.labels_, clustering.cluster_centers_
        silhouettes[count] = silhouette
    if best is None:
        return None
    labels, centroids = best
    order = np.argsort(-np.bincount(labels), kind="stable")
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    return ShopperGroups(ranks[labels].astype(np.int32), np.asarray(centroids[order], np.float64), silhouettes)
