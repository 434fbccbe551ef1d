"""What reviews add to the ranking of an item: its quality, drawn to what is usual where few reviews speak for it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.reviews.praise_change import NEGATIVE_THRESHOLD, POSITIVE_THRESHOLD

Vector = NDArray[np.float64]

QUALITY, COUNT, ASPECTS = "review_quality", "review_count", "aspects"
FEWEST_JUDGING = 3
"""Reviews that have to judge an aspect before an item has a share of praise for it."""

_STRENGTHS = (1.0, 200.0)


class QualityPrior(NamedTuple):
    """What is usual: the mean of all reviews, and how many of them it counts as."""

    mean: float
    strength: float


def fit_prior(values: Vector, groups: NDArray[np.int64]) -> QualityPrior:
    """Return the prior of groups of values: its strength is the variance within groups over that between them.

    values: (n,).   groups: (n,) 0 … The strength is from 1 to 200, and 200 where groups do not differ.
    """
    mean = float(values.mean())
    counts = np.bincount(groups)
    there = counts > 0
    counts = counts[there].astype(np.float64)
    means = np.bincount(groups, values)[there] / counts
    freedom = counts.sum() - len(counts)
    if freedom < 1 or len(counts) < 2:
        return QualityPrior(mean, _STRENGTHS[1])
    within = float((np.sum(values**2) - np.sum(counts * means**2)) / freedom)
    # The moment estimator of a one-way analysis of variance with uneven groups.
    size = (counts.sum() - np.sum(counts**2) / counts.sum()) / (len(counts) - 1)
    among = float(np.sum(counts * (means - mean) ** 2) / (len(counts) - 1))
    between = (among - within) / size
    if between <= 0:
        return QualityPrior(mean, _STRENGTHS[1])
    return QualityPrior(mean, float(np.clip(within / between, *_STRENGTHS)))


def shrunk(values: Vector, groups: NDArray[np.int64], towards: Vector, strength: float) -> Vector:
    """Return each group's mean as if `strength` more reviews had the value it is drawn to.

    towards: (g,) by group. A group without values has what it is drawn to.
    """
    counts = np.bincount(groups, minlength=len(towards))
    sums = np.bincount(groups, values, len(towards))
    found: Vector = (sums + strength * towards) / (counts + strength)
    return found


def qualities(values: Vector, items: NDArray[np.int64], categories: Sequence[str]) -> Vector:
    """Return the quality of each item: its mean drawn to that of its category, which is drawn to that of the shop.

    values: (n,) sentiment of each review.   items: (n,) whose it is.   categories: of each item. NaN without reviews.
    """
    known: dict[str, int] = {}
    codes = np.array([known.setdefault(name, len(known)) for name in categories], np.int64)
    of_shop = fit_prior(values, codes[items])
    of_category = shrunk(values, codes[items], np.full(len(known), of_shop.mean), of_shop.strength)
    strength = fit_prior(values, items).strength
    found = shrunk(values, items, of_category[codes], strength)
    return np.where(np.bincount(items, minlength=len(codes)) > 0, found, np.nan)


def praise_shares(mentions: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Return the share of praise among the reviews that judge each aspect, of those judged by FEWEST_JUDGING or more.

    mentions: the sentiment of each review's mention, by aspect.
    """
    shares = {}
    for name, sentiments in mentions.items():
        praised = sum(value >= POSITIVE_THRESHOLD for value in sentiments)
        blamed = sum(value <= NEGATIVE_THRESHOLD for value in sentiments)
        if praised + blamed >= FEWEST_JUDGING:
            shares[name] = round(praised / (praised + blamed), 4)
    return shares
