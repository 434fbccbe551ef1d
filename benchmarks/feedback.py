"""Sentiment of held-out reviews, and aspects and their polarity against human labels.

Chinese and English reviews of shops, in five folds where reviews of an item stay together; restaurant reviews with
labelled aspects; and generated reviews with known aspects. Models that are measured on labels were not fitted on them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from benchmarks import report
from indexer.evaluate.feedback_quality import SentimentMetrics, aspect_metrics, metrics_by_writing, score_peer
from indexer.progress import Reporter
from indexer.reviews.feedback_fit import FittedModel, fit
from indexer.reviews.feedback_model import CHINESE_EXPERT, ENGLISH_EXPERT
from indexer.reviews.review import Review
from indexer.reviews.snapshot_reviews import read_all
from indexer.sample.sample_item import item
from indexer.sample.sample_reviews import reviews as drawn

CHINESE = ("reviews_zh/online_shopping.jsonl",)
RESTAURANTS = "reviews_zh/asap_restaurant_sample.jsonl"
ENGLISH = tuple(f"reviews_en/{name}_reviews.jsonl" for name in ("amazon", "fine_food", "womens_clothing"))

LANGUAGES = {CHINESE_EXPERT: "Chinese", ENGLISH_EXPERT: "English"}
"""Language of the reviews in each script."""

_SCORED = 4000
_DRAWN_ITEMS = 600
_NAN = float("nan")


def run(data: Path, json_path: Path | None = None) -> dict[str, Any]:
    """Fit on both languages, measure, print the tables and return the result."""
    with Reporter() as progress:
        read = {path: read_all(data / path, {}, progress)[0] for path in (*CHINESE, *ENGLISH, RESTAURANTS)}
        rated = [review for path in (*CHINESE, *ENGLISH) for review in read[path]]
        started = perf_counter()
        fitted = fit(rated, progress)
        fit_s = perf_counter() - started
        sentiment = metrics_by_writing(fitted.rated, {"ours": fitted.unseen, "peer": score_peer(fitted, progress)})
        marked = read[RESTAURANTS]
        generated = _generated()
        found = {
            "restaurants": aspect_metrics(marked, fitted.model.score(marked)),
            "generated": aspect_metrics(generated, fitted.model.score(generated)),
        }
    speed = {
        writing: _speed(fitted, [review for path in paths for review in read[path]][:_SCORED])
        for writing, paths in ((CHINESE_EXPERT, CHINESE), (ENGLISH_EXPERT, ENGLISH))
    }
    tables = _tables(sentiment, found, speed)
    for table in tables:
        table.show()
    content = {
        "settings": {"folds": int(fitted.folds.max()) + 1, "scored": _SCORED, "generated_items": _DRAWN_ITEMS},
        "dataset": {path: len(rows) for path, rows in read.items()},
        "sentiment": sentiment,
        "aspects": found,
        "discovered": sorted(fitted.model.discovered),
        "fit_s": round(fit_s, 1),
        "speed": speed,
    }
    if json_path is not None:
        report.write(json_path, "feedback", content, tables)
    return content


def _generated() -> list[Review]:
    since = datetime(2024, 1, 1, tzinfo=UTC)
    plain = Review(0, "", "", "", "", _NAN, _NAN, "", "", _NAN, False, 0.0)
    return [
        replace(plain, title=str(row["title"]), text=str(row["text"]), truth=row["aspects"])  # type: ignore[arg-type]
        for number in range(_DRAWN_ITEMS)
        for row in drawn(item(7, number), 75, since, 365)
    ]


def _speed(fitted: FittedModel, reviews: Sequence[Review]) -> dict[str, float]:
    """Return reviews per second of elapsed time and of CPU time."""
    started, spent = perf_counter(), process_time()
    fitted.model.score(reviews)
    clock, work = perf_counter() - started, process_time() - spent
    return {"per_second": round(len(reviews) / clock), "per_core_second": round(len(reviews) / work)}


def _tables(
    sentiment: Mapping[str, Mapping[str, Mapping[str, Any]]],
    found: Mapping[str, Mapping[str, Mapping[str, Any]]],
    speed: Mapping[str, Mapping[str, float]],
) -> list[report.Table]:
    rows = [
        [f"{LANGUAGES[writing]}: {way}", *(_shown(values[name]) for name in SentimentMetrics._fields)]
        for writing, ways in sentiment.items()
        for way, values in ways.items()
    ]
    tables = [report.Table("Sentiment of held-out reviews", ["language", *SentimentMetrics._fields], rows)]
    for name, by_aspect in found.items():
        columns = list(next(iter(by_aspect.values())))
        rows = [[aspect, *(_shown(values[column]) for column in columns)] for aspect, values in by_aspect.items()]
        tables.append(report.Table(f"Aspects: {name}", ["aspect", *columns], rows))
    rows = [[LANGUAGES[writing], *(f"{value:,.0f}" for value in one.values())] for writing, one in speed.items()]
    tables.append(report.Table("Reviews scored per second", ["language", "elapsed", "per CPU core"], rows))
    return tables


def _shown(value: float | int | None) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
