"""The search depths measured at build: a grid of nprobe and k_factor for each query class, refined near the target."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns

import numpy as np
from numpy.typing import NDArray

from engine.indexes.index import EXACT, OperatingPoint
from engine.scoring.fusion import FusedQuery
from engine.search.depth_planner import MEASURED_K, QUERY_CLASSES, headroom
from engine.search.row_selection import RowSelection
from engine.search.searcher import Searcher
from engine.snapshot.manifest import PointRecord
from engine.snapshot.snapshot import Snapshot
from indexer.build.recall_measurement import exact_scores, measure, worst_mean
from indexer.build.sample_queries import QuerySampler

NPROBES = (4, 8, 16, 32, 64, 128, 256, 512)
K_FACTORS = (10, 20, 40, 80, 160, 320)
REFINEMENT = (0.6, 0.7, 0.85)
"""Shares of the first nprobe that reaches the target, tried between it and the one before."""
MIN_GAIN = 2e-4
SATURATED_RECALL = 0.999
PRUNE_MARGIN = 0.05
QUERIES = 96
CONFIRMATION_QUERIES = 192
_TIMED_QUERIES = 8


def tune(
    snapshot: Snapshot, report: Callable[[int, int], None], recall_target: float = 0.99, seed: int = 11
) -> list[PointRecord]:
    """Return the measured operating points of every query class that the snapshot supports, the exact one included.

    Most of them lie near the depth that `recall_target` needs.

    Cost: the exact results of QUERIES queries a class, then QUERIES searches for each point. A row of the grid ends
    where more cells gain nothing.
    """
    searcher = Searcher(snapshot, None)
    records: list[PointRecord] = []
    for number, query_class in enumerate(QUERY_CLASSES):
        sampler = QuerySampler(snapshot, seed)
        queries = sampler.draw(query_class, QUERIES)
        if queries:
            search = _GridSearch(
                searcher=searcher,
                query_class=query_class,
                queries=queries,
                further_queries=QuerySampler(snapshot, seed + 100).draw(query_class, CONFIRMATION_QUERIES),
                selection=sampler.select(query_class),
                recall_target=headroom(recall_target),
            )
            records.append(search.exact_record())
            if searcher.strategy != "exact":
                records += search.run()
        report(number + 1, len(QUERY_CLASSES))
    return records


@dataclass(slots=True)
class _GridSearch:
    """The measurements of one query class."""

    searcher: Searcher
    query_class: str
    queries: Sequence[FusedQuery]
    further_queries: Sequence[FusedQuery]
    selection: RowSelection | None
    recall_target: float
    _records: dict[OperatingPoint, PointRecord] = field(default_factory=dict)
    _recalls: dict[OperatingPoint, NDArray[np.float64]] = field(default_factory=dict)

    def exact_record(self) -> PointRecord:
        """Return the point of an exhaustive search, timed on a few queries."""
        times_us = []
        for query in self.queries[:_TIMED_QUERIES]:
            started = perf_counter_ns()
            self.searcher.nearest(query, MEASURED_K, EXACT, self.selection)
            times_us.append((perf_counter_ns() - started) / 1000)
        return self._record(EXACT, 1.0, float(np.median(times_us)))

    def run(self) -> list[PointRecord]:
        """Return the measured points of the grid, with the cheapest sufficient one confirmed."""
        exact = exact_scores(self.searcher.snapshot, self.queries, self.selection)
        nprobes: tuple[int, ...] = NPROBES
        for k_factor in K_FACTORS:
            row, best = self._measure_row(exact, nprobes, k_factor)
            sufficient = next((nprobe for nprobe, recall in row.items() if recall >= self.recall_target), None)
            if sufficient is not None:
                # The target lies between this point and the one before, which is half as deep.
                for share in REFINEMENT:
                    if self._measure_point(exact, round(share * sufficient), k_factor) >= self.recall_target:
                        break
            if list(row.values())[-1] >= SATURATED_RECALL:
                break
            # What too few cells do not contain, more candidates do not find.
            nprobes = tuple(nprobe for nprobe in nprobes if row.get(nprobe, 1.0) >= best - PRUNE_MARGIN)
        self._confirm_cheapest()
        return list(self._records.values())

    def _measure_row(
        self, exact: NDArray[np.float32], nprobes: Sequence[int], k_factor: int
    ) -> tuple[dict[int, float], float]:
        """Return the recall by nprobe, up to where more cells gain nothing, and the best recall before that."""
        row: dict[int, float] = {}
        best = 0.0
        for nprobe in nprobes:
            recall = row[nprobe] = self._measure_point(exact, nprobe, k_factor)
            if recall == 1.0 or (best > 0.9 and recall - best < MIN_GAIN):
                break
            best = recall
        return row, best

    def _measure_point(self, exact: NDArray[np.float32], nprobe: int, k_factor: int) -> float:
        point = OperatingPoint(nprobe, k_factor)
        self._recalls[point], microseconds = measure(self.searcher, self.queries, exact, point, self.selection)
        recall = worst_mean(self.queries, self._recalls[point])
        self._records[point] = self._record(point, recall, microseconds)
        return recall

    def _confirm_cheapest(self) -> None:
        """Measure the cheapest sufficient point on further queries too, and then the next, until one is sufficient.

        Out of many depths, the cheapest that seems to reach the target is one that was lucky with its queries.
        """
        exact = None
        all_queries = [*self.queries, *self.further_queries]
        confirmed: set[OperatingPoint] = set()
        while True:
            sufficient = [record for record in self._records.values() if record.recall >= self.recall_target]
            cheapest = min(sufficient, key=lambda record: record.microseconds, default=None)
            if cheapest is None or cheapest.point in confirmed:
                return
            point = cheapest.point
            if exact is None:
                exact = exact_scores(self.searcher.snapshot, self.further_queries, self.selection)
            recalls, microseconds = measure(self.searcher, self.further_queries, exact, point, self.selection)
            recall = worst_mean(all_queries, np.concatenate([self._recalls[point], recalls]))
            self._records[point] = self._record(point, recall, min(microseconds, cheapest.microseconds))
            confirmed.add(point)

    def _record(self, point: OperatingPoint, recall: float, microseconds: float) -> PointRecord:
        return PointRecord(
            query_class=self.query_class,
            nprobe=point.nprobe,
            k_factor=point.k_factor,
            recall=round(recall, 5),
            microseconds=round(microseconds, 1),
        )
