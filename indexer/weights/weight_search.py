"""Coordinate search for weights: the best single move is applied as long as the ranking improves.

nDCG is piecewise constant, so there is no gradient; with a handful of weights and a few sizes each, none is needed.
Weights that the cases say nothing about stay as they are.
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
BOOST_STEPS = (-0.4, -0.2, -0.1, -0.05, -0.02, 0.02, 0.05, 0.1, 0.2, 0.4)
"""What is added to a boost, in shares of the sum of all weights."""
MIN_SHARE = 0.05
"""The minimum share of a block: a request may search no other, and boosts must not rank it alone."""
MIN_GAIN = 0.001
MIN_STANDARD_ERRORS = 1.0
"""A move has to gain at least MIN_GAIN nDCG, and this many standard errors of its gain."""
MAX_ROUNDS = 20


def fit(candidates: CaseCandidates, start: DefaultWeights, k: int = K) -> DefaultWeights:
    """Return the weighting that ranks the candidates best, searching from `start`.

    The weights of the blocks that the cases search keep their sum, so that a boost keeps its meaning.
    """
    best, reached = start, ndcgs(candidates, start, k)
    for _ in range(MAX_ROUNDS):
        tried = [(ndcgs(candidates, moved, k), moved) for moved in _neighbours(candidates, best)]
        found, moved = max(tried, key=lambda entry: float(entry[0].mean()), default=(reached, best))
        gains = found - reached
        if gains.mean() <= max(MIN_GAIN, MIN_STANDARD_ERRORS * gains.std() / np.sqrt(len(gains))):
            break
        best, reached = moved, found
    return best


def ndcgs(candidates: CaseCandidates, weighting: DefaultWeights, k: int = K) -> Floats:
    """Return the nDCG@k of each case's candidates ranked by their fused scores: (q,)."""
    scores = fused_scores(candidates, weighting)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    ratings = np.maximum(np.take_along_axis(candidates.ratings, best, axis=1), 0.0)
    return _dcg(ratings) / _dcg(candidates.ideals[:, :k])


def fused_scores(candidates: CaseCandidates, weighting: DefaultWeights) -> Floats:
    """Return (q, n) scores as defined by `fusion`, missing blocks renormalised; -inf where there is no item."""
    weights = np.array([weighting.blocks.get(block, 0.0) for block in candidates.blocks])
    effective_weights = weights * candidates.searched
    present_weight = np.einsum("qb,qnb->qn", effective_weights, candidates.present)
    total = np.einsum("qb,qnb->qn", effective_weights, candidates.similarities)
    # An item without any of the searched blocks is no result.
    with np.errstate(divide="ignore", invalid="ignore"):
        scores: NDArray[np.float64] = np.where(
            present_weight > 0, total * effective_weights.sum(axis=1)[:, None] / present_weight, -np.inf
        )
    boosts = np.array([weighting.boosts.get(name, 0.0) for name in candidates.signal_names])
    scores = scores + candidates.signals @ boosts
    return np.where(candidates.ratings < 0, -np.inf, scores)


def _neighbours(candidates: CaseCandidates, current: DefaultWeights) -> Iterator[DefaultWeights]:
    """Yield the weightings that are one move away."""
    searched = [block for index, block in enumerate(candidates.blocks) if candidates.searched[:, index].any()]
    total = sum(current.blocks.get(block, 0.0) for block in searched)
    for block in searched if len(searched) > 1 else []:
        for factor in FACTORS:
            moved = {name: max(current.blocks.get(name, 0.0), MIN_SHARE * total) for name in searched}
            moved[block] *= factor
            reached = sum(moved.values())
            scaled = {name: weight * total / reached for name, weight in moved.items()}
            if min(scaled.values()) >= MIN_SHARE * total * 0.999:
                yield replace(current, blocks={**current.blocks, **scaled})
    for name in candidates.signal_names:
        for boost in (*(current.boosts.get(name, 0.0) + step * total for step in BOOST_STEPS), 0.0):
            yield replace(current, boosts={**current.boosts, name: boost})


def _dcg(ratings: Floats) -> Floats:
    discounts = 1.0 / np.log2(np.arange(2, ratings.shape[1] + 2))
    gains: Floats = (np.exp2(ratings) - 1.0) @ discounts
    return gains
