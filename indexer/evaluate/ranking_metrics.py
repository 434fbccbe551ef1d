"""The measures of ranked lists, and how sure a mean of them is.

A list is told by the ratings of what it shows, best first; what nobody rated counts as 0, and 0 is irrelevant. Where
there are no grades (the next purchase, an item's own picture) a rating is 1 or 0 and the same measures hold.
"""

import math
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import ArrayLike

K = 10
"""How much of a list is measured where nobody says."""
RESAMPLES = 4_000


def ndcg(ratings: Sequence[float], all_ratings: Collection[float], k: int = K) -> float:
    """Return the normalised discounted gain of a list: gain 2^r - 1, discount 1 / log2(rank + 1), the best list's is 1.

    ratings: of the list, best first.   all_ratings: of every item rated for the query; one of them above 0.
    """
    return _dcg(ratings[:k]) / _dcg(sorted(all_ratings, reverse=True)[:k])


def recall(ratings: Sequence[float], all_ratings: Collection[float], k: int = K) -> float:
    """Return the share of the relevant that the first k of a list have. Arguments as those of `ndcg`."""
    return sum(rating > 0 for rating in ratings[:k]) / sum(rating > 0 for rating in all_ratings)


def reciprocal_rank(ratings: Sequence[float], k: int = K) -> float:
    """Return 1 / the rank of the first relevant among the first k, 0 if there is none; its mean is called MRR."""
    return next((1 / rank for rank, rating in enumerate(ratings[:k], start=1) if rating > 0), 0.0)


def success(ratings: Sequence[float], k: int = K) -> float:
    """Return 1 if any of the first k is relevant, else 0; recommenders call its mean the hit rate, hit@k."""
    return float(any(rating > 0 for rating in ratings[:k]))


def interval(values: ArrayLike, seed: int = 7) -> tuple[float, float]:
    """Return the middle 95 % of the mean over queries (or users) drawn again and again from these (bootstrap).

    values: (n,) one of each query. Of differences between two rankings, query by query, it is the paired interval: a
    lower end above 0 means better by more than chance.
    """
    values = np.asarray(values, np.float64)
    rng = np.random.default_rng(seed)
    # One draw at a time: 4,000 draws of 20,000 users would be 640 MB.
    means = [values[rng.integers(len(values), size=len(values))].mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _dcg(ratings: Sequence[float]) -> float:
    return sum((math.exp2(rating) - 1.0) / math.log2(rank + 1) for rank, rating in enumerate(ratings, start=1))
