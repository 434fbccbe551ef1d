"""The columns of a snapshot: what filters, facets, groups and boosts read instead of payloads."""

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
"""How many values of a field a facet tells at most."""

ITEM_ID = "item_id"
"""The field that filters know beside those of payloads: the item's id, whatever a payload has by that name."""

_KEPT_GROUPS = 16


class Columns:
    """The fields of one snapshot's payloads by name; any number of threads may read them.

    A field that lies in mappings has a dotted name, see `path`. Whatever is asked of a name raises UnknownField if no
    row has a value of it. Nothing as long as the snapshot is held in private memory until it is asked for.
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
        self._places = {parse_path(name): place for place, name in enumerate(self._names)}
        self._check(path)
        self._further: frozenset[Path] = frozenset()
        self._ids: Callable[[], Column] | None = None
        self._opened: dict[Path, Column] = {}
        self._groups: OrderedDict[Path, GroupCodes] = OrderedDict()
        self._lock = Lock()

    def knowing(self, names: Iterable[str]) -> Self:
        """Return the same columns and further fields, of which no row has a value, as live items may bring them."""
        view = copy.copy(self)
        view._further = self._further | frozenset(map(parse_path, names))
        return view

    def identified(self, ids: Callable[[], Column]) -> Self:
        """Return the same columns and the field item_id. ids: gives its column, asked for when it is needed."""
        view = copy.copy(self)
        view._ids = ids
        return view

    def names(self) -> tuple[str, ...]:
        """Return the names of all fields, each as a filter reads it."""
        return self._names + tuple(sorted(format_path(path) for path in self._further if path not in self._places))

    def kind(self, name: str) -> ValueKind:
        """Return what the values of a field are; MIXED for one of which nothing is known."""
        return self.column(self.check(name)).kind

    def check(self, name: str, field: str = "") -> Path:
        """Return the path of a known field. field: the part of the request that an error names."""
        path = parse_path(name)
        if not self.knows(path):
            raise UnknownField(name, self.nearest(name), field)
        return path

    def check_number(self, name: str, field: str = "") -> Path:
        """Return the path of a field with numbers in it. Raises InvalidQuery if a field never has one."""
        path = self.check(name, field)
        column = self.column(path)
        if not len(column.numbers) and column.end > 1:
            raise InvalidQuery(f"expected a field of numbers, got {name!r}, a field of kind {column.kind}", field)
        return path

    def knows(self, path: Path) -> bool:
        """Return whether any row, or live item, has a value of a field."""
        return path in self._places or path in self._further or (self._ids is not None and path == (ITEM_ID,))

    def beneath(self, path: Path) -> list[Path]:
        """Return the known fields of the mapping at a path, those of mappings in it too."""
        depth = len(path)
        return [other for other in (*self._places, *self._further) if len(other) > depth and other[:depth] == path]

    def nearest(self, name: str) -> tuple[str, ...]:
        """Return the known names that may have been meant: the fields of a mapping, else those spelled alike."""
        within = self.beneath(parse_path(name))
        return tuple(map(format_path, within[:3])) if within else nearest(name, self.names())

    def column(self, path: Path) -> Column:
        """Return a field, one without values if nothing is known of the path."""
        if self._ids is not None and path == (ITEM_ID,):
            return self._ids()
        place = self._places.get(path)
        if place is None:
            return self._empty
        opened = self._opened.get(path)
        return opened if opened is not None else self._opened.setdefault(path, self._open(place))

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return the first number of each row, NaN where it has none: (n,)."""
        return self.column(self.check(name)).first_numbers()

    def groups(self, name: str) -> NDArray[np.int32]:
        """Return a number for each row that rows of the same value, or of equal lists, share; -1 without one: (n,)."""
        return self._grouped(name).codes

    def group_count(self, name: str) -> int:
        """Return a number that is above all that `groups` gives."""
        return self._grouped(name).count

    def group_key(self, name: str, code: int) -> GroupKey:
        """Return what `get_group` gives for the items of a group."""
        return self._grouped(name).key(code)

    def group_code(self, name: str, key: GroupKey | None) -> int:
        """Return the number of the group that a live item joins, by its `get_group`; -1 if no row is in it."""
        return -1 if key is None else self._grouped(name).code(key)

    def facet(
        self, name: str, mask: Mask, live: Iterable[Payload] = (), limit: int | None = FACET_VALUES
    ) -> list[tuple[Scalar | None, int]]:
        """Return how many items have each value of a field, the commonest first, equally common ones by value.

        mask: (n,), the rows to count.   live: further items to count.   limit: how many values, None for all.
        A value counts once an item; None, behind all values, stands for the items without one.
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
            (value_key(column.value(code)), int(counts[code])) for code in _commonest(counts, limit)
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
            while len(self._groups) > _KEPT_GROUPS:
                self._groups.popitem(last=False)
        return groups

    def _open(self, place: int) -> Column:
        rows = self._lists["rows"].numpy(place)
        width = next(width for width in WIDTHS if self._lists[width].length(place))
        return Column(
            self.count,
            tuple(self._bools[place]),
            self._lists["numbers"].numpy(place),
            SortedTexts(self._lists["texts"].arrow(place)),
            self._lists["times"].numpy(place),
            rows if len(rows) else None,
            self._lists[width].numpy(place),
            self._several[place],
            self._repeated[place],
        )

    def _check(self, path: FilePath) -> None:
        """Raises CorruptSnapshot unless each field has as many numbers of values as rows."""
        rows = self._lists["rows"].lengths
        widths = np.array([self._lists[width].lengths for width in WIDTHS])
        wrong = (np.count_nonzero(widths, axis=0) != 1) | (widths.sum(axis=0) != np.where(rows > 0, rows, self.count))
        if wrong.any():
            name = self._names[int(np.argmax(wrong))]
            raise CorruptSnapshot(f"{path}: expected a value for each row of {name!r}, got more or fewer")


class _ListValues:
    """One column of lists in mapped memory: each list is a slice of all their values."""

    def __init__(self, array: pa.Array) -> None:
        self._values = array.values
        self._offsets = np.frombuffer(array.buffers()[1], np.int64, len(array) + 1) if len(array) else np.zeros(1, int)
        self.lengths = np.diff(self._offsets)
        if (self.lengths < 0).any() or self._offsets[0] < 0 or self._offsets[-1] > len(self._values):
            raise ValueError("lists that overlap")

    def length(self, place: int) -> int:
        """Return the length of one list."""
        return int(self.lengths[place])

    def arrow(self, place: int) -> pa.Array:
        """Return one list."""
        return self._values[self._offsets[place] : self._offsets[place + 1]]

    def numpy(self, place: int) -> NDArray[Any]:
        """Return one list of numbers, read-only."""
        values: NDArray[Any] = self.arrow(place).to_numpy()
        return values


def _commonest(counts: NDArray[np.int64], limit: int | None) -> list[int]:
    """Return the numbers of the values that occur, the commonest first, then the lowest; `limit` of them."""
    there = np.flatnonzero(counts)
    if limit is not None and len(there) > limit:
        least = np.partition(counts[there], len(there) - limit)[len(there) - limit]
        # Of the least common ones that still fit, the lowest, and these come first already.
        above = there[counts[there] > least]
        there = np.concatenate([above, there[counts[there] == least][: limit - len(above)]])
    order: list[int] = there[np.argsort(-counts[there], kind="stable")].tolist()
    return order
