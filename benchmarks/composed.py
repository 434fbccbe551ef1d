"""Searches for a reference with a change, such as "this, but in red", answered by several methods.

There are two shops. *Generated goods*, of a seed that no model was trained on: the colour, pattern or material of a
product is changed to one that other products of its type have. *Fashion*, with real products: the base colour is
changed to one that other products of the article type have; once with all fields of the catalogue, and once with titles
and images only, where only the judge knows the fields. A reference is an item of the store, its own image, or the image
of a product that is not in the store. A hit is relevant if it has the reference's type and the new value. Settings were
chosen on goods of another seed and on fashion references with an even hash; the results are those of the others.
"""

import csv
import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import report
from benchmarks.composers import REFERENCES, ChangeQuery, Method, methods
from benchmarks.datasets import DATA, real
from engine.encoders.encoder import ModelSpec
from engine.search.model_loader import ModelSettings, open_models
from engine.search.searcher import Searcher
from engine.snapshot.snapshot import open_snapshot
from engine.snapshot.store import Store
from indexer import sample
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.build.publish import prune
from indexer.progress import Reporter

K = 10
FIELDS = ("color", "pattern", "material")
KEPT = ("color", "accent_color", "pattern", "material", "base_colour", "gender", "usage")
"""Fields that a change of another one should not affect."""

_NO_COLOUR = frozenset({"", "NA", "Multi", "multi"})
_STRANGERS = 0.1

Rows = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Shop:
    """A store, the attributes of its items, and products that are not in it. Images are files."""

    name: str
    searcher: Searcher
    rows: Rows
    strangers: Rows
    kind: str
    fields: tuple[str, ...]


class Scores(NamedTuple):
    """The scores of one method, (n,) each. kept: share of the other fields that the best relevant hit shares."""

    first: list[bool]
    five: list[bool]
    ten: list[bool]
    precision: list[float]
    own_first: list[bool]
    kept: list[float]


def run(
    items: int, seed: int, stranger_seed: int, count: int, fashion: Path | None, model: str,
    json_path: Path | None = None, folder: Path = DATA / "composed",
) -> dict[str, Any]:  # fmt: skip
    """Measure all methods in all shops, print the tables and return the result.

    Args:
        items: Number of generated goods.
        seed: Seed of the goods in the store.
        stranger_seed: Seed of the goods that are not in it.
        count: Number of references of each kind; half as many of fashion.
        fashion: Folder of catalog.csv with images; None to leave it out.
        model: Model of the stores.
        json_path: File to write the result to.
    """
    shops = [_goods(folder / f"goods-{model.replace('/', '-')}", items, seed, stranger_seed, model)]
    if fashion is not None:
        shops += _fashion(real(fashion), folder / f"fashion-{model.replace('/', '-')}", model)
    found: list[dict[str, Any]] = []
    for shop in shops:
        for field in shop.fields:
            found += measure(shop, field, count if shop.kind == "product_type" else count // 2)
    tables = [_table(shop.name, field, found) for shop in shops for field in shop.fields]
    for table in tables:
        table.show()
    seeds = {"items": items, "seed": seed, "stranger_seed": stranger_seed}
    content = {**seeds, "model": Path(model).name, "results": found}
    if json_path is not None:
        report.write(json_path, "composed", content, tables)
    return content


def measure(shop: Shop, field: str, count: int) -> list[dict[str, Any]]:
    """Return the scores of each method for changes of one field, for each kind of reference."""
    found = []
    drawn = triplets(shop, field, count)
    for reference in REFERENCES:
        queries = [ChangeQuery(reference, *query, {**shop.rows, **shop.strangers}) for query in drawn[reference]]
        for method in methods(
            shop.searcher, shop.rows, shop.kind, field, reference, {query.item_id for query in queries}
        ):
            scores = _scores(shop, field, method, queries)
            found.append(
                {
                    "shop": shop.name,
                    "field": field,
                    "reference": reference,
                    "way": method.name,
                    "queries": len(queries),
                    **{name: round(float(np.mean(values)), 4) for name, values in scores._asdict().items() if values},
                }
            )
    return found


def triplets(shop: Shop, field: str, count: int, chosen: int = 1) -> dict[str, list[tuple[str, str]]]:
    """Return references with (item_id, new value), each value one that items of the type in the store have.

    chosen: parity of the references' hashes: 1 for those reported, 0 for those that settings may be chosen on.
    """
    values: dict[str, set[str]] = defaultdict(set)
    for row in shop.rows.values():
        values[row[shop.kind]].add(row.get(field) or "")
    found = {}
    for reference, rows in zip(REFERENCES, (shop.rows, shop.rows, shop.strangers), strict=True):
        rng = random.Random(field)
        item_ids = [item_id for item_id in sorted(rows) if sha256(item_id.encode()).digest()[-1] % 2 == chosen]
        rng.shuffle(item_ids)
        drawn = []
        for item_id in item_ids:
            own = rows[item_id]
            others = sorted(values[own[shop.kind]] - {own.get(field) or ""} - _NO_COLOUR)
            if others and own.get(field):
                drawn.append((item_id, rng.choice(others)))
        found[reference] = drawn[:count]
    return found


def _scores(shop: Shop, field: str, method: Method, queries: Sequence[ChangeQuery]) -> Scores:
    scores = Scores([], [], [], [], [], [])
    for query in queries:
        own = query.row
        hits = [hit.item_id for hit in shop.searcher.search(replace(method.ask(query), limit=K)).hits]
        right = [
            shop.rows[hit][shop.kind] == own[shop.kind] and shop.rows[hit].get(field) == query.value for hit in hits
        ]
        scores.first.append(right[:1] == [True])
        scores.five.append(any(right[:5]))
        scores.ten.append(any(right))
        scores.precision.append(sum(right) / K)
        scores.own_first.append(hits[:1] == [query.item_id])
        if any(right):
            best = shop.rows[hits[right.index(True)]]
            same = [best.get(name) == own[name] for name in KEPT if name in own and name != field]
            scores.kept.append(float(np.mean(same)))
    return scores


def _goods(folder: Path, items: int, seed: int, stranger_seed: int, model: str) -> Shop:
    rows = []
    for name, one, most in (("store", seed, items), ("strangers", stranger_seed, max(100, items // 4))):
        sample.write(folder / name, most, one)
        lines = (folder / name / "catalog.jsonl").read_text(encoding="utf-8").splitlines()
        read = [json.loads(line) for line in lines]
        prefix = "" if name == "store" else "stranger-"
        rows.append({prefix + row["item_id"]: {**row, "image": str(folder / name / row["image"])} for row in read})
    searcher = _opened(folder / "store" / "catalog.jsonl", folder / "index", model)
    return Shop(f"generated goods, seed {seed}", searcher, rows[0], rows[1], "product_type", FIELDS)


def _fashion(catalogue: Path, folder: Path, model: str) -> list[Shop]:
    with catalogue.open(encoding="utf-8", newline="") as file:
        read = [{**row, "image": str((catalogue.parent / row["image"]).resolve())} for row in csv.DictReader(file)]
    random.Random(0).shuffle(read)
    held = round(_STRANGERS * len(read))
    strangers = {row["item_id"]: row for row in read[:held]}
    rows = {row["item_id"]: row for row in read[held:]}
    shops = []
    for name, columns in (("all fields", list(read[0])), ("titles and pictures", ["item_id", "title", "image"])):
        path = folder / name.replace(" ", "-") / "catalog.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows.values())
        searcher = _opened(path, path.parent / "index", model)
        shops.append(Shop(f"fashion, {name}", searcher, rows, strangers, "article_type", ("base_colour",)))
    return shops


def _opened(catalogue: Path, store: Path, model: str) -> Searcher:
    with Reporter() as progress:
        manifest = build(BuildConfig(catalogue, store, ModelSpec(model), max_drift=1.0), progress)
    prune(Store(store), keep=1)
    # All methods use the same images, so each is encoded once.
    return Searcher(open_snapshot(Store(store), manifest.snapshot), *open_models(manifest, settings=ModelSettings()))


def _table(shop: str, field: str, found: Sequence[Mapping[str, Any]]) -> report.Table:
    lines = [
        [f"{one['reference']}: {one['way']}", str(one["queries"]), *(_cell(one.get(name)) for name in Scores._fields)]
        for one in found
        if one["shop"] == shop and one["field"] == field
    ]
    columns = (
        "reference: method",
        "queries",
        "success@1",
        "success@5",
        "success@10",
        "precision@10",
        "reference first",
        "other fields kept",
    )
    return report.Table(f"{shop}: change of {field.replace('_', ' ')}", columns, lines)


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
