"""What speaks for another category than the one an item is filed under, in numbers that mean the same in each category.

A score is divided by the usual score of a category's own items (the thresholds of confident learning, Northcutt 2021),
since a rare category scores low for all of them. And two categories whose items look alike, such as tops and t-shirts,
are confused without any being misfiled: how much they are is a number of its own.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.filing.classifier import LeaveOneOut, one_hot

# A category whose own items score less than that is not learnt, and dividing by nearly nothing accuses anything.
_LEAST_USUAL = 0.2
_SMOOTHING = 0.01


@dataclass(frozen=True, slots=True)
class Evidence:
    """best: (n,) the likeliest category but the one filed under.   numbers: (n, 3), as follows.

    The score of the category filed under and of `best`, both as a share of what is usual there; and the logarithm of
    the share of the scores that items of one of the two usually give to the other, whichever is more.
    """

    best: NDArray[np.int64]
    numbers: NDArray[np.float64]

    @property
    def agrees(self) -> NDArray[np.bool_]:
        """(n,) whether an item looks most like what it is filed under."""
        agrees: NDArray[np.bool_] = self.numbers[:, 0] >= self.numbers[:, 1]
        return agrees


def collect(model: LeaveOneOut, labels: NDArray[np.int64], classes: int) -> Evidence:
    """Return what speaks against each label. labels: (n,). Cost: that of `scores`, twice; classes^2 numbers."""
    counts = np.maximum(np.bincount(labels, minlength=classes), 1)
    own = np.concatenate(
        [scores[np.arange(len(scores)), labels[rows]] for rows, scores in model.scores(labels, classes)]
    )
    usual = np.maximum(np.bincount(labels, own, minlength=classes) / counts, _LEAST_USUAL)
    best = np.empty(len(labels), np.int64)
    likeliest, share = np.empty(len(labels)), np.empty(len(labels))
    confused = np.zeros((classes, classes))
    for rows, scores in model.scores(labels, classes):
        scores /= usual
        places = np.arange(len(scores))
        shares = np.clip(scores, 0, None)
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), _LEAST_USUAL)
        confused += one_hot(labels[rows], classes).T @ shares
        scores[places, labels[rows]] = -np.inf
        best[rows] = scores.argmax(axis=1)
        likeliest[rows] = scores[places, best[rows]]
        share[rows] = shares[places, best[rows]]
    # The item itself is no evidence that its category is confused with the other.
    towards = (confused[labels, best] - share) / np.maximum(counts[labels] - 1, 1)
    back = confused[best, labels] / counts[best]
    confusion = np.log(np.maximum(np.maximum(towards, back), 0) + _SMOOTHING)
    return Evidence(best, np.column_stack([own / usual[labels], likeliest, confusion]))
