"""The digest of reviews: praised and criticised aspects, sentiment over time, changes, and what to fix first.

Everything is counted; no model writes any of it. A change is reported only if it is statistically significant, a
problem only if it costs sentiment and enough reviews mention it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.reviews.praise_change import NEGATIVE_THRESHOLD, POSITIVE_THRESHOLD, PraiseChange, find_changes
from engine.reviews.quotes import pick_quotes, quote_both_sides
from engine.reviews.review_period import Period, finite_mean, to_bounds, to_periods
from engine.snapshot.review_table import ReviewBatch, ReviewTable

MAX_ASPECTS, MAX_FIXES = 16, 5
MIN_MENTIONS, MIN_MENTION_SHARE = 3, 0.01
"""An aspect is reported if at least this many reviews, and this share of all, judge it."""

_MIN_CRITICS = 3
_MIN_CRITIC_SHARE = 0.02

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Aspect:
    """An aspect that reviews judge. quotes: of the more common opinion first."""

    name: str
    positive_count: int
    negative_count: int
    quotes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fix:
    """A problem to fix.

    Attributes:
        impact: How much higher the mean sentiment would be without the reviews that criticise the aspect.
        blamed_count: How many reviews criticise the aspect.
        blamed_share: Their share of all reviews.
        reason: Why it is worth fixing, as text.
    """

    aspect: str
    impact: float
    blamed_count: int
    blamed_share: float
    reason: str
    quotes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Digest:
    """What a set of reviews says."""

    review_count: int
    sentiment: float | None
    mean_rating: float | None
    aspects: tuple[Aspect, ...]
    periods: tuple[Period, ...]
    changes: tuple[PraiseChange, ...]
    fixes: tuple[Fix, ...]


EMPTY_DIGEST = Digest(0, None, None, (), (), (), ())
"""The digest of no reviews."""


def build_digest(reviews: ReviewTable, batch: ReviewBatch) -> Digest:
    """Return the digest of a batch of reviews. Cost: milliseconds, and a few more per 100,000 reviews."""
    if not len(batch):
        return EMPTY_DIGEST
    bounds = to_bounds(batch.times_s)
    aspects = _find_aspects(reviews, batch)
    # Changes and fixes only name aspects that are in the table.
    reported = {aspect.name for aspect in aspects}
    aspect_numbers = {number for number, name in enumerate(reviews.aspects) if name in reported}
    return Digest(
        review_count=len(batch),
        sentiment=float(batch.sentiments.mean()),
        mean_rating=finite_mean(batch.ratings),
        aspects=aspects,
        periods=to_periods(batch, bounds),
        changes=find_changes(reviews.aspects, batch, bounds, aspect_numbers),
        fixes=_find_fixes(reviews, batch, aspect_numbers),
    )


def _find_aspects(reviews: ReviewTable, batch: ReviewBatch) -> tuple[Aspect, ...]:
    """Return the aspects that enough reviews judge, most mentioned first."""
    found = []
    minimum = max(MIN_MENTIONS, MIN_MENTION_SHARE * len(batch))
    for number, name in enumerate(reviews.aspects):
        mentions = batch.aspects == number
        positive = mentions & (batch.mention_sentiments >= POSITIVE_THRESHOLD)
        negative = mentions & (batch.mention_sentiments <= NEGATIVE_THRESHOLD)
        counts = int(np.count_nonzero(positive)), int(np.count_nonzero(negative))
        if sum(counts) >= minimum:
            found.append((-sum(counts), name, counts, positive, negative))
    found.sort(key=lambda entry: entry[:2])
    return tuple(
        Aspect(name, *counts, quote_both_sides(reviews, batch, positive, negative))
        for _, name, counts, positive, negative in found[:MAX_ASPECTS]
    )


def _find_fixes(reviews: ReviewTable, batch: ReviewBatch, aspect_numbers: set[int]) -> tuple[Fix, ...]:
    """Return what costs most sentiment, of these aspects, worst first."""
    count = len(batch)
    mean = float(batch.sentiments.mean())
    found = []
    for number in sorted(aspect_numbers):
        complaints = (batch.aspects == number) & (batch.mention_sentiments <= NEGATIVE_THRESHOLD)
        critical = np.zeros(count, np.bool_)
        critical[batch.mention_reviews[complaints]] = True
        critics = int(np.count_nonzero(critical))
        if critics < max(_MIN_CRITICS, _MIN_CRITIC_SHARE * count) or critics == count:
            continue
        others = float(batch.sentiments[~critical].mean())
        if others > mean:
            found.append((mean - others, reviews.aspects[number], critics, _describe_cost(batch, critical), complaints))
    found.sort(key=lambda entry: entry[:2])
    return tuple(
        Fix(name, -cost, critics, critics / count, reason, pick_quotes(reviews, batch, complaints))
        for cost, name, critics, reason, complaints in found[:MAX_FIXES]
    )


def _describe_cost(batch: ReviewBatch, critical: Mask) -> str:
    """Return why an aspect is worth fixing: how many criticise it, and how they and the others rate the whole."""
    critics, count = int(np.count_nonzero(critical)), len(batch)
    stars = finite_mean(batch.ratings[critical]), finite_mean(batch.ratings[~critical])
    ratings = (
        f"their mean sentiment is {float(batch.sentiments[critical].mean()):.2f}, that of the others "
        f"{float(batch.sentiments[~critical].mean()):.2f}"
        if stars[0] is None or stars[1] is None
        else f"they give {stars[0]:.1f} stars on average, the others {stars[1]:.1f}"
    )
    return f"{critics} of {count} reviews ({critics / count:.0%}) criticise it; {ratings}"
