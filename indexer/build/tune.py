"""How deep an index must be searched for a recall: measured on queries of every class, drawn as a picture."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from time import perf_counter_ns

import numpy as np
from numpy.typing import NDArray

from engine.indexes.exact import ExactIndex
from engine.indexes.index import EXACT, OperatingPoint
from engine.indexes.recall import recall_at_k
from engine.scoring.fusion import FusedQuery, stratum_query
from engine.search.depth_planner import MEASURED_K, QUERY_CLASSES, headroom
from engine.search.row_selection import RowSelection
from engine.search.searcher import Searcher
from engine.snapshot.manifest import PointRecord
from engine.snapshot.snapshot import Snapshot
from indexer.build.sample_queries import QuerySampler

NPROBES = (4, 8, 16, 32, 64, 128, 256, 512)
K_FACTORS = (10, 20, 40, 80, 160, 320)
BETWEEN = (0.6, 0.7, 0.85)
SMALLEST_GAIN = 2e-4
COMPLETE = 0.999
PROMISING = 0.05
QUERIES = 96
FURTHER_QUERIES = 192
ROUNDING = 1e-5
_EXACT_TIMED = 8
_ORACLE_ROWS = 65_536

Report = Callable[[int, int], None]


def tune(snapshot: Snapshot, report: Report, recall_target: float = 0.99, seed: int = 11) -> list[PointRecord]:
    """Return the measured points of every class that the snapshot can be asked, the exact one among them.

    Most of them lie about the depth that `recall_target` needs.
    Cost: the exact answers of QUERIES queries a class, then QUERIES searches for each point; the row of a k_factor ends
    where more cells gain nothing.
    """
    searcher = Searcher(snapshot, None)
    searched = searcher.strategy != "exact"
    records = []
    for place, name in enumerate(QUERY_CLASSES):
        sampler = QuerySampler(snapshot, seed)
        queries = sampler.draw(name, QUERIES)
        if queries:
            some = sampler.select(name)
            records.append(_exact_record(searcher, name, queries, some))
            further = QuerySampler(snapshot, seed + 100).draw(name, FURTHER_QUERIES)
            wanted = headroom(recall_target)
            records += _curve(searcher, name, queries, further, some, wanted) if searched else []
        report(place + 1, len(QUERY_CLASSES))
    return records


def exact_scores(
    snapshot: Snapshot, queries: Sequence[FusedQuery], some: RowSelection | None = None, k: int = MEASURED_K
) -> NDArray[np.float32]:
    """Return the k best scores of each query over all strata, (nq, k), every row that may answer compared in numpy."""
    best = np.full((len(queries), k), -np.inf, np.float32)
    for place, stratum in enumerate(snapshot.strata):
        asked = [stratum_query(query, stratum.layout) for query in queries]
        answered = [number for number, query in enumerate(asked) if query is not None]
        if not answered:
            continue
        vectors = np.stack([query.vector for query in asked if query is not None])
        offsets = np.array([query.offset for query in asked if query is not None], np.float32)
        held = None if some is None else some.rows[place]
        ids = np.arange(len(stratum.index)) if held is None else held.ids
        for start in range(0, len(ids), _ORACLE_ROWS):
            rows = stratum.index.rows(ids[start : start + _ORACLE_ROWS])
            scores, _ = ExactIndex(rows).search(vectors, k)
            both = np.concatenate([best[answered], scores + offsets[:, None]], axis=1)
            best[answered] = -np.sort(-both, axis=1)[:, :k]
    return best


def measure(
    searcher: Searcher,
    queries: Sequence[FusedQuery],
    exact: NDArray[np.float32],
    point: OperatingPoint,
    some: RowSelection | None = None,
) -> tuple[NDArray[np.float64], float]:
    """Return the recall@10 of each query at a point, (nq,), and the median microseconds of one search."""
    found = np.full((len(queries), MEASURED_K), -np.inf, np.float32)
    took = np.empty(len(queries))
    for place, query in enumerate(queries):
        started = perf_counter_ns()
        scores = searcher.nearest(query, MEASURED_K, point, some).scores
        took[place] = (perf_counter_ns() - started) / 1000
        found[place, : len(scores)] = scores
    # Sums of float32 in another order than the oracle's; a query of a catalogue of near copies is hundreds long.
    lengths = np.array([[length(query)] for query in queries], np.float32)
    return recall_at_k(found / lengths, exact / lengths, ROUNDING), float(np.median(took))


def worst_mean(queries: Sequence[FusedQuery], recalls: NDArray[np.float64]) -> float:
    """Return the lowest mean recall of queries with the same weights and policy for missing blocks.

    A mean over all would let the easy ones hide the hard.
    """
    groups: dict[Hashable, list[float]] = {}
    for query, recall in zip(queries, recalls.tolist(), strict=True):
        groups.setdefault((query.missing, *sorted(query.weights.items())), []).append(recall)
    return min(float(np.mean(group)) for group in groups.values())


def length(query: FusedQuery) -> float:
    """Return the length of a query's coefficients: its scores are rounded in proportion to it."""
    return float(np.sqrt(sum(float(vector @ vector) for vector in query.vectors.values()))) or 1.0


def draw_curve(records: Sequence[PointRecord], recall_target: float, path: Path) -> None:
    """Write the picture of recall against time, one line a class."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for name in QUERY_CLASSES:
        best = 0.0
        line = []
        for record in sorted((r for r in records if r.query_class == name), key=lambda r: r.microseconds):
            if record.recall >= best:
                best = record.recall
                line.append((record.microseconds, record.recall))
        if line:
            axes.plot(*zip(*line, strict=True), marker="o", markersize=3, label=name)
    axes.axhline(recall_target, color="grey", linewidth=0.8, linestyle="--", label=f"target {recall_target}")
    axes.set(
        xscale="log",
        xlabel="µs a query, one thread",
        ylabel="recall@10",
        title="Recall against time, by class of query",
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=110)


def _exact_record(
    searcher: Searcher, name: str, queries: Sequence[FusedQuery], some: RowSelection | None
) -> PointRecord:
    took = []
    for query in queries[:_EXACT_TIMED]:
        started = perf_counter_ns()
        searcher.nearest(query, MEASURED_K, EXACT, some)
        took.append((perf_counter_ns() - started) / 1000)
    return PointRecord(
        query_class=name, nprobe=0, k_factor=0, recall=1.0, microseconds=round(float(np.median(took)), 1)
    )


def _curve(
    searcher: Searcher,
    name: str,
    queries: Sequence[FusedQuery],
    further: Sequence[FusedQuery],
    some: RowSelection | None,
    wanted: float,
) -> list[PointRecord]:
    exact = exact_scores(searcher.snapshot, queries, some)
    records: list[PointRecord] = []
    found: dict[OperatingPoint, NDArray[np.float64]] = {}

    def look(nprobe: int, k_factor: int) -> float:
        point = OperatingPoint(nprobe, k_factor)
        found[point], took = measure(searcher, queries, exact, point, some)
        records.append(_record(name, point, worst_mean(queries, found[point]), took))
        return worst_mean(queries, found[point])

    nprobes: tuple[int, ...] = NPROBES
    for k_factor in K_FACTORS:
        best = 0.0
        row: dict[int, float] = {}
        for nprobe in nprobes:
            recall = row[nprobe] = look(nprobe, k_factor)
            if recall == 1.0 or (best > 0.9 and recall - best < SMALLEST_GAIN):
                break
            best = recall
        reaches = next((nprobe for nprobe, found in row.items() if found >= wanted), None)
        if reaches is not None:
            # What is asked for most lies between this point and the one before, which is half as deep.
            for share in BETWEEN:
                if look(round(share * reaches), k_factor) >= wanted:
                    break
        if recall >= COMPLETE:
            break
        # What too few cells do not hold, more candidates do not find.
        nprobes = tuple(nprobe for nprobe in nprobes if row.get(nprobe, 1.0) >= best - PROMISING)
    return _confirmed(searcher, records, found, queries, further, some, wanted)


def _confirmed(
    searcher: Searcher,
    records: list[PointRecord],
    found: Mapping[OperatingPoint, NDArray[np.float64]],
    queries: Sequence[FusedQuery],
    further: Sequence[FusedQuery],
    some: RowSelection | None,
    wanted: float,
) -> list[PointRecord]:
    """Return the records, the cheapest that reaches what is wanted measured on further queries too.

    Out of many depths the cheapest that seems to reach is one that was lucky with its queries. It is measured again,
    and if it does not hold the next one is, until one holds.
    """
    exact = None
    both = [*queries, *further]
    kept = {record.point: record for record in records}
    held: set[OperatingPoint] = set()
    while True:
        reaching = [record for record in kept.values() if record.recall >= wanted]
        cheapest = min(reaching, key=lambda record: record.microseconds, default=None)
        if cheapest is None or cheapest.point in held:
            return list(kept.values())
        if exact is None:
            exact = exact_scores(searcher.snapshot, further, some)
        recalls, took = measure(searcher, further, exact, cheapest.point, some)
        recall = worst_mean(both, np.concatenate([found[cheapest.point], recalls]))
        kept[cheapest.point] = _record(cheapest.query_class, cheapest.point, recall, min(took, cheapest.microseconds))
        held.add(cheapest.point)


def _record(name: str, point: OperatingPoint, recall: float, microseconds: float) -> PointRecord:
    return PointRecord(
        query_class=name,
        nprobe=point.nprobe,
        k_factor=point.k_factor,
        recall=round(recall, 5),
        microseconds=round(microseconds, 1),
    )
