"""Are items filed in the wrong category found? A real catalogue with a share of its items misfiled on purpose.

The category of each chosen item is changed to another one, drawn evenly. What a shop filed wrongly before that counts
against the precision told here, for nobody has looked through it.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import report
from benchmarks.datasets import DATA, real
from engine.encoder import ModelSpec
from engine.snapshot import open_snapshot
from engine.store import Store
from indexer.build import build
from indexer.config import BuildConfig
from indexer.filing.classifier import out_of_fold
from indexer.filing.features import read
from indexer.filing.suspects import SURE, judge
from indexer.progress import Reporter
from indexer.publish import prune

SHARE = 0.05
LEVELS = (0.9, 0.95, SURE, 0.99)
BOTH = "both"


def run(
    data: Path, fields: tuple[str, ...], model: str = "mini", seed: int = 1, json_path: Path | None = None,
    folder: Path = DATA / "misfiled",
) -> dict[str, Any]:  # fmt: skip
    """Build a store, misfile items, look for them, show the tables, return the result."""
    config = BuildConfig(real(data), folder, ModelSpec(model), lexical=False, max_drift=1.0)
    with Reporter() as progress:
        manifest = build(config, progress)
    store = Store(folder)
    prune(store, keep=1)
    snapshot = open_snapshot(store, manifest.snapshot)
    found: dict[str, Any] = {}
    for field in fields:
        filed = read(snapshot, field)
        classes = len(filed.names)
        chosen, labels = misfile(filed.labels, classes, seed)
        views = {BOTH: filed.features}
        end = 0
        for block, dim in snapshot.dims.items():
            views[f"{block} alone"] = filed.features[:, end : end + dim]
            end += dim
        probabilities = {}
        for name, features in views.items():
            with Reporter() as progress:
                probabilities[name] = out_of_fold(features, labels, classes, progress)
        best, confidence = judge(probabilities[BOTH], labels)
        found[field] = {
            "items": len(labels),
            "categories": classes,
            "misfiled": int(chosen.sum()),
            "accuracy": {
                name: round(float((values.argmax(axis=1) == filed.labels).mean()), 4)
                for name, values in probabilities.items()
            },
            "flags": {str(level): flags(chosen, (best != labels) & (confidence >= level)) for level in LEVELS},
        }
    tables = _tables(found)
    for table in tables:
        table.show()
    content = {"settings": {"share": SHARE, "confidence": SURE, "seed": seed}, "dataset": data.name, "fields": found}
    if json_path is not None:
        report.write(json_path, "misfiled", content, tables)
    return content


def misfile(labels: NDArray[np.int64], classes: int, seed: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return which items were misfiled (n,), and the labels (n,) with theirs changed to another, drawn evenly."""
    rng = np.random.default_rng(seed)
    chosen = rng.random(len(labels)) < SHARE
    moved = (labels + rng.integers(1, classes, len(labels))) % classes
    return chosen, np.where(chosen, moved, labels)


def flags(misfiled: NDArray[np.bool_], flagged: NDArray[np.bool_]) -> dict[str, float]:
    """Return how many items were flagged, the share of them that was misfiled, and the share of the misfiled found."""
    hits = int((misfiled & flagged).sum())
    return {
        "flagged": int(flagged.sum()),
        "precision": round(hits / max(1, int(flagged.sum())), 4),
        "recall": round(hits / max(1, int(misfiled.sum())), 4),
    }


def _tables(found: dict[str, Any]) -> list[report.Table]:
    accuracies, flagged = [], []
    for field, values in found.items():
        about = f"{field}, {values['categories']} categories, {values['items']} items"
        accuracies.append([about, *(f"{values['accuracy'][name]:.3f}" for name in values["accuracy"])])
        for level, told in values["flags"].items():
            flagged.append(
                [f"{field}, {values['misfiled']} misfiled", level, str(told["flagged"])]
                + [f"{told[name]:.3f}" for name in ("precision", "recall")]
            )
    names = next(iter(found.values()))["accuracy"]
    return [
        report.Table(
            f"Category found, by a classifier taught with {SHARE:.0%} misfiled", ("field", *names), accuracies
        ),
        report.Table("Flags", ("field", "confidence", "flagged", "precision", "recall"), flagged),
    ]
