"""Recall and latency of filters, by selectivity and by where the matching items lie.

Three filters keep the same share of the items: one independent of the vectors, one that keeps items near the query, and
one that keeps items far from it, where an index that stops early finds nothing. Each query has a different filter and
runs twice; the first time the engine can have cached nothing about it.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import report
from benchmarks.datasets import (
    AGREEING,
    COMPOSED,
    DATA,
    QUERY_NOISE,
    Clustered,
    Wide,
    clustered,
    column,
    draw,
    drawn_rows,
)
from benchmarks.fusion import similarity_std
from benchmarks.ground_truth import GroundTruth, Only
from benchmarks.peers import filtered
from benchmarks.stores import Built, prepare
from engine.scoring.answer import Answer
from engine.scoring.query import Boost, Part, Query
from engine.search.searcher import Searcher
from engine.snapshot.manifest import Manifest

K = 10
TARGET = 0.99
SHARES = (0.5, 0.1, 0.01, 0.001, 0.0001)

ANYWHERE, NEAR, FAR = "anywhere", "near", "far"
PLACES = (ANYWHERE, NEAR, FAR)
"""Where the matching items lie, relative to the query."""

BOOSTED = "boosted"
SIGNAL = "rating"
BOOST = 0.3
"""Contribution of a signal one standard deviation above its mean, in units of similarity."""

_COLUMNS = {ANYWHERE: "shuffle", NEAR: "shelf", FAR: "shelf"}
_WARM_UP = 10


@dataclass(frozen=True, slots=True)
class Cell:
    """A test case.   missing: share of items that lack a block.   share: share of items that match the filter."""

    kind: str
    missing: float
    place: str
    share: float


@dataclass(frozen=True, slots=True)
class Window:
    """A filter: items whose number is at least `low` and below `high`."""

    column: str
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.column} >= {self.low!r} AND {self.column} < {self.high!r}"


def run(
    made: Clustered,
    count: int,
    shares: Sequence[float] = SHARES,
    peers: Sequence[str] = (),
    seed: int = 5,
    json_path: Path | None = None,
    data: Path = DATA,
) -> dict[str, Any]:
    """Measure `count` queries for each case, on a catalogue with all blocks and on one that lacks some.

    peers: those of `filtered.PEERS` to measure as well, with the settings that `peers` chose for them.
    """
    measured: list[dict[str, Any]] = []
    snapshots = []
    for missing, kinds in ((0.0, (AGREEING, COMPOSED, BOOSTED)), (made.missing, (AGREEING, COMPOSED))):
        catalogue = clustered(replace(made, missing=missing), data)
        built = prepare(catalogue, None, catalogue.parent / "filters")
        snapshots.append(built.describe())
        cells = [Cell(kind, missing, place, share) for kind, place, share in product(kinds, PLACES, shares)]
        measured += _measure(catalogue, built, cells, count, seed)
    content: dict[str, Any] = {
        "settings": {
            "queries_a_cell": count,
            "k": K,
            "query_seed": seed,
            "query_noise": QUERY_NOISE,
            "target": TARGET,
            "boost": BOOST,
            "signal": SIGNAL,
        },
        "dataset": asdict(made),
        "snapshot": snapshots[0],
        "snapshots": snapshots,
        "summary": {
            "cells": len(measured),
            "cells_at_target": sum(cell["recall_at_10"] >= TARGET for cell in measured),
            "least_recall_at_10": min(cell["recall_at_10"] for cell in measured),
            "short_answers": sum(cell["short_answers"] for cell in measured),
        },
        "cells": measured,
    }
    tables = [_table(made, measured)]
    if peers:
        whole = replace(made, missing=0.0)
        others = filtered.beside(whole, shares, 4 * count, peers, seed, data)
        content["peers"] = others
        tables.append(filtered.table(whole, others))
    for table in tables:
        table.show()
    if json_path is not None:
        report.write(json_path, "filters", content, tables)
        _draw(measured, json_path.with_suffix(".png"))
    return content


def windows(place: str, share: float, around: Wide, seed: int) -> list[Window]:
    """Return a filter for each query that keeps a share of the items. around: (nq,) its position on the shelf."""
    name = _COLUMNS[place]
    if place == ANYWHERE:
        lows = np.random.default_rng([seed, 2]).random(len(around)) * (1.0 - share)
    else:
        middle = around if place == NEAR else (around + 0.5) % 1.0
        lows = np.clip(middle - share / 2, 0.0, 1.0 - share)
    return [Window(name, low, low + share) for low in lows.tolist()]


def _measure(catalogue: Path, built: Built, cells: Sequence[Cell], count: int, seed: int) -> list[dict[str, Any]]:
    searcher = built.searcher()
    searcher.warm_up()
    truth = GroundTruth(catalogue, built.manifest)
    columns = {name: column(catalogue, name) for name in set(_COLUMNS.values())}
    drawn = {kind: draw(catalogue, kind, count, seed) for kind in (AGREEING, COMPOSED)}
    around = {kind: columns["shelf"][drawn_rows(catalogue, kind, count, seed)] for kind in drawn}
    measured = []
    for kind in dict.fromkeys(cell.kind for cell in cells):
        base = COMPOSED if kind == BOOSTED else kind
        asked: list[tuple[Cell, list[Query], list[Window]]] = []
        for cell in cells:
            if cell.kind == kind:
                kept = windows(cell.place, cell.share, around[base], seed)
                queries = [
                    _query(parts, kind, window, built.manifest) for parts, window in zip(drawn[base], kept, strict=True)
                ]
                asked.append((cell, queries, kept))
        measured += _graded(searcher, truth, asked, columns)
    return measured


def _query(parts: tuple[Part, ...], kind: str, window: Window, manifest: Manifest) -> Query:
    boosts = (Boost(SIGNAL, BOOST / similarity_std(manifest)),) if kind == BOOSTED else ()
    return Query(parts, {"image": 0.5, "text": 0.5}, boosts=boosts, limit=K, filter=str(window))


def _graded(
    searcher: Searcher,
    truth: GroundTruth,
    asked: Sequence[tuple[Cell, list[Query], list[Window]]],
    columns: dict[str, Wide],
) -> list[dict[str, Any]]:
    queries = [query for _, some, _ in asked for query in some]
    only = [Only(columns[window.column], window.low, window.high) for _, _, kept in asked for window in kept]
    answers: list[Answer] = []
    first, again = [], []
    for _, some, _ in asked:
        for query in some[-_WARM_UP:]:
            searcher.search(replace(query, filter=f"{query.filter} AND shuffle >= 0"))
        for query in some:
            started = time.perf_counter_ns()
            answer = searcher.search(query)
            half = time.perf_counter_ns()
            searcher.search(query)
            again.append((time.perf_counter_ns() - half) / 1000)
            first.append((half - started) / 1000)
            answers.append(answer)
    found = [[hit.item_id for hit in answer.hits] for answer in answers]
    graded = truth.grade(queries, K, found, only)
    cells = []
    start = 0
    for cell, some, _ in asked:
        here = range(start, start + len(some))
        start += len(some)
        recalls = [graded.recall(index, found[index], graded.found[index]) for index in here]
        plans = [answers[index].plan for index in here]
        cells.append(
            {
                "kind": cell.kind,
                "missing": cell.missing,
                "kept": cell.place,
                "share": cell.share,
                "recall_at_10": round(float(np.mean(recalls)), 5),
                "worst_query": round(min(recalls), 2),
                "short_answers": sum(len(found[index]) < len(graded.item_ids[index]) for index in here),
                "first_us": report.spread([first[index] for index in here]),
                "again_us": report.spread([again[index] for index in here]),
                "strategies": dict(Counter(plan.strategy for plan in plans)),
                "nprobe": round(float(np.mean([plan.nprobe for plan in plans])), 1),
                "candidates": round(float(np.mean([plan.candidates for plan in plans]))),
                "selectivity": float(f"{np.mean([plan.selectivity for plan in plans]):.3g}"),
                "expected_recall": round(min(plan.expected_recall for plan in plans), 4),
            }
        )
    return cells


def _table(made: Clustered, measured: Sequence[dict[str, Any]]) -> report.Table:
    asked = ("query", "lack a block", "matches", "share")
    found = ("recall@10", "short lists", "p50 µs", "p99 µs", "p50 µs repeated", "strategy", "nprobe", "expected recall")
    rows = [
        (
            cell["kind"],
            f"{cell['missing']:.0%}",
            cell["kept"],
            f"{cell['share']:.2%}",
            f"{cell['recall_at_10']:.4f}",
            str(cell["short_answers"]),
            f"{cell['first_us']['p50']:,.0f}",
            f"{cell['first_us']['p99']:,.0f}",
            f"{cell['again_us']['p50']:,.0f}",
            ", ".join(sorted(name or "none" for name in cell["strategies"])),
            f"{cell['nprobe']:g}",
            f"{cell['expected_recall']:g}",
        )
        for cell in measured
    ]
    return report.Table(f"{made.count:,} items, a different filter for each query, one thread", asked + found, rows)


def _draw(measured: Sequence[dict[str, Any]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6.5), layout="constrained")
    drawn = figure.subplots(2, len(PLACES), sharex=True, sharey="row")
    for number, place in enumerate(PLACES):
        upper, lower = drawn[0][number], drawn[1][number]
        for kind, missing in dict.fromkeys((cell["kind"], cell["missing"]) for cell in measured):
            cells = [
                cell for cell in measured if (cell["kind"], cell["missing"], cell["kept"]) == (kind, missing, place)
            ]
            shares = [cell["share"] for cell in cells]
            label = f"{kind}, {missing:.0%} lack a block"
            upper.plot(shares, [cell["recall_at_10"] for cell in cells], marker="o", label=label)
            lower.plot(shares, [cell["first_us"]["p50"] for cell in cells], marker="o", label=label)
        upper.axhline(TARGET, color="grey", linewidth=0.8, linestyle="--")
        upper.set(title=f"what is kept lies {place}", xscale="log")
        lower.set(xlabel="share of the items kept", yscale="log")
        for axes in (upper, lower):
            axes.grid(alpha=0.3)
    drawn[0][0].set_ylabel("recall@10")
    drawn[1][0].set_ylabel("p50 µs")
    drawn[1][0].legend(fontsize=7)
    figure.savefig(path, dpi=110)
