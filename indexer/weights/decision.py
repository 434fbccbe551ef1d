"""Decides whether learnt weights are better than the current ones, on held-out cases, through the searcher.

The cases are split into folds; those of each fold are answered with weights learnt from all others. Only a gain whose
bootstrap interval lies above 0 counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidSetting
from engine.scoring.query import Boost, Query
from engine.search.searcher import Searcher
from indexer.build.default_weights import DefaultWeights
from indexer.evaluate.ranking_metrics import K, confidence_interval, ndcg
from indexer.weights.candidates import Progress, gather
from indexer.weights.training_case import LEARNT_FROM_EVENTS, TrainingCase, part_kinds, weighted_blocks
from indexer.weights.weight_search import fit


@dataclass(frozen=True, slots=True)
class WeightDecision:
    """The weights learnt from all cases, and the nDCG of each held-out case before and after, (n,)."""

    learnt: DefaultWeights
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    folds: int

    @property
    def gain_interval(self) -> tuple[float, float]:
        """The 95 % interval of the mean gain."""
        return confidence_interval(self.after - self.before)

    @property
    def wins(self) -> bool:
        """Whether the learnt weights are significantly better."""
        return self.gain_interval[0] > 0

    def to_json(self, k: int = K) -> dict[str, Any]:
        """Return the held-out measurements as JSON values."""
        return {
            "cases": len(self.before),
            "folds": self.folds,
            f"ndcg@{k}_before": round(float(self.before.mean()), 4),
            f"ndcg@{k}_after": round(float(self.after.mean()), 4),
            "gain_interval": [round(end, 4) for end in self.gain_interval],
        }


def decide(
    searcher: Searcher,
    cases: Sequence[TrainingCase],
    signals: Sequence[str],
    progress: Progress,
    folds: int = 5,
    k: int = K,
    seed: int = 7,
) -> WeightDecision:
    """Learn weights of blocks and boosts on these signals, and measure them on held-out cases.

    Raises:
        InvalidSetting: There are fewer cases than folds.
    """
    if not 2 <= folds <= len(cases):
        raise InvalidSetting(f"expected from 2 to {len(cases)} folds, at most one per case, got {folds}")
    candidates = gather(searcher, cases, signals, k, progress)
    start = current_weighting(searcher, part_kinds(cases))
    before, after = np.zeros(len(cases)), np.zeros(len(cases))
    order = np.random.default_rng(seed).permutation(len(cases))
    for fold in range(folds):
        progress("folds", fold, folds)
        held_out = order[fold::folds].tolist()
        learnt = fit(candidates.select(sorted(set(range(len(cases))) - set(held_out))), start, k)
        for index in held_out:
            before[index] = _measure(searcher, cases[index], cases[index].query, k)
            after[index] = _measure(searcher, cases[index], _with_weights(cases[index].query, learnt), k)
    progress("folds", folds, folds)
    return WeightDecision(fit(candidates, start, k).normalised(), before, after, folds)


def current_weighting(searcher: Searcher, kinds: Sequence[str] = ()) -> DefaultWeights:
    """Return the block weights and boosts of a request that names none.

    kinds: the kinds of the query parts; for a single kind, the weights for that kind, else the general ones.
    """
    weights = searcher.planner.weights.for_kind(kinds[0]) if len(kinds) == 1 else searcher.planner.weights.defaults
    return DefaultWeights(dict(weights), dict(searcher.snapshot.manifest.default_boosts), tuple(kinds))


def learnable_signals(signals: Sequence[str]) -> list[str]:
    """Return the signals that weights may be learnt for: not those that were learnt from events."""
    return [name for name in signals if name not in LEARNT_FROM_EVENTS]


def _measure(searcher: Searcher, case: TrainingCase, query: Query, k: int) -> float:
    """Return the nDCG@k of the searcher's answer."""
    hits = searcher.search(replace(query, limit=k)).hits
    return ndcg([case.ratings.get(hit.item_id, 0.0) for hit in hits], list(case.ratings.values()), k)


def _with_weights(query: Query, weighting: DefaultWeights) -> Query:
    """Return the query with these weights, as it would run if they were the snapshot's defaults."""
    weights = {block: weighting.blocks[block] for block in weighted_blocks(query, weighting.blocks)}
    boosts = tuple(Boost(name, weight) for name, weight in weighting.boosts.items())
    return replace(query, modality_weights=weights, boosts=boosts)
