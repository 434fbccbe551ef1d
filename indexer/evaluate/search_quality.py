"""How good are a store's answers? Queries with ratings of people, asked through the engine's own searcher."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.search.searcher import Searcher
from indexer.evaluate.judgments import JudgedQuery
from indexer.evaluate.ranking_metrics import K, interval, ndcg, recall, reciprocal_rank, success

Rank = Callable[[JudgedQuery], Sequence[str]]
"""A way of ranking: a query to the item_ids of its answers, best first."""

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SearchScores:
    """What one way of ranking got, query by query (n,); seconds are those of the search alone."""

    ndcg: Values
    recall: Values
    reciprocal_rank: Values
    success: Values
    seconds: Values

    def described(self, k: int = K) -> dict[str, Any]:
        """Return the means as JSON values by the measure's name, nDCG with its interval."""
        low, high = interval(self.ndcg)
        return {
            f"ndcg@{k}": _rounded(self.ndcg.mean()),
            "ndcg_interval": [_rounded(low), _rounded(high)],
            f"recall@{k}": _rounded(self.recall.mean()),
            f"mrr@{k}": _rounded(self.reciprocal_rank.mean()),
            f"success@{k}": _rounded(self.success.mean()),
        }


def measure(judged: Sequence[JudgedQuery], rank: Rank, k: int = K) -> SearchScores:
    """Return what a way of ranking gets for each query, of the first k of its list."""
    values = []
    for one in judged:
        started = time.perf_counter()
        item_ids = rank(one)
        took = time.perf_counter() - started
        ratings = [one.ratings.get(item_id, 0.0) for item_id in item_ids[:k]]
        known = list(one.ratings.values())
        values.append(
            (
                ndcg(ratings, known, k),
                recall(ratings, known, k),
                reciprocal_rank(ratings, k),
                success(ratings, k),
                took,
            )
        )
    return SearchScores(*np.array(values, np.float64).T)


def ranked(searcher: Searcher, weights: Mapping[str, float], limit: int, judged: JudgedQuery) -> list[str]:
    """Return the item_ids that a searcher answers with; without weights the snapshot's defaults hold."""
    return [hit.item_id for hit in searcher.search(judged.to_query(weights, limit)).hits]


def evaluate(
    searcher: Searcher, judged: Sequence[JudgedQuery], weights: Mapping[str, float], k: int = K
) -> dict[str, SearchScores]:
    """Return what the snapshot's defaults get, and these weights if there are any, by "defaults" and "weights"."""
    ways = {"defaults": {}, **({"weights": weights} if weights else {})}
    return {name: measure(judged, partial(ranked, searcher, asked, k), k) for name, asked in ways.items()}


def unknown_items(searcher: Searcher, judged: Sequence[JudgedQuery]) -> int:
    """Return how many items rated above 0 are not in the snapshot, and so cannot be found."""
    wanted = {item_id for one in judged for item_id, rating in one.ratings.items() if rating > 0}
    return sum(row is None for row in searcher.view.rows_of(wanted))


def _rounded(value: Any) -> float:
    return round(float(value), 4)
