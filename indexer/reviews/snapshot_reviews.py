"""Reviews in a build: read, scored, and attached to the items as a signal, as fields and as the review table."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import numpy as np

from engine.catalog.coercion import JSON
from engine.columns.field_roles import TITLES
from engine.durable import write_durably
from engine.errors import InvalidCatalogue, InvalidSetting
from engine.snapshot.manifest import ReviewsRecord
from engine.snapshot.review_table import ReviewRow, write_reviews
from indexer.catalog import Reject, count_rows, to_lines
from indexer.embedding.embedded_rows import EmbeddedRows
from indexer.progress import Progress
from indexer.reviews.feedback_model import ScoredReview
from indexer.reviews.product_words import catalogue_words
from indexer.reviews.quality_signals import ASPECTS, COUNT, QUALITY, praise_shares, qualities
from indexer.reviews.review import Review, read

REJECTS_FILE = "review_rejects.jsonl"

_BATCH_SIZE = 2000


@dataclass(frozen=True, slots=True)
class ReviewFile:
    """A file of reviews and how to read it.

    Attributes:
        columns: Column name by field, for columns that are not named like their field.
        model: Folder of a feedback model; None fits one on the file's own rated reviews.
        max_rejects: Maximum share of rejected rows; the build fails above it.
    """

    path: Path
    columns: Mapping[str, str] = field(default_factory=dict)
    model: Path | None = None
    max_rejects: float = 0.05


@dataclass(frozen=True, slots=True)
class ReviewedItems:
    """Items with the fields computed from their reviews, and the rows of the review table.

    Attributes:
        rows: Rows by the position of their item.
        record: Record for the snapshot manifest.
    """

    embedded: EmbeddedRows
    rows: dict[int, list[ReviewRow]]
    record: ReviewsRecord

    def write(self, directory: Path, order: Sequence[int]) -> None:
        """Write the review table of a snapshot whose items are in this order of positions."""
        ordered = (
            review._replace(item_row=row)
            for row, position in enumerate(order)
            for review in self.rows.get(position, ())
        )
        write_reviews(directory, ordered, len(order))


def attach_reviews(file: ReviewFile, embedded: EmbeddedRows, folder: Path, progress: Progress) -> ReviewedItems:
    """Return the items with the signal and the fields computed from their reviews.

    Rejected rows are listed in `REJECTS_FILE`; reviews of items outside the catalogue are skipped and counted.

    Raises:
        InvalidCatalogue: The file cannot be read, has too many rejects or no review of an item of the catalogue, or is
            in a language that the model cannot read.
        CorruptModel: The model cannot be loaded.
        InvalidSetting: The file names a field that reviews do not have, its limit of rejects is no share, or the
            catalogue already has a signal of this name.
    """
    if not 0 <= file.max_rejects <= 1:
        raise InvalidSetting(f"expected a share of rejects between 0 and 1, got {file.max_rejects}")
    if QUALITY in embedded.signals:
        raise InvalidSetting(f"expected no catalogue signal {QUALITY!r}: it is computed from reviews; rename it")
    reviews = _read_reviews(file, folder, progress)
    positions = {item_id: position for position, item_id in enumerate(embedded.item_ids)}
    categories = [_text(payload.get("category")) for payload in embedded.payloads]
    known = _select_known(file, reviews, positions, categories)
    scored, warning = _score_reviews(file, known, embedded, categories, progress)
    rows, aspects = _to_review_rows(known, scored, positions)
    with_fields, kept = _add_review_fields(embedded, rows, aspects, categories)
    record = ReviewsRecord(
        name=file.path.name,
        review_count=len(known),
        item_count=len(rows),
        left_out=len(reviews) - len(known),
        aspects=aspects,
        kept=dict(kept),
        warning=warning,
    )
    return ReviewedItems(with_fields, rows, record)


def _read_reviews(file: ReviewFile, folder: Path, progress: Progress) -> list[Review]:
    """Return the reviews of a file, and write its rejects."""
    reviews, rejects = read_all(file.path, file.columns, progress)
    path = folder / REJECTS_FILE
    write_durably(path, to_lines(rejects))
    if len(rejects) > file.max_rejects * (len(reviews) + len(rejects)):
        raise InvalidCatalogue(
            f"{file.path}: expected at most {file.max_rejects:.1%} bad rows, got {len(rejects)} of "
            f"{len(reviews) + len(rejects)}; {path} lists the reasons"
        )
    return reviews


def _select_known(
    file: ReviewFile, reviews: Sequence[Review], positions: Mapping[str, int], categories: Sequence[str]
) -> list[Review]:
    """Return the reviews of items in the catalogue; those without a category get that of their item."""
    known = [
        review if review.category else replace(review, category=categories[positions[review.item_id]])
        for review in reviews
        if review.item_id in positions
    ]
    if not known:
        raise InvalidCatalogue(
            f"{file.path}: expected reviews of the catalogue's items, got {len(reviews)} of others; "
            "each needs the item's item_id"
        )
    return known


def _score_reviews(
    file: ReviewFile, reviews: list[Review], embedded: EmbeddedRows, categories: Sequence[str], progress: Progress
) -> tuple[list[ScoredReview], str]:
    """Return the scored reviews, and a warning about those that the model cannot read; empty if it reads all."""
    # scikit-learn takes a second to import, and most builds have no reviews.
    from indexer.reviews.feedback_fit import fit
    from indexer.reviews.model_coverage import Coverage
    from indexer.reviews.model_file import load_model
    from indexer.reviews.venue_aspects import drop_venue_aspects

    products = catalogue_words(categories, [_title(payload) for payload in embedded.payloads])
    all_products = frozenset(chain.from_iterable(products.values()))
    base = fit(reviews, progress, all_products).model if file.model is None else load_model(file.model)[0]
    model = replace(base, products=products)
    coverage = Coverage(model)
    coverage.add(reviews)
    coverage.check(file.path)
    scored: list[ScoredReview] = []
    for start in range(0, len(reviews), _BATCH_SIZE):
        scored += model.score(reviews[start : start + _BATCH_SIZE])
        progress("score reviews", len(scored), len(reviews))
    return drop_venue_aspects(scored, [review.category for review in reviews]), coverage.sentence


def _to_review_rows(
    reviews: Sequence[Review], scored: Sequence[ScoredReview], positions: Mapping[str, int]
) -> tuple[dict[int, list[ReviewRow]], tuple[str, ...]]:
    """Return the rows of each item by its position, oldest first, and the names of the aspects they number."""
    rows: defaultdict[int, list[ReviewRow]] = defaultdict(list)
    numbers: dict[str, int] = {}
    for review, score in zip(reviews, scored, strict=True):
        mentions = [
            (numbers.setdefault(mention.aspect, len(numbers)), mention.sentiment, mention.quote)
            for mention in score.mentions
        ]
        rows[positions[review.item_id]].append(
            ReviewRow(
                item_row=0,
                review_id=review.review_id,
                time_s=review.time_s,
                rating=review.rating,
                sentiment=score.sentiment,
                helpful=review.helpful + review.verified,
                mentions=mentions,
            )
        )
    for item_rows in rows.values():
        # Undated reviews come first.
        item_rows.sort(key=lambda row: (not math.isnan(row.time_s), row.time_s))
    return dict(rows), tuple(numbers)


def read_all(path: Path, columns: Mapping[str, str], progress: Progress) -> tuple[list[Review], list[Reject]]:
    """Return the reviews and the rejects of a file. Raises the errors of `read`."""
    expected = count_rows(path) if path.is_file() else 0
    reviews: list[Review] = []
    rejects: list[Reject] = []
    for row in read(path, columns):
        (rejects if isinstance(row, Reject) else reviews).append(row)  # type: ignore[arg-type]
        count = len(reviews) + len(rejects)
        if count % _BATCH_SIZE == 0:
            progress("read reviews", count, max(expected, count))
    progress("read reviews", len(reviews) + len(rejects), len(reviews) + len(rejects))
    return reviews, rejects


def _add_review_fields(
    embedded: EmbeddedRows, rows: Mapping[int, Sequence[ReviewRow]], aspects: Sequence[str], categories: Sequence[str]
) -> tuple[EmbeddedRows, Counter[str]]:
    """Return the items with their review fields, and by name how many items keep a catalogue field of that name."""
    items = np.array([position for position, item_rows in rows.items() for _ in item_rows], np.int64)
    values = np.array([review.sentiment for item_rows in rows.values() for review in item_rows], np.float64)
    quality = qualities(values, items, categories)
    payloads = list(embedded.payloads)
    kept: Counter[str] = Counter()
    for position, item_rows in rows.items():
        sentiments: defaultdict[str, list[float]] = defaultdict(list)
        for review in item_rows:
            for aspect, sentiment, _ in review.mentions:
                sentiments[aspects[aspect]].append(sentiment)
        fields: dict[str, JSON] = {QUALITY: round(float(quality[position]), 4), COUNT: len(item_rows)}
        if shares := praise_shares(sentiments):
            fields[ASPECTS] = {**shares}
        catalogue_fields = {name: value for name in fields if (value := payloads[position].get(name)) is not None}
        kept.update(catalogue_fields.keys())
        payloads[position] = {**payloads[position], **fields, **catalogue_fields}
    signals = {**embedded.signals, QUALITY: quality.astype(np.float32)}
    return replace(embedded, payloads=payloads, signals=signals), kept


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _title(payload: Mapping[str, JSON]) -> str:
    return next((title for name in TITLES if (title := _text(payload.get(name)))), "")
