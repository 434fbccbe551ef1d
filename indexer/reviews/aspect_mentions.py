"""What a review says of each aspect: the clauses that name it, and whether they praise or blame.

An English clause is judged by its opinions near the aspect (`valence`), one of a writing without spaces by the words of
praise and blame in it, turned around where they are denied. Both are judged by what the model learnt of the clause's
grams as well, and, the less the clause says by itself, by its sentence and by the review.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.reviews.clauses import Clause, cut, quote
from indexer.reviews.ngram_vocabulary import grams_of
from indexer.reviews.ngrams import Ngrams, fold, is_chinese_text, to_grams
from indexer.reviews.opinion_lexicon import OpinionLexicon, conditions, opinions
from indexer.reviews.valence import Opinion, of_aspect, read_valence

Vector = NDArray[np.float64]
Names = Callable[[int, str], bool]
"""Whether a term in a review, by its place, may name an aspect: "light" is none where lights are sold."""

BATCH = 500
"""Reviews whose grams are held at once."""


@dataclass(frozen=True, slots=True)
class MentionWeights:
    """What counts of a clause: its opinions and its margin; of its sentence: opinions, if it has none, and margin.

    silent, speaking: of its review, if it has no opinion and if it has.   usual: reviews speak better than they mean.
    """

    words: float
    margin: float
    around: float
    learnt: float
    silent: float
    speaking: float
    usual: float


CHINESE_WEIGHTS = MentionWeights(2.0, 1.2, 0.8, 0.3, 0.4, 0.25, -0.8)
ENGLISH_WEIGHTS = MentionWeights(2.6, 0.5, 0.8, 0.2, 0.2, 0.1, -0.2)

_PRAISES, _BLAMES, _DENIES = range(3)
# Characters that a denial reaches over in a writing without spaces.
_REACH = 4


@dataclass(frozen=True, slots=True)
class Mention:
    """What one review says of one aspect; sentiment from 0, blame, to 1, praise. quote: "" if none may be shown."""

    aspect: str
    sentiment: float
    quote: str


@dataclass(frozen=True, slots=True)
class Clauses:
    """The clauses of some reviews: (c,) the review, the sentence, whether it is in signs, and what its opinions say.

    spans: each clause in its review's text.   aspects: (m, 2) clause and number of an aspect, each pair once.
    valences: (m,) what the opinions of the clause say of the aspect.
    """

    rows: NDArray[np.int64]
    sentences: NDArray[np.int64]
    in_chinese: NDArray[np.bool_]
    opinions: Vector
    spans: list[list[Clause]]
    grams: Ngrams
    aspects: NDArray[np.int64]
    valences: Vector


def to_clauses(texts: Sequence[str], lexicon: OpinionLexicon, names: Names = lambda row, term: True) -> Clauses:
    """Return the clauses of some texts, and the aspects of a lexicon that they name."""
    spans = [cut(text) for text in texts]
    folded = [fold(text[one.start : one.end]) for text, found in zip(texts, spans, strict=True) for one in found]
    rows = np.repeat(np.arange(len(texts)), [len(found) for found in spans]).astype(np.int64)
    numbers = np.array([one.sentence for found in spans for one in found], np.int64)
    sentences = np.unique(rows * 2**32 + numbers, return_inverse=True)[1].astype(np.int64)
    if not folded:
        none = np.zeros((0, 2), np.int64)
        return Clauses(rows, sentences, np.zeros(0, np.bool_), np.zeros(0), spans, to_grams([""]), none, np.zeros(0))
    in_chinese = np.array([is_chinese_text(text) for text in folded], np.bool_)
    grams = grams_of(folded, whole=True)
    said = _score_chinese_opinions(grams, in_chinese)
    read: dict[int, list[Opinion]] = {}
    for clause in np.flatnonzero(~in_chinese).tolist():
        read[clause] = read_valence(folded[clause])
        said[clause] = sum(one.value for one in read[clause])
    offsets = np.concatenate(([0], np.cumsum([len(text) + 1 for text in folded])))
    pairs: dict[tuple[int, int], float] = {}
    for place, name in zip(*_longest(grams, *lexicon.find(grams.keys)), strict=True):
        clause = int(grams.rows[place])
        start, end = int(grams.starts[place] - offsets[clause]), int(grams.ends[place] + 1 - offsets[clause])
        aspect, text = lexicon.names[name], folded[clause]
        if in_chinese[clause]:
            pairs[clause, int(name)] = said[clause]
        elif names(int(rows[clause]), text[start:end]) and _is_meant(aspect, text, start, end):
            valence = of_aspect(read[clause], aspect, start, end)
            # Named twice in a clause, it is what the clearer place says.
            if abs(valence) >= abs(pairs.get((clause, int(name)), 0.0)):
                pairs[clause, int(name)] = valence
    ordered = sorted(pairs)
    return Clauses(
        rows=rows,
        sentences=sentences,
        in_chinese=in_chinese,
        opinions=said,
        spans=spans,
        grams=grams,
        aspects=np.array(ordered, np.int64).reshape(-1, 2),
        valences=np.array([pairs[pair] for pair in ordered], np.float64),
    )


def judge(clauses: Clauses, margins: Vector, whole: Vector) -> Vector:
    """Return the sentiment of each pair of a clause and an aspect, NaN where the clause says nothing of it.

    margins: (c,) what the model says of each clause.   whole: (n,) the logit of each review.
    """
    count = int(clauses.sentences.max(initial=-1)) + 1
    sizes = np.maximum(np.bincount(clauses.sentences, minlength=count), 1)
    around = np.clip(np.bincount(clauses.sentences, clauses.opinions, count), -2, 2)
    learnt = np.bincount(clauses.sentences, margins, count) / sizes
    of = clauses.aspects[:, 0]
    sentences, in_chinese = clauses.sentences[of], clauses.in_chinese[of]
    words = np.clip(clauses.valences, -2, 2)
    silent = words == 0
    logits = np.zeros(len(of))
    for weights, mask in ((CHINESE_WEIGHTS, in_chinese), (ENGLISH_WEIGHTS, ~in_chinese)):
        found = weights.words * words + weights.margin * margins[of] + weights.learnt * learnt[sentences]
        found += np.where(silent, weights.around * around[sentences], 0) + weights.usual
        found += np.where(silent, weights.silent, weights.speaking) * np.clip(whole[clauses.rows[of]], -4, 4)
        logits = np.where(mask, found, logits)
    # "I took the size I always take": named, and nothing said of it.
    return np.where(~in_chinese & silent, np.nan, 1 / (1 + np.exp(-logits)))


def to_mentions(
    texts: Sequence[str], clauses: Clauses, sentiments: Vector, names: Sequence[str]
) -> list[list[Mention]]:
    """Return the mentions of each review: an aspect once, quoted where its sentiment is clearest.

    sentiments: (m,) of each pair of a clause and an aspect; one of NaN is no mention.
    """
    found: list[list[Mention]] = [[] for _ in texts]
    first = np.concatenate(([0], np.cumsum([len(spans) for spans in clauses.spans])))
    by_aspect: dict[tuple[int, int], list[int]] = {}
    for pair in np.flatnonzero(np.isfinite(sentiments)).tolist():
        clause, aspect = clauses.aspects[pair].tolist()
        by_aspect.setdefault((int(clauses.rows[clause]), aspect), []).append(pair)
    for (row, aspect), pairs in by_aspect.items():
        values = sentiments[pairs]
        mean = float(values.mean())
        # The quote has to say what the mean says.
        sides = values if mean >= 0.5 else 1 - values
        clearest = int(clauses.aspects[pairs[int(np.argmax(sides))], 0])
        shown = quote(texts[row], clauses.spans[row], clearest - int(first[row]))
        found[row].append(Mention(names[aspect], mean, shown))
    return found


def _is_meant(aspect: str, folded: str, start: int, end: int) -> bool:
    """Return whether a clause meets what a term of many meanings asks of it."""
    condition = conditions().get((aspect, folded[start:end]))
    return condition is None or condition.search(folded) is not None


def _longest(
    grams: Ngrams, places: NDArray[np.int64], names: NDArray[np.int64]
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


def _score_chinese_opinions(grams: Ngrams, in_chinese: NDArray[np.bool_]) -> Vector:
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
        near &= (rows[denials][at] == rows[said]) & (starts[said] - ends[at] <= _REACH)
        # "Not bad" is some praise, and no more.
        values[said[near]] *= np.where(values[said[near]] > 0, -1.0, -0.5)
    return np.where(in_chinese, np.bincount(rows[said], values[said], len(in_chinese)), 0.0)
