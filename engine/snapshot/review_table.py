"""The reviews of a snapshot's items, each with its sentiment and aspect mentions, in mapped memory.

Reviews are in the order of the items' rows, so an item's reviews are a range; mentions are in the order of the reviews.
Of the review texts only quotes are stored.
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
"""Name of the folder inside a snapshot."""

_REVIEWS_FILE, _MENTIONS_FILE = "reviews.arrow", "mentions.arrow"
_ITEM_OFFSETS_FILE, _REVIEW_OFFSETS_FILE = "items.npy", "mentions.npy"
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
    """One review to write.

    Attributes:
        item_row: Row of its item.
        time_s, rating: NaN if missing.
        sentiment: 0 to 1.
        helpful: Number of helpful votes.
        mentions: (aspect number, sentiment, quote) of each.
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
    """n reviews and their m aspect mentions, as parallel arrays.

    Attributes:
        rows: (n,) row of each review's item.
        times_s, ratings: (n,), NaN if missing.
        sentiments: (n,) 0 to 1.
        helpful: (n,) number of helpful votes.
        mention_reviews: (m,) position of each mention's review, 0 … n - 1.
        aspects: (m,) aspect number of each mention.
        mention_sentiments: (m,) 0 to 1.
        mention_indices: (m,) index of each mention in the file, for `ReviewTable.quote`.
    """

    rows: NDArray[np.int64]
    times_s: NDArray[np.float64]
    ratings: NDArray[np.float64]
    sentiments: NDArray[np.float64]
    helpful: NDArray[np.float64]
    mention_reviews: NDArray[np.int64]
    aspects: NDArray[np.int64]
    mention_sentiments: NDArray[np.float64]
    mention_indices: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)


def write_reviews(directory: Path, reviews: Iterable[ReviewRow], item_count: int) -> None:
    """Write the reviews, sorted by item row, into the REVIEWS folder of a snapshot."""
    rows = list(reviews)
    mentions = [mention for review in rows for mention in review.mentions]
    folder = directory / REVIEWS
    folder.mkdir()
    columns = [[getattr(review, name) for review in rows] for name in _REVIEWS_SCHEMA.names]
    _write(folder / _REVIEWS_FILE, columns, _REVIEWS_SCHEMA)
    _write(
        folder / _MENTIONS_FILE, [[mention[column] for mention in mentions] for column in range(3)], _MENTIONS_SCHEMA
    )
    counts = np.bincount(np.array([review.item_row for review in rows], np.int64), minlength=item_count)
    np.save(folder / _ITEM_OFFSETS_FILE, np.concatenate(([0], np.cumsum(counts))))
    sizes = np.array([len(review.mentions) for review in rows], np.int64)
    np.save(folder / _REVIEW_OFFSETS_FILE, np.concatenate(([0], np.cumsum(sizes))))


class ReviewTable:
    """The reviews of a snapshot; thread-safe."""

    def __init__(self, directory: Path, item_count: int, aspects: tuple[str, ...]) -> None:
        """Open the table. aspects: names by number. Raises CorruptSnapshot, naming the file."""
        folder = directory / REVIEWS
        self.aspects = aspects
        self._reviews = _open(folder / _REVIEWS_FILE, _REVIEWS_SCHEMA)
        self._mentions = _open(folder / _MENTIONS_FILE, _MENTIONS_SCHEMA)
        self._item_offsets = _offsets(folder / _ITEM_OFFSETS_FILE, item_count, self._reviews.num_rows)
        self._review_offsets = _offsets(folder / _REVIEW_OFFSETS_FILE, self._reviews.num_rows, self._mentions.num_rows)
        self._quotes = self._mentions["quote"]

    def __len__(self) -> int:
        return int(self._reviews.num_rows)

    def read(self, rows: Sequence[int] | NDArray[np.int64]) -> ReviewBatch:
        """Return the reviews of item rows. Costs the reviews read."""
        items = np.asarray(rows, np.int64)
        reviews, item_positions = _ranges(self._item_offsets, items)
        mentions, mention_reviews = _ranges(self._review_offsets, reviews)
        return ReviewBatch(
            rows=items[item_positions],
            times_s=self._numbers("time_s", reviews),
            ratings=self._numbers("rating", reviews),
            sentiments=self._numbers("sentiment", reviews),
            helpful=self._numbers("helpful", reviews),
            mention_reviews=mention_reviews,
            aspects=self._mentions["aspect"].to_numpy()[mentions].astype(np.int64),
            mention_sentiments=self._mentions["sentiment"].to_numpy()[mentions].astype(np.float64),
            mention_indices=mentions,
        )

    def quote(self, mention_index: int) -> str:
        """Return the quote of a mention, "" if it is unfit for display."""
        return str(self._quotes[mention_index].as_py())

    def _numbers(self, name: str, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        return self._reviews[name].to_numpy()[rows].astype(np.float64)  # type: ignore[no-any-return]


def _ranges(offsets: NDArray[np.int64], positions: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the concatenated content of the ranges at these positions, and the position of each element's range."""
    starts, sizes = offsets[positions], offsets[positions + 1] - offsets[positions]
    sources = np.repeat(np.arange(len(positions)), sizes)
    within = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return starts[sources] + within, sources


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
        raise CorruptSnapshot(f"{path}: expected {count + 1} offsets up to {end}, got others")
    return offsets
