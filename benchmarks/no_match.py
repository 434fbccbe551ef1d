"""Searches for products that a shop does not have: product types are removed and searched for by name.

A quarter of a shop's types is removed, with every item that contains the type's last word anywhere ("necklace"), and a
store is built of the rest; this is repeated for another quarter. Queries for removed types should be flagged
(`no_good_match`); those for existing types, titles and fragments of titles should not. No setting depends on the shop.
"""

import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import report
from benchmarks.datasets import DATA
from engine.encoders.encoder import ModelSpec
from engine.lexical.tokenizer import to_compounds, to_words
from engine.scoring.query import Query, TextPart
from engine.search.searcher import Searcher
from engine.search.store_searcher import open_searcher
from engine.snapshot.store import Store
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.build.publish import prune
from indexer.catalog.table_rows import read_table
from indexer.evaluate.ranking_metrics import confidence_interval
from indexer.progress import Reporter
from indexer.sample import sample_item
from indexer.sample.sample_catalog import row as sample_row

QUARTERS = (0, 2)
"""Offsets of the removed types, every fourth in alphabetical order; one build for each offset."""
TITLES = 100
FEWEST_ITEMS = 2
SAMPLE_ITEMS = 600

_FIELDS = (
    "item_id", "title", "description", "category", "product_type", "article_type", "base_colour", "color", "gender",
    "usage", "material", "pattern", "brand",
)  # fmt: skip
_NAME_ENDS = re.compile(r",| with | set of |/")
_ELECTRONICS = (
    "cable", "charger", "earphones", "headphones", "mouse", "keyboard", "speaker", "tripod", "power bank", "adapter",
    "screen protector", "smartwatch", "memory card", "remote", "case", "stand", "microphone", "router", "webcam", "hub",
    "camera", "printer", "earbuds", "holder", "soundbar", "lens", "battery", "antenna", "projector", "mount",
)  # fmt: skip

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Shop:
    """A catalogue, the names of its types, and other words that people use in a query for one.

    type_of: the types of a row, in lower case.
    """

    name: str
    rows: Sequence[Row]
    type_of: Callable[[Row], Sequence[str]]
    phrases: tuple[str, ...]


def run(
    data: Path, model: ModelSpec, most: int = 1500, seed: int = 5, json_path: Path | None = None,
    folder: Path = DATA / "no_match",
) -> dict[str, Any]:  # fmt: skip
    """Build stores without some types, search for removed and existing types, print the table and return the result."""
    shops = _shops(data, most, seed)
    others = [row["query"] for _, row in read_table(data / "search_queries" / "wands_queries_en.csv")]
    results: dict[str, dict[str, Any]] = {}
    for shop in shops:
        asked: dict[str, list[bool]] = {}
        learnt = []
        for quarter in QUARTERS:
            gone, kept = _take_out(shop, quarter)
            searcher = _build(shop, kept, folder / shop.name, model)
            for kind, queries in _queries(shop, gone, kept, seed).items():
                asked.setdefault(kind, []).extend(map(partial(_is_flagged, searcher), queries))
            if shop.name in ("fashion_products", "electronics_listings"):
                asked.setdefault("furniture", []).extend(map(partial(_is_flagged, searcher), others))
            record = searcher.snapshot.manifest.confidence
            learnt.append(None if record is None else record.model_dump())
        results[shop.name] = {
            "items": len(shop.rows),
            "flagged": {kind: _share(flags) for kind, flags in asked.items()},
            "learnt": learnt,
        }
    table = _table(results)
    table.show()
    content = {
        "settings": {"model": Path(model.model).name, "most": most, "seed": seed, "quarters": QUARTERS},
        "shops": results,
    }
    if json_path is not None:
        report.write(json_path, "no_match", content, [table])
    return content


def _shops(data: Path, most: int, seed: int) -> list[Shop]:
    rng = np.random.default_rng(seed)

    def read(name: str) -> list[Row]:
        rows = [row for _, row in read_table(data / name / "catalog.csv")]
        return [rows[index] for index in sorted(rng.permutation(len(rows))[:most].tolist())]

    made = [
        {name: str(value) for name, value in sample_row(sample_item.item(seed, number)).items()}
        for number in range(SAMPLE_ITEMS)
    ]
    return [
        Shop("fashion_products", read("fashion_products"), partial(_named, "article_type"), ("black", "for women")),
        Shop("ikea_furniture", read("ikea_furniture"), partial(_named, "category"), ("white", "for the kitchen")),
        Shop("electronics_listings", read("electronics_listings"), _keywords, ("black", "for phone")),
        Shop("generated sample", made, partial(_named, "product_type"), ("red", "for home")),
    ]


def _named(column: str, row: Row) -> list[str]:
    return [name] if (name := _NAME_ENDS.split(row[column].lower())[0].strip()) else []


def _keywords(row: Row) -> list[str]:
    said = to_words(row["title"])
    return [name for name in _ELECTRONICS if _holds(said, to_words(name))]


def _holds(said: Sequence[str], words: Sequence[str]) -> bool:
    return any(list(said[index : index + len(words)]) == list(words) for index in range(len(said)))


def _take_out(shop: Shop, quarter: int) -> tuple[list[str], list[Row]]:
    """Return the removed types, and the rows that contain the last word of none of them."""
    counts: dict[str, int] = {}
    for row in shop.rows:
        for name in shop.type_of(row):
            counts[name] = counts.get(name, 0) + 1
    types = sorted(name for name, count in counts.items() if count >= FEWEST_ITEMS and to_words(name))
    gone = types[quarter::4]
    ends = {to_words(name)[-1] for name in gone}
    kept = [row for row in shop.rows if not ends & _said(row)]
    return gone, kept


def _said(row: Row) -> set[str]:
    text = ". ".join(row.get(name) or "" for name in _FIELDS if name != "item_id")
    return {*to_words(text), *to_compounds(text)}


def _queries(shop: Shop, gone: Sequence[str], kept: Sequence[Row], seed: int) -> dict[str, list[str]]:
    rng = np.random.default_rng(seed)
    there: dict[str, int] = {}
    for row in kept:
        for name in shop.type_of(row):
            there[name] = there.get(name, 0) + 1
    chosen = [kept[index]["title"] for index in rng.permutation(len(kept))[:TITLES].tolist()]
    pieces = []
    for title in chosen:
        words = title.split()
        length = int(rng.integers(2, 4))
        start = int(rng.integers(0, max(1, len(words) - length + 1)))
        pieces.append(" ".join(words[start : start + length]))
    return {
        "gone": list(_asked(gone, shop.phrases)),
        "there": list(_asked([name for name, count in there.items() if count >= FEWEST_ITEMS], shop.phrases)),
        "titles": chosen,
        "pieces of titles": [piece for piece in pieces if to_words(piece)],
    }


def _asked(types: Iterable[str], phrases: Sequence[str]) -> Iterable[str]:
    before, after = phrases
    for name in types:
        yield from (name, f"{before} {name}", f"{name} {after}")


def _build(shop: Shop, rows: Sequence[Row], folder: Path, model: ModelSpec) -> Searcher:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "catalog.csv"
    columns = [name for name in _FIELDS if name in rows[0]]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    config = BuildConfig(path, folder / "store", model, publish=False, max_drift=1.0)
    with Reporter() as progress:
        manifest = build(config, progress)
    prune(Store(config.store), keep=1)
    return open_searcher(config.store, manifest.snapshot)


def _is_flagged(searcher: Searcher, text: str) -> bool:
    return searcher.search(Query((TextPart(text),))).no_good_match


def _share(flags: Sequence[bool]) -> dict[str, Any]:
    values = np.array(flags, np.float64)
    return {
        "queries": len(flags),
        "flagged": round(float(values.mean()), 4),
        "interval": [round(value, 4) for value in confidence_interval(values)],
    }


def _table(results: Mapping[str, Mapping[str, Any]]) -> report.Table:
    kinds = ("gone", "furniture", "there", "titles", "pieces of titles")
    rows = []
    for name, result in results.items():
        counts = [result["flagged"].get(kind) for kind in kinds]
        shares = ["" if count is None else f"{count['flagged']:.3f} of {count['queries']}" for count in counts]
        rows.append([f"{name}, {result['items']} items", *shares])
    return report.Table(
        "Share of queries reported as having no match",
        (
            "shop",
            "removed types",
            "queries of a furniture shop",
            "existing types",
            "titles",
            "title fragments",
        ),
        rows,
    )
