"""How an expert is learnt: both members on all folds but one in turn, then joined by what they said of the held one.

A category gets weights of its own where the reviews themselves name it, and enough of them do. Reviews of the same
thing stay in one fold, so that nothing is judged by who has seen it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from engine.errors import InvalidCatalogue
from indexer.reviews.ngram_vocabulary import NgramVocabulary, common, grams_of
from indexer.reviews.review_features import (
    BINS,
    GROUPS,
    Vector,
    bins_of,
    codes_of,
    count_grams,
    evidence_of,
    frequencies,
    lengths_of,
    normalised,
    titled,
)
from indexer.reviews.sentiment_model import MEMBERS, SentimentModel

Step = Callable[[str], None]

FOLDS = 5
MOST_GRAMS = 1_000_000
CATEGORIES = 40
"""So many categories get weights of their own."""
CATEGORY_REVIEWS = 150
"""So many reviews a category needs for that."""

_RATIO_FLOOR = 0.5
_CATEGORY_BIAS = 1.0
_SEED = 7


class SentimentTraining(NamedTuple):
    """How a writing is learnt.

    costs: of each member, how much a review on the wrong side costs.
    families: the group of each family of grams; in a row the grams of every group together have length 1.
    """

    costs: tuple[float, float]
    families: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class TrainingReviews:
    """Reviews of one writing to learn from: folded texts and titles, categories, and (n,) of each further array.

    verdicts: from 0 to 1.
    groups: reviews of the same thing, which are never on both sides of a split.
    """

    recipe: SentimentTraining
    texts: Sequence[str]
    titles: Sequence[str]
    categories: Sequence[str]
    verdicts: Vector
    groups: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TrainedSentiment:
    """An expert, and the sentiment that experts like it gave each review of the sample without having seen it.

    folds: (n,) which of those experts judged each: the one that learnt from all other folds.
    """

    expert: SentimentModel
    unseen: Vector
    folds: NDArray[np.int64]


def learn(sample: TrainingReviews, step: Step) -> TrainedSentiment:
    """Return the expert of a sample. Cost: six fits; seconds for ten thousand reviews.

    step: is told of each fit that is done.   Raises InvalidCatalogue without two reviews of praise and two of blame.
    """
    folds = _folds(sample)
    keys, families = common(grams_of(sample.texts), 2, MOST_GRAMS)
    if any(sample.titles):
        of_titles, theirs = common(grams_of(sample.titles), 2, MOST_GRAMS)
        keys, first = np.unique(np.concatenate((keys, titled(of_titles))), return_index=True)
        families = np.concatenate((families, theirs + np.int8(GROUPS)))[first]
    families = np.array([*sample.recipe.families, *(GROUPS + one for one in sample.recipe.families)], np.int8)[families]
    vocabulary = NgramVocabulary(keys)
    counts = count_grams(vocabulary, sample.texts, sample.titles)
    several = Counter(sample.categories)
    categories = (
        tuple(name for name, count in several.most_common(CATEGORIES) if name and count >= CATEGORY_REVIEWS)
        if len(several) > 1
        else ()
    )
    codes = codes_of(sample.categories, categories)
    lengths = lengths_of(sample.texts)
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, BINS + 1)[1:-1])).astype(np.float32)
    margins = np.zeros((len(codes), MEMBERS))
    for fold in range(int(folds.max()) + 1):
        held = np.flatnonzero(folds == fold)
        fitted = _fit(sample, counts, codes, np.flatnonzero(folds != fold), categories, vocabulary, families)
        margins[held] = fitted.margins(counts[held], codes[held])
        step("learn sentiment")
    whole = _fit(sample, counts, codes, np.arange(len(codes)), categories, vocabulary, families)
    step("learn sentiment")
    spreads = np.maximum(margins.std(axis=0), 1e-6)
    margins = margins / spreads
    bins = bins_of(lengths, edges)
    evidence = evidence_of(margins, bins, codes, len(categories))
    rows, sides, weights = _sides(sample.verdicts)
    unseen = np.zeros(len(codes))
    # The joint model is judged without having seen a review either.
    for fold in range(int(folds.max()) + 1):
        others = folds[rows] != fold
        joint = _join(evidence[rows[others]], sides[others], weights[others])
        held = folds == fold
        unseen[held] = joint.predict_proba(evidence[held])[:, 1]
    joint = _join(evidence[rows], sides, weights)
    expert = SentimentModel(
        vocabulary=vocabulary,
        categories=categories,
        families=families,
        scales=whole.scales,
        weights=whole.weights,
        biases=whole.biases,
        edges=edges,
        spreads=spreads.astype(np.float32),
        joint=joint.coef_[0].astype(np.float32),
        bias=float(joint.intercept_[0]),
    )
    return TrainedSentiment(expert, unseen, folds)


def _sides(verdicts: Vector) -> tuple[NDArray[np.int64], NDArray[np.int64], Vector]:
    """Return the rows that are not torn, whether each is praise, and how much it weighs: both sides weigh the same.

    What is torn would count as blame too, and where praise is usual there is more of it than of blame.
    """
    rows = np.flatnonzero((verdicts < 0.4) | (verdicts > 0.6))
    sides = (verdicts[rows] > 0.5).astype(np.int64)
    weights = np.where(np.abs(verdicts[rows] - 0.5) > 0.4, 1.0, 0.8)
    for side in (0, 1):
        weights[sides == side] *= len(rows) / 2 / max(weights[sides == side].sum(), 1e-12)
    return rows, sides, weights


def _folds(sample: TrainingReviews) -> NDArray[np.int64]:
    """Return the fold of each review: a group stays together, and every fold has its share of praise and blame.

    If one group has all praise or all blame, each review is a group of its own: else nothing else could be learnt from.
    """
    single = np.arange(len(sample.verdicts))
    for groups in (sample.groups, single):
        folds = _spread_evenly(groups, sample.verdicts)
        if all(_has_both(sample.verdicts[folds != fold]) for fold in range(int(folds.max()) + 1)):
            return folds
    praised, blamed = (int(np.count_nonzero(side)) for side in (sample.verdicts > 0.6, sample.verdicts < 0.4))
    raise InvalidCatalogue(f"expected two reviews of praise and two of blame, got {praised} and {blamed}")


def _spread_evenly(groups: NDArray[np.int64], verdicts: Vector) -> NDArray[np.int64]:
    groups, of = np.unique(groups, return_inverse=True)
    means = np.bincount(of, verdicts) / np.bincount(of)
    order = np.lexsort((np.random.default_rng(_SEED).random(len(groups)), means > 0.5))
    folds = np.zeros(len(groups), np.int64)
    folds[order] = np.arange(len(groups)) % min(FOLDS, len(groups))
    return folds[of]


def _has_both(verdicts: Vector) -> bool:
    """Return whether there is something to tell apart."""
    return len(set(_sides(verdicts)[1].tolist())) == 2


def _fit(
    sample: TrainingReviews,
    counts: sp.csr_matrix,
    codes: NDArray[np.int64],
    among: NDArray[np.int64],
    categories: tuple[str, ...],
    vocabulary: NgramVocabulary,
    families: NDArray[np.int8],
) -> SentimentModel:
    """Return an expert of some rows, not joined yet; grams of fewer than two of them weigh nothing."""
    seen = counts[among]
    rows, sides, weights = _sides(sample.verdicts[among])
    often = np.bincount(seen.indices, minlength=seen.shape[1])
    kept = often >= 2
    ratios = _ratios(seen, rows, sides, weights)
    idf = np.log((1 + seen.shape[0]) / (1 + often)) + 1
    scales = np.stack((np.sign(ratios) * (np.abs(ratios) + _RATIO_FLOOR), idf)) * kept
    learnt = np.zeros((MEMBERS, 1 + len(categories), len(vocabulary)), np.float32)
    biases = np.zeros((MEMBERS, 1 + len(categories)), np.float32)
    for member in range(MEMBERS):
        features = seen.copy()
        features.data = frequencies(features.data, member) * scales[member][features.indices]
        features.eliminate_zeros()
        of = np.repeat(np.arange(features.shape[0]), np.diff(features.indptr))
        features.data = normalised(features, of, features.data, families)
        spread = _spread(features, codes[among], len(categories))
        model = LinearSVC(C=sample.recipe.costs[member], dual=True, random_state=_SEED)
        model.fit(spread[rows], sides, sample_weight=weights)
        size = len(vocabulary) * (1 + len(categories))
        learnt[member] = model.coef_[0][:size].reshape(1 + len(categories), len(vocabulary))
        biases[member, 0] = model.intercept_[0]
        biases[member, 1:] = model.coef_[0][size:] * _CATEGORY_BIAS
    empty = np.zeros(0, np.float32)
    ones = np.ones(MEMBERS, np.float32)
    return SentimentModel(
        vocabulary, categories, families, scales.astype(np.float32), learnt, biases, empty, ones, empty, 0.0
    )


def _ratios(counts: sp.csr_matrix, rows: NDArray[np.int64], sides: NDArray[np.int64], weights: Vector) -> Vector:
    """Return the logarithm of how much oftener each gram stands in praise than in blame, one more of each assumed."""
    there = counts.copy()
    there.data[:] = 1
    shares = []
    for side in (1, 0):
        weight = np.bincount(rows[sides == side], weights[sides == side], counts.shape[0])
        shares.append(there.T @ weight + 1)
    ratios: Vector = np.log(shares[0] / shares[0].sum()) - np.log(shares[1] / shares[1].sum())
    return ratios


def _spread(features: sp.csr_matrix, codes: NDArray[np.int64], count: int) -> sp.csr_matrix:
    """Return the features, and beside them those of each category where a row is of it, and its constant."""
    if not count:
        return sp.csr_matrix(features)
    # One copy of each row, shifted to its category: stacking a matrix for each would copy zeros forty times.
    own = sp.csr_matrix(features[np.flatnonzero(codes)])
    of = codes[codes > 0]
    width = features.shape[1]
    shift = np.repeat((of - 1) * width, np.diff(own.indptr))
    indptr = np.zeros(len(codes) + 1, np.int64)
    sizes = np.zeros(len(codes), np.int64)
    sizes[codes > 0] = np.diff(own.indptr)
    np.cumsum(sizes, out=indptr[1:])
    shifted = sp.csr_matrix((own.data, own.indices + shift, indptr), shape=(len(codes), width * count))
    constants = sp.csr_matrix(
        (np.full(len(of), _CATEGORY_BIAS), (np.flatnonzero(codes), of - 1)), shape=(len(codes), count)
    )
    return sp.csr_matrix(sp.hstack((features, shifted, constants)))


def _join(evidence: Vector, sides: NDArray[np.int64], weights: Vector) -> LogisticRegression:
    return LogisticRegression(C=1.0, max_iter=1000).fit(evidence, sides, sample_weight=weights)
