"""How well similarities find the item that a probe came from, and the weights that find it best.

The weights are those of a conditional logit (McFadden 1974): "which of all items is it?", with the standardised
similarities as features and no weight below 0.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float32]

RIDGE = 0.01
"""Keeps the weights finite where one block always finds the item."""
CHANCE_ERRORS = 2.0
"""A block is at chance unless its AUC is above .5 by so many standard errors."""
_EQUAL = 1e-5


@dataclass(frozen=True, slots=True)
class ProbeScores:
    """m probes against n rival items and their own, b blocks.

    rivals: (m, n, b) standardised similarities, 0 where an item lacks the block.   own: (m, b) those of the own item.
    counted: (m, n) False where a rival is no wrong answer: the own item, and items as right as it.
    """

    blocks: tuple[str, ...]
    rivals: Floats
    own: Floats
    counted: NDArray[np.bool_]

    def of(self, chosen: NDArray[np.integer] | NDArray[np.bool_]) -> "ProbeScores":
        """Return those of some probes."""
        return ProbeScores(self.blocks, self.rivals[chosen], self.own[chosen], self.counted[chosen])


@dataclass(frozen=True, slots=True)
class ProbeAccuracy:
    """How well probes find their items: AUC (.5 by chance) and its standard error; the share first, and among ten."""

    auc: float
    error: float
    success_at_1: float
    success_at_10: float

    @property
    def is_chance(self) -> bool:
        """Whether that is no more than chance."""
        return self.auc <= 0.5 + CHANCE_ERRORS * self.error


def measure(scored: ProbeScores, weights: NDArray[np.floating]) -> ProbeAccuracy:
    """Return how well these weights, (b,), find the own items; an equal counts as half before them."""
    if not len(scored.own):
        return ProbeAccuracy(0.5, 0.5, 0.0, 0.0)
    rivals = scored.rivals @ weights.astype(np.float32)
    own = (scored.own @ weights.astype(np.float32))[:, None]
    above = ((rivals > own + _EQUAL) & scored.counted).sum(axis=1)
    equal = ((np.abs(rivals - own) <= _EQUAL) & scored.counted).sum(axis=1)
    before = above + equal / 2
    aucs = 1 - before / np.maximum(scored.counted.sum(axis=1), 1)
    return ProbeAccuracy(
        auc=float(aucs.mean()),
        error=float(aucs.std() / np.sqrt(len(aucs))),
        success_at_1=float((before < 1).mean()),
        success_at_10=float((before < 10).mean()),
    )


def alone(scored: ProbeScores, block: str) -> ProbeAccuracy:
    """Return how well one block alone finds the own items."""
    return measure(scored, np.array([name == block for name in scored.blocks], np.float32))


def fit(scored: ProbeScores, groups: NDArray[np.integer] | None = None) -> NDArray[np.float64]:
    """Return (b,) weights, none below 0, that make the own items likeliest among all.

    groups: (m,) which group each probe is of; every group counts the same.   Cost: O(m * n * b) a step, about 20 steps.
    """
    b = len(scored.blocks)
    gaps = scored.rivals - scored.own[:, None, :]
    left_out = np.where(scored.counted, np.float32(0), np.float32(-np.inf))
    share = np.full(len(gaps), 1.0 / len(gaps)) if groups is None else _even(groups)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = gaps @ weights.astype(np.float32) + left_out
        most = np.maximum(z.max(axis=1), 0)
        odds = np.exp(z - most[:, None])
        total = np.exp(-most) + odds.sum(axis=1)
        value = float(share @ (np.log(total) + most)) + RIDGE * float(weights @ weights)
        expected = np.einsum("mn,mnb->mb", odds, gaps) / total[:, None]
        return value, (share @ expected).astype(np.float64) + 2 * RIDGE * weights

    found = minimize(loss, np.full(b, 1.0 / b), jac=True, bounds=[(0.0, None)] * b, method="L-BFGS-B")
    return np.asarray(found.x, np.float64)


def _even(groups: NDArray[np.integer]) -> NDArray[np.float64]:
    _, which, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / (counts[which] * len(counts)), np.float64)
