"""The search for weights: a few numbers, the one that helps most moved, as long as the answers get better.

nDCG is flat between its steps, so nothing has a slope to follow; and with a handful of weights, each tried at a few
sizes, none is needed. What the cases do not speak to keeps its weight.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from indexer.build.default_weights import DefaultWeights
from indexer.evaluate.ranking_metrics import K
from indexer.weights.candidates import CaseCandidates, Floats

FACTORS = (0.25, 0.5, 0.7, 0.85, 1.2, 1.4, 2.0, 4.0)
"""What a block's weight is multiplied by."""
STEPS = (-0.4, -0.2, -0.1, -0.05, -0.02, 0.02, 0.05, 0.1, 0.2, 0.4)
"""What a boost is moved by, in shares of all weights together."""
LEAST_SHARE = 0.05
"""What a block keeps of all weights together: a request may speak to no other, and boosts must not rank it alone."""
LEAST_GAIN = 0.001
LEAST_ERRORS = 1.0
"""A move that gains less nDCG than so much, or than so many standard errors of its gain, says nothing."""
MOST_ROUNDS = 20


def fit(candidates: CaseCandidates, start: DefaultWeights, k: int = K) -> DefaultWeights:
    """Return the weighting that ranks the candidates best, looked for from `start` on.

    The weights of the blocks that the cases speak to keep their sum, so that a boost is worth the same throughout.
    """
    best, reached = start, ndcgs(candidates, start, k)
    for _ in range(MOST_ROUNDS):
        tried = [(ndcgs(candidates, moved, k), moved) for moved in _moves(candidates, best)]
        found, moved = max(tried, key=lambda one: float(one[0].mean()), default=(reached, best))
        gains = found - reached
        if gains.mean() <= max(LEAST_GAIN, LEAST_ERRORS * gains.std() / np.sqrt(len(gains))):
            break
        best, reached = moved, found
    return best


def ndcgs(candidates: CaseCandidates, weighting: DefaultWeights, k: int = K) -> Floats:
    """Return the nDCG@k of each case's candidates in the order of their fused scores: (q,)."""
    scores = fused_scores(candidates, weighting)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    ratings = np.maximum(np.take_along_axis(candidates.ratings, best, axis=1), 0.0)
    return _dcg(ratings) / _dcg(candidates.ideals[:, :k])


def fused_scores(candidates: CaseCandidates, weighting: DefaultWeights) -> Floats:
    """Return (q, n) scores as `fusion` defines them, missing blocks renormalised; -inf where no item is."""
    weights = np.array([weighting.blocks.get(block, 0.0) for block in candidates.blocks])
    asked = weights * candidates.spoken
    had = np.einsum("qb,qnb->qn", asked, candidates.present)
    total = np.einsum("qb,qnb->qn", asked, candidates.similarities)
    # An item without any of the blocks asked is no answer.
    with np.errstate(divide="ignore", invalid="ignore"):
        scores: NDArray[np.float64] = np.where(had > 0, total * asked.sum(axis=1)[:, None] / had, -np.inf)
    boosts = np.array([weighting.boosts.get(name, 0.0) for name in candidates.signal_names])
    scores = scores + candidates.signals @ boosts
    return np.where(candidates.ratings < 0, -np.inf, scores)


def _moves(candidates: CaseCandidates, now: DefaultWeights) -> Iterator[DefaultWeights]:
    """Give the weightings that are one move away."""
    spoken = [block for place, block in enumerate(candidates.blocks) if candidates.spoken[:, place].any()]
    total = sum(now.blocks.get(block, 0.0) for block in spoken)
    for block in spoken if len(spoken) > 1 else []:
        for factor in FACTORS:
            moved = {name: max(now.blocks.get(name, 0.0), LEAST_SHARE * total) for name in spoken}
            moved[block] *= factor
            reached = sum(moved.values())
            scaled = {name: weight * total / reached for name, weight in moved.items()}
            if min(scaled.values()) >= LEAST_SHARE * total * 0.999:
                yield replace(now, blocks={**now.blocks, **scaled})
    for name in candidates.signal_names:
        for boost in (*(now.boosts.get(name, 0.0) + step * total for step in STEPS), 0.0):
            yield replace(now, boosts={**now.boosts, name: boost})


def _dcg(ratings: Floats) -> Floats:
    discounts = 1.0 / np.log2(np.arange(2, ratings.shape[1] + 2))
    gains: Floats = (np.exp2(ratings) - 1.0) @ discounts
    return gains
