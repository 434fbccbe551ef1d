"""Probability that an item is misfiled, calibrated on items whose labels are changed deliberately.

A logistic regression learns to separate items with changed labels from unchanged ones. The catalogue's own errors are
among the unchanged items. Their share is estimated from how many unchanged items score at least the median of the
changed ones, and the more probable an error is, the less the item weighs as a negative example (learning from positive
and unlabelled examples, Elkan and Noto 2008).

A wrong title is evidence against the category too. So if items have pictures, the texts of a sample are replaced by
those of other categories and count as negatives: the model learns to require that picture and text agree.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from engine.errors import InvalidSetting
from engine.scoring.fusion import Matrix
from indexer.misfiled.evidence import CategoryJudges, MisfiledEvidence, collect
from indexer.misfiled.item_features import TEXTS

SHARE = 0.05
"""Share of labels changed in each repetition: enough to learn from, too few to distort the categories."""
MIN_SHARE = 0.02
"""Lower bound of the estimated share of errors in a catalogue; similar categories hide some of them."""

# Initial confidence for items that resemble another category: they hardly count as negatives in the first round.
_INITIAL_CONFIDENCE = 0.9
_TARGET_EXAMPLES = 1_000
_MIN_REPEATS, _MAX_REPEATS = 3, 20
_ROUNDS = 4
_INVERSE_PENALTY = 100.0
_MIN_STD = 1e-9
_SEED = 7


class MisfiledProbability(NamedTuple):
    """Probability that each label is wrong.

    Attributes:
        evidence: Evidence against the catalogue's own labels.
        confidence: (n,) probability that each item is misfiled.
        share: Estimated share of misfiled items.
    """

    evidence: MisfiledEvidence
    confidence: NDArray[np.float64]
    share: float


def misfile(
    labels: NDArray[np.int64], classes: int, share: float, rng: np.random.Generator, even: bool = False
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Change the labels of a random sample of items; return which were changed, (n,), and the new labels, (n,).

    Args:
        labels: (n,) category of each item.
        classes: Number of categories.
        share: Share of the items to change; at least one item is changed.
        rng: Source of randomness.
        even: Draw the new category uniformly. By default the odds of a category are its number of items, so that a
            rare category is not flooded.

    Raises:
        InvalidSetting: There are fewer than two categories.
    """
    if classes < 2:
        raise InvalidSetting(f"expected at least 2 categories, got {classes}")
    chosen = np.zeros(len(labels), np.bool_)
    chosen[rng.choice(len(labels), max(1, round(share * len(labels))), replace=False)] = True
    moved = (labels + rng.integers(1, classes, len(labels))) % classes
    if not even:
        counts = np.bincount(labels, minlength=classes)
        for label in range(classes):
            indices = np.flatnonzero(chosen & (labels == label))
            others = np.where(np.arange(classes) == label, 0, counts)
            moved[indices] = rng.choice(classes, len(indices), p=others / others.sum())
    return chosen, np.where(chosen, moved, labels)


def calibrate(
    blocks: Mapping[str, Matrix],
    labels: NDArray[np.int64],
    classes: int,
    progress: Callable[[str, int, int | None], None],
) -> MisfiledProbability:
    """Return the probability that each label is wrong.

    Cost: two factorizations, and 5 to 22 calls of `collect`, fewer for large catalogues.

    Args:
        blocks: Block name → (n, d_b) rows.
        labels: (n,) category of each item.
        classes: Number of categories.
        progress: Called with the step, the steps done and their total.
    """
    from sklearn.linear_model import LogisticRegression

    judges = CategoryJudges(blocks)
    rng = np.random.default_rng(_SEED)
    repeats = int(np.clip(np.ceil(_TARGET_EXAMPLES / (SHARE * len(labels))), _MIN_REPEATS, _MAX_REPEATS))
    changed_masks, evidence_rows = [], []
    for repeat in range(repeats):
        progress("misfile on purpose", repeat, repeats)
        chosen, moved = misfile(labels, classes, SHARE, rng)
        changed_masks.append(chosen)
        evidence_rows.append(collect(judges, moved, classes).numbers)
    progress("misfile on purpose", repeats, repeats)
    evidence = collect(judges, labels, classes)
    mistitled, with_other_texts = _mistitled(blocks, labels, classes, rng)
    evidence_rows.append(with_other_texts)
    misfiled = np.concatenate([*changed_masks, np.zeros(mistitled, np.bool_)])
    numbers = to_terms(np.vstack(evidence_rows))
    scale = np.maximum(numbers.std(axis=0), _MIN_STD)
    numbers /= scale
    examples = repeats * len(labels)
    # Score unchanged items in the repetitions too: with no labels changed around them they would look better filed
    # than the training examples.
    unchanged = ~misfiled[:examples].reshape(repeats, -1)
    appearances = np.maximum(unchanged.sum(axis=0), 1)
    confidence, share = np.where(evidence.agrees, 0.0, _INITIAL_CONFIDENCE), MIN_SHARE
    for _ in range(_ROUNDS):
        # Assume that wrong titles are as frequent as wrong categories.
        negative_weights = np.concatenate(
            [np.tile(1.0 - confidence, repeats), np.full(mistitled, repeats * share / SHARE)]
        )
        weights = np.where(misfiled, 1.0, negative_weights)
        classifier = LogisticRegression(C=_INVERSE_PENALTY, max_iter=1_000).fit(
            numbers, misfiled, sample_weight=weights
        )
        scores = classifier.decision_function(numbers)
        mean_scores = np.where(unchanged, scores[:examples].reshape(repeats, -1), 0).sum(axis=0) / appearances
        median = np.median(scores[misfiled])
        share = float(np.clip(2 * np.mean(mean_scores >= median), MIN_SHARE, 0.5))
        training_share = weights[misfiled].sum() / weights.sum()
        confidence = np.where(unchanged.any(axis=0), expit(mean_scores - logit(training_share) + logit(share)), 0)
    return MisfiledProbability(evidence, confidence, share)


def _mistitled(
    blocks: Mapping[str, Matrix], labels: NDArray[np.int64], classes: int, rng: np.random.Generator
) -> tuple[int, NDArray[np.float64]]:
    """Return the number of items given another item's text and the evidence against their labels.

    The number is 0 unless there are both texts and pictures.
    """
    texts = [name for name in blocks if name in TEXTS]
    if not texts or len(texts) == len(blocks):
        return 0, np.zeros((0, 3 + (len(blocks) if len(blocks) > 1 else 0)))
    chosen, moved = misfile(labels, classes, SHARE, rng)
    donors = np.arange(len(labels))
    for label in np.unique(moved[chosen]).tolist():
        indices = np.flatnonzero(chosen & (moved == label))
        donors[indices] = rng.choice(np.flatnonzero(labels == label), len(indices))
    changed = {name: rows[donors] if name in texts else rows for name, rows in blocks.items()}
    return int(chosen.sum()), collect(CategoryJudges(changed), labels, classes).numbers[chosen]


def to_terms(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n, 6 + blocks): the numbers of `MisfiledEvidence`, then the squares and the product of the first two.

    Without the squares, an item that resembles no category would score like one that resembles another category.
    """
    own, best = numbers[:, 0], numbers[:, 1]
    return np.column_stack([numbers, own**2, best**2, own * best])
