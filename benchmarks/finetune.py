"""The gain of fine-tuning on a shop's own catalogue, measured on titles and images of held-out products.

A share of the products is held out; those with the same title stay together. Stores of the held-out products are built
with the model before and after `indexer train`. Titles then search for their images and images for their titles, as
in `indexer evaluate search --catalogue`.
"""

import csv
import random
import shutil
import time
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.datasets import DATA, real
from engine.encoders.encoder import ModelSpec
from engine.errors import InvalidCatalogue
from engine.search.store_searcher import open_searcher
from engine.snapshot.store import Store
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.build.publish import prune
from indexer.evaluate import text_image_pairs
from indexer.progress import Reporter

K = 10
HELD_OUT = 0.2
TITLE = "{title}"
ATTRIBUTES = ("{gender} {base_colour} {article_type}, {usage}", "{title}")
"""Other fields that describe an image in training, if the catalogue has them."""

SETTINGS: dict[str, Any] = {
    "text_template": TITLE, "caption_templates": ATTRIBUTES, "holdout": 0.0, "batch": 96, "learning_rate": 8e-4,
    "warmup": 20, "weight_decay": 0.05, "ema": 0.98, "settle": 0.6, "patch_dropout": 0.5, "smoothing": 0.05,
    "caption_weight": 0.0, "checkpoint_every": 100, "report_every": 1_000_000,
}  # fmt: skip
BEFORE, AFTER = "as it was", "fine-tuned"


def run(
    data: Path, model: str = "mini", steps: int = 120, seed: int = 0, json_path: Path | None = None,
    folder: Path = DATA / "finetune",
) -> dict[str, Any]:  # fmt: skip
    """Train on the other products, measure before and after, print the table and return the result."""
    from indexer.train import TrainConfig, train

    trained_on, held_out = part(real(data), folder, seed)
    out = folder / "model"
    shutil.rmtree(out, ignore_errors=True)
    config = TrainConfig(out=out, catalogs=(trained_on,), model=model, steps=steps, seed=seed, **SETTINGS)
    found = {BEFORE: measure(held_out, folder / "before", ModelSpec(model))}
    began, began_cpu = time.monotonic(), time.process_time()
    with Reporter() as progress:
        train(config, lambda now: progress(now.stage, now.done, now.total))
    seconds, cpu_seconds = time.monotonic() - began, time.process_time() - began_cpu
    found[AFTER] = measure(held_out, folder / "after", ModelSpec(str(out)))
    table = _table(found, steps, seconds, cpu_seconds)
    table.show()
    content = {
        "settings": {**config.to_json(), "out": "", "catalogs": [trained_on.name]},
        "dataset": {"name": data.name, "trained_on": count(trained_on), "held_out": count(held_out)},
        "training": {"seconds": round(seconds, 1), "cpu_seconds": round(cpu_seconds, 1), "steps": steps},
        "success": found,
    }
    if json_path is not None:
        report.write(json_path, "finetune", content, [table])
    return content


def part(catalogue: Path, folder: Path, seed: int) -> tuple[Path, Path]:
    """Write the training and the held-out rows as two catalogues, and return them. Raises InvalidCatalogue."""
    with catalogue.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"item_id", "title", "image"} <= rows[0].keys():
        raise InvalidCatalogue(f"expected a CSV with item_id, title and image, got {catalogue}")
    titles = sorted({row["title"] for row in rows})
    random.Random(seed).shuffle(titles)
    held = set(titles[: round(HELD_OUT * len(titles))])
    paths = []
    for name, inside in (("train", False), ("held_out", True)):
        # In separate folders, since training takes one catalogue per folder.
        path = folder / name / "catalog.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            for row in rows:
                if (row["title"] in held) == inside:
                    writer.writerow({**row, "image": str((catalogue.parent / row["image"]).resolve())})
        paths.append(path)
    return paths[0], paths[1]


def measure(catalogue: Path, store: Path, model: ModelSpec) -> dict[str, Any]:
    """Build a store of the catalogue and return how often texts and images find each other, by direction."""
    config = BuildConfig(catalogue, store, model, lexical=False, text_template=TITLE, max_drift=1.0)
    with Reporter() as progress:
        manifest = build(config, progress)
        prune(Store(store), keep=1)
        searcher = open_searcher(store, manifest.snapshot)
        return text_image_pairs.evaluate(searcher, catalogue, TITLE, manifest.item_count, K, progress)


def count(catalogue: Path) -> int:
    """Return the number of products in a catalogue."""
    with catalogue.open(encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.DictReader(file))


def _table(found: dict[str, Any], steps: int, seconds: float, cpu_seconds: float) -> report.Table:
    rows = []
    for way in (text_image_pairs.TEXT_TO_IMAGE, text_image_pairs.IMAGE_TO_TEXT):
        for name, values in found.items():
            low, high = values[way]["success_interval"]
            rows.append(
                [
                    f"{way.replace('_', ' ')}, {name}",
                    f"{values[way]['success@1']:.3f}",
                    f"{values[way][f'success@{K}']:.3f}",
                    f"{low:.3f} to {high:.3f}",
                    f"{values[way][f'mrr@{K}']:.3f}",
                ]
            )
    queries = found[BEFORE][text_image_pairs.TEXT_TO_IMAGE]["queries"]
    title = (
        f"{queries} held-out products; {steps} steps took {seconds / 60:.1f} minutes "
        f"({cpu_seconds / 60:.1f} CPU minutes)"
    )
    return report.Table(title, ("search", "success@1", f"success@{K}", "95 %", f"MRR@{K}"), rows)
