"""One field of all rows: its values in order, and which of them each row has."""

from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from engine.columns.column_file import NO_TIME
from engine.columns.field_values import Scalar

Mask = NDArray[np.bool_]
Ranges = NDArray[np.int64]
"""Numbers of values: (k, 2), from the first up to but without the second."""

NOTHING: Ranges = np.zeros((0, 2), np.int64)

# Looking each number up costs as much as so many comparisons of it.
_MOST_COMPARED = 4


class ValueKind(StrEnum):
    """What the values of a field are."""

    BOOL = "bool"
    NUMBER = "number"
    TEXT = "text"
    TIMESTAMP = "timestamp"
    """Texts, each of which is a date or a date-time."""
    MIXED = "mixed"
    """Of several kinds, or nothing is known of them."""


class SortedTexts:
    """Distinct texts, ascending, in mapped memory."""

    def __init__(self, array: pa.Array) -> None:
        self._array = array
        _, offsets, data = array.buffers()
        # Plain ints of a memoryview come ten times faster than numpy's.
        start = array.offset
        self._offsets = memoryview(offsets).cast("B").cast("q")[start : start + len(array) + 1] if len(array) else None
        self._data = memoryview(data).cast("B") if data is not None else memoryview(b"")

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, place: int) -> str:
        return str(self._bytes(place), "utf-8")

    def left(self, text: str, length: int | None = None) -> int:
        """Return how many texts are less than this one; of each only the first `length` bytes are looked at."""
        return self._bisect(text.encode(), length, after=False)

    def right(self, text: str, length: int | None = None) -> int:
        """Return how many texts are at most this one; of each only the first `length` bytes are looked at."""
        return self._bisect(text.encode(), length, after=True)

    def beginning(self, text: str) -> tuple[int, int]:
        """Return the range of those that begin with a text."""
        length = len(text.encode())
        return self.left(text, length), self.right(text, length)

    def ending(self, text: str) -> Mask:
        """Return which end with a text."""
        return _flags(pc.ends_with(self._array, text))

    def containing(self, text: str) -> Mask:
        """Return which have a text in them."""
        return _flags(pc.match_substring(self._array, text))

    def _bytes(self, place: int) -> memoryview:
        if self._offsets is None:
            raise IndexError(f"expected a text among none, got {place}")
        return self._data[self._offsets[place] : self._offsets[place + 1]]

    def _bisect(self, wanted: bytes, length: int | None, after: bool) -> int:
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            found = bytes(self._bytes(middle)[:length])
            if found < wanted or (after and found == wanted):
                low = middle + 1
            else:
                high = middle
        return low


def to_column(texts: pa.Array) -> "Column":
    """Return the field of which each row has one text. Cost: a sort, a second or two for a million rows."""
    encoded = texts.dictionary_encode()
    order = pc.array_sort_indices(encoded.dictionary)
    places = np.empty(len(order), np.uint32)
    places[order.to_numpy()] = np.arange(1, len(order) + 1, dtype=np.uint32)
    return Column(
        len(texts),
        (),
        np.empty(0, np.float64),
        SortedTexts(encoded.dictionary.take(order)),
        np.empty(0, np.int64),
        None,
        places[encoded.indices.to_numpy()],
        several=False,
        repeated=False,
    )


def _flags(array: pa.Array) -> Mask:
    flags: Mask = array.to_numpy(zero_copy_only=False)
    return flags


def to_ranges(flags: Mask, first: int) -> Ranges:
    """Return the numbers of the values flagged, where flags[0] is that of value `first`."""
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    ranges: Ranges = edges.reshape(-1, 2) + first
    return ranges


def _repeats(rows: NDArray[Any], codes: NDArray[Any]) -> Mask:
    """Return which pairs stand earlier in the same row already; rows ascend. Ten times faster than sorting them."""
    repeats = np.zeros(len(rows), np.bool_)
    back = 1
    places = np.flatnonzero(rows[1:] == rows[:-1]) + 1
    while len(places):
        repeats[places[codes[places] == codes[places - back]]] = True
        back += 1
        places = places[places >= back]
        places = places[rows[places] == rows[places - back]]
    return repeats


class RowValues(NamedTuple):
    """Rows and numbers of their values, ascending by row."""

    rows: NDArray[Any]
    codes: NDArray[Any]


class Column:
    """One field of `count` rows. Masks and arrays over all rows are made when asked for, nothing of them is kept."""

    def __init__(
        self,
        count: int,
        bools: tuple[bool, ...],
        numbers: NDArray[np.float64],
        texts: SortedTexts,
        times: NDArray[np.int64],
        rows: NDArray[np.uint32] | None,
        codes: NDArray[Any],
        several: bool,
        repeated: bool,
    ) -> None:
        """See `file`. rows: None if each row has one number, 0 for none."""
        self.count = count
        self.bools = bools
        self.numbers = numbers
        self.texts = texts
        self.times = times
        self.rows = rows
        self.codes = codes
        self.several = several
        self.repeated = repeated
        self.first_number = 1 + len(bools)
        self.first_text = self.first_number + len(numbers)
        self.end = self.first_text + len(texts)
        """The number behind that of the last value."""

    @cached_property
    def timed(self) -> Mask:
        """Which texts are instants; empty if none is."""
        return np.asarray(self.times != NO_TIME)

    @cached_property
    def kinds(self) -> tuple[ValueKind, ...]:
        """What values there are: none, one kind or several."""
        kinds = [ValueKind.BOOL] * bool(self.bools) + [ValueKind.NUMBER] * bool(len(self.numbers))
        if len(self.texts):
            kinds.append(ValueKind.TIMESTAMP if len(self.times) and self.timed.all() else ValueKind.TEXT)
        return tuple(kinds)

    @property
    def kind(self) -> ValueKind:
        """What the values are."""
        return self.kinds[0] if len(self.kinds) == 1 else ValueKind.MIXED

    def value(self, code: int) -> Scalar:
        """Return the value of a number."""
        if code < self.first_number:
            return self.bools[code - 1]
        if code < self.first_text:
            return float(self.numbers[code - self.first_number])
        return self.texts[code - self.first_text]

    def code(self, value: Scalar) -> int:
        """Return the number of a value, 0 if no row has it."""
        if isinstance(value, bool):
            return 1 + self.bools.index(value) if value in self.bools else 0
        if isinstance(value, str):
            place = self.texts.left(value)
            return self.first_text + place if place < len(self.texts) and self.texts[place] == value else 0
        place = int(np.searchsorted(self.numbers, value))
        return self.first_number + place if place < len(self.numbers) and self.numbers[place] == value else 0

    def mask(self, ranges: Ranges) -> Mask:
        """Return which rows have any of some values: (count,)."""
        if not len(ranges):
            return np.zeros(self.count, np.bool_)
        hits = self._hits(ranges)
        if self.rows is None:
            return hits
        mask = np.zeros(self.count, np.bool_)
        if self.several:
            mask[self.rows[hits]] = True
        else:
            mask[self.rows] = hits
        return mask

    def mark(self, mask: Mask) -> None:
        """Set the rows of a mask, (count,), that have a value at all."""
        if self.rows is None:
            np.logical_or(mask, self.codes, out=mask)
        else:
            mask[self.rows] = True

    def pairs(self) -> RowValues:
        """Return each row and value, the values of one row in their order."""
        if self.rows is not None:
            return RowValues(self.rows, self.codes)
        rows = np.flatnonzero(self.codes)
        return RowValues(rows, self.codes[rows])

    def first_numbers(self) -> NDArray[np.float64]:
        """Return the first number of each row, NaN where there is none: (count,)."""
        table = np.full(self.end, np.nan)
        table[self.first_number : self.first_text] = self.numbers
        if self.rows is None:
            # Numbers are within the table; "clip" spares checking each.
            return np.take(table, self.codes, mode="clip")
        found = np.take(table, self.codes, mode="clip")
        result = np.full(self.count, np.nan)
        if self.several:
            there = ~np.isnan(found)
            rows, first = np.unique(self.rows[there], return_index=True)
            result[rows] = found[there][first]
        else:
            result[self.rows] = found
        return result

    def counts(self, mask: Mask) -> tuple[NDArray[np.int64], int]:
        """Return how many rows of a mask have each value, (end,), and how many have none; a row counts once a value."""
        everything = bool(mask.all())
        if self.rows is None:
            counts = np.bincount(self.codes if everything else self.codes[mask], minlength=self.end)
            missing = int(counts[0])
            counts[0] = 0
            return counts, missing
        kept = slice(None) if everything else mask[self.rows]
        rows, codes = self.rows[kept], self.codes[kept]
        have = len(rows) - (int(np.count_nonzero(rows[1:] == rows[:-1])) if self.several else 0)
        if self.repeated:
            codes = codes[~_repeats(rows, codes)]
        return np.bincount(codes, minlength=self.end), int(np.count_nonzero(mask)) - have

    def _hits(self, ranges: Ranges) -> Mask:
        if len(ranges) > _MOST_COMPARED:
            steps = np.zeros(self.end + 1, np.int32)
            np.add.at(steps, ranges[:, 0], 1)
            np.subtract.at(steps, ranges[:, 1], 1)
            return np.take(np.cumsum(steps) > 0, self.codes, mode="clip")
        hits: Mask | None = None
        for low, high in ranges.tolist():
            found = self._between(low, high)
            hits = found if hits is None else np.logical_or(hits, found, out=hits)
        return np.zeros(len(self.codes), np.bool_) if hits is None else hits

    def _between(self, low: int, high: int) -> Mask:
        codes = self.codes
        if high <= low:
            return np.zeros(len(codes), np.bool_)
        if high == low + 1:
            return np.asarray(codes == low)
        if high >= self.end:
            return np.asarray(codes >= low if low > 1 else codes != 0)
        if low <= 1 and self.rows is not None:
            return np.asarray(codes < high)
        return np.logical_and(codes >= low, codes < high)
