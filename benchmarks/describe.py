"""Correctness of generated descriptions, for generated products that no model was trained on and photos from shops.

Four settings. *Items*: items of a store. *Pictures, a shop*: images only, described with a store of other generated
products. *Pictures alone*: images only, described by the embedded model. *Shop photos*: photos of groceries, described
with a store of their 81 products. Descriptions are checked against the catalogue: see
`indexer.evaluate.description_quality`.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from benchmarks.report import Table, write
from engine.descriptions.composer import Composer
from engine.descriptions.describer import DescribeRequest
from engine.encoders.encoder import ModelSpec
from engine.models import DEFAULT
from engine.search.store_searcher import open_searcher
from indexer import sample
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.evaluate.description_quality import Verdict, describe_judged, judge, read_pictures, summarise
from indexer.progress import Reporter, no_progress

QUESTION = "Do descriptions name the correct type and colour, and do they contradict known facts?"
EXAMPLES = 12


def run(
    products: int, others: int, seed: int, other_seed: int, grocery: Path | None, json_path: Path | None = None
) -> None:
    """Measure all settings, print them, and write them to `json_path` if given.

    Args:
        products: Number of generated products to describe, and the maximum number of photos.
        others: Number of products in the store that has none of them.
        seed: Seed of the products to describe. No model was trained on these seeds.
        other_seed: Seed of the products in the store.
        grocery: Folder of catalog.csv and photos.csv; None to leave it out.
        json_path: File to write the result to.
    """
    found: dict[str, dict[str, Any]] = {}
    texts: dict[str, list[str]] = {}
    with TemporaryDirectory() as folder:
        root = Path(folder)
        catalogue, store = _shop(root / "described", products, seed)
        _, other_store = _shop(root / "others", others, other_seed)
        settings: list[tuple[str, Path, Path | None, Path | None, bool]] = [
            (f"items of a store of {products}", catalogue, None, store, True),
            (f"pictures, a store of {others} others", catalogue, None, other_store, False),
            ("pictures, the embedded model alone", catalogue, None, None, False),
        ]
        if grocery is not None:
            built = root / "grocery"
            build(BuildConfig(grocery / "catalog.csv", built, ModelSpec(DEFAULT)), no_progress)
            photos = grocery / "photos.csv"
            settings.append(("shop photos, a store of 81 groceries", grocery / "catalog.csv", photos, built, False))
        for name, path, photos_at, store_at, told in settings:
            verdicts, took_s = _measure(path, photos_at, store_at, products, told)
            found[name] = {**summarise(verdicts), "each_ms": round(1000 * took_s / len(verdicts), 1)}
            texts[name] = [verdict.text for verdict in verdicts[:EXAMPLES]]
    rows = [[name, *map(_cell, _told(result))] for name, result in found.items()]
    columns = ("subject", "texts", "correct type", "correct colour", "product or type", "contradictions", "words")
    tables = [Table(QUESTION, columns, rows)]
    for table in tables:
        table.show()
    if json_path is not None:
        content = {"products": products, "seed": seed, "others": others, "other_seed": other_seed}
        write(json_path, QUESTION, {**content, "settings": found, "examples": texts}, tables)


def _shop(folder: Path, items: int, seed: int) -> tuple[Path, Path]:
    sample.write(folder, items, seed)
    build(BuildConfig(folder / "catalog.jsonl", folder / "store", ModelSpec(DEFAULT)), no_progress)
    return folder / "catalog.jsonl", folder / "store"


def _measure(
    catalogue: Path, photos: Path | None, store: Path | None, most: int, told: bool
) -> tuple[list[Verdict], float]:
    shown, words = read_pictures(catalogue, photos, most)
    searcher = None if store is None else open_searcher(store)
    started = perf_counter()
    with Reporter() as progress:
        written = list(describe_judged(shown, searcher, Composer(), DescribeRequest(), told, progress))
    took_s = perf_counter() - started
    return [judge(one.text, item.product, words) for one, item in zip(written, shown, strict=True)], took_s


def _told(result: dict[str, Any]) -> Sequence[Any]:
    names = ("texts", "right_type", "right_colour", "product_or_type_named", "contradicting", "words_p50")
    return [result[name] for name in names]


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
