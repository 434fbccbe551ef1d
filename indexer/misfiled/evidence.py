"""Evidence that an item belongs to another category, as features comparable across categories.

Each score is divided by the mean score of the category's own items (the thresholds of confident learning, Northcutt
2021), because a rare category scores low for all of its items. Categories whose items look alike, such as tops and
t-shirts, are confused even when nothing is misfiled, so the degree of confusion is a feature of its own. Each block
is also scored alone: if the picture matches the category and the title does not, the title may be what is wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.scoring.fusion import Matrix
from indexer.misfiled.category_classifier import LeaveOneOut, one_hot

# Below this mean score a category has not been learnt, and dividing by a near-zero mean would flag every item.
_MIN_MEAN_SCORE = 0.2
_SMOOTHING = 0.01


class CategoryJudges:
    """A classifier on all blocks together and, if there are several, one on each block alone."""

    def __init__(self, blocks: Mapping[str, Matrix]) -> None:
        """Factorize each classifier. `blocks` maps block names to (n, d_b) rows."""
        self.joint = LeaveOneOut(np.hstack(list(blocks.values())))
        self.alone = [LeaveOneOut(rows) for rows in blocks.values()] if len(blocks) > 1 else []


@dataclass(frozen=True, slots=True)
class MisfiledEvidence:
    """Evidence against each item's label.

    Attributes:
        best: (n,) the highest-scoring category other than the label.
        numbers: (n, 3 + blocks) the score of the label and of `best`, each divided by the category's mean score; the
            logarithm of the share of their scores that items of either category give to the other, whichever is
            larger; and, for each block alone, the score of the label minus that of `best`. Without the last group if
            there is only one block.
    """

    best: NDArray[np.int64]
    numbers: NDArray[np.float64]

    @property
    def agrees(self) -> NDArray[np.bool_]:
        """Whether the label has the highest score, (n,)."""
        agrees: NDArray[np.bool_] = self.numbers[:, 0] >= self.numbers[:, 1]
        return agrees


def collect(judges: CategoryJudges, labels: NDArray[np.int64], classes: int) -> MisfiledEvidence:
    """Return the evidence against each of the (n,) labels.

    Cost: twice that of `LeaveOneOut.scores`; classes^2 numbers of memory.
    """
    mean_scores = _mean_own_scores(judges.joint, labels, classes)
    counts = np.maximum(np.bincount(labels, minlength=classes), 1)
    best = np.empty(len(labels), np.int64)
    own, likeliest, share = (np.empty(len(labels)) for _ in range(3))
    confusion_counts = np.zeros((classes, classes))
    for rows, scores in judges.joint.scores(labels, classes):
        scores /= mean_scores
        index = np.arange(len(scores))
        shares = np.clip(scores, 0, None)
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), _MIN_MEAN_SCORE)
        confusion_counts += one_hot(labels[rows], classes).T @ shares
        own[rows] = scores[index, labels[rows]]
        scores[index, labels[rows]] = -np.inf
        best[rows] = scores.argmax(axis=1)
        likeliest[rows] = scores[index, best[rows]]
        share[rows] = shares[index, best[rows]]
    # Exclude the item itself from the confusion of its category.
    forwards = (confusion_counts[labels, best] - share) / np.maximum(counts[labels] - 1, 1)
    backwards = confusion_counts[best, labels] / counts[best]
    confusion = np.log(np.maximum(np.maximum(forwards, backwards), 0) + _SMOOTHING)
    margins = [_score_margin(model, labels, best, classes) for model in judges.alone]
    return MisfiledEvidence(best, np.column_stack([own, likeliest, confusion, *margins]))


def _score_margin(
    model: LeaveOneOut, labels: NDArray[np.int64], others: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    """Return (n,) the label's score minus the other's, each divided by the mean score of its category."""
    mean_scores = _mean_own_scores(model, labels, classes)
    margins = np.empty(len(labels))
    for rows, scores in model.scores(labels, classes):
        scores /= mean_scores
        index = np.arange(len(scores))
        margins[rows] = scores[index, labels[rows]] - scores[index, others[rows]]
    return margins


def _mean_own_scores(model: LeaveOneOut, labels: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """Return (classes,) the mean score that each category's own items give it."""
    own = np.concatenate(
        [scores[np.arange(len(scores)), labels[rows]] for rows, scores in model.scores(labels, classes)]
    )
    counts = np.maximum(np.bincount(labels, minlength=classes), 1)
    return np.maximum(np.bincount(labels, own, minlength=classes) / counts, _MIN_MEAN_SCORE)
