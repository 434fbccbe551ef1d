"""Detection of items in the wrong category, on real catalogues.

Unmodified: reported items are compared with the verdicts of a reader who looked at each title and image (`JUDGMENTS`).
Modified: shares of the items are moved to random other categories; items that the shop itself misfiled then count
against precision.
"""

import json
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import report
from benchmarks.datasets import DATA, real
from engine.encoders.encoder import ModelSpec
from engine.snapshot.snapshot import Snapshot, open_snapshot
from engine.snapshot.store import Store
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.build.publish import prune
from indexer.misfiled.item_features import FiledItems, read
from indexer.misfiled.misfiled_probability import MisfiledProbability, calibrate, misfile
from indexer.misfiled.suspects import CONFIDENCE
from indexer.progress import Reporter, no_progress

SHARES = (0.01, 0.05)
EDGES = (0.0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
CATEGORIES = (50, 100, 200, 400, 800)
JUDGMENTS = Path(__file__).with_name("misfiled_judgments.json")
"""Catalogue → field → item id → "misfiled", "as filed" or "unclear"."""
VERDICTS = ("misfiled", "unclear", "as filed", "not judged")


class Subject(NamedTuple):
    """A catalogue's file or folder, and its category columns."""

    data: Path
    fields: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the catalogue in tables."""
        return self.data.name.partition(".")[0]


def run(
    subjects: Sequence[Subject], model: str, seed: int = 1, json_path: Path | None = None,
    folder: Path = DATA / "misfiled",
) -> dict[str, Any]:  # fmt: skip
    """Build a store of each catalogue, find misfiled items, print the tables and return the result."""
    judgments = json.loads(JUDGMENTS.read_text(encoding="utf-8"))
    found: dict[str, Any] = {}
    for subject in subjects:
        snapshot = _build(subject, model, folder)
        for field in subject.fields:
            judged = judgments.get(subject.name, {}).get(field, {})
            found[f"{subject.name} {field}"] = measure(snapshot, field, judged, seed)
    cost = [{"categories": classes, "seconds": round(seconds(classes), 2)} for classes in CATEGORIES]
    tables = _tables(found, cost)
    for table in tables:
        table.show()
    content = {
        "settings": {"model": Path(model).name, "confidence": CONFIDENCE, "seed": seed},
        "catalogues": found,
        "cost": cost,
    }
    if json_path is not None:
        report.write(json_path, "misfiled", content, tables)
    return content


def measure(snapshot: Snapshot, field: str, judged: Mapping[str, str], seed: int) -> dict[str, Any]:
    """Measure a catalogue unmodified, and with items moved. judged: verdicts by item id."""
    filed = read(snapshot, field)
    classes = len(filed.names)
    started = time.perf_counter()
    clean = calibrate(filed.blocks, filed.labels, classes, no_progress)
    took = time.perf_counter() - started
    ids = [snapshot.items.item_id(row) for row in filed.rows[_flagged(clean)].tolist()]
    verdicts = {item_id: judged.get(item_id, VERDICTS[-1]) for item_id in ids}
    planted = []
    for share in SHARES:
        rng = np.random.default_rng([seed, round(1000 * share)])
        chosen, labels = misfile(filed.labels, classes, share, rng, even=True)
        found = calibrate(filed.blocks, labels, classes, no_progress)
        planted.append({"share": share, **score(filed, chosen, found), "reliability": reliability(chosen, found)})
    return {
        "items": len(filed.rows),
        "categories": classes,
        "like_their_own": round(float(clean.evidence.agrees.mean()), 4),
        "flagged": len(ids),
        "flagged_share": round(len(ids) / len(filed.rows), 4),
        "verdicts": verdicts,
        "seconds": round(took, 2),
        "planted": planted,
    }


def score(filed: FiledItems, misfiled: NDArray[np.bool_], found: MisfiledProbability) -> dict[str, float]:
    """Return the number of flagged items, and precision and recall of the moved ones.

    named: the share of those found whose own category was named.
    """
    flagged = _flagged(found)
    hits = misfiled & flagged
    return {
        "misfiled": int(misfiled.sum()),
        "flagged": int(flagged.sum()),
        "precision": _share(hits.sum(), flagged.sum()),
        "recall": _share(hits.sum(), misfiled.sum()),
        "named": _share((found.evidence.best == filed.labels)[hits].sum(), hits.sum()),
        "estimated_share": round(found.share, 4),
    }


def reliability(misfiled: NDArray[np.bool_], found: MisfiledProbability) -> list[dict[str, float]]:
    """Return, for each range of EDGES, the number of items, the sum of their confidence, and how many are misfiled."""
    rows = []
    for low, high in pairwise(EDGES):
        inside = (found.confidence >= low) & ((found.confidence < high) | (high == EDGES[-1]))
        total = float(found.confidence[inside].sum())
        rows.append({"from": low, "items": int(inside.sum()), "sum": total, "misfiled": int(misfiled[inside].sum())})
    return rows


def seconds(classes: int, count: int = 20_000, dim: int = 256) -> float:
    """Return the time to judge generated items with this number of categories."""
    rng = np.random.default_rng(classes)
    labels = rng.permutation(np.arange(count) % classes)
    features = rng.standard_normal((classes, dim))[labels] + 2 * rng.standard_normal((count, dim))
    blocks = {"features": (features / np.sqrt(5 * dim)).astype(np.float32)}
    started = time.perf_counter()
    calibrate(blocks, labels, classes, no_progress)
    return time.perf_counter() - started


def _build(subject: Subject, model: str, folder: Path) -> Snapshot:
    catalogue = real(subject.data) if subject.data.is_dir() else subject.data
    config = BuildConfig(catalogue, folder / f"{subject.name}-{Path(model).name}", ModelSpec(model), max_drift=1.0)
    with Reporter() as progress:
        manifest = build(config, progress)
    store = Store(config.store)
    prune(store, keep=1)
    return open_snapshot(store, manifest.snapshot)


def _flagged(found: MisfiledProbability) -> NDArray[np.bool_]:
    flagged: NDArray[np.bool_] = ~found.evidence.agrees & (found.confidence >= CONFIDENCE)
    return flagged


def _share(part: float, whole: float) -> float:
    return round(float(part) / max(1.0, float(whole)), 4)


def _tables(found: Mapping[str, Any], cost: Sequence[Mapping[str, float]]) -> list[report.Table]:
    clean, planted = [], []
    for name, values in found.items():
        verdicts = list(values["verdicts"].values())
        clean.append(
            [f"{name}, {values['categories']} categories", f"{values['items']:,}", f"{values['like_their_own']:.3f}"]
            + [str(values["flagged"]), f"{values['flagged_share']:.2%}"]
            + [str(verdicts.count(verdict)) for verdict in VERDICTS]
        )
        for case in values["planted"]:
            planted.append(
                [f"{name}, {case['share']:.0%}", str(case["misfiled"]), str(case["flagged"])]
                + [f"{case[key]:.3f}" for key in ("precision", "recall", "named")]
                + [f"{case['estimated_share']:.3f}"]
            )
    return [
        report.Table(
            "Unmodified catalogues: reported items, and a reader's verdict",
            ("catalogue", "items", "match own category", "reported", "share", *VERDICTS),
            clean,
        ),
        report.Table(
            "Catalogues with items moved to wrong categories",
            (
                "catalogue, share misfiled",
                "misfiled",
                "reported",
                "precision",
                "recall",
                "category named",
                "estimated share",
            ),
            planted,
        ),
        _reliability_table(found),
        report.Table(
            "Time by number of categories, 20,000 items of 256 dimensions",
            ("categories", "seconds"),
            [[str(row["categories"]), f"{row['seconds']:.1f}"] for row in cost],
        ),
    ]


def _reliability_table(found: Mapping[str, Any]) -> report.Table:
    rows = []
    for index, low in enumerate(EDGES[:-1]):
        cells = [f"{low:g} to {EDGES[index + 1]:g}"]
        for share in range(len(SHARES)):
            bins = [values["planted"][share]["reliability"][index] for values in found.values()]
            items = sum(entry["items"] for entry in bins)
            cells.append(str(items))
            for key in ("sum", "misfiled"):
                cells.append(f"{sum(entry[key] for entry in bins) / items:.3f}" if items else "")
        rows.append(cells)
    columns = [f"{share:.0%}: {name}" for share in SHARES for name in ("items", "mean confidence", "misfiled")]
    return report.Table("Reliability by confidence, over all of the above", ("confidence", *columns), rows)
