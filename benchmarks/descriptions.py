"""Ratings of the descriptions of two versions, by people or models that did not know which version they rated.

A folder holds `rubric.json` ([{id, facts, text}], shuffled), `key.json` (id → {version, shop, item_id}) and one file of
ratings for each rater ([{id, true, complete, fluent, publish}]: 1 to 5, or yes and no). Examples are random products of
the generated catalogue and of groceries, with unedited descriptions.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import Table, write
from engine.descriptions.catalog_model import CatalogModel
from engine.descriptions.composer import Composer
from engine.descriptions.describer import Describer, DescribeRequest, Subject
from engine.errors import InvalidCatalogue
from indexer.catalog import CatalogSpec, Product, read
from indexer.sample import sample_catalog, sample_item

QUESTION = "Would a merchant publish the descriptions?"
CRITERIA = ("true", "complete", "fluent", "publish")
VERSIONS = ("before", "after")
_GENERATED, _ROWS = 6, 300
_EXAMPLES = 10
_YES_NO = {"yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0}


def run(
    rubric: Path,
    key: Path,
    ratings: Sequence[Path],
    grocery: Path,
    commits: tuple[str, str],
    seed: int,
    json_path: Path | None,
) -> None:
    """Print the ratings of both versions and ten examples, and write them to `json_path` if given.

    Args:
        rubric: File of the texts.
        key: File of their versions and shops.
        ratings: One file for each rater.
        grocery: Folder of catalog.csv.
        commits: Commits that wrote the texts before and after.
        seed: Seed of the examples.
        json_path: File to write the result to.

    Raises:
        InvalidCatalogue: A rater left out a text.
    """
    texts = {entry["id"]: entry["text"] for entry in _read(rubric)}
    versions: dict[str, Mapping[str, str]] = _read(key)
    rated = [_ratings(path, list(texts)) for path in ratings]
    found = {version: _summary(_texts_of(versions, version), texts, rated) for version in VERSIONS}
    shops = sorted({entry["shop"] for entry in versions.values()})
    by_shop = {
        shop: {version: _summary(_texts_of(versions, version, shop), texts, rated) for version in VERSIONS}
        for shop in shops
    }
    agreed = {
        criterion: agreement(np.array([[rater[text_id][criterion] for text_id in texts] for rater in rated]))
        for criterion in CRITERIA
    }
    columns = ("texts", "true (0 or 1)", "complete (1 to 5)", "fluent (1 to 5)", "publish (0 or 1)", "words")
    named = [f"{version} ({commit})" for version, commit in zip(VERSIONS, commits, strict=True)]
    rows = [[name, *_cells(found[version])] for name, version in zip(named, VERSIONS, strict=True)]
    rows += [[f"{shop}, {version}", *_cells(by_shop[shop][version])] for shop in shops for version in VERSIONS]
    rows.append(["agreement of the raters (alpha)", *(f"{agreed[name]:.2f}" for name in CRITERIA), "-"])
    examples = _examples(grocery, seed)
    tables = [
        Table(QUESTION, columns, rows),
        Table("Ten descriptions, unedited", ("product", "text"), [[name, text] for name, text in examples]),
    ]
    for table in tables:
        table.show()
    if json_path is not None:
        content = {
            "texts": len(texts),
            "raters": len(rated),
            "versions": found,
            "shops": by_shop,
            "agreement": agreement,
        }
        write(
            json_path,
            QUESTION,
            {**content, "commits": dict(zip(VERSIONS, commits, strict=True)), "seed": seed, "examples": dict(examples)},
            tables,
        )


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _ratings(path: Path, wanted: Sequence[str]) -> dict[str, dict[str, float]]:
    rated = {entry["id"]: {name: _number(entry[name]) for name in CRITERIA} for entry in _read(path)}
    if missing := [text_id for text_id in wanted if text_id not in rated]:
        raise InvalidCatalogue(f"{path}: expected a rating of each text, got none of {', '.join(missing[:3])}")
    return rated


def _texts_of(key: Mapping[str, Mapping[str, str]], version: str, shop: str = "") -> list[str]:
    return [text_id for text_id, entry in key.items() if entry["version"] == version and shop in ("", entry["shop"])]


def _number(value: Any) -> float:
    """Return a rating as a number; yes is 1 and no is 0."""
    return _YES_NO[value.lower()] if isinstance(value, str) and value.lower() in _YES_NO else float(value)


def _summary(
    ids: Sequence[str], texts: Mapping[str, str], rated: Sequence[Mapping[str, Mapping[str, float]]]
) -> dict[str, float]:
    means = {
        name: round(float(np.mean([rater[text_id][name] for rater in rated for text_id in ids])), 3)
        for name in CRITERIA
    }
    return {**means, "words": int(np.median([len(texts[text_id].split()) for text_id in ids]))}


def _cells(summary: Mapping[str, float]) -> list[str]:
    return [*(f"{summary[name]:.2f}" for name in CRITERIA), f"{summary['words']}"]


def agreement(ratings: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Return Krippendorff's alpha for interval data: 1 for perfect agreement, 0 for agreement by chance.

    ratings: (raters, texts). Source: Krippendorff, Content Analysis, chapter 11.
    """
    within = float(np.mean([np.mean((one - other) ** 2) for one, other in combinations(ratings, 2)]))
    every = ratings.ravel()
    between = 2 * float(every.var()) * len(every) / (len(every) - 1)
    return 1.0 if between == 0 else 1 - within / between


def _examples(grocery: Path, seed: int) -> list[tuple[str, str]]:
    """Return the title and description of ten products: six generated ones held out from training, four groceries."""
    rng = np.random.default_rng(seed)
    generated = [dict(sample_catalog.row(sample_item.item(seed, number))) for number in range(_ROWS)]
    entries = read(CatalogSpec(grocery / "catalog.csv"))
    groceries = [{**entry.payload, "item_id": entry.item_id} for entry in entries if isinstance(entry, Product)]
    found = []
    for rows, count in ((generated, _GENERATED), (groceries, _EXAMPLES - _GENERATED)):
        chosen = [rows[index] for index in rng.permutation(len(rows))[:count].tolist()]
        describer = Describer(CatalogModel(rows), Composer())
        written = describer.describe([Subject(row, seed=str(row["item_id"])) for row in chosen], DescribeRequest())
        found += [(str(row["title"]), text.text) for row, text in zip(chosen, written, strict=True)]
    return found
