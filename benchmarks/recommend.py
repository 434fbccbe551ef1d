"""Recommendations on the logs of two real shops, each split by time, compared with standard methods.

A random half of the shoppers is tested, all at once; constants were chosen on the other half. Then a tenth of the items
loses all its events: are these still recommended? Last, do shoppers with different tastes get different items?
"""

import csv
import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks import report
from engine.encoders.encoder import ModelSpec
from engine.events.event import Event
from engine.recommend.recommend_request import Mode
from engine.recommend.recommender import Recommender
from engine.recommend.scoring_weights import ScoringWeights
from indexer.evaluate.holdout import Holdout, hold_out, read_events
from indexer.evaluate.ranking_metrics import confidence_interval
from indexer.evaluate.recommendation_quality import (
    OURS,
    EvaluationShop,
    K,
    NewItems,
    RecommendationScores,
    evaluate,
    evaluate_new,
)
from indexer.evaluate.taste_overlap import TasteOverlap, measure_overlap
from indexer.progress import Reporter

NEW_SHARE = 0.1
SEED = 2024
STRONGER = 2.0
"""A former weight of demand, shown for comparison."""

MEASURES = ("repeat_ndcg", "repeat_hit", "unseen_ndcg", "unseen_hit")


@dataclass(frozen=True, slots=True)
class Log:
    """A shop's folder: its events, and the names of their columns."""

    name: str
    transactions: str
    columns: Mapping[str, str] = field(default_factory=dict)


LOGS = (
    Log("online_retail", "transactions.csv.gz"),
    Log(
        "complete_journey",
        "transactions.csv.gz",
        {"user_id": "household_id", "item_id": "product_id", "time": "transaction_timestamp"},
    ),
)


def run(data: Path, json_path: Path | None = None) -> dict[str, Any]:
    """Measure both logs, print the tables and return the result."""
    tables, content = [], {}
    with TemporaryDirectory() as folder, Reporter() as progress:
        for log in LOGS:
            catalogue, item_ids = _catalogue(data / log.name, Path(folder) / f"{log.name}.jsonl")
            shop = EvaluationShop(item_ids, catalogue, ModelSpec("mini"))
            held = hold_half(read_events(data / log.name / log.transactions, log.columns).events)
            shared: dict[str, dict[str, TasteOverlap]] = {}
            measured = evaluate(held, shop, progress, observe=partial(_share, held, shared))
            ways = {scores.name: scores for scores in measured}
            new = evaluate_new(held, shop, NEW_SHARE, progress, seed=SEED)
            tables += _tables(log, ways, new, len(held.cases))
            tables.append(_sharing_table(log, shared))
            content[log.name] = {
                "items": len(item_ids),
                "shoppers": len(held.cases),
                "ways": {name: scores.to_json() for name, scores in ways.items()},
                "new_items": new.to_json(),
                "sharing": {
                    name: {mode: overlap.to_json() for mode, overlap in modes.items()} for name, modes in shared.items()
                },
            }
    for table in tables:
        table.show()
    settings = {"k": K, "seed": SEED, "holdout": 0.2, "new_share": NEW_SHARE}
    result = {"settings": settings, "logs": content}
    if json_path is not None:
        report.write(json_path, "recommend", result, tables)
    return result


def hold_half(events: Sequence[Event], published: bool = True) -> Holdout:
    """Return the log split by time, for the half of its shoppers that results are reported for, or the other half."""
    users = sorted({event.user_id for event in events})
    order = np.random.default_rng(SEED).permutation(len(users))
    first, second = order[: len(users) // 2], order[len(users) // 2 :]
    drawn = {users[index] for index in (second if published else first).tolist()}
    others = [event for event in events if event.user_id not in drawn]
    return hold_out(others, tested=[event for event in events if event.user_id in drawn])


def _share(held: Holdout, shared: dict[str, dict[str, TasteOverlap]], recommender: Recommender) -> None:
    """Measure the overlap between shoppers with different tastes, with the default and a higher weight of demand."""
    for name, scoring in (("as it is", ScoringWeights()), (f"demand {STRONGER:g}", ScoringWeights(demand=STRONGER))):
        found = Recommender(recommender.searcher, scoring)
        shared[name] = {mode.value: measure_overlap(found, held.cases, mode) for mode in (Mode.MIXED, Mode.DISCOVER)}


def best_peer(ways: Mapping[str, RecommendationScores], measure: str) -> str:
    """Return the name of the peer with the highest mean, each at its best setting."""
    return max((name for name in ways if name != OURS), key=lambda name: float(getattr(ways[name], measure).mean()))


def _catalogue(folder: Path, path: Path) -> tuple[Path, list[str]]:
    """Write a shop's items as a catalogue, and return it with their ids."""
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


def _tables(log: Log, ways: Mapping[str, RecommendationScores], new: NewItems, shoppers: int) -> list[report.Table]:
    rows = []
    for name, scores in ways.items():
        values = scores.to_json()
        cells = [f"{values[measure]:.4f}" for measure in MEASURES]
        ends = [" to ".join(f"{end:.4f}" for end in values[f"{measure}_interval"]) for measure in MEASURES]
        rows.append([name, cells[0], ends[0], cells[1], cells[2], cells[3], ends[3]])
    columns = ("method", f"nDCG@{K}", "95 %", f"hit@{K}", f"unseen nDCG@{K}", f"unseen hit@{K}", "95 %")
    gains = []
    for measure in MEASURES:
        best = best_peer(ways, measure)
        ours, theirs = getattr(ways[OURS], measure), getattr(ways[best], measure)
        low, high = confidence_interval(ours - theirs)
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
    values = new.to_json()
    found = [
        [
            name,
            f"{values[key]:.4f}" if key in values else "0",
            " to ".join(f"{end:.4f}" for end in values.get(ends, ())),
        ]
        for name, key, ends in (
            ("ours, among all items", "hit_among_all", "hit_among_all_interval"),
            ("ours, among new items", "hit_among_new", "hit_among_new_interval"),
            ("by chance, among new items", "hit_among_new_by_chance", ""),
            ("a method that uses only purchases", "", ""),
        )
    ]
    return [
        report.Table(f"{log.name}: {shoppers} shoppers", columns, rows),
        report.Table(
            f"{log.name}: ours and the best peer by each metric",
            ("metric", "best peer", "peer", "ours", "gain", "95 % of the difference"),
            gains,
        ),
        report.Table(
            f"{log.name}: {values['items']} new items, bought later by {values['shoppers']} shoppers",
            ("method", f"hit@{K}", "95 %"),
            found,
        ),
    ]


def _sharing_table(log: Log, shared: Mapping[str, Mapping[str, TasteOverlap]]) -> report.Table:
    columns = (
        "weights",
        "mode",
        "dissimilar pairs",
        "top 10 in common",
        "distinct items",
        "personal share of scores",
        "hits led by demand",
        "reasons naming the largest contribution",
    )
    rows = [
        [
            name,
            mode,
            f"{overlap.pairs:,}",
            f"{overlap.overlap:.3f}",
            f"{overlap.items:,}",
            f"{overlap.personal:.2f}",
            f"{overlap.demand_first:.2f}",
            f"{overlap.reasons:.3f}",
        ]
        for name, modes in shared.items()
        for mode, overlap in modes.items()
    ]
    return report.Table(f"{log.name}: overlap between shoppers with different tastes", columns, rows)
