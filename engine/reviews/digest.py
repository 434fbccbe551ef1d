"""What reviews say together: aspects praised and blamed, how it went over time, what changed, what to put right first.

Everything here is counted; nothing is written by a model. A change is told only if chance would hardly have made it, a
fault only if it costs sentiment and more than a few speak of it.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from engine.snapshot.review_table import ReviewBatch, ReviewTable

PRAISED, BLAMED = 0.6, 0.4
"""From and up to which sentiment something is praised, or blamed; between them it is neither."""
MOST_ASPECTS, MOST_QUOTES, MOST_CHANGES, MOST_FIXES = 16, 3, 5, 5
MIN_MENTIONS, MIN_MENTION_SHARE = 3, 0.01
"""So many reviews have to judge an aspect, and such a share of all, before it is one of them."""
CHANCE = 0.05
"""How likely a change may be by chance, all that are looked at together."""

_FEWEST_COMPARED = 8
_FEWEST_BLAMING = 3
_LEAST_BLAMED = 0.02
_MOST_PERIODS = 18
_REVIEWS_A_PERIOD = 3
_MONTHS = (1, 3, 12)
_QUOTES_LOOKED_AT = 60

Mask = NDArray[np.bool_]
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Aspect:
    """One thing that reviews speak of, and what they write; the commoner opinion is quoted first."""

    name: str
    positive_count: int
    negative_count: int
    quotes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Period:
    """The reviews from start_s up to but without end_s; None where there are none."""

    start_s: float
    end_s: float
    review_count: int
    sentiment: float | None
    mean_rating: float | None


@dataclass(frozen=True, slots=True)
class PraiseChange:
    """The share of praise before and after a moment; aspect: "" for the reviews as a whole."""

    aspect: str
    before: float
    after: float
    since_s: float


@dataclass(frozen=True, slots=True)
class Fix:
    """What is blamed, by how many and which share of all reviews, and how much that costs their mean sentiment."""

    aspect: str
    impact: float
    blamed_count: int
    blamed_share: float
    reason: str
    quotes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Digest:
    """What some reviews say together."""

    review_count: int
    sentiment: float | None
    mean_rating: float | None
    aspects: tuple[Aspect, ...]
    periods: tuple[Period, ...]
    changes: tuple[PraiseChange, ...]
    fixes: tuple[Fix, ...]


NOTHING_TOLD = Digest(0, None, None, (), (), (), ())
"""The digest of no reviews."""


def digest(reviews: ReviewTable, told: ReviewBatch) -> Digest:
    """Return what these reviews say together. Cost: milliseconds, and some more for each hundred thousand."""
    if not len(told):
        return NOTHING_TOLD
    bounds = to_periods(told.times_s)
    aspects = _aspects(reviews, told)
    # What is not in the table of aspects is told nowhere.
    numbers = {number for number, name in enumerate(reviews.aspects) if name in {aspect.name for aspect in aspects}}
    return Digest(
        review_count=len(told),
        sentiment=float(told.sentiments.mean()),
        mean_rating=_mean(told.ratings),
        aspects=aspects,
        periods=tuple(_period(told, start, end) for start, end in itertools.pairwise(bounds)),
        changes=_changes(reviews.aspects, told, bounds, numbers),
        fixes=_fixes(reviews, told, numbers),
    )


def chance_of(praised: tuple[int, int], judged: tuple[int, int]) -> float:
    """Return how likely two shares differ so much by chance: the two-sided test of two proportions, variance pooled."""
    if min(judged) == 0:
        return 1.0
    share = sum(praised) / sum(judged)
    variance = share * (1 - share) * (1 / judged[0] + 1 / judged[1])
    if variance == 0:
        return 1.0
    z = (praised[0] / judged[0] - praised[1] / judged[1]) / math.sqrt(variance)
    return math.erfc(abs(z) / math.sqrt(2))


def to_periods(times_s: Vector) -> list[float]:
    """Return where periods begin, and behind them where the last one ends; none if no review has a time.

    Months, quarters or years: the shortest that are not more than 18 and have three reviews each on average.
    Where years are more than 18 they are taken together, as few of them as will do.
    """
    known = times_s[np.isfinite(times_s)]
    if not len(known):
        return []
    first, last = (datetime.fromtimestamp(float(end), UTC) for end in (known.min(), known.max()))
    start, end = (12 * moment.year + moment.month - 1 for moment in (first, last))
    for months in itertools.chain(_MONTHS, itertools.count(2 * _MONTHS[-1], _MONTHS[-1])):
        places = range(start // months, end // months + 2)
        periods = len(places) - 1
        enough = months >= _MONTHS[-1] or len(known) >= _REVIEWS_A_PERIOD * periods
        if periods <= 1 or (periods <= _MOST_PERIODS and enough):
            break
    return [datetime(place * months // 12, place * months % 12 + 1, 1, tzinfo=UTC).timestamp() for place in places]


def _period(told: ReviewBatch, start: float, end: float) -> Period:
    inside = (told.times_s >= start) & (told.times_s < end)
    count = int(np.count_nonzero(inside))
    sentiment = float(told.sentiments[inside].mean()) if count else None
    return Period(start, end, count, sentiment, _mean(told.ratings[inside]))


def _mean(values: Vector) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _aspects(reviews: ReviewTable, told: ReviewBatch) -> tuple[Aspect, ...]:
    found = []
    least = max(MIN_MENTIONS, MIN_MENTION_SHARE * len(told))
    for number, name in enumerate(reviews.aspects):
        mine = told.aspects == number
        praised, blamed = mine & (told.judged >= PRAISED), mine & (told.judged <= BLAMED)
        counts = int(np.count_nonzero(praised)), int(np.count_nonzero(blamed))
        if sum(counts) >= least:
            found.append((-sum(counts), name, counts, praised, blamed))
    found.sort(key=lambda entry: entry[:2])
    return tuple(
        Aspect(name, *counts, _both(reviews, told, praised, blamed, counts))
        for _, name, counts, praised, blamed in found[:MOST_ASPECTS]
    )


def _both(
    reviews: ReviewTable, told: ReviewBatch, praised: Mask, blamed: Mask, counts: tuple[int, int]
) -> tuple[str, ...]:
    """Return quotes of the commoner opinion, and one of the other if there is any."""
    common, rare = (praised, blamed) if counts[0] >= counts[1] else (blamed, praised)
    other = _quotes(reviews, told, rare, 1)
    return (*_quotes(reviews, told, common, MOST_QUOTES - len(other)), *other)


def _quotes(reviews: ReviewTable, told: ReviewBatch, mentions: Mask, most: int) -> tuple[str, ...]:
    """Return what stands for some mentions: the clearest, those found helpful first, no two alike."""
    places = np.flatnonzero(mentions)
    worth = np.abs(told.judged[places] - 0.5) + 0.1 * np.log1p(told.helpful[told.of[places]])
    kept: list[str] = []
    for place in places[np.argsort(-worth, kind="stable")][:_QUOTES_LOOKED_AT].tolist():
        if len(kept) == most:
            break
        text = reviews.quote(int(told.places[place]))
        if text and not any(_alike(text, other) for other in kept):
            kept.append(text)
    return tuple(kept)


def _alike(text: str, other: str) -> bool:
    """Return whether more than half of the pairs of characters of either are the same."""
    pairs, others = (
        {letters[place : place + 2] for place in range(len(letters) - 1)} for letters in (text.lower(), other.lower())
    )
    return 2 * len(pairs & others) > min(len(pairs), len(others))


def _changes(
    names: Sequence[str], told: ReviewBatch, bounds: Sequence[float], numbers: set[int]
) -> tuple[PraiseChange, ...]:
    """Return the clearest change of each aspect and of the whole that is hardly chance, the largest first.

    numbers: the aspects that are looked at.
    """
    series = {"": (told.sentiments, told.times_s)}
    for number in sorted(numbers):
        mine = told.aspects == number
        series[names[number]] = told.judged[mine], told.times_s[told.of[mine]]
    compared = [
        (_chance_since(values, times_s, since), aspect, since)
        for aspect, (values, times_s) in series.items()
        for since in bounds[1:-1]
    ]
    tests = sum(found is not None for found, _, _ in compared)
    best: dict[str, tuple[float, PraiseChange]] = {}
    for found, aspect, since in compared:
        if found is None:
            continue
        chance, before, after = found
        # As many tests, as many chances to be wrong: each has to be that much surer (Bonferroni).
        if chance * tests <= CHANCE and (aspect not in best or chance < best[aspect][0]):
            best[aspect] = chance, PraiseChange(aspect, before, after, since)
    changes = [change for _, change in best.values()]
    return tuple(sorted(changes, key=lambda change: -abs(change.after - change.before))[:MOST_CHANGES])


def _chance_since(values: Vector, times_s: Vector, since: float) -> tuple[float, float, float] | None:
    """Return how likely the change is chance, and the shares before and after; None if too few judge."""
    judging = (values >= PRAISED) | (values <= BLAMED)
    old, new = judging & (times_s < since), judging & (times_s >= since)
    judged = int(np.count_nonzero(old)), int(np.count_nonzero(new))
    if min(judged) < _FEWEST_COMPARED:
        return None
    praise = values >= PRAISED
    praised = int(np.count_nonzero(old & praise)), int(np.count_nonzero(new & praise))
    return chance_of(praised, judged), praised[0] / judged[0], praised[1] / judged[1]


def _fixes(reviews: ReviewTable, told: ReviewBatch, numbers: set[int]) -> tuple[Fix, ...]:
    """Return what costs most: how much higher the mean would be without the reviews that blame an aspect.

    numbers: the aspects that are looked at.
    """
    count = len(told)
    mean = float(told.sentiments.mean())
    found = []
    for number in sorted(numbers):
        blaming = (told.aspects == number) & (told.judged <= BLAMED)
        theirs = np.zeros(count, np.bool_)
        theirs[told.of[blaming]] = True
        blamed = int(np.count_nonzero(theirs))
        if blamed < max(_FEWEST_BLAMING, _LEAST_BLAMED * count) or blamed == count:
            continue
        others = float(told.sentiments[~theirs].mean())
        if others > mean:
            found.append((mean - others, reviews.aspects[number], blamed, _reason(told, theirs), blaming))
    found.sort(key=lambda entry: entry[:2])
    return tuple(
        Fix(name, -cost, blamed, blamed / count, reason, _quotes(reviews, told, blaming, MOST_QUOTES))
        for cost, name, blamed, reason, blaming in found[:MOST_FIXES]
    )


def _reason(told: ReviewBatch, theirs: Mask) -> str:
    """Return why an aspect is worth fixing: who criticises it, and how they and the others judge the whole."""
    blamed, count = int(np.count_nonzero(theirs)), len(told)
    stars = _mean(told.ratings[theirs]), _mean(told.ratings[~theirs])
    judged = (
        f"their mean sentiment is {float(told.sentiments[theirs].mean()):.2f}, that of the others "
        f"{float(told.sentiments[~theirs].mean()):.2f}"
        if stars[0] is None or stars[1] is None
        else f"they give {stars[0]:.1f} stars on average, the others {stars[1]:.1f}"
    )
    return f"{blamed} of {count} reviews ({blamed / count:.0%}) find fault with it; {judged}"
