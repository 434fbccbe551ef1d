"""Periods of reviews: months, quarters or years, and what the reviews of each average to."""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from engine.snapshot.review_table import ReviewBatch

_MAX_PERIODS = 18
_MIN_REVIEWS_PER_PERIOD = 3
_MONTHS = (1, 3, 12)

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Period:
    """The reviews from `start_s` to before `end_s`; sentiment and rating are None where there are none."""

    start_s: float
    end_s: float
    review_count: int
    sentiment: float | None
    mean_rating: float | None


def to_bounds(times_s: Vector) -> list[float]:
    """Return the starts of the periods, and the end of the last one; empty if no review has a time.

    Periods are months, quarters or years: the shortest with at most 18 periods and three reviews each on average.
    More than 18 years are grouped into equal periods of as few years as possible.
    """
    known = times_s[np.isfinite(times_s)]
    if not len(known):
        return []
    first, last = (datetime.fromtimestamp(float(end), UTC) for end in (known.min(), known.max()))
    start, end = (12 * moment.year + moment.month - 1 for moment in (first, last))
    for months in itertools.chain(_MONTHS, itertools.count(2 * _MONTHS[-1], _MONTHS[-1])):
        numbers = range(start // months, end // months + 2)
        periods = len(numbers) - 1
        enough = months >= _MONTHS[-1] or len(known) >= _MIN_REVIEWS_PER_PERIOD * periods
        if periods <= 1 or (periods <= _MAX_PERIODS and enough):
            break
    return [datetime(number * months // 12, number * months % 12 + 1, 1, tzinfo=UTC).timestamp() for number in numbers]


def to_periods(batch: ReviewBatch, bounds: list[float]) -> tuple[Period, ...]:
    """Return the period between each two neighbouring bounds."""
    return tuple(_to_period(batch, start_s, end_s) for start_s, end_s in itertools.pairwise(bounds))


def finite_mean(values: Vector) -> float | None:
    """Return the mean of the finite values, None if there are none."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _to_period(batch: ReviewBatch, start_s: float, end_s: float) -> Period:
    inside = (batch.times_s >= start_s) & (batch.times_s < end_s)
    count = int(np.count_nonzero(inside))
    sentiment = float(batch.sentiments[inside].mean()) if count else None
    return Period(start_s, end_s, count, sentiment, finite_mean(batch.ratings[inside]))
