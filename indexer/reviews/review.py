"""Read reviews from any file of rows: text, stars or a label, and the item they belong to."""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.catalog.coercion import (
    BadRow,
    InvalidValue,
    format_value,
    is_absent,
    to_id,
    to_json,
    to_number,
    to_text,
    to_utf8,
)
from engine.errors import InvalidCatalogue, InvalidSetting
from indexer.catalog.catalog_reader import open_rows, suggest_column
from indexer.catalog.product import Reject
from indexer.catalog.raw_row import RawRow
from indexer.events.event_time import to_time_s

FIELDS = (
    "review_id",
    "item_id",
    "title",
    "text",
    "rating",
    "label",
    "category",
    "brand",
    "time",
    "verified",
    "helpful",
    "aspects",
)
"""The fields of a review, and the default names of their columns."""

MIN_STARS, MAX_STARS = 1.0, 5.0

# Tolerates clock skew and time zone mistakes.
_MAX_CLOCK_SKEW_S = 86_400.0
_ALIASES = {"time": "timestamp", "helpful": "helpful_votes"}
_TRUE, _FALSE = frozenset({"true", "yes", "y", "1", "1.0"}), frozenset({"false", "no", "n", "0", "0.0"})


@dataclass(frozen=True, slots=True)
class Review:
    """One review. Text fields are empty and numbers NaN where the row has no value.

    Attributes:
        line: Line number in the file.
        rating: Stars, 1 to 5.
        label: 1 for positive, 0 for negative.
        time_s: Seconds since 1970.
        helpful: Number of helpful votes.
        truth: Human annotation by aspect: 1 positive, 0 neutral, -1 negative; None if not annotated.
    """

    line: int
    review_id: str
    item_id: str
    title: str
    text: str
    rating: float
    label: float
    category: str
    brand: str
    time_s: float
    verified: bool
    helpful: float
    truth: Mapping[str, int] | None = None

    @property
    def verdict(self) -> float:
        """The reviewer's own verdict from 0 to 1: the label, or else the scaled rating; NaN without either."""
        if not math.isnan(self.label):
            return self.label
        return (self.rating - MIN_STARS) / (MAX_STARS - MIN_STARS)

    @property
    def words(self) -> str:
        """The title and the text, joined by a line break."""
        return f"{self.title}\n{self.text}" if self.title and self.text else self.title or self.text


def read(path: Path, columns: Mapping[str, str] | None = None) -> Iterator[Review | Reject]:
    """Yield each row of a file as a review, or as a reject with its reason, in file order.

    Args:
        path: File of reviews. Each row needs a title, a text, a rating or a label.
        columns: Column name by field, for columns that are not named like their field in `FIELDS`.

    Raises:
        InvalidCatalogue: At once if the file cannot be read, has no text, rating or label column, or lacks a
            requested column; while iterating if it is truncated or corrupt.
        InvalidSetting: `columns` has a field that is not in `FIELDS`.
    """
    requested = dict(columns or {})
    for name in requested:
        if name not in FIELDS:
            raise InvalidSetting(f"expected one of {', '.join(FIELDS)}, got {name!r}")
    if path.is_dir():
        raise InvalidCatalogue(f"expected a file of reviews, got the folder {path}")
    source = open_rows(path, "reviews")
    column_names = {name: requested.get(name, name) for name in FIELDS}
    known = source.columns(frozenset({*column_names.values(), *_ALIASES.values()}))
    for name, alias in _ALIASES.items():
        if name not in requested and name not in known and alias in known:
            column_names[name] = alias
    for name, column in requested.items():
        if column not in known:
            raise InvalidCatalogue(
                f"{path} has no column {column!r}, named for {name}: {suggest_column(column, known)}"
            )
    if not {column_names["text"], column_names["rating"], column_names["label"]} & set(known):
        raise InvalidCatalogue(
            f"{path} has no column 'text', 'rating' or 'label': {suggest_column('text', known)}; "
            "name them with text=COLUMN"
        )
    return _read_reviews(source.rows(), column_names)


def _read_reviews(rows: Iterator[RawRow | Reject], columns: Mapping[str, str]) -> Iterator[Review | Reject]:
    latest_s = time.time() + _MAX_CLOCK_SKEW_S
    for row in rows:
        if isinstance(row, Reject):
            yield row
            continue
        values = {name: row.values.get(column) for name, column in columns.items()}
        try:
            yield _to_review(row.line, values, latest_s)
        except BadRow as error:
            item_id = values["item_id"]
            yield Reject(row.line, item_id if isinstance(item_id, str) else "", str(error))


def _to_review(line: int, values: Mapping[str, Any], latest_s: float) -> Review:
    rating = _to_number(values["rating"], "rating", MIN_STARS, MAX_STARS)
    label = _to_number(values["label"], "label", 0.0, 1.0)
    helpful = _to_number(values["helpful"], "helpful", 0.0, math.inf)
    title, text = (_to_optional_text(values[name], name) for name in ("title", "text"))
    if not title and not text and math.isnan(rating) and math.isnan(label):
        raise BadRow("no text, title, rating or label")
    return Review(
        line=line,
        review_id=_to_optional_id(values["review_id"], "review_id"),
        item_id=_to_optional_id(values["item_id"], "item_id"),
        title=title,
        text=text,
        rating=rating,
        label=label,
        category=_to_optional_text(values["category"], "category"),
        brand=_to_optional_text(values["brand"], "brand"),
        time_s=_to_time_s(values["time"], latest_s),
        verified=_to_bool(values["verified"], "verified"),
        helpful=0.0 if math.isnan(helpful) else helpful,
        truth=_to_aspects(values["aspects"]),
    )


def _to_optional_id(value: object, column: str) -> str:
    return "" if is_absent(value) else to_id(value, column)


def _to_optional_text(value: object, column: str) -> str:
    if isinstance(value, str):
        return to_utf8(value.strip(), column)
    return "" if value is None else to_text(to_json(value, column))


def _to_number(value: object, column: str, minimum: float, maximum: float) -> float:
    if is_absent(value):
        return math.nan
    number = to_number(value, column)
    if number < minimum or number > maximum:
        raise BadRow(f"{column}: expected a number from {minimum:g} to {maximum:g}, got {format_value(value)}")
    return number


def _to_time_s(value: object, latest_s: float) -> float:
    if is_absent(value):
        return math.nan
    time_s = to_time_s(value)
    if not 0.0 <= time_s <= latest_s:
        raise BadRow(f"time: expected 1970 or later and at most a day from now, got {format_value(value)}")
    return time_s


def _to_bool(value: object, column: str) -> bool:
    if is_absent(value):
        return False
    if isinstance(value, InvalidValue):
        raise BadRow(value.reason)
    text = str(value).strip().lower()
    if text not in _TRUE | _FALSE:
        raise BadRow(f"{column}: expected true or false, got {format_value(value)}")
    return text in _TRUE


def _to_aspects(value: object) -> Mapping[str, int] | None:
    """Return the annotated aspects of a mapping of 1, 0 and -1; other values mean that the aspect is not mentioned."""
    if not isinstance(value, Mapping):
        return None
    return {str(name): int(mark) for name, mark in value.items() if mark in (-1, 0, 1)}
