"""One fused index compared with separate indexes whose result lists are merged.

Every method is measured against the exact fused ranking: the share of its true top ten that the method returns.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import report
from benchmarks.datasets import AGREEING, COMPOSED, DATA, QUERY_NOISE, SIGNALS, Clustered, clustered, draw
from benchmarks.ground_truth import GroundTruth
from benchmarks.stores import prepare
from benchmarks.two_lists import LATE_BOOST, TwoLists
from engine.indexes.index_writer import AUTO
from engine.scoring.query import Boost, Missing, Part, Query
from engine.search.searcher import Searcher
from engine.snapshot.manifest import Manifest

K = 10
WEIGHTS = (0.0, 0.2, 0.5, 0.8, 1.0)
BOOSTS = (0.05, 0.1, 0.3)
"""Contribution of a signal one standard deviation above its mean, in units of similarity; beta / std in the score."""

OURS = "one fused index"
RANKS = "rank fusion of 100 each"
LATE = f"exact, boost on its top {LATE_BOOST}"
UNIONS = {100: "union of 100 each, rescored", 400: "union of 400 each, rescored"}
METHODS = (OURS, UNIONS[100], UNIONS[400], RANKS, LATE)

_RANKS_DEPTH = 100
_LISTS_CHECKED = 20

TIMES = ("p50 µs", "p95 µs", "p99 µs")

Answered = tuple[list[list[str]], list[float]]


@dataclass(frozen=True, slots=True)
class Cell:
    """A test case. boost: in units of similarity, of `signal`; beta: the same in units of the score."""

    kind: str
    weight: float
    missing: Missing
    signal: str = ""
    boost: float = 0.0
    beta: float = 0.0

    def query(self, parts: tuple[Part, ...]) -> Query:
        """Return the query of these parts."""
        boosts = (Boost(self.signal, self.beta),) if self.signal else ()
        return Query(parts, {"image": self.weight, "text": 1.0 - self.weight}, self.missing, boosts, K)


def run(
    made: Clustered,
    count: int,
    store: Path | None = None,
    seed: int = 5,
    factory: str = AUTO,
    json_path: Path | None = None,
    data: Path = DATA,
) -> dict[str, Any]:
    """Measure each method on `count` queries for each case, print the tables and return the result."""
    catalogue = clustered(made, data)
    built = prepare(catalogue, store, catalogue.parent)
    truth = GroundTruth(catalogue, built.manifest)
    lists = TwoLists(catalogue, truth, catalogue.parent / "two_lists", factory)
    searcher = built.searcher()
    std = similarity_std(built.manifest)
    cells = _cells(std)
    parts = {kind: draw(catalogue, kind, count, seed) for kind in (AGREEING, COMPOSED)}
    measured = []
    for cell in cells:
        queries = [cell.query(wished) for wished in parts[cell.kind]]
        wishes = truth.wishes(queries)
        asked = list(zip(queries, wishes, strict=True))
        answered: dict[str, Answered] = {
            OURS: _timed([partial(_fused, searcher, query) for query in queries]),
            RANKS: _timed([partial(lists.ranks, *question, _RANKS_DEPTH) for question in asked]),
        }
        answered |= {
            name: _timed([partial(lists.union, *question, depth) for question in asked])
            for depth, name in UNIONS.items()
        }
        measured.append(_graded(truth, cell, queries, answered))
    content = {
        "settings": {
            "queries_a_cell": count,
            "k": K,
            "query_seed": seed,
            "query_noise": QUERY_NOISE,
            "similarity_std": round(std, 5),
        },
        "dataset": asdict(made),
        "snapshot": built.describe(),
        "two_lists": {"factory": factory, **lists.describe(), "recall_at_100": _list_recall(lists, truth, parts)},
        "cells": measured,
    }
    tables = _tables(made, measured)
    for table in tables:
        table.show()
    if json_path is not None:
        report.write(json_path, "fusion", content, tables)
        _draw(measured, json_path.with_suffix(".png"))
    return content


def _fused(searcher: Searcher, query: Query) -> list[str]:
    return [hit.item_id for hit in searcher.search(query).hits]


def similarity_std(manifest: Manifest) -> float:
    """Return the typical standard deviation of similarities of a vector, averaged over the blocks."""
    return float(np.mean([entry.std for entry in manifest.similarities if entry.part_kind == "vector"]))


def _cells(std: float) -> list[Cell]:
    cells = []
    for kind in (AGREEING, COMPOSED):
        cells += [Cell(kind, weight, Missing.RENORMALIZE) for weight in WEIGHTS]
        cells += [Cell(kind, 0.5, missing) for missing in (Missing.NEUTRAL, Missing.DROP)]
        for signal, boost in product(SIGNALS, BOOSTS):
            cells.append(Cell(kind, 0.5, Missing.RENORMALIZE, signal, boost, boost / std))
    return cells


def _timed(calls: Sequence[Callable[[], list[str]]]) -> Answered:
    for call in calls[:10]:
        call()
    found, took = [], []
    for call in calls:
        started = time.perf_counter_ns()
        found.append(call())
        took.append((time.perf_counter_ns() - started) / 1000)
    return found, took


def _graded(
    truth: GroundTruth, cell: Cell, queries: Sequence[Query], answered: Mapping[str, Answered]
) -> dict[str, Any]:
    found = {name: ids for name, (ids, _) in answered.items()}
    if cell.boost:
        plain = [replace(query, boosts=()) for query in queries]
        found[LATE] = truth.grade(plain, LATE_BOOST).item_ids
    joined = [[item_id for ids in found.values() for item_id in ids[index]] for index in range(len(queries))]
    graded = truth.grade(queries, K, joined)
    recalls: dict[str, list[float]] = {name: [] for name in found}
    for index in range(len(queries)):
        start = 0
        for name, ids in found.items():
            worth = graded.found[index][start : start + len(ids[index])]
            start += len(ids[index])
            # The best by true score: for LATE, the boost applied to its candidates; for the others, their ten.
            best = np.argsort(-worth, kind="stable")[:K]
            recalls[name].append(graded.recall(index, [ids[index][i] for i in best.tolist()], worth[best]))
    methods: dict[str, dict[str, Any]] = {}
    for name, values in recalls.items():
        methods[name] = {"recall_at_10": round(float(np.mean(values)), 5)}
        if name in answered:
            methods[name]["search_us"] = report.spread(answered[name][1])
    return {
        "kind": cell.kind,
        "image_weight": cell.weight,
        "missing": cell.missing.value,
        "signal": cell.signal,
        "boost": cell.boost,
        "beta": round(cell.beta, 4),
        "methods": methods,
    }


def _list_recall(
    lists: TwoLists, truth: GroundTruth, parts: Mapping[str, Sequence[tuple[Part, ...]]]
) -> dict[str, float]:
    """Return, by block, the recall@100 of the index, to show that it does not cause the losses."""
    queries = [Query(wished, {"image": 0.5, "text": 0.5}) for wished in parts[COMPOSED][:_LISTS_CHECKED]]
    shares: dict[str, list[float]] = {}
    for query, wishes in zip(queries, truth.wishes(queries), strict=True):
        exact = lists.near(query, wishes, 100, exact=True)
        for block, places in lists.near(query, wishes, 100).items():
            shares.setdefault(block, []).append(len(np.intersect1d(places, exact[block])) / len(exact[block]))
    return {block: round(float(np.mean(values)), 4) for block, values in shares.items()}


def _tables(made: Clustered, measured: Sequence[dict[str, Any]]) -> list[report.Table]:
    what = f"{made.count:,} items, {made.missing:.0%} of them lacking a block"
    plain = [cell for cell in measured if not cell["boost"]]
    boosted = [cell for cell in measured if cell["boost"]]
    recalls = [
        (f"{cell['kind']}, image {cell['image_weight']:g}, {cell['missing']}", *_shares(cell, METHODS[:-1]))
        for cell in plain
    ]
    boosts = [
        (f"{cell['kind']}, {cell['signal']} {cell['boost']:g} (beta {cell['beta']:.2f})", *_shares(cell, METHODS))
        for cell in boosted
    ]
    times = [
        (
            name,
            f"{np.mean([cell['methods'][name]['recall_at_10'] for cell in measured]):.3f}",
            *(
                f"{np.median([cell['methods'][name]['search_us'][share] for cell in measured]):,.0f}"
                for share in ("p50", "p95", "p99")
            ),
        )
        for name in METHODS[:-1]
    ]
    return [
        report.Table(f"recall@10 of the exact fused ranking, {what}", ("query", *METHODS[:-1]), recalls),
        report.Table("recall@10 with a boost, image 0.5, renormalize", ("query", *METHODS), boosts),
        report.Table(
            "one thread, median of all rows above",
            ("method", "mean recall@10", "p50 µs", "p95 µs", "p99 µs"),
            times,
        ),
    ]


def _shares(cell: Mapping[str, Any], methods: Sequence[str]) -> list[str]:
    return [f"{cell['methods'][name]['recall_at_10']:.3f}" for name in methods]


def _draw(measured: Sequence[dict[str, Any]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 3.8), layout="constrained")
    left, middle, right, last = figure.subplots(1, 4, sharey=True)
    for axes, kind in ((left, AGREEING), (middle, COMPOSED)):
        cells = [c for c in measured if c["kind"] == kind and not c["boost"] and c["missing"] == "renormalize"]
        for name in METHODS[:-1]:
            axes.plot(*_line(cells, "image_weight", name), marker="o", label=name)
        axes.set(title=f"{kind} queries", xlabel="weight of the image")
    for axes, signal in zip((right, last), SIGNALS, strict=True):
        cells = [cell for cell in measured if cell["kind"] == COMPOSED and cell["signal"] == signal]
        for name in METHODS:
            axes.plot(*_line(cells, "boost", name), marker="o", label=name)
        axes.set(title=f"{COMPOSED}, {signal} boosted", xlabel="boost, in units of similarity")
    for axes in (left, middle, right, last):
        axes.grid(alpha=0.3)
    left.set_ylabel("recall@10 of the exact fused ranking")
    right.legend(loc="lower left", fontsize=7)
    figure.savefig(path, dpi=110)


def _line(cells: Sequence[Mapping[str, Any]], key: str, method: str) -> tuple[list[float], list[float]]:
    return [cell[key] for cell in cells], [cell["methods"][method]["recall_at_10"] for cell in cells]
