"""Reviews as a shop has them: a text, stars or a verdict, and what they are about, read from any file of rows."""

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
"""What a review may have, and the columns that are looked for where no other is named."""

FEWEST_STARS, MOST_STARS = 1.0, 5.0

# Clocks differ, and so do time zones.
_AHEAD_S = 86_400.0
_ALSO = {"time": "timestamp", "helpful": "helpful_votes"}
_TRUE, _FALSE = frozenset({"true", "yes", "y", "1", "1.0"}), frozenset({"false", "no", "n", "0", "0.0"})


@dataclass(frozen=True, slots=True)
class Review:
    """One review. Texts are empty and numbers NaN where the row has none.

    rating: 1 to 5 stars.   label: 1 for praise, 0 for blame.   helpful: how many found it so.
    truth: what a person says of its aspects: 1 praised, 0 neither, -1 blamed; None if nobody did.
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
        """How good the reviewer says it was, from 0 to 1, by the label or else the stars; NaN if by neither."""
        if not math.isnan(self.label):
            return self.label
        return (self.rating - FEWEST_STARS) / (MOST_STARS - FEWEST_STARS)

    @property
    def words(self) -> str:
        """The title and the text as one."""
        return f"{self.title}\n{self.text}" if self.title and self.text else self.title or self.text


def read(path: Path, columns: Mapping[str, str] | None = None) -> Iterator[Review | Reject]:
    """Yield each row of a file as a review, or as a reject with its reason, in the file's order.

    columns: which column has a field of FIELDS, where its name is another. A review has a text, a title or a verdict.
    Raises InvalidCatalogue at once if the file cannot be read, has no text, title, rating or label, or lacks a column
    that is named, and later where it breaks off; InvalidSetting for a field that reviews do not have.
    """
    asked = dict(columns or {})
    for name in asked:
        if name not in FIELDS:
            raise InvalidSetting(f"expected one of {', '.join(FIELDS)}, got {name!r}")
    if path.is_dir():
        raise InvalidCatalogue(f"expected a file of reviews, got the folder {path}")
    source = open_rows(path, "reviews", typed=False)
    wanted = {name: asked.get(name, name) for name in FIELDS}
    known = source.columns(frozenset({*wanted.values(), *_ALSO.values()}))
    for name, other in _ALSO.items():
        if name not in asked and name not in known and other in known:
            wanted[name] = other
    for name, column in asked.items():
        if column not in known:
            raise InvalidCatalogue(
                f"{path} has no column {column!r}, named for {name}: {suggest_column(column, known)}"
            )
    if not {wanted["text"], wanted["rating"], wanted["label"]} & set(known):
        raise InvalidCatalogue(
            f"{path} has no column 'text', 'rating' or 'label': {suggest_column('text', known)}; "
            "name them with text=COLUMN"
        )
    return _reviews(source.rows(), wanted)


def _reviews(rows: Iterator[RawRow | Reject], columns: Mapping[str, str]) -> Iterator[Review | Reject]:
    latest_s = time.time() + _AHEAD_S
    for row in rows:
        if isinstance(row, Reject):
            yield row
            continue
        values = {name: row.values.get(column) for name, column in columns.items()}
        try:
            yield _to_review(row.line, values, latest_s)
        except BadRow as bad:
            item_id = values["item_id"]
            yield Reject(row.line, item_id if isinstance(item_id, str) else "", str(bad))


def _to_review(line: int, values: Mapping[str, Any], latest_s: float) -> Review:
    rating = _to_number(values["rating"], "rating", FEWEST_STARS, MOST_STARS)
    label = _to_number(values["label"], "label", 0.0, 1.0)
    helpful = _to_number(values["helpful"], "helpful", 0.0, math.inf)
    title, text = (_to_words(values[name], name) for name in ("title", "text"))
    if not title and not text and math.isnan(rating) and math.isnan(label):
        raise BadRow("no text, title, rating or label")
    return Review(
        line=line,
        review_id=_to_name(values["review_id"], "review_id"),
        item_id=_to_name(values["item_id"], "item_id"),
        title=title,
        text=text,
        rating=rating,
        label=label,
        category=_to_words(values["category"], "category"),
        brand=_to_words(values["brand"], "brand"),
        time_s=_to_moment_s(values["time"], latest_s),
        verified=_to_truth(values["verified"], "verified"),
        helpful=0.0 if math.isnan(helpful) else helpful,
        truth=_to_aspects(values["aspects"]),
    )


def _to_name(value: object, column: str) -> str:
    return "" if is_absent(value) else to_id(value, column)


def _to_words(value: object, column: str) -> str:
    if isinstance(value, str):
        return to_utf8(value.strip(), column)
    return "" if value is None else to_text(to_json(value, column))


def _to_number(value: object, column: str, least: float, most: float) -> float:
    if is_absent(value):
        return math.nan
    number = to_number(value, column)
    if number < least or number > most:
        raise BadRow(f"{column}: expected a number from {least:g} to {most:g}, got {format_value(value)}")
    return number


def _to_moment_s(value: object, latest_s: float) -> float:
    if is_absent(value):
        return math.nan
    time_s = to_time_s(value)
    if not 0.0 <= time_s <= latest_s:
        raise BadRow(f"time: expected 1970 or later and at most a day from now, got {format_value(value)}")
    return time_s


def _to_truth(value: object, column: str) -> bool:
    if is_absent(value):
        return False
    if isinstance(value, InvalidValue):
        raise BadRow(value.reason)
    text = str(value).strip().lower()
    if text not in _TRUE | _FALSE:
        raise BadRow(f"{column}: expected true or false, got {format_value(value)}")
    return text in _TRUE


def _to_aspects(value: object) -> Mapping[str, int] | None:
    """Return the judged aspects of a mapping of 1, 0 and -1; other numbers say that it is not mentioned."""
    if not isinstance(value, Mapping):
        return None
    return {str(name): int(mark) for name, mark in value.items() if mark in (-1, 0, 1)}
