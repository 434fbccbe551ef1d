"""Evidence that an item belongs to another category, in numbers comparable across categories.

A score is divided by the usual score of a category's own items (the thresholds of confident learning, Northcutt 2021),
since a rare category scores low for all of them. And two categories whose items look alike, such as tops and t-shirts,
are confused without any being misfiled: how much they are is a number of its own. Each block is asked alone as well:
where the picture looks like what an item is filed under, and the title does not, the title may be what is wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.scoring.fusion import Matrix
from indexer.misfiled.category_classifier import LeaveOneOut, one_hot

# A category whose own items score less than that is not learnt, and dividing by nearly nothing accuses anything.
_LEAST_USUAL = 0.2
_SMOOTHING = 0.01


class CategoryJudges:
    """A regression on all blocks together, and one on each alone where there are several."""

    def __init__(self, blocks: Mapping[str, Matrix]) -> None:
        """Factorize each. blocks: name → (n, d_b)."""
        self.joint = LeaveOneOut(np.hstack(list(blocks.values())))
        self.alone = [LeaveOneOut(rows) for rows in blocks.values()] if len(blocks) > 1 else []


@dataclass(frozen=True, slots=True)
class MisfiledEvidence:
    """best: (n,) the likeliest category but the one filed under.   numbers: (n, 3 + blocks), as follows.

    The score of the category filed under and of `best`, both as a share of what is usual there; the logarithm of the
    share of the scores that items of one of the two usually give to the other, whichever is more; and by how much the
    former score is above the latter in each block alone.
    """

    best: NDArray[np.int64]
    numbers: NDArray[np.float64]

    @property
    def agrees(self) -> NDArray[np.bool_]:
        """(n,) whether an item looks most like what it is filed under."""
        agrees: NDArray[np.bool_] = self.numbers[:, 0] >= self.numbers[:, 1]
        return agrees


def collect(judges: CategoryJudges, labels: NDArray[np.int64], classes: int) -> MisfiledEvidence:
    """Return the evidence against each label. labels: (n,). Cost: that of all `scores`, twice; classes^2 numbers."""
    usual = _usual(judges.joint, labels, classes)
    counts = np.maximum(np.bincount(labels, minlength=classes), 1)
    best = np.empty(len(labels), np.int64)
    own, likeliest, share = (np.empty(len(labels)) for _ in range(3))
    confused = np.zeros((classes, classes))
    for rows, scores in judges.joint.scores(labels, classes):
        scores /= usual
        places = np.arange(len(scores))
        shares = np.clip(scores, 0, None)
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), _LEAST_USUAL)
        confused += one_hot(labels[rows], classes).T @ shares
        own[rows] = scores[places, labels[rows]]
        scores[places, labels[rows]] = -np.inf
        best[rows] = scores.argmax(axis=1)
        likeliest[rows] = scores[places, best[rows]]
        share[rows] = shares[places, best[rows]]
    # The item itself is no evidence that its category is confused with the other.
    towards = (confused[labels, best] - share) / np.maximum(counts[labels] - 1, 1)
    back = confused[best, labels] / counts[best]
    confusion = np.log(np.maximum(np.maximum(towards, back), 0) + _SMOOTHING)
    leads = [_lead(model, labels, best, classes) for model in judges.alone]
    return MisfiledEvidence(best, np.column_stack([own, likeliest, confusion, *leads]))


def _lead(
    model: LeaveOneOut, labels: NDArray[np.int64], others: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    """Return (n,) how far the label's score is above the other's, both as a share of what is usual there."""
    usual = _usual(model, labels, classes)
    leads = np.empty(len(labels))
    for rows, scores in model.scores(labels, classes):
        scores /= usual
        places = np.arange(len(scores))
        leads[rows] = scores[places, labels[rows]] - scores[places, others[rows]]
    return leads


def _usual(model: LeaveOneOut, labels: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """Return (classes,) the mean score of a category's items for it."""
    own = np.concatenate(
        [scores[np.arange(len(scores)), labels[rows]] for rows, scores in model.scores(labels, classes)]
    )
    counts = np.maximum(np.bincount(labels, minlength=classes), 1)
    return np.maximum(np.bincount(labels, own, minlength=classes) / counts, _LEAST_USUAL)
