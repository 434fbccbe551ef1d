"""One field over all rows: its distinct values in order, and a code for the value of each row."""

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
"""Half-open ranges of value codes: (k, 2)."""

NOTHING: Ranges = np.zeros((0, 2), np.int64)

# A table lookup per code costs as much as this many comparisons.
_MAX_COMPARISONS = 4


class ValueKind(StrEnum):
    """Kind of the values of a field."""

    BOOL = "bool"
    NUMBER = "number"
    TEXT = "text"
    TIMESTAMP = "timestamp"
    """Texts that are all dates or times."""
    MIXED = "mixed"
    """Several kinds, or none."""


class SortedTexts:
    """Distinct texts in ascending order, in mapped memory."""

    def __init__(self, array: pa.Array) -> None:
        self._array = array
        _, offsets, data = array.buffers()
        # A memoryview returns plain ints, ten times faster than numpy.
        start = array.offset
        self._offsets = memoryview(offsets).cast("B").cast("q")[start : start + len(array) + 1] if len(array) else None
        self._data = memoryview(data).cast("B") if data is not None else memoryview(b"")

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, index: int) -> str:
        return str(self._bytes(index), "utf-8")

    def left(self, text: str, length: int | None = None) -> int:
        """Return the number of texts below this one, comparing only the first `length` bytes of each."""
        return self._bisect(text.encode(), length, after=False)

    def right(self, text: str, length: int | None = None) -> int:
        """Return the number of texts up to this one, comparing only the first `length` bytes of each."""
        return self._bisect(text.encode(), length, after=True)

    def with_prefix(self, text: str) -> tuple[int, int]:
        """Return the range of texts with a prefix."""
        length = len(text.encode())
        return self.left(text, length), self.right(text, length)

    def ending(self, text: str) -> Mask:
        """Return which texts end with `text`."""
        return _flags(pc.ends_with(self._array, text))

    def containing(self, text: str) -> Mask:
        """Return which texts contain `text`."""
        return _flags(pc.match_substring(self._array, text))

    def _bytes(self, index: int) -> memoryview:
        if self._offsets is None:
            raise IndexError(f"expected an index into no texts, got {index}")
        return self._data[self._offsets[index] : self._offsets[index + 1]]

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
    """Return a column with one text in each row. Cost: a sort, a second or two for a million rows."""
    encoded = texts.dictionary_encode()
    order = pc.array_sort_indices(encoded.dictionary)
    codes = np.empty(len(order), np.uint32)
    codes[order.to_numpy()] = np.arange(1, len(order) + 1, dtype=np.uint32)
    return Column(
        len(texts),
        (),
        np.empty(0, np.float64),
        SortedTexts(encoded.dictionary.take(order)),
        np.empty(0, np.int64),
        None,
        codes[encoded.indices.to_numpy()],
        several=False,
        repeated=False,
    )


def _flags(array: pa.Array) -> Mask:
    flags: Mask = array.to_numpy(zero_copy_only=False)
    return flags


def to_ranges(flags: Mask, first: int) -> Ranges:
    """Return the code ranges of flagged values; flags[0] is that of code `first`."""
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    ranges: Ranges = edges.reshape(-1, 2) + first
    return ranges


def _repeats(rows: NDArray[Any], codes: NDArray[Any]) -> Mask:
    """Return which pairs repeat an earlier pair of the same row; rows ascend. Ten times faster than sorting them."""
    repeats = np.zeros(len(rows), np.bool_)
    back = 1
    indexes = np.flatnonzero(rows[1:] == rows[:-1]) + 1
    while len(indexes):
        repeats[indexes[codes[indexes] == codes[indexes - back]]] = True
        back += 1
        indexes = indexes[indexes >= back]
        indexes = indexes[rows[indexes] == rows[indexes - back]]
    return repeats


class RowValues(NamedTuple):
    """Rows and the codes of their values, ascending by row."""

    rows: NDArray[Any]
    codes: NDArray[Any]


class Column:
    """One field of `count` rows. Masks and arrays over all rows are created on demand and not kept."""

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
        """See `column_file`. rows: None if `codes` has one code for each row, 0 for none."""
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
        """The code after that of the last value."""

    @cached_property
    def is_timestamp(self) -> Mask:
        """Which texts are timestamps; empty if none is."""
        return np.asarray(self.times != NO_TIME)

    @cached_property
    def kinds(self) -> tuple[ValueKind, ...]:
        """Kinds of values that occur: none, one or several."""
        kinds = [ValueKind.BOOL] * bool(self.bools) + [ValueKind.NUMBER] * bool(len(self.numbers))
        if len(self.texts):
            kinds.append(ValueKind.TIMESTAMP if len(self.times) and self.is_timestamp.all() else ValueKind.TEXT)
        return tuple(kinds)

    @property
    def kind(self) -> ValueKind:
        """Kind of the values."""
        return self.kinds[0] if len(self.kinds) == 1 else ValueKind.MIXED

    def value(self, code: int) -> Scalar:
        """Return the value of a code."""
        if code < self.first_number:
            return self.bools[code - 1]
        if code < self.first_text:
            return float(self.numbers[code - self.first_number])
        return self.texts[code - self.first_text]

    def code(self, value: Scalar) -> int:
        """Return the code of a value, 0 if no row has it."""
        if isinstance(value, bool):
            return 1 + self.bools.index(value) if value in self.bools else 0
        if isinstance(value, str):
            index = self.texts.left(value)
            return self.first_text + index if index < len(self.texts) and self.texts[index] == value else 0
        index = int(np.searchsorted(self.numbers, value))
        return self.first_number + index if index < len(self.numbers) and self.numbers[index] == value else 0

    def mask(self, ranges: Ranges) -> Mask:
        """Return which rows have a value in the code ranges: (count,)."""
        if not len(ranges):
            return np.zeros(self.count, np.bool_)
        hits = self._in_ranges(ranges)
        if self.rows is None:
            return hits
        mask = np.zeros(self.count, np.bool_)
        if self.several:
            mask[self.rows[hits]] = True
        else:
            mask[self.rows] = hits
        return mask

    def mark(self, mask: Mask) -> None:
        """Set the rows of a mask, (count,), that have any value."""
        if self.rows is None:
            np.logical_or(mask, self.codes, out=mask)
        else:
            mask[self.rows] = True

    def pairs(self) -> RowValues:
        """Return all pairs of row and code, in payload order within a row."""
        if self.rows is not None:
            return RowValues(self.rows, self.codes)
        rows = np.flatnonzero(self.codes)
        return RowValues(rows, self.codes[rows])

    def first_numbers(self) -> NDArray[np.float64]:
        """Return the first number of each row, NaN if it has none: (count,)."""
        table = np.full(self.end, np.nan)
        table[self.first_number : self.first_text] = self.numbers
        if self.rows is None:
            # All codes are within the table; "clip" skips the bounds check.
            return np.take(table, self.codes, mode="clip")
        found = np.take(table, self.codes, mode="clip")
        result = np.full(self.count, np.nan)
        if self.several:
            is_number = ~np.isnan(found)
            rows, first = np.unique(self.rows[is_number], return_index=True)
            result[rows] = found[is_number][first]
        else:
            result[self.rows] = found
        return result

    def counts(self, mask: Mask) -> tuple[NDArray[np.int64], int]:
        """Return how many masked rows have each value, (end,), and how many none; a row counts once for each value."""
        is_full = bool(mask.all())
        if self.rows is None:
            counts = np.bincount(self.codes if is_full else self.codes[mask], minlength=self.end)
            missing = int(counts[0])
            counts[0] = 0
            return counts, missing
        kept = slice(None) if is_full else mask[self.rows]
        rows, codes = self.rows[kept], self.codes[kept]
        with_value = len(rows) - (int(np.count_nonzero(rows[1:] == rows[:-1])) if self.several else 0)
        if self.repeated:
            codes = codes[~_repeats(rows, codes)]
        return np.bincount(codes, minlength=self.end), int(np.count_nonzero(mask)) - with_value

    def _in_ranges(self, ranges: Ranges) -> Mask:
        if len(ranges) > _MAX_COMPARISONS:
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
