"""recall@10 and latency for every weight, kind of query and policy for missing blocks."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import report
from benchmarks.datasets import AGREEING, COMPOSED, DATA, ITEM, QUERY_NOISE, Clustered, clustered, draw
from benchmarks.ground_truth import GroundTruth
from benchmarks.stores import Built, prepare
from engine.scoring.answer import Answer
from engine.scoring.query import Missing, Part, Query
from engine.search.searcher import Searcher

K = 10
TARGET = 0.99
WEIGHTS = (0.0, 0.2, 0.5, 0.8, 1.0)
KINDS = (AGREEING, COMPOSED, ITEM)
_WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Cell:
    """A test case: the kind of query, the weight of the image (the text has the rest), and the policy."""

    kind: str
    weight: float
    missing: Missing

    def query(self, parts: tuple[Part, ...]) -> Query:
        """Return the query of these parts."""
        return Query(parts, {"image": self.weight, "text": 1.0 - self.weight}, self.missing, limit=K)


def run(
    made: Clustered,
    count: int,
    store: Path | None = None,
    seed: int = 5,
    noise: float = QUERY_NOISE,
    json_path: Path | None = None,
    data: Path = DATA,
) -> dict[str, Any]:
    """Measure recall@10 and latency of `count` queries for every case, print the table and return the result."""
    catalogue = clustered(made, data)
    built = prepare(catalogue, store, catalogue.parent)
    searcher = built.searcher()
    cells = [Cell(*choice) for choice in product(KINDS, WEIGHTS, Missing)]
    parts = {kind: draw(catalogue, kind, count, seed, noise) for kind in KINDS}
    measured = _measure(searcher, GroundTruth(catalogue, built.manifest), cells, parts)
    content = {
        "settings": {"queries_a_cell": count, "k": K, "query_seed": seed, "query_noise": noise, "target": TARGET},
        "dataset": asdict(made),
        "snapshot": built.describe(),
        "summary": _summary(built, measured),
        "cells": measured,
    }
    table = _table(made, measured)
    table.show()
    if json_path is not None:
        report.write(json_path, "recall", content, [table])
        _draw(measured, json_path.with_suffix(".png"))
    return content


def ask(searcher: Searcher, queries: Sequence[Query]) -> tuple[list[Answer], list[float]]:
    """Return each query's answer and its latency in microseconds; the first queries are run once beforehand."""
    for query in queries[:_WARM_UP]:
        searcher.search(query)
    answers, took = [], []
    for query in queries:
        started = time.perf_counter_ns()
        answers.append(searcher.search(query))
        took.append((time.perf_counter_ns() - started) / 1000)
    return answers, took


def _measure(
    searcher: Searcher, truth: GroundTruth, cells: Sequence[Cell], parts: dict[str, list[tuple[Part, ...]]]
) -> list[dict[str, Any]]:
    queries: list[Query] = []
    answers: list[Answer] = []
    times: list[list[float]] = []
    for cell in cells:
        asked = [cell.query(wished) for wished in parts[cell.kind]]
        answered, took = ask(searcher, asked)
        queries += asked
        answers += answered
        times.append(took)
    found = [[hit.item_id for hit in answer.hits] for answer in answers]
    graded = truth.grade(queries, K, found)
    recalls = [graded.recall(index, found[index], graded.found[index]) for index in range(len(queries))]
    errors = [
        float(np.max(np.abs(worth - [hit.score for hit in answer.hits]), initial=0.0))
        for worth, answer in zip(graded.found, answers, strict=True)
    ]
    measured = []
    start = 0
    for cell, took in zip(cells, times, strict=True):
        here = slice(start, start + len(took))
        start += len(took)
        measured.append(
            {
                "kind": cell.kind,
                "image_weight": cell.weight,
                "missing": cell.missing.value,
                "recall_at_10": round(float(np.mean(recalls[here])), 5),
                "worst_query": round(min(recalls[here]), 2),
                "max_score_error": float(f"{max(errors[here]):.2g}"),
                "search_us": report.spread(took),
                "nprobe": answers[here][0].plan.nprobe,
                "candidates": round(float(np.mean([answer.plan.candidates for answer in answers[here]]))),
                "query_class": answers[here][0].plan.query_class,
            }
        )
    return measured


def _summary(built: Built, measured: Sequence[dict[str, Any]]) -> dict[str, Any]:
    recalls = [cell["recall_at_10"] for cell in measured]
    return {
        "build_s": built.build_s,
        "least_recall_at_10": min(recalls),
        "cells": len(recalls),
        "cells_at_target": sum(recall >= TARGET for recall in recalls),
        "max_score_error": max(cell["max_score_error"] for cell in measured),
    }


def _table(made: Clustered, measured: Sequence[dict[str, Any]]) -> report.Table:
    columns = ("query", "image weight", "missing", "recall@10", "score error", "p50 µs", "p95 µs", "p99 µs", "nprobe")
    rows = [
        (
            cell["kind"],
            f"{cell['image_weight']:g}",
            cell["missing"],
            f"{cell['recall_at_10']:.4f}",
            f"{cell['max_score_error']:.1e}",
            *(f"{cell['search_us'][share]:,.0f}" for share in ("p50", "p95", "p99")),
            str(cell["nprobe"]),
        )
        for cell in measured
    ]
    return report.Table(f"recall@10 of {made.count:,} items, {made.missing:.0%} of them lacking a block", columns, rows)


def _draw(measured: Sequence[dict[str, Any]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    shared = figure.subplots(1, len(KINDS), sharey=True)
    for axes, kind in zip(shared, KINDS, strict=True):
        for missing in Missing:
            cells = [cell for cell in measured if cell["kind"] == kind and cell["missing"] == missing.value]
            axes.plot(
                [cell["image_weight"] for cell in cells],
                [cell["recall_at_10"] for cell in cells],
                marker="o",
                label=missing.value,
            )
        axes.axhline(TARGET, color="grey", linewidth=0.8, linestyle="--")
        axes.set(title=kind, xlabel="weight of the image")
        axes.grid(alpha=0.3)
    shared[0].set_ylabel("recall@10")
    shared[0].legend(title="missing block")
    figure.savefig(path, dpi=110)
