"""What a review says of each aspect: the clauses that name it, and whether they praise or blame.

A clause is judged by the words of praise and blame in it, turned around where they are denied, by what the model learnt
of its grams, and, the less the clause says by itself, by its sentence and by the review.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.feedback.clauses import Clause, cut, quote
from indexer.feedback.grams import Grams, fold, is_signs, to_grams
from indexer.feedback.lexicon import Lexicon, opinions
from indexer.feedback.vocabulary import grams_of

Vector = NDArray[np.float64]

BATCH = 500
"""Reviews whose grams are held at once."""

_WORDS, _MARGIN, _AROUND, _LEARNT = 2.0, 1.2, 0.8, 0.3
"""What counts of a clause: its words of opinion, its margin; of its sentence: the words, if it has none, and margin."""
_SILENT, _SPEAKING, _USUAL = 0.4, 0.25, -0.8
"""And of its review, if it has no words of opinion and if it has; reviews speak better of things than they mean."""

_PRAISES, _BLAMES, _DENIES = range(3)
# Characters that a denial reaches over: three words, or a few signs.
_REACH, _REACH_OF_SIGNS = 14, 4


@dataclass(frozen=True, slots=True)
class Mention:
    """What one review says of one aspect; sentiment from 0, blame, to 1, praise. quote: "" if none may be shown."""

    aspect: str
    sentiment: float
    quote: str


@dataclass(frozen=True, slots=True)
class Clauses:
    """The clauses of some reviews: (c,) the review, the first clause of its sentence, and what opinions say of each.

    spans: each clause in its review's text.   aspects: (m, 2) clause and number of an aspect, each pair once.
    """

    rows: NDArray[np.int64]
    sentences: NDArray[np.int64]
    opinions: Vector
    spans: list[list[Clause]]
    grams: Grams
    aspects: NDArray[np.int64]


def to_clauses(texts: Sequence[str], lexicon: Lexicon) -> Clauses:
    """Return the clauses of some texts, and the aspects of a lexicon that they name."""
    spans = [cut(text) for text in texts]
    folded = [fold(text[one.start : one.end]) for text, found in zip(texts, spans, strict=True) for one in found]
    rows = np.repeat(np.arange(len(texts)), [len(found) for found in spans]).astype(np.int64)
    numbers = np.array([one.sentence for found in spans for one in found], np.int64)
    sentences = np.unique(rows * 2**32 + numbers, return_inverse=True)[1].astype(np.int64)
    if not folded:
        none = np.zeros((0, 2), np.int64)
        return Clauses(rows, sentences, np.zeros(0), spans, to_grams([""]), none)
    grams = grams_of(folded, whole=True)
    places, names = _longest(grams, *lexicon.find(grams.keys))
    pairs = np.unique(np.stack((grams.rows[places].astype(np.int64), names), axis=1), axis=0)
    reach = np.array([_REACH_OF_SIGNS if is_signs(text) else _REACH for text in folded])
    return Clauses(rows, sentences, _opinions(grams, reach), spans, grams, pairs)


def judge(clauses: Clauses, margins: Vector, whole: Vector) -> Vector:
    """Return the sentiment of each clause.

    margins: (c,) what the model says of each clause.   whole: (n,) the logit of each review.
    """
    words = np.clip(clauses.opinions, -2, 2)
    count = int(clauses.sentences.max(initial=-1)) + 1
    sizes = np.maximum(np.bincount(clauses.sentences, minlength=count), 1)
    around = np.clip(np.bincount(clauses.sentences, clauses.opinions, count), -2, 2)
    learnt = np.bincount(clauses.sentences, margins, count) / sizes
    silent = words == 0
    logits = _WORDS * words + _MARGIN * margins + _LEARNT * learnt[clauses.sentences] + _USUAL
    logits += np.where(silent, _AROUND * around[clauses.sentences], 0)
    logits += np.where(silent, _SILENT, _SPEAKING) * np.clip(whole[clauses.rows], -4, 4)
    return 1 / (1 + np.exp(-logits))


def to_mentions(
    texts: Sequence[str], clauses: Clauses, sentiments: Vector, names: Sequence[str]
) -> list[list[Mention]]:
    """Return the mentions of each review: an aspect once, quoted where its sentiment is clearest."""
    found: list[list[Mention]] = [[] for _ in texts]
    first = np.concatenate(([0], np.cumsum([len(spans) for spans in clauses.spans])))
    by_aspect: dict[tuple[int, int], list[int]] = {}
    for clause, aspect in clauses.aspects.tolist():
        by_aspect.setdefault((int(clauses.rows[clause]), aspect), []).append(clause)
    for (row, aspect), places in by_aspect.items():
        values = sentiments[places]
        clearest = places[int(np.argmax(np.abs(values - 0.5)))]
        shown = quote(texts[row], clauses.spans[row], clearest - int(first[row]))
        found[row].append(Mention(names[aspect], float(values.mean()), shown))
    return found


def _longest(
    grams: Grams, places: NDArray[np.int64], names: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return what is not part of a longer term: "true to size" is not "size"."""
    starts, ends = grams.starts[places], grams.ends[places]
    order = np.lexsort((-ends, starts))
    places, names, starts, ends = places[order], names[order], starts[order], ends[order]
    reach = np.maximum.accumulate(np.concatenate(([-1], ends)))[:-1]
    again = np.zeros(len(places), np.bool_)
    again[1:] = (starts[1:] == starts[:-1]) & (ends[1:] == ends[:-1])
    covered = ends <= reach
    # A term under a second name is covered by itself, which is no reason to leave it out.
    first = np.maximum.accumulate(np.where(again, 0, np.arange(len(places))))
    kept = ~covered[first]
    return places[kept], names[kept]


def _opinions(grams: Grams, reach: NDArray[np.int64]) -> Vector:
    """Return how much oftener each clause praises than blames; what a denial stands before is turned around."""
    places, names = _longest(grams, *opinions().find(grams.keys))
    rows, starts = grams.rows[places], grams.starts[places]
    values = np.where(names == _PRAISES, 1.0, -1.0)
    denials = np.flatnonzero(names == _DENIES)
    said = np.flatnonzero(names != _DENIES)
    if len(denials):
        # Denials ascend as all do, so the last one before a word is found by bisection.
        ends = grams.ends[places[denials]]
        before = np.searchsorted(starts[denials], starts[said]) - 1
        near = before >= 0
        at = np.maximum(before, 0)
        near &= (rows[denials][at] == rows[said]) & (starts[said] - ends[at] <= reach[rows[said]])
        # "Not bad" is some praise, and no more.
        values[said[near]] *= np.where(values[said[near]] > 0, -1.0, -0.5)
    return np.bincount(rows[said], values[said], len(reach)).astype(np.float64)
