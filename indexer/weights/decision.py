"""Are learnt weights better than those in use? Measured on cases they were not learnt from, through the searcher.

The cases are parted into folds; those of each fold are answered with what was learnt from all others. Only a gain that
drawing the cases again and again leaves above 0 counts: the lower end of the paired interval.
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
from indexer.evaluate.ranking_metrics import K, interval, ndcg
from indexer.weights.candidates import Progress, gather
from indexer.weights.training_case import SEEN_EVENTS, TrainingCase, heard, kinds_of
from indexer.weights.weight_search import fit


@dataclass(frozen=True, slots=True)
class WeightDecision:
    """What was learnt of all cases, and what learning so got on cases held out: the nDCG of each, (n,)."""

    learnt: DefaultWeights
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    folds: int

    @property
    def gain_interval(self) -> tuple[float, float]:
        """The middle 95 % of the mean gain."""
        return interval(self.after - self.before)

    @property
    def wins(self) -> bool:
        """Whether the learnt weights are better by more than chance."""
        return self.gain_interval[0] > 0

    def to_json(self, k: int = K) -> dict[str, Any]:
        """Return the held-out numbers as JSON values."""
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
    """Learn weights of blocks and boosts on these signals, and measure them on cases held out.

    Raises InvalidSetting if there are fewer cases than folds.
    """
    if not 2 <= folds <= len(cases):
        raise InvalidSetting(f"expected from 2 to {len(cases)} folds, as many as cases, got {folds}")
    candidates = gather(searcher, cases, signals, k, progress)
    start = in_use(searcher, kinds_of(cases))
    before, after = np.zeros(len(cases)), np.zeros(len(cases))
    order = np.random.default_rng(seed).permutation(len(cases))
    for fold in range(folds):
        progress("folds", fold, folds)
        held = order[fold::folds].tolist()
        learnt = fit(candidates.of(sorted(set(range(len(cases))) - set(held))), start, k)
        for place in held:
            before[place] = _measured(searcher, cases[place], cases[place].query, k)
            after[place] = _measured(searcher, cases[place], _asked(cases[place].query, learnt), k)
    progress("folds", folds, folds)
    return WeightDecision(fit(candidates, start, k).normalised(), before, after, folds)


def in_use(searcher: Searcher, kinds: Sequence[str] = ()) -> DefaultWeights:
    """Return what blocks weigh now, and the boosts there are, in a request that says nothing of it.

    kinds: of the parts that are asked; of one kind it is what blocks weigh for that, of several for any.
    """
    weights = searcher.planner.weights.for_kind(kinds[0]) if len(kinds) == 1 else searcher.planner.weights.defaults
    return DefaultWeights(dict(weights), dict(searcher.snapshot.manifest.default_boosts), tuple(kinds))


def usable(signals: Sequence[str]) -> list[str]:
    """Return the signals that may be learnt of: not those that were learnt from what shoppers did."""
    return [name for name in signals if name not in SEEN_EVENTS]


def _measured(searcher: Searcher, case: TrainingCase, query: Query, k: int) -> float:
    """Return the nDCG@k of what the searcher answers."""
    hits = searcher.search(replace(query, limit=k)).hits
    return ndcg([case.ratings.get(hit.item_id, 0.0) for hit in hits], list(case.ratings.values()), k)


def _asked(query: Query, weighting: DefaultWeights) -> Query:
    """Return the query with these weights, which means what it would mean if they were the snapshot's."""
    weights = {block: weighting.blocks[block] for block in heard(query, weighting.blocks)}
    boosts = tuple(Boost(name, weight) for name, weight in weighting.boosts.items())
    return replace(query, modality_weights=weights, boosts=boosts)
