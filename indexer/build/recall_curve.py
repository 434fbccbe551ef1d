"""The chart of recall against search time that a build leaves in its snapshot."""

from collections.abc import Sequence
from pathlib import Path

from engine.search.depth_planner import QUERY_CLASSES
from engine.snapshot.manifest import PointRecord


def draw_curve(records: Sequence[PointRecord], recall_target: float, path: Path) -> None:
    """Write a PNG of recall against time, one line a query class."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for query_class in QUERY_CLASSES:
        line = _frontier([record for record in records if record.query_class == query_class])
        if line:
            axes.plot(*zip(*line, strict=True), marker="o", markersize=3, label=query_class)
    axes.axhline(recall_target, color="grey", linewidth=0.8, linestyle="--", label=f"target {recall_target}")
    axes.set(xscale="log", xlabel="µs per query, one thread", ylabel="recall@10", title="Recall by query class")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=110)


def _frontier(records: Sequence[PointRecord]) -> list[tuple[float, float]]:
    """Return (microseconds, recall) of the records that no faster one beats, fastest first."""
    best = 0.0
    line = []
    for record in sorted(records, key=lambda record: record.microseconds):
        if record.recall >= best:
            best = record.recall
            line.append((record.microseconds, record.recall))
    return line
