"""Do shoppers buy what is recommended? Two real shops' logs, each cut by time, ours beside the usual methods.

Several draws of tested shoppers are measured, since one of some hundred says little of a difference of a few per cent;
a shopper of several draws counts in each. And of each draw a tenth of the items loses all its events: are these found?
"""

import csv
import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks import report
from engine.encoder import ModelSpec
from indexer.evaluate.holdout import hold_out, read_events
from indexer.evaluate.metrics import interval
from indexer.evaluate.recommend import OURS, K, Measured, NewItems, Shop, evaluate, evaluate_new
from indexer.progress import Reporter

NEW_SHARE = 0.1
MEASURES = ("repeat_ndcg", "repeat_hit", "unseen_ndcg", "unseen_hit")


@dataclass(frozen=True, slots=True)
class Log:
    """A shop's folder: its events, how their columns are named, and how many shoppers a draw tests."""

    name: str
    transactions: str
    users: int
    columns: Mapping[str, str] = field(default_factory=dict)


LOGS = (
    Log("online_retail", "transactions.csv.gz", 300),
    Log(
        "complete_journey",
        "transactions.csv.gz",
        594,
        {"user_id": "household_id", "item_id": "product_id", "time": "transaction_timestamp"},
    ),
)


def run(data: Path, seeds: Sequence[int], json_path: Path | None = None) -> dict[str, Any]:
    """Measure every draw of both logs, show the tables, return the result."""
    tables, content = [], {}
    with TemporaryDirectory() as folder, Reporter() as progress:
        for log in LOGS:
            catalogue, item_ids = _catalogue(data / log.name, Path(folder) / f"{log.name}.jsonl")
            shop = Shop(item_ids, catalogue, ModelSpec("mini"))
            events = read_events(data / log.name / log.transactions, log.columns).events
            draws = [hold_out(events, users=log.users, seed=seed) for seed in seeds]
            measured = [evaluate(held, shop, progress) for held in draws]
            new = _pooled(
                [
                    evaluate_new(held, shop, NEW_SHARE, progress, seed=seed)
                    for held, seed in zip(draws, seeds, strict=True)
                ]
            )
            ways = {ways[0].name: _joined(ways) for ways in zip(*measured, strict=True)}
            tables += _tables(log, ways, new, [len(held.cases) for held in draws])
            content[log.name] = {
                "items": len(item_ids),
                "shoppers": [len(held.cases) for held in draws],
                "ways": {name: one.described() for name, one in ways.items()},
                "draws": [{one.name: _means(one) for one in draw} for draw in measured],
                "new_items": new.described(),
            }
    for table in tables:
        table.show()
    settings = {"k": K, "seeds": list(seeds), "holdout": 0.2, "new_share": NEW_SHARE}
    result = {"settings": settings, "logs": content}
    if json_path is not None:
        report.write(json_path, "recommend", result, tables)
    return result


def best_peer(ways: Mapping[str, Measured], measure: str) -> str:
    """Return the name of the peer whose mean is highest; each at its best setting."""
    return max((name for name in ways if name != OURS), key=lambda name: float(getattr(ways[name], measure).mean()))


def _catalogue(folder: Path, path: Path) -> tuple[Path, list[str]]:
    """Write a shop's items as the indexer reads them, and return their ids too."""
    item_ids = []
    with path.open("w", encoding="utf-8") as file:
        for item in _items(folder):
            item_ids.append(item["item_id"])
            file.write(json.dumps(item, ensure_ascii=False) + "\n")
    return path, item_ids


def _items(folder: Path) -> Iterator[dict[str, str]]:
    if (folder / "items.csv").is_file():
        with (folder / "items.csv").open(encoding="utf-8", newline="") as file:
            yield from ({"item_id": row["item_id"], "title": row["title"]} for row in csv.DictReader(file))
        return
    with gzip.open(folder / "products.csv.gz", "rt", encoding="utf-8", newline="") as packed:
        for row in csv.DictReader(packed):
            title = ", ".join((row["product_type"], row["product_category"], row["department"]))
            yield {"item_id": row["product_id"], "title": title, "brand": row["brand"]}


def _joined(ways: Sequence[Measured]) -> Measured:
    return Measured(ways[0].name, *(np.concatenate([getattr(one, name) for one in ways]) for name in MEASURES))


def _pooled(draws: Sequence[NewItems]) -> NewItems:
    names = ("among_all", "among_new", "by_chance")
    return NewItems(draws[0].items, *(np.concatenate([getattr(one, name) for one in draws]) for name in names))


def _means(one: Measured) -> dict[str, float]:
    return {name: round(float(getattr(one, name).mean()), 4) for name in MEASURES}


def _tables(log: Log, ways: Mapping[str, Measured], new: NewItems, counts: Sequence[int]) -> list[report.Table]:
    rows = []
    for name, one in ways.items():
        told = one.described()
        cells = [f"{told[measure]:.4f}" for measure in MEASURES]
        ends = [" to ".join(f"{end:.4f}" for end in told[f"{measure}_interval"]) for measure in MEASURES]
        rows.append([name, cells[0], ends[0], cells[1], cells[2], cells[3], ends[3]])
    columns = ("way", f"nDCG@{K}", "95 %", f"hit@{K}", f"unseen nDCG@{K}", f"unseen hit@{K}", "95 %")
    gains = []
    for measure in MEASURES:
        best = best_peer(ways, measure)
        ours, theirs = getattr(ways[OURS], measure), getattr(ways[best], measure)
        low, high = interval(ours - theirs)
        gains.append(
            [
                measure.replace("_", " "),
                best,
                f"{theirs.mean():.4f}",
                f"{ours.mean():.4f}",
                f"{ours.mean() / theirs.mean() - 1:+.1%}",
                f"{low:+.4f} to {high:+.4f}",
            ]
        )
    told = new.described()
    found = [
        [name, f"{told[key]:.4f}" if key in told else "0", " to ".join(f"{end:.4f}" for end in told.get(ends, ()))]
        for name, key, ends in (
            ("ours, among all items", "hit_among_all", "hit_among_all_interval"),
            ("ours, among new items alone", "hit_among_new", "hit_among_new_interval"),
            ("by chance, among new items alone", "hit_among_new_by_chance", ""),
            ("a method that knows purchases alone", "", ""),
        )
    ]
    shoppers = " + ".join(map(str, counts))
    return [
        report.Table(f"{log.name}: {shoppers} shoppers", columns, rows),
        report.Table(
            f"{log.name}: ours beside the best peer of each measure",
            ("measure", "best peer", "peer", "ours", "more", "95 % of the difference"),
            gains,
        ),
        report.Table(
            f"{log.name}: {told['items']} items that nobody bought yet, wanted by {told['shoppers']} shoppers",
            ("way", f"hit@{K}", "95 %"),
            found,
        ),
    ]
