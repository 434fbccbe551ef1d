"""Changes in the share of praise over time, where chance hardly explains them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.snapshot.review_table import ReviewBatch

POSITIVE_THRESHOLD, NEGATIVE_THRESHOLD = 0.6, 0.4
"""Sentiment from which an opinion is positive, and up to which it is negative; between them it is neither."""
MAX_CHANGES = 5
SIGNIFICANCE_LEVEL = 0.05
"""The probability of reporting a change that is chance, over all changes tested together."""

_MIN_COMPARED = 8

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PraiseChange:
    """The share of praise before and after a moment. aspect: "" for the reviews as a whole."""

    aspect: str
    before: float
    after: float
    since_s: float


def find_changes(
    aspect_names: Sequence[str], batch: ReviewBatch, bounds: Sequence[float], aspects: set[int]
) -> tuple[PraiseChange, ...]:
    """Return the most significant change of each aspect and of the whole, largest first.

    Args:
        bounds: Starts of the periods and the end of the last one; changes are tested at each inner bound.
        aspects: Numbers of the aspects tested.
    """
    series = {"": (batch.sentiments, batch.times_s)}
    for aspect_number in sorted(aspects):
        mentions = batch.aspects == aspect_number
        series[aspect_names[aspect_number]] = (
            batch.mention_sentiments[mentions],
            batch.times_s[batch.mention_reviews[mentions]],
        )
    compared = [
        (_compare_at(values, times_s, since_s), aspect, since_s)
        for aspect, (values, times_s) in series.items()
        for since_s in bounds[1:-1]
    ]
    tests = sum(found is not None for found, _, _ in compared)
    best: dict[str, tuple[float, PraiseChange]] = {}
    for found, aspect, since_s in compared:
        if found is None:
            continue
        p_value, before, after = found
        # Corrected for the number of tests (Bonferroni).
        if p_value * tests <= SIGNIFICANCE_LEVEL and (aspect not in best or p_value < best[aspect][0]):
            best[aspect] = p_value, PraiseChange(aspect, before, after, since_s)
    changes = [change for _, change in best.values()]
    return tuple(sorted(changes, key=lambda change: -abs(change.after - change.before))[:MAX_CHANGES])


def compute_p_value(positive: tuple[int, int], judged: tuple[int, int]) -> float:
    """Return the p-value of two shares differing so much: the two-sided two-proportion z-test, pooled variance."""
    if min(judged) == 0:
        return 1.0
    share = sum(positive) / sum(judged)
    variance = share * (1 - share) * (1 / judged[0] + 1 / judged[1])
    if variance == 0:
        return 1.0
    z = (positive[0] / judged[0] - positive[1] / judged[1]) / math.sqrt(variance)
    return math.erfc(abs(z) / math.sqrt(2))


def _compare_at(values: Vector, times_s: Vector, since_s: float) -> tuple[float, float, float] | None:
    """Return the p-value of a change, and the shares of praise before and after it; None with too few opinions."""
    judging = (values >= POSITIVE_THRESHOLD) | (values <= NEGATIVE_THRESHOLD)
    old, new = judging & (times_s < since_s), judging & (times_s >= since_s)
    judged = int(np.count_nonzero(old)), int(np.count_nonzero(new))
    if min(judged) < _MIN_COMPARED:
        return None
    positive = values >= POSITIVE_THRESHOLD
    counts = int(np.count_nonzero(old & positive)), int(np.count_nonzero(new & positive))
    return compute_p_value(counts, judged), counts[0] / judged[0], counts[1] / judged[1]
