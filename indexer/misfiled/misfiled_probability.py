"""From evidence to a probability: items are misfiled on purpose, and what is learnt is how those stand out.

The catalogue's own errors stand out likewise, among the items that were left where they are. How many there are follows
from how many look as misfiled as half of those on purpose do; and they count the less as examples of well filed items
the surer it is that they are none (learning from positive and unlabelled examples, Elkan and Noto 2008).

A wrong title speaks against the category as well. So where items have pictures, some are given the text of an item of
another category on purpose, and count as well filed: what convinces is that picture and text say the same.
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
"""The share of the items that is misfiled at a time: enough to learn from, too few to spoil the categories."""
LEAST_SHARE = 0.02
"""The share of its own errors that a catalogue is taken to have at least; some are hidden by categories alike."""

# Items that look like another category hardly count as well filed until more is known.
_SUSPICION = 0.9
_EXAMPLES = 1_000
_LEAST_REPEATS, _MOST_REPEATS = 3, 20
_ROUNDS = 4
_STRENGTH = 100.0
_NO_SPREAD = 1e-9
_SEED = 7


class MisfiledProbability(NamedTuple):
    """evidence: of the labels as they are.   confidence: (n,) how likely each item is misfiled.

    share: how many of the items are, as estimated.
    """

    evidence: MisfiledEvidence
    confidence: NDArray[np.float64]
    share: float


def misfile(
    labels: NDArray[np.int64], classes: int, share: float, rng: np.random.Generator, even: bool = False
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return which items were misfiled (n,), and the labels (n,) with theirs changed to another.

    The other is that of an item drawn from those of other categories, so that a rare category stays itself; or `even`:
    every other category is as likely.   Raises InvalidSetting if there are fewer than two categories.
    """
    if classes < 2:
        raise InvalidSetting(f"expected at least 2 categories, got {classes}")
    chosen = np.zeros(len(labels), np.bool_)
    chosen[rng.choice(len(labels), max(1, round(share * len(labels))), replace=False)] = True
    moved = (labels + rng.integers(1, classes, len(labels))) % classes
    if not even:
        counts = np.bincount(labels, minlength=classes)
        for label in range(classes):
            of_label = np.flatnonzero(chosen & (labels == label))
            others = np.where(np.arange(classes) == label, 0, counts)
            moved[of_label] = rng.choice(classes, len(of_label), p=others / others.sum())
    return chosen, np.where(chosen, moved, labels)


def calibrate(
    blocks: Mapping[str, Matrix],
    labels: NDArray[np.int64],
    classes: int,
    progress: Callable[[str, int, int | None], None],
) -> MisfiledProbability:
    """Return how likely each label is wrong. blocks: name → (n, d_b).

    Cost: two factorizations, and 5 to 22 times that of `collect`, the fewer the more items.
    """
    from sklearn.linear_model import LogisticRegression

    judges = CategoryJudges(blocks)
    rng = np.random.default_rng(_SEED)
    repeats = int(np.clip(np.ceil(_EXAMPLES / (SHARE * len(labels))), _LEAST_REPEATS, _MOST_REPEATS))
    drawn, seen = [], []
    for repeat in range(repeats):
        progress("misfile on purpose", repeat, repeats)
        chosen, moved = misfile(labels, classes, SHARE, rng)
        drawn.append(chosen)
        seen.append(collect(judges, moved, classes).numbers)
    progress("misfile on purpose", repeats, repeats)
    evidence = collect(judges, labels, classes)
    mistitled, with_other_texts = _mistitled(blocks, labels, classes, rng)
    seen.append(with_other_texts)
    misfiled = np.concatenate([*drawn, np.zeros(mistitled, np.bool_)])
    numbers = to_terms(np.vstack(seen))
    scale = np.maximum(numbers.std(axis=0), _NO_SPREAD)
    numbers /= scale
    examples = repeats * len(labels)
    # An item is judged among items misfiled on purpose, as the examples are: without those it would look surer filed.
    shown = ~misfiled[:examples].reshape(repeats, -1)
    times = np.maximum(shown.sum(axis=0), 1)
    confidence, share = np.where(evidence.agrees, 0.0, _SUSPICION), LEAST_SHARE
    for _ in range(_ROUNDS):
        # Wrong titles are taken to be as frequent as wrong categories.
        left = np.concatenate([np.tile(1.0 - confidence, repeats), np.full(mistitled, repeats * share / SHARE)])
        weights = np.where(misfiled, 1.0, left)
        learner = LogisticRegression(C=_STRENGTH, max_iter=1_000).fit(numbers, misfiled, sample_weight=weights)
        scores = learner.decision_function(numbers)
        found = np.where(shown, scores[:examples].reshape(repeats, -1), 0).sum(axis=0) / times
        median = np.median(scores[misfiled])
        share = float(np.clip(2 * np.mean(found >= median), LEAST_SHARE, 0.5))
        learnt = weights[misfiled].sum() / weights.sum()
        confidence = np.where(shown.any(axis=0), expit(found - logit(learnt) + logit(share)), 0)
    return MisfiledProbability(evidence, confidence, share)


def _mistitled(
    blocks: Mapping[str, Matrix], labels: NDArray[np.int64], classes: int, rng: np.random.Generator
) -> tuple[int, NDArray[np.float64]]:
    """Return how many items were given another's text, and the evidence against their labels; 0 if none has both."""
    texts = [name for name in blocks if name in TEXTS]
    if not texts or len(texts) == len(blocks):
        return 0, np.zeros((0, 3 + (len(blocks) if len(blocks) > 1 else 0)))
    chosen, moved = misfile(labels, classes, SHARE, rng)
    donors = np.arange(len(labels))
    for label in np.unique(moved[chosen]).tolist():
        of_label = np.flatnonzero(chosen & (moved == label))
        donors[of_label] = rng.choice(np.flatnonzero(labels == label), len(of_label))
    changed = {name: rows[donors] if name in texts else rows for name, rows in blocks.items()}
    return int(chosen.sum()), collect(CategoryJudges(changed), labels, classes).numbers[chosen]


def to_terms(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n, 6 + blocks): the numbers of `MisfiledEvidence`, then the squares and the product of the first two.

    Without squares an item that looks like nothing at all would be as suspicious as one that looks like another kind.
    """
    own, best = numbers[:, 0], numbers[:, 1]
    return np.column_stack([numbers, own**2, best**2, own * best])
