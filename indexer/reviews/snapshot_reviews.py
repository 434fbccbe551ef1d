"""Reviews in a build: read, scored, and laid beside the items as a signal, as fields and as the snapshot's reviews."""

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
from indexer.embedding.embed import Progress
from indexer.embedding.embedded_rows import EmbeddedRows
from indexer.reviews.feedback_model import ScoredReview
from indexer.reviews.product_words import catalogue_words
from indexer.reviews.quality_signals import ASPECTS, COUNT, QUALITY, praise_shares, qualities
from indexer.reviews.review import Review, read

REJECTS_FILE = "review_rejects.jsonl"

_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class ReviewFile:
    """Which reviews to read, which column has which field where its name is another, and the model that judges them.

    model: None fits one on the file's own rated reviews.   max_rejects: the share of bad rows above which nothing is
    built.
    """

    path: Path
    columns: Mapping[str, str] = field(default_factory=dict)
    model: Path | None = None
    max_rejects: float = 0.05


@dataclass(frozen=True, slots=True)
class ReviewedItems:
    """The items with what reviews say of them, and the reviews as the snapshot keeps them.

    rows: those of each item, by its place.   record: for the manifest.
    """

    embedded: EmbeddedRows
    rows: dict[int, list[ReviewRow]]
    record: ReviewsRecord

    def write(self, directory: Path, order: Sequence[int]) -> None:
        """Write the reviews of the items, which stand in a snapshot's folder in this order of places."""
        ordered = (
            review._replace(item_row=row) for row, place in enumerate(order) for review in self.rows.get(place, ())
        )
        write_reviews(directory, ordered, len(order))


def lay_reviews(file: ReviewFile, embedded: EmbeddedRows, folder: Path, progress: Progress) -> ReviewedItems:
    """Return the items with the signal and the fields that their reviews give; bad rows are told in REJECTS_FILE.

    A review of an item that the catalogue lacks is left out, and counted. Raises InvalidCatalogue for a file that
    cannot be read, has too many bad rows or is in a language that the model has not learnt, CorruptModel,
    InvalidSetting for a field that reviews do not have.
    """
    if not 0 <= file.max_rejects <= 1:
        raise InvalidSetting(f"expected a share of rejects between 0 and 1, got {file.max_rejects}")
    if QUALITY in embedded.signals:
        raise InvalidSetting(f"expected no signal {QUALITY!r} of the catalogue: it comes of its reviews; rename it")
    reviews, rejects = read_all(file.path, file.columns, progress)
    path = folder / REJECTS_FILE
    write_durably(path, to_lines(rejects))
    if len(rejects) > file.max_rejects * (len(reviews) + len(rejects)):
        raise InvalidCatalogue(
            f"{file.path}: expected at most {file.max_rejects:.1%} bad rows, got {len(rejects)} of "
            f"{len(reviews) + len(rejects)}; {path} says why"
        )
    places = {item_id: place for place, item_id in enumerate(embedded.item_ids)}
    categories = [_text(payload.get("category")) for payload in embedded.payloads]
    known = [
        review if review.category else replace(review, category=categories[places[review.item_id]])
        for review in reviews
        if review.item_id in places
    ]
    if not known:
        raise InvalidCatalogue(
            f"{file.path}: expected reviews of the catalogue's items, got {len(reviews)} of others; "
            "each needs the item's item_id"
        )
    # scikit-learn takes a second to import, and most builds have no reviews.
    from indexer.reviews.feedback_fit import fit
    from indexer.reviews.model_coverage import Coverage
    from indexer.reviews.model_file import load_model
    from indexer.reviews.venue_aspects import drop_venue_aspects

    products = catalogue_words(categories, [_title(payload) for payload in embedded.payloads])
    every = frozenset(chain.from_iterable(products.values()))
    learnt = fit(known, progress, every).model if file.model is None else load_model(file.model)[0]
    model = replace(learnt, products=products)
    coverage = Coverage(model)
    coverage.add(known)
    coverage.check(file.path)
    scored: list[ScoredReview] = []
    for start in range(0, len(known), _AT_ONCE):
        scored += model.score(known[start : start + _AT_ONCE])
        progress("score reviews", len(scored), len(known))
    rows: defaultdict[int, list[ReviewRow]] = defaultdict(list)
    names: dict[str, int] = {}
    kept_aspects = drop_venue_aspects(scored, [review.category for review in known])
    for review, found in zip(known, kept_aspects, strict=True):
        mentions = [(names.setdefault(one.aspect, len(names)), one.sentiment, one.quote) for one in found.mentions]
        rows[places[review.item_id]].append(
            ReviewRow(
                item_row=0,
                review_id=review.review_id,
                time_s=review.time_s,
                rating=review.rating,
                sentiment=found.sentiment,
                helpful=review.helpful + review.verified,
                mentions=mentions,
            )
        )
    for listed in rows.values():
        listed.sort(key=lambda review: (not math.isnan(review.time_s), review.time_s))
    laid, kept = _laid(embedded, rows, tuple(names), categories)
    record = ReviewsRecord(
        name=file.path.name,
        review_count=len(known),
        item_count=len(rows),
        left_out=len(reviews) - len(known),
        aspects=tuple(names),
        kept=dict(kept),
        warning=coverage.sentence,
    )
    return ReviewedItems(laid, dict(rows), record)


def read_all(path: Path, columns: Mapping[str, str], progress: Progress) -> tuple[list[Review], list[Reject]]:
    """Return the reviews of a file and its rejects. Raises what `read` does."""
    expected = count_rows(path) if path.is_file() else 0
    reviews: list[Review] = []
    rejects: list[Reject] = []
    for row in read(path, columns):
        (rejects if isinstance(row, Reject) else reviews).append(row)  # type: ignore[arg-type]
        count = len(reviews) + len(rejects)
        if count % _AT_ONCE == 0:
            progress("read reviews", count, max(expected, count))
    progress("read reviews", len(reviews) + len(rejects), len(reviews) + len(rejects))
    return reviews, rejects


def _laid(
    embedded: EmbeddedRows, rows: Mapping[int, Sequence[ReviewRow]], names: Sequence[str], categories: Sequence[str]
) -> tuple[EmbeddedRows, Counter[str]]:
    """Return the items with what reviews give them, and how many had a field of such a name, which is theirs still."""
    items = np.array([place for place, listed in rows.items() for _ in listed], np.int64)
    values = np.array([review.sentiment for listed in rows.values() for review in listed], np.float64)
    quality = qualities(values, items, categories)
    payloads = list(embedded.payloads)
    kept: Counter[str] = Counter()
    for place, listed in rows.items():
        judged: defaultdict[str, list[float]] = defaultdict(list)
        for review in listed:
            for aspect, sentiment, _ in review.mentions:
                judged[names[aspect]].append(sentiment)
        told: dict[str, JSON] = {QUALITY: round(float(quality[place]), 4), COUNT: len(listed)}
        if shares := praise_shares(judged):
            told[ASPECTS] = {**shares}
        own = {name: value for name in told if (value := payloads[place].get(name)) is not None}
        kept.update(own.keys())
        payloads[place] = {**payloads[place], **told, **own}
    signals = {**embedded.signals, QUALITY: quality.astype(np.float32)}
    return replace(embedded, payloads=payloads, signals=signals), kept


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _title(payload: Mapping[str, JSON]) -> str:
    return next((found for name in TITLES if (found := _text(payload.get(name)))), "")
