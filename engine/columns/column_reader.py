"""The columns of a snapshot, which filters, facets, groups and boosts read instead of payloads."""

import copy
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path as FilePath
from threading import Lock
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from engine.columns.column import Column, Mask, SortedTexts, ValueKind
from engine.columns.column_file import COLUMNS_FILE, COUNT_KEY, SCHEMA, WIDTHS
from engine.columns.field_path import Path, format_path, parse_path
from engine.columns.field_values import GroupKey, Payload, Scalar, ValueKey, facet_values, value_key
from engine.columns.group_codes import GroupCodes
from engine.columns.suggestions import nearest
from engine.errors import CorruptSnapshot, InvalidQuery, UnknownField

FACET_VALUES = 1000
"""Maximum number of values in a facet."""

ITEM_ID = "item_id"
"""Field name of the item id in filters; hides a payload field of the same name."""

_MAX_CACHED_GROUPS = 16


class Columns:
    """The payload fields of one snapshot by name. Thread-safe.

    Fields in mappings have dotted names, see `field_path`. Methods that take a name raise UnknownField if no row has a
    value of the field. Arrays over all rows are only created on demand.
    """

    def __init__(self, directory: FilePath, count: int) -> None:
        """Open the file of `count` rows. Raises CorruptSnapshot, naming the file."""
        path = directory / COLUMNS_FILE
        try:
            reader = pa.ipc.open_file(pa.memory_map(str(path)))
            if not reader.schema.equals(SCHEMA) or reader.num_record_batches != 1:
                raise CorruptSnapshot(f"{path}: expected the columns of a snapshot, got another Arrow file")
            written = int((reader.schema.metadata or {}).get(COUNT_KEY, b"-1"))
            batch = reader.get_batch(0)
            batch.validate()
            self._names: tuple[str, ...] = tuple(batch["name"].to_pylist())
            self._bools: list[list[bool]] = batch["bools"].to_pylist()
            self._several: list[bool] = batch["several"].to_pylist()
            self._repeated: list[bool] = batch["repeated"].to_pylist()
            self._lists = {name: _ListValues(batch[name]) for name in ("numbers", "texts", "times", "rows", *WIDTHS)}
        except (pa.ArrowException, OSError, ValueError, KeyError, IndexError) as error:
            raise CorruptSnapshot(f"{path}: expected the columns of a snapshot, got {error}") from error
        if written != count:
            raise CorruptSnapshot(f"{path}: expected {count} rows, got {written}")
        self.count = count
        self._indexes = {parse_path(name): index for index, name in enumerate(self._names)}
        self._check(path)
        self._live_fields: frozenset[Path] = frozenset()
        self._ids: Callable[[], Column] | None = None
        self._opened: dict[Path, Column] = {}
        self._groups: OrderedDict[Path, GroupCodes] = OrderedDict()
        self._lock = Lock()

    def with_fields(self, names: Iterable[str]) -> Self:
        """Return these columns with additional fields that no row has a value of, such as new fields of live items."""
        view = copy.copy(self)
        view._live_fields = self._live_fields | frozenset(map(parse_path, names))
        return view

    def with_item_ids(self, ids: Callable[[], Column]) -> Self:
        """Return these columns with the field item_id. ids: returns its column, called on first use."""
        view = copy.copy(self)
        view._ids = ids
        return view

    def names(self) -> tuple[str, ...]:
        """Return the names of all fields, in the form of filters."""
        return self._names + tuple(sorted(format_path(path) for path in self._live_fields if path not in self._indexes))

    def kind(self, name: str) -> ValueKind:
        """Return the kind of a field's values; MIXED for several kinds or none."""
        return self.column(self.check(name)).kind

    def check(self, name: str, field: str = "") -> Path:
        """Return the path of a known field. field: request field for the error."""
        path = parse_path(name)
        if not self.knows(path):
            raise UnknownField(name, self.nearest(name), field)
        return path

    def check_number(self, name: str, field: str = "") -> Path:
        """Return the path of a field with numbers. Raises InvalidQuery if it has only other values."""
        path = self.check(name, field)
        column = self.column(path)
        if not len(column.numbers) and column.end > 1:
            raise InvalidQuery(f"expected a field of numbers, got {name!r}, a field of kind {column.kind}", field)
        return path

    def knows(self, path: Path) -> bool:
        """Return whether any row or live item has a value of a field."""
        return path in self._indexes or path in self._live_fields or (self._ids is not None and path == (ITEM_ID,))

    def fields_below(self, path: Path) -> list[Path]:
        """Return the known fields below a path, at any depth."""
        depth = len(path)
        return [other for other in (*self._indexes, *self._live_fields) if len(other) > depth and other[:depth] == path]

    def nearest(self, name: str) -> tuple[str, ...]:
        """Return suggestions for an unknown name: fields below it, or else similar names."""
        below = self.fields_below(parse_path(name))
        return tuple(map(format_path, below[:3])) if below else nearest(name, self.names())

    def column(self, path: Path) -> Column:
        """Return the column of a path, one without values if it is unknown."""
        if self._ids is not None and path == (ITEM_ID,):
            return self._ids()
        index = self._indexes.get(path)
        if index is None:
            return self._empty
        opened = self._opened.get(path)
        return opened if opened is not None else self._opened.setdefault(path, self._open(index))

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return the first number of each row, NaN if it has none: (n,)."""
        return self.column(self.check(name)).first_numbers()

    def groups(self, name: str) -> NDArray[np.int32]:
        """Return the group code of each row, equal for equal values or lists, -1 without a value: (n,)."""
        return self._grouped(name).codes

    def group_count(self, name: str) -> int:
        """Return an upper bound of the codes of `groups`."""
        return self._grouped(name).count

    def group_key(self, name: str, code: int) -> GroupKey:
        """Return the key that `get_group` returns for the items of a group."""
        return self._grouped(name).key(code)

    def group_code(self, name: str, key: GroupKey | None) -> int:
        """Return the code of a live item's group by its `get_group` key, -1 if no row is in it."""
        return -1 if key is None else self._grouped(name).code(key)

    def facet(
        self, name: str, mask: Mask, live: Iterable[Payload] = (), limit: int | None = FACET_VALUES
    ) -> list[tuple[Scalar | None, int]]:
        """Return the number of items with each value of a field, most frequent first, then by value.

        An item counts once for each of its values. None, after all values, counts the items without one.

        Args:
            name: The field.
            mask: Rows to count, (n,).
            live: Live items to count.
            limit: Maximum number of values, None for all.
        """
        column = self.column(self.check(name))
        counts, missing = column.counts(mask)
        new: Counter[ValueKey] = Counter()
        for payload in live:
            for value in facet_values(payload, name):
                code = 0 if value is None else column.code(value)
                if value is None:
                    missing += 1
                elif code:
                    counts[code] += 1
                else:
                    new[value_key(value)] += 1
        found: list[tuple[ValueKey, int]] = [
            (value_key(column.value(code)), int(counts[code])) for code in _most_frequent(counts, limit)
        ]
        found += new.items()
        if missing:
            found.append((value_key(None), missing))
        found.sort(key=lambda entry: (-entry[1], entry[0]))
        return [(None if key == value_key(None) else key[1], count) for key, count in found[:limit]]

    @cached_property
    def _empty(self) -> Column:
        texts = SortedTexts(pa.array([], pa.large_string()))
        return Column(
            self.count,
            (),
            np.empty(0, np.float64),
            texts,
            np.empty(0, np.int64),
            np.empty(0, np.uint32),
            np.empty(0, np.uint8),
            several=False,
            repeated=False,
        )

    def _grouped(self, name: str) -> GroupCodes:
        path = self.check(name)
        with self._lock:
            if path in self._groups:
                self._groups.move_to_end(path)
                return self._groups[path]
        groups = GroupCodes(self.column(path))
        with self._lock:
            groups = self._groups.setdefault(path, groups)
            while len(self._groups) > _MAX_CACHED_GROUPS:
                self._groups.popitem(last=False)
        return groups

    def _open(self, index: int) -> Column:
        rows = self._lists["rows"].numpy(index)
        width = next(width for width in WIDTHS if self._lists[width].length(index))
        return Column(
            self.count,
            tuple(self._bools[index]),
            self._lists["numbers"].numpy(index),
            SortedTexts(self._lists["texts"].arrow(index)),
            self._lists["times"].numpy(index),
            rows if len(rows) else None,
            self._lists[width].numpy(index),
            self._several[index],
            self._repeated[index],
        )

    def _check(self, path: FilePath) -> None:
        """Raise CorruptSnapshot unless each field has a code for each row."""
        rows = self._lists["rows"].lengths
        widths = np.array([self._lists[width].lengths for width in WIDTHS])
        wrong = (np.count_nonzero(widths, axis=0) != 1) | (widths.sum(axis=0) != np.where(rows > 0, rows, self.count))
        if wrong.any():
            name = self._names[int(np.argmax(wrong))]
            raise CorruptSnapshot(f"{path}: expected a value for each row of {name!r}, got more or fewer")


class _ListValues:
    """A list array in mapped memory."""

    def __init__(self, array: pa.Array) -> None:
        self._values = array.values
        self._offsets = np.frombuffer(array.buffers()[1], np.int64, len(array) + 1) if len(array) else np.zeros(1, int)
        self.lengths = np.diff(self._offsets)
        if (self.lengths < 0).any() or self._offsets[0] < 0 or self._offsets[-1] > len(self._values):
            raise ValueError("overlapping lists")

    def length(self, index: int) -> int:
        """Return the length of one list."""
        return int(self.lengths[index])

    def arrow(self, index: int) -> pa.Array:
        """Return one list."""
        return self._values[self._offsets[index] : self._offsets[index + 1]]

    def numpy(self, index: int) -> NDArray[Any]:
        """Return one list of numbers, a read-only view."""
        values: NDArray[Any] = self.arrow(index).to_numpy()
        return values


def _most_frequent(counts: NDArray[np.int64], limit: int | None) -> list[int]:
    """Return the codes of the `limit` most frequent values, ties by code."""
    codes = np.flatnonzero(counts)
    if limit is not None and len(codes) > limit:
        lowest = np.partition(counts[codes], len(codes) - limit)[len(codes) - limit]
        # Of the values with the lowest count that still fit, those with the lowest codes, which come first already.
        above = codes[counts[codes] > lowest]
        codes = np.concatenate([above, codes[counts[codes] == lowest][: limit - len(above)]])
    order: list[int] = codes[np.argsort(-counts[codes], kind="stable")].tolist()
    return order
