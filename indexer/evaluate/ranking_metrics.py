"""Ranking metrics, and confidence intervals of their means.

A list is represented by the ratings of its items, best first; unrated items count as 0, irrelevant. Where there are no
grades (the next purchase, an item's own picture) ratings are 1 or 0 and the same metrics apply.
"""

import math
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import ArrayLike

K = 10
"""The default cut-off of a list."""
RESAMPLES = 4_000

_BATCH_SIZE = 32_768


def ndcg(ratings: Sequence[float], all_ratings: Collection[float], k: int = K) -> float:
    """Return the normalised discounted cumulative gain: gain 2^r - 1, discount 1 / log2(rank + 1).

    Args:
        ratings: Of the list, best first.
        all_ratings: Of every item rated for the query; at least one is above 0.
    """
    return _dcg(ratings[:k]) / _dcg(sorted(all_ratings, reverse=True)[:k])


def recall(ratings: Sequence[float], all_ratings: Collection[float], k: int = K) -> float:
    """Return the share of the relevant items among the first k. Arguments as for `ndcg`."""
    return sum(rating > 0 for rating in ratings[:k]) / sum(rating > 0 for rating in all_ratings)


def reciprocal_rank(ratings: Sequence[float], k: int = K) -> float:
    """Return 1 / the rank of the first relevant item among the first k, 0 if there is none; the mean is MRR."""
    return next((1 / rank for rank, rating in enumerate(ratings[:k], start=1) if rating > 0), 0.0)


def success(ratings: Sequence[float], k: int = K) -> float:
    """Return 1 if any of the first k is relevant, else 0; for recommenders the mean is the hit rate, hit@k."""
    return float(any(rating > 0 for rating in ratings[:k]))


def confidence_interval(values: ArrayLike, seed: int = 7) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the mean over queries or users.

    Given the differences of two rankings, query by query, this is the paired interval: a lower end above 0 means better
    by more than chance.

    Args:
        values: (n,) one value per query. A single value is its own interval.
    """
    from scipy.stats import bootstrap

    values = np.asarray(values, np.float64)
    if len(values) == 1:
        return float(values[0]), float(values[0])
    interval = bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        # 4,000 resamples of 20,000 users at once would be 640 MB; batches that fit the cache are also the fastest.
        batch=max(1, _BATCH_SIZE // len(values)),
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def _dcg(ratings: Sequence[float]) -> float:
    return sum((math.exp2(rating) - 1.0) / math.log2(rank + 1) for rank, rating in enumerate(ratings, start=1))
