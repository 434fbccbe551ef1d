"""Train a sentiment expert: fit both members on all folds but one in turn, then calibrate on their out-of-fold margins.

A category gets weights of its own where enough reviews name it. Reviews of the same item stay in one fold, so that no
review is scored by a model that has seen its item.
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
MAX_GRAMS = 1_000_000
MAX_CATEGORIES = 40
"""Maximum number of categories with weights of their own."""
MIN_CATEGORY_REVIEWS = 150
"""Minimum number of reviews for a category to get weights of its own."""

_RATIO_FLOOR = 0.5
_CATEGORY_BIAS = 1.0
_SEED = 7


class SentimentTraining(NamedTuple):
    """Training settings of a script.

    Attributes:
        costs: Misclassification cost C of each member.
        families: Group of each family of n-grams; within a row, the n-grams of each group are scaled to length 1.
    """

    costs: tuple[float, float]
    families: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class TrainingReviews:
    """Training reviews in one script; all sequences have length n.

    Attributes:
        texts: Folded texts.
        titles: Folded titles.
        verdicts: (n,) from 0 to 1.
        groups: (n,) group of each review; a group is never on both sides of a split.
    """

    recipe: SentimentTraining
    texts: Sequence[str]
    titles: Sequence[str]
    categories: Sequence[str]
    verdicts: Vector
    groups: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TrainedSentiment:
    """An expert and its out-of-fold predictions.

    Attributes:
        unseen: (n,) out-of-fold sentiment of each training review.
        folds: (n,) fold of each review; its sentiment comes from models fitted on the other folds.
    """

    expert: SentimentModel
    unseen: Vector
    folds: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Dataset:
    """A sample and its features: counts is (n, v), codes (n,), families (v,)."""

    sample: TrainingReviews
    vocabulary: NgramVocabulary
    families: NDArray[np.int8]
    categories: tuple[str, ...]
    counts: sp.csr_matrix
    codes: NDArray[np.int64]


def learn(sample: TrainingReviews, step: Step) -> TrainedSentiment:
    """Train the expert of a sample. Cost: six fits; seconds for ten thousand reviews.

    Args:
        step: Called after each fit.

    Raises:
        InvalidCatalogue: The sample has fewer than two positive or two negative reviews.
    """
    folds = _assign_folds(sample)
    dataset = _to_dataset(sample)
    codes, categories = dataset.codes, dataset.categories
    lengths = lengths_of(sample.texts)
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, BINS + 1)[1:-1])).astype(np.float32)
    margins = _cross_validate(dataset, folds, step)
    base = _fit(dataset, np.arange(len(codes)))
    step("learn sentiment")
    spreads = np.maximum(margins.std(axis=0), 1e-6)
    evidence = evidence_of(margins / spreads, bins_of(lengths, edges), codes, len(categories))
    unseen, joint = _calibrate(evidence, sample.verdicts, folds)
    expert = SentimentModel(
        vocabulary=dataset.vocabulary,
        categories=categories,
        families=dataset.families,
        scales=base.scales,
        weights=base.weights,
        biases=base.biases,
        edges=edges,
        spreads=spreads.astype(np.float32),
        joint=joint.coef_[0].astype(np.float32),
        bias=float(joint.intercept_[0]),
    )
    return TrainedSentiment(expert, unseen, folds)


def _to_dataset(sample: TrainingReviews) -> _Dataset:
    keys, families = common(grams_of(sample.texts), 2, MAX_GRAMS)
    if any(sample.titles):
        title_keys, title_families = common(grams_of(sample.titles), 2, MAX_GRAMS)
        keys, first = np.unique(np.concatenate((keys, titled(title_keys))), return_index=True)
        families = np.concatenate((families, title_families + np.int8(GROUPS)))[first]
    groups = sample.recipe.families
    families = np.array([*groups, *(GROUPS + group for group in groups)], np.int8)[families]
    vocabulary = NgramVocabulary(keys)
    counts = count_grams(vocabulary, sample.texts, sample.titles)
    categories = _choose_categories(sample.categories)
    return _Dataset(sample, vocabulary, families, categories, counts, codes_of(sample.categories, categories))


def _choose_categories(names: Sequence[str]) -> tuple[str, ...]:
    """Return the categories that get weights of their own, the largest first; none if all reviews share one."""
    counts = Counter(names)
    if len(counts) < 2:
        return ()
    largest = counts.most_common(MAX_CATEGORIES)
    return tuple(name for name, count in largest if name and count >= MIN_CATEGORY_REVIEWS)


def _cross_validate(dataset: _Dataset, folds: NDArray[np.int64], step: Step) -> Vector:
    """Return (n, 2) the out-of-fold margins of each member."""
    margins = np.zeros((len(folds), MEMBERS))
    for fold in range(int(folds.max()) + 1):
        held = np.flatnonzero(folds == fold)
        fitted = _fit(dataset, np.flatnonzero(folds != fold))
        margins[held] = fitted.margins(dataset.counts[held], dataset.codes[held])
        step("learn sentiment")
    return margins


def _calibrate(evidence: Vector, verdicts: Vector, folds: NDArray[np.int64]) -> tuple[Vector, LogisticRegression]:
    """Return the out-of-fold sentiment of each review, and the joint model of all of them."""
    rows, sides, weights = _to_sides(verdicts)
    unseen = np.zeros(len(folds))
    # The joint model must not see the reviews that it is evaluated on either.
    for fold in range(int(folds.max()) + 1):
        others = folds[rows] != fold
        joint = _fit_joint(evidence[rows[others]], sides[others], weights[others])
        held = folds == fold
        unseen[held] = joint.predict_proba(evidence[held])[:, 1]
    return unseen, _fit_joint(evidence[rows], sides, weights)


def _to_sides(verdicts: Vector) -> tuple[NDArray[np.int64], NDArray[np.int64], Vector]:
    """Return the rows that are not neutral, whether each is positive, and its weight; both sides weigh the same.

    Neutral reviews would count as negative, and where most reviews are positive they outnumber the negative ones.
    """
    rows = np.flatnonzero((verdicts < 0.4) | (verdicts > 0.6))
    sides = (verdicts[rows] > 0.5).astype(np.int64)
    weights = np.where(np.abs(verdicts[rows] - 0.5) > 0.4, 1.0, 0.8)
    for side in (0, 1):
        weights[sides == side] *= len(rows) / 2 / max(weights[sides == side].sum(), 1e-12)
    return rows, sides, weights


def _assign_folds(sample: TrainingReviews) -> NDArray[np.int64]:
    """Return the fold of each review: groups stay together, and every fold gets its share of both sides.

    If one group holds all positive or all negative reviews, each review becomes a group of its own, because the other
    folds would have only one side to learn from.
    """
    single = np.arange(len(sample.verdicts))
    for groups in (sample.groups, single):
        folds = _spread_evenly(groups, sample.verdicts)
        if all(_has_both(sample.verdicts[folds != fold]) for fold in range(int(folds.max()) + 1)):
            return folds
    praised, blamed = (int(np.count_nonzero(side)) for side in (sample.verdicts > 0.6, sample.verdicts < 0.4))
    raise InvalidCatalogue(f"expected two reviews of praise and two of blame, got {praised} and {blamed}")


def _spread_evenly(groups: NDArray[np.int64], verdicts: Vector) -> NDArray[np.int64]:
    groups, inverse = np.unique(groups, return_inverse=True)
    means = np.bincount(inverse, verdicts) / np.bincount(inverse)
    order = np.lexsort((np.random.default_rng(_SEED).random(len(groups)), means > 0.5))
    folds = np.zeros(len(groups), np.int64)
    folds[order] = np.arange(len(groups)) % min(FOLDS, len(groups))
    return folds[inverse]


def _has_both(verdicts: Vector) -> bool:
    """Return whether both sides are present."""
    return len(set(_to_sides(verdicts)[1].tolist())) == 2


def _fit(dataset: _Dataset, training_rows: NDArray[np.int64]) -> SentimentModel:
    """Fit both members on the given rows, without a joint model; n-grams in fewer than two of them get no weight."""
    categories, vocabulary, families = dataset.categories, dataset.vocabulary, dataset.families
    recipe, codes = dataset.sample.recipe, dataset.codes[training_rows]
    counts = dataset.counts[training_rows]
    rows, sides, weights = _to_sides(dataset.sample.verdicts[training_rows])
    document_counts = np.bincount(counts.indices, minlength=counts.shape[1])
    ratios = _log_count_ratios(counts, rows, sides, weights)
    idf = np.log((1 + counts.shape[0]) / (1 + document_counts)) + 1
    scales = np.stack((np.sign(ratios) * (np.abs(ratios) + _RATIO_FLOOR), idf)) * (document_counts >= 2)
    coefficients = np.zeros((MEMBERS, 1 + len(categories), len(vocabulary)), np.float32)
    biases = np.zeros((MEMBERS, 1 + len(categories)), np.float32)
    size = len(vocabulary) * (1 + len(categories))
    for member in range(MEMBERS):
        features = _with_category_features(
            _to_features(counts, member, scales[member], families), codes, len(categories)
        )
        model = LinearSVC(C=recipe.costs[member], dual=True, random_state=_SEED)
        model.fit(features[rows], sides, sample_weight=weights)
        coefficients[member] = model.coef_[0][:size].reshape(1 + len(categories), len(vocabulary))
        biases[member, 0] = model.intercept_[0]
        biases[member, 1:] = model.coef_[0][size:] * _CATEGORY_BIAS
    empty = np.zeros(0, np.float32)
    ones = np.ones(MEMBERS, np.float32)
    return SentimentModel(
        vocabulary, categories, families, scales.astype(np.float32), coefficients, biases, empty, ones, empty, 0.0
    )


def _to_features(counts: sp.csr_matrix, member: int, scales: Vector, families: NDArray[np.int8]) -> sp.csr_matrix:
    features = counts.copy()
    features.data = frequencies(features.data, member) * scales[features.indices]
    features.eliminate_zeros()
    rows = np.repeat(np.arange(features.shape[0]), np.diff(features.indptr))
    features.data = normalised(features, rows, features.data, families)
    return features


def _log_count_ratios(
    counts: sp.csr_matrix, rows: NDArray[np.int64], sides: NDArray[np.int64], weights: Vector
) -> Vector:
    """Return the log-count ratio of each n-gram between positive and negative reviews, add-one smoothed."""
    present = counts.copy()
    present.data[:] = 1
    shares = []
    for side in (1, 0):
        weight = np.bincount(rows[sides == side], weights[sides == side], counts.shape[0])
        shares.append(present.T @ weight + 1)
    ratios: Vector = np.log(shares[0] / shares[0].sum()) - np.log(shares[1] / shares[1].sum())
    return ratios


def _with_category_features(features: sp.csr_matrix, codes: NDArray[np.int64], count: int) -> sp.csr_matrix:
    """Return the features with a copy of them and a constant for each category, zero outside its rows."""
    if not count:
        return sp.csr_matrix(features)
    # One copy own_codes each row, shifted to its category: stacking a matrix for each would copy zeros forty times.
    own = sp.csr_matrix(features[np.flatnonzero(codes)])
    own_codes = codes[codes > 0]
    width = features.shape[1]
    shift = np.repeat((own_codes - 1) * width, np.diff(own.indptr))
    indptr = np.zeros(len(codes) + 1, np.int64)
    sizes = np.zeros(len(codes), np.int64)
    sizes[codes > 0] = np.diff(own.indptr)
    np.cumsum(sizes, out=indptr[1:])
    shifted = sp.csr_matrix((own.data, own.indices + shift, indptr), shape=(len(codes), width * count))
    constants = sp.csr_matrix(
        (np.full(len(own_codes), _CATEGORY_BIAS), (np.flatnonzero(codes), own_codes - 1)), shape=(len(codes), count)
    )
    return sp.csr_matrix(sp.hstack((features, shifted, constants)))


def _fit_joint(evidence: Vector, sides: NDArray[np.int64], weights: Vector) -> LogisticRegression:
    return LogisticRegression(C=1.0, max_iter=1000).fit(evidence, sides, sample_weight=weights)
