"""Search quality of a store: judged queries through the engine's own searcher."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.search.searcher import Searcher
from indexer.evaluate.judgments import JudgedQuery
from indexer.evaluate.ranking_metrics import K, confidence_interval, ndcg, recall, reciprocal_rank, success

Rank = Callable[[JudgedQuery], Sequence[str]]
"""A ranking method: a query to the item_ids of its results, best first."""

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SearchScores:
    """The metrics of one ranking method per query, (n,); seconds are those of the search alone."""

    ndcg: Values
    recall: Values
    reciprocal_rank: Values
    success: Values
    seconds: Values

    def to_json(self, k: int = K) -> dict[str, Any]:
        """Return the means as JSON values by metric name, nDCG with its interval."""
        low, high = confidence_interval(self.ndcg)
        return {
            f"ndcg@{k}": _rounded(self.ndcg.mean()),
            "ndcg_interval": [_rounded(low), _rounded(high)],
            f"recall@{k}": _rounded(self.recall.mean()),
            f"mrr@{k}": _rounded(self.reciprocal_rank.mean()),
            f"success@{k}": _rounded(self.success.mean()),
        }


def measure(judged: Sequence[JudgedQuery], rank: Rank, k: int = K) -> SearchScores:
    """Return the metrics of a ranking method for each query, over the first k results."""
    values = []
    for judged_query in judged:
        started = time.perf_counter()
        item_ids = rank(judged_query)
        elapsed = time.perf_counter() - started
        ratings = [judged_query.ratings.get(item_id, 0.0) for item_id in item_ids[:k]]
        all_ratings = list(judged_query.ratings.values())
        values.append(
            (
                ndcg(ratings, all_ratings, k),
                recall(ratings, all_ratings, k),
                reciprocal_rank(ratings, k),
                success(ratings, k),
                elapsed,
            )
        )
    return SearchScores(*np.array(values, np.float64).T)


def rank_items(searcher: Searcher, weights: Mapping[str, float], limit: int, judged: JudgedQuery) -> list[str]:
    """Return the item_ids of a searcher's results; without weights the snapshot's defaults apply."""
    return [hit.item_id for hit in searcher.search(judged.to_query(weights, limit)).hits]


def evaluate(
    searcher: Searcher, judged: Sequence[JudgedQuery], weights: Mapping[str, float], k: int = K
) -> dict[str, SearchScores]:
    """Return the metrics of the snapshot's defaults, and of these weights if given, as "defaults" and "weights"."""
    rankings = {"defaults": {}, **({"weights": weights} if weights else {})}
    return {
        name: measure(judged, partial(rank_items, searcher, chosen_weights, k), k)
        for name, chosen_weights in rankings.items()
    }


def unknown_items(searcher: Searcher, judged: Sequence[JudgedQuery]) -> int:
    """Return how many items rated above 0 are not in the snapshot, and so cannot be found."""
    relevant = {item_id for judged_query in judged for item_id, rating in judged_query.ratings.items() if rating > 0}
    return sum(row is None for row in searcher.view.rows_of(relevant))


def _rounded(value: Any) -> float:
    return round(float(value), 4)
