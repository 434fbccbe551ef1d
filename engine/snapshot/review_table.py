"""The reviews of a snapshot's items, each with its sentiment and what it says of aspects, in mapped memory.

They stand in the order of the items' rows, so that the reviews of an item are a range; what they say of aspects stands
in the order of the reviews. No text of a review is kept but its quotes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from engine.errors import CorruptSnapshot

REVIEWS = "reviews"
"""The folder of a snapshot that they stand in."""

_REVIEWS_FILE, _MENTIONS_FILE = "reviews.arrow", "mentions.arrow"
_OF_ITEMS_FILE, _OF_REVIEWS_FILE = "items.npy", "mentions.npy"
_REVIEWS_SCHEMA = pa.schema(
    [
        pa.field("review_id", pa.large_string(), nullable=False),
        pa.field("time_s", pa.float64(), nullable=False),
        pa.field("rating", pa.float32(), nullable=False),
        pa.field("sentiment", pa.float32(), nullable=False),
        pa.field("helpful", pa.float32(), nullable=False),
    ]
)
_MENTIONS_SCHEMA = pa.schema(
    [
        pa.field("aspect", pa.int16(), nullable=False),
        pa.field("sentiment", pa.float32(), nullable=False),
        pa.field("quote", pa.large_string(), nullable=False),
    ]
)


class ReviewRow(NamedTuple):
    """One review to be written: the row of its item, and its mentions as (number of the aspect, sentiment, quote).

    time_s, rating: NaN if it has none.   sentiment: from 0 to 1.   helpful: how many found it so.
    """

    item_row: int
    review_id: str
    time_s: float
    rating: float
    sentiment: float
    helpful: float
    mentions: Sequence[tuple[int, float, str]]


@dataclass(frozen=True, slots=True)
class ReviewBatch:
    """n reviews of some items and the m mentions in them: arrays side by side, mentions by the place of their review.

    rows: (n,) the item of each.   times_s, ratings: (n,), NaN where a review has none.   sentiments: (n,) from 0 to 1.
    of: (m,) the review of each mention, 0 … n - 1.   aspects: (m,) its number.   judged: (m,) its sentiment.
    """

    rows: NDArray[np.int64]
    times_s: NDArray[np.float64]
    ratings: NDArray[np.float64]
    sentiments: NDArray[np.float64]
    helpful: NDArray[np.float64]
    of: NDArray[np.int64]
    aspects: NDArray[np.int64]
    judged: NDArray[np.float64]
    places: NDArray[np.int64]
    """(m,) where each mention stands in the file, which its quote is asked by."""

    def __len__(self) -> int:
        return len(self.rows)


def write_reviews(directory: Path, reviews: Iterable[ReviewRow], item_count: int) -> None:
    """Write the reviews, which come in the order of their items' rows, into REVIEWS of a snapshot's folder."""
    rows = list(reviews)
    mentions = [mention for review in rows for mention in review.mentions]
    folder = directory / REVIEWS
    folder.mkdir()
    columns = [[getattr(review, name) for review in rows] for name in _REVIEWS_SCHEMA.names]
    _write(folder / _REVIEWS_FILE, columns, _REVIEWS_SCHEMA)
    _write(folder / _MENTIONS_FILE, [[mention[at] for mention in mentions] for at in range(3)], _MENTIONS_SCHEMA)
    counts = np.bincount(np.array([review.item_row for review in rows], np.int64), minlength=item_count)
    np.save(folder / _OF_ITEMS_FILE, np.concatenate(([0], np.cumsum(counts))))
    sizes = np.array([len(review.mentions) for review in rows], np.int64)
    np.save(folder / _OF_REVIEWS_FILE, np.concatenate(([0], np.cumsum(sizes))))


class ReviewTable:
    """The reviews of a snapshot; any number of threads may read them."""

    def __init__(self, directory: Path, item_count: int, aspects: tuple[str, ...]) -> None:
        """Open them. aspects: their names by number. Raises CorruptSnapshot, naming the file."""
        folder = directory / REVIEWS
        self.aspects = aspects
        self._reviews = _open(folder / _REVIEWS_FILE, _REVIEWS_SCHEMA)
        self._mentions = _open(folder / _MENTIONS_FILE, _MENTIONS_SCHEMA)
        self._of_items = _offsets(folder / _OF_ITEMS_FILE, item_count, self._reviews.num_rows)
        self._of_reviews = _offsets(folder / _OF_REVIEWS_FILE, self._reviews.num_rows, self._mentions.num_rows)
        self._quotes = self._mentions["quote"]

    def __len__(self) -> int:
        return int(self._reviews.num_rows)

    def of(self, rows: Sequence[int] | NDArray[np.int64]) -> ReviewBatch:
        """Return the reviews of some rows of items. Cost: that of so many reviews."""
        items = np.asarray(rows, np.int64)
        reviews, of_items = _ranges(self._of_items, items)
        mentions, of = _ranges(self._of_reviews, reviews)
        return ReviewBatch(
            rows=items[of_items],
            times_s=self._numbers("time_s", reviews),
            ratings=self._numbers("rating", reviews),
            sentiments=self._numbers("sentiment", reviews),
            helpful=self._numbers("helpful", reviews),
            of=of,
            aspects=self._mentions["aspect"].to_numpy()[mentions].astype(np.int64),
            judged=self._mentions["sentiment"].to_numpy()[mentions].astype(np.float64),
            places=mentions,
        )

    def quote(self, place: int) -> str:
        """Return what was written, "" if it is not fit to be shown."""
        return str(self._quotes[place].as_py())

    def _numbers(self, name: str, places: NDArray[np.int64]) -> NDArray[np.float64]:
        return self._reviews[name].to_numpy()[places].astype(np.float64)  # type: ignore[no-any-return]


def _ranges(offsets: NDArray[np.int64], wanted: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return all that lies in the ranges wanted, one after the other, and which of them each is in."""
    starts, sizes = offsets[wanted], offsets[wanted + 1] - offsets[wanted]
    of = np.repeat(np.arange(len(wanted)), sizes)
    within = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return starts[of] + within, of


def _write(path: Path, columns: Sequence[Sequence[Any]], schema: pa.Schema) -> None:
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(pa.record_batch(arrays, schema=schema))


def _open(path: Path, schema: pa.Schema) -> pa.RecordBatch:
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        if not reader.schema.equals(schema) or reader.num_record_batches != 1:
            raise CorruptSnapshot(f"{path}: expected the reviews of a snapshot, got another Arrow file")
        return reader.get_batch(0)
    except (pa.ArrowException, OSError) as error:
        raise CorruptSnapshot(f"{path}: expected the reviews of a snapshot, got {error}") from error


def _offsets(path: Path, count: int, end: int) -> NDArray[np.int64]:
    try:
        offsets: NDArray[np.int64] = np.load(path, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise CorruptSnapshot(f"{path}: expected the reviews of a snapshot, got {error}") from error
    if offsets.shape != (count + 1,) or offsets[0] != 0 or offsets[-1] != end:
        raise CorruptSnapshot(f"{path}: expected {count + 1} places up to {end}, got others")
    return offsets
