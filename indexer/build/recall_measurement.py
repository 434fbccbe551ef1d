"""Recall of an index against the exact ranking, computed in numpy from the stored rows."""

from collections.abc import Hashable, Sequence
from time import perf_counter_ns

import numpy as np
from numpy.typing import NDArray

from engine.indexes.exact import ExactIndex
from engine.indexes.index import OperatingPoint
from engine.indexes.recall import recall_at_k
from engine.scoring.fusion import FusedQuery, stratum_query
from engine.search.depth_planner import MEASURED_K
from engine.search.row_selection import RowSelection
from engine.search.searcher import Searcher
from engine.snapshot.snapshot import Snapshot

SCORE_TOLERANCE = 1e-5
"""Largest rounding difference between two equal scores of a query of length 1."""
_CHUNK_ROWS = 65_536


def exact_scores(
    snapshot: Snapshot, queries: Sequence[FusedQuery], selection: RowSelection | None = None, k: int = MEASURED_K
) -> NDArray[np.float32]:
    """Return the k best scores of each query over all strata, (nq, k), by comparing every selected row."""
    best = np.full((len(queries), k), -np.inf, np.float32)
    for index, stratum in enumerate(snapshot.strata):
        fused = [stratum_query(query, stratum.layout) for query in queries]
        answered = [number for number, query in enumerate(fused) if query is not None]
        if not answered:
            continue
        vectors = np.stack([query.vector for query in fused if query is not None])
        offsets = np.array([query.offset for query in fused if query is not None], np.float32)
        row_filter = None if selection is None else selection.rows[index]
        ids = np.arange(len(stratum.index)) if row_filter is None else row_filter.ids
        for start in range(0, len(ids), _CHUNK_ROWS):
            rows = stratum.index.rows(ids[start : start + _CHUNK_ROWS])
            scores, _ = ExactIndex(rows).search(vectors, k)
            merged = np.concatenate([best[answered], scores + offsets[:, None]], axis=1)
            best[answered] = -np.sort(-merged, axis=1)[:, :k]
    return best


def measure(
    searcher: Searcher,
    queries: Sequence[FusedQuery],
    exact: NDArray[np.float32],
    point: OperatingPoint,
    selection: RowSelection | None = None,
) -> tuple[NDArray[np.float64], float]:
    """Return the recall@10 of each query at an operating point, (nq,), and the median microseconds of a search."""
    found = np.full((len(queries), MEASURED_K), -np.inf, np.float32)
    times_us = np.empty(len(queries))
    for number, query in enumerate(queries):
        started = perf_counter_ns()
        scores = searcher.nearest(query, MEASURED_K, point, selection).scores
        times_us[number] = (perf_counter_ns() - started) / 1000
        found[number, : len(scores)] = scores
    # The oracle sums float32 in another order; on a catalogue of near duplicates a query's norm reaches the hundreds.
    norms = np.array([[query_norm(query)] for query in queries], np.float32)
    return recall_at_k(found / norms, exact / norms, SCORE_TOLERANCE), float(np.median(times_us))


def worst_mean(queries: Sequence[FusedQuery], recalls: NDArray[np.float64]) -> float:
    """Return the lowest mean recall of queries that share weights and policy for missing blocks.

    A mean over all queries would let the easy ones hide the hard ones.
    """
    groups: dict[Hashable, list[float]] = {}
    for query, recall in zip(queries, recalls.tolist(), strict=True):
        groups.setdefault((query.missing, *sorted(query.weights.items())), []).append(recall)
    return min(float(np.mean(group)) for group in groups.values())


def query_norm(query: FusedQuery) -> float:
    """Return the norm of a query's coefficients, 1 if they are all 0; rounding errors of scores grow with it."""
    return float(np.sqrt(sum(float(vector @ vector) for vector in query.vectors.values()))) or 1.0
