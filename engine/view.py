"""What one answer is made from: a snapshot and what changed since, read as one list of rows.

A view never changes. Whatever changes an item makes a new view, and an answer takes one view from its first step to its
last, so that it never mixes two states.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.columns import Columns, GroupKey, field_names, group_of
from engine.delta import Delta
from engine.errors import ItemNotFound
from engine.filters import Predicate, bind, parse
from engine.fusion import FusedQuery, Matrix, stratum_scale
from engine.payload import from_bytes
from engine.rowset import Mask, RowSet
from engine.snapshot import Snapshot, Stratum

# Filters, boosts and groups whose rows are kept: as many as take this, at a dozen bytes a row, within limits.
_KEPT_BYTES = 2**27
_ROW_BYTES = 12
_KEPT_LEAST, _KEPT_MOST = 4, 64
_KEPT_ROWS = 8_192
_CHUNK_ROWS = 65_536

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows that may answer: one RowSet for each stratum of the view, None where all of them may.

    selectivity: the share of the view's items that this is.
    """

    rows: tuple[RowSet | None, ...]
    count: int
    selectivity: float


class View:
    """A snapshot with its changes; any number of threads may read it.

    Rows of the snapshot keep their numbers, and those of changed items have higher ones.
    """

    def __init__(self, snapshot: Snapshot, delta: Delta | None = None, before: "View | None" = None) -> None:
        """Lay the changes over the snapshot. before: an older view, whose work is used again if it is of the same."""
        self.snapshot = snapshot
        self.delta = delta if delta is not None and (delta.hidden_count or delta.strata) else None
        self.strata = (*snapshot.strata, *self.delta.strata) if self.delta is not None else snapshot.strata
        same = before is not None and before.snapshot is snapshot
        self._derived: _Derived = before._derived if before is not None and same else _Derived(len(snapshot))
        self._selections: OrderedDict[str, Selection] = OrderedDict()
        self._rows: dict[str, int | None] = {}
        self._signals: dict[str, tuple[NDArray[np.float32], ...]] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return self.everything.count

    @cached_property
    def everything(self) -> Selection:
        """Every row that is alive."""
        if self.delta is None:
            return Selection((None,) * len(self.strata), len(self.snapshot), 1.0)
        rows: list[RowSet | None] = list(self._derived.left(self.snapshot, self.delta.hidden))
        for stratum in self.delta.strata:
            alive = self.delta.alive(stratum)
            rows.append(None if alive.all() else RowSet(alive))
        count = sum(
            stratum.count if some is None else some.count for stratum, some in zip(self.strata, rows, strict=True)
        )
        return Selection(tuple(rows), count, 1.0)

    def select(self, text: str) -> Selection:
        """Return the rows that pass a filter; "" passes all. Raises InvalidQuery naming what is wrong, and where."""
        if not text:
            return self.everything
        with self._lock:
            known = self._selections.get(text)
            if known is not None:
                self._selections.move_to_end(text)
                return known
        selection = self._select(text)
        with self._lock:
            self._selections[text] = selection
            while len(self._selections) > self._derived.most:
                self._selections.popitem(last=False)
        return selection

    def narrow(self, selection: Selection, among: Iterable[str] | None, without: Iterable[str]) -> Selection:
        """Return the rows of a selection that are these items (None: any), and not those. Cost: a byte or two a row."""
        keep = None if among is None else [row for row in self.rows_of(among) if row is not None]
        drop = [row for row in self.rows_of(without) if row is not None]
        narrowed = []
        for stratum, some in zip(self.strata, selection.rows, strict=True):
            mask = np.ones(stratum.count, np.bool_) if some is None else some.mask.copy()
            if keep is not None:
                kept = np.zeros(stratum.count, np.bool_)
                kept[_inside(stratum, keep)] = True
                mask &= kept
            mask[_inside(stratum, drop)] = False
            narrowed.append(RowSet(mask))
        count = sum(some.count for some in narrowed)
        return Selection(tuple(narrowed), count, count / max(1, len(self)))

    def blocks_of(self, row: int) -> tuple[str, ...]:
        """Return which blocks the item of a row has."""
        return self.strata[self.place_of(row)].blocks

    def lacks(self, block: str) -> bool:
        """Return whether any item is without a block."""
        return any(stratum.count and block not in stratum.blocks for stratum in self.strata)

    def lacking(self, selection: Selection, block: str) -> Selection:
        """Return the rows of a selection that are of items without a block. Cost: a byte a row of the others."""
        rows = tuple(
            RowSet(np.zeros(stratum.count, np.bool_)) if block in stratum.blocks else some
            for stratum, some in zip(self.strata, selection.rows, strict=True)
        )
        count = sum(
            len(stratum.index) if some is None else some.count for stratum, some in zip(self.strata, rows, strict=True)
        )
        return Selection(rows, count, count / max(1, len(self)))

    def item_id(self, row: int) -> str:
        """Return the id of a row."""
        return self.snapshot.items.item_id(row) if row < len(self.snapshot) else self._changed.item_id(row)

    def item_ids(self, rows: Sequence[int]) -> list[str]:
        """Return the ids of rows."""
        return self.snapshot.items.item_ids(rows) if self.delta is None else [self.item_id(row) for row in rows]

    def payload(self, row: int) -> bytes:
        """Return the payload of a row as `engine.payload` wrote it."""
        return self.snapshot.items.payload(row) if row < len(self.snapshot) else self._changed.payload(row)

    def row_of(self, item_id: str) -> int:
        """Return the row of an item that is alive. Raises ItemNotFound."""
        if self.delta is None:
            return self.snapshot.items.row_of(item_id)
        row = self.delta.row_of(item_id)
        if row is not None:
            return row
        row = self.snapshot.items.row_of(item_id)
        if self.delta.hidden[row]:
            raise ItemNotFound(item_id)
        return row

    def rows_of(self, item_ids: Iterable[str]) -> list[int | None]:
        """Return the row of each item, None for one that is not alive.

        Rows are kept for a while: one who asks for a shopper's items asks more than once.
        """
        rows: list[int | None] = []
        known = self._rows
        for item_id in item_ids:
            if item_id not in known:
                if len(known) >= _KEPT_ROWS:
                    # Another thread may still read the old ones.
                    self._rows = known = {}
                try:
                    known[item_id] = self.row_of(item_id)
                except ItemNotFound:
                    known[item_id] = None
            rows.append(known[item_id])
        return rows

    def stratum_of(self, row: int) -> Stratum:
        """Return the stratum that holds a row."""
        return self.strata[self.place_of(row)]

    def place_of(self, row: int) -> int:
        """Return which of the strata holds a row."""
        for place, stratum in enumerate(self.strata):
            if stratum.start <= row < stratum.start + stratum.count:
                return place
        raise IndexError(f"expected a row of {len(self.strata)} strata, got {row}")

    def vectors(self, row: int) -> dict[str, Matrix]:
        """Return the unit vector of each block that the item has."""
        stratum = self.stratum_of(row)
        stored = stratum.index.rows(np.array([row - stratum.start]))[0].astype(np.float32)
        return {block: stored[span] for block, span in stratum.layout.spans.items()}

    def vectors_of(self, rows: NDArray[np.int64]) -> dict[str, tuple[Matrix, Mask]]:
        """Return block → (n, d_b) unit vectors of rows, zero where missing, and (n,) whether there is one."""
        dims = self.snapshot.dims
        vectors = {block: np.zeros((len(rows), dim), np.float32) for block, dim in dims.items()}
        there = {block: np.zeros(len(rows), np.bool_) for block in dims}
        places = np.array([self.place_of(row) for row in rows.tolist()])
        for place in np.unique(places).tolist():
            stratum = self.strata[place]
            inside = np.flatnonzero(places == place)
            stored = stratum.index.rows(rows[inside] - stratum.start)
            for block, span in stratum.layout.spans.items():
                vectors[block][inside] = stored[:, span]
                there[block][inside] = True
        return {block: (vectors[block], there[block]) for block in dims}

    def signal_of(self, rows: NDArray[np.int64], name: str) -> NDArray[np.float32]:
        """Return (n,) a signal of rows, standardised as they hold it, 0 where an item has none."""
        held = np.zeros(len(rows), np.float32)
        places = np.array([self.place_of(row) for row in rows.tolist()])
        for place in np.unique(places).tolist():
            stratum = self.strata[place]
            inside = np.flatnonzero(places == place)
            stored = stratum.index.rows(rows[inside] - stratum.start)
            held[inside] = stratum.layout.signals_of(stored, name)
        return held

    def signal(self, name: str) -> tuple[NDArray[np.float32], ...]:
        """Return a signal of every row as `signal_of` does, an array for each stratum, made once and kept."""
        if name not in self._signals:
            stored = self._derived.columns.get(
                ("signal", name), lambda: _Column(np.concatenate([_held(one, name) for one in self.snapshot.strata]))
            ).stored
            parts = [stored[stratum.start : stratum.start + stratum.count] for stratum in self.snapshot.strata]
            # Of the rows, not of payloads, for these do not say what was learnt.
            parts += [_held(stratum, name) for stratum in self.strata[len(self.snapshot.strata) :]]
            self._signals[name] = tuple(parts)
        return self._signals[name]

    def column(
        self,
        key: Hashable,
        stored: Callable[[], NDArray[Any]],
        of: Callable[[dict[str, Any]], Any],
    ) -> tuple[NDArray[Any], ...]:
        """Return one value for each row, an array for each stratum, made once and kept.

        key: tells this column from others.   stored: makes the values of all the snapshot's rows, (n,).
        of: makes that of one changed item from its payload.
        """
        kept = self._derived.columns.get(key, lambda: _Column(stored()))
        parts = [kept.stored[stratum.start : stratum.start + stratum.count] for stratum in self.snapshot.strata]
        if self.delta is not None:
            parts += [kept.changed(self._changed, stratum, of) for stratum in self.delta.strata]
        return tuple(parts)

    def answers_more(self, query: FusedQuery, count: int, left_out: Sequence[int] = ()) -> bool:
        """Return whether more than so many rows answer a query at all, whatever their score.

        left_out: how many rows of each stratum may not, none if empty.
        """
        for place, (stratum, some) in enumerate(zip(self.strata, self.everything.rows, strict=True)):
            if stratum_scale(query, stratum.blocks) is not None:
                count -= stratum.count if some is None else some.count
                count += left_out[place] if left_out else 0
                if count < 0:
                    return True
        return False

    def holds(self, selection: Selection, row: int) -> bool:
        """Return whether a row is among those selected."""
        place = self.place_of(row)
        some = selection.rows[place]
        return some is None or bool(some.mask[row - self.strata[place].start])

    @cached_property
    def columns(self) -> Columns:
        """The fields of the payloads, those that only changed items have among them."""
        columns = self.snapshot.columns
        if self.delta is None:
            return columns
        for stratum in self.delta.strata:
            self._derived.learn(self.delta, stratum)
        return columns.knowing(self._derived.fields)

    def groups(self, name: str) -> "Groups":
        """Return which rows have the same value of a field. Raises UnknownField."""
        return Groups(self, name)

    def facet(self, name: str, selection: Selection) -> tuple[tuple[Any, int], ...]:
        """Return how often each value of a field occurs in a selection, the commonest first, FACET_VALUES at most.

        None stands for items without a value. Raises UnknownField.
        """
        masks = [
            np.ones(stratum.count, np.bool_) if some is None else some.mask
            for stratum, some in zip(self.strata, selection.rows, strict=True)
        ]
        stored = len(self.snapshot.strata)
        changed = (
            from_bytes(self.payload(stratum.start + local))
            for stratum, mask in zip(self.strata[stored:], masks[stored:], strict=True)
            for local in np.flatnonzero(mask).tolist()
        )
        return tuple(self.columns.facet(name, np.concatenate(masks[:stored]), changed))

    def group_codes(self, name: str) -> tuple[NDArray[np.int32], ...]:
        """Return a number for each row that rows of the same value share, -1 without one, an array a stratum."""
        columns = self.columns
        columns.check(name)

        def code_of(payload: dict[str, Any]) -> int:
            key = group_of(payload, name)
            code = columns.group_code(name, key)
            if key is not None and code < 0:
                code = columns.group_count(name) + self._derived.new_group(name, key)
            return code

        return self.column(("group", name), lambda: columns.groups(name), code_of)

    @property
    def _changed(self) -> Delta:
        if self.delta is None:
            raise IndexError("expected a row of the snapshot, and nothing has changed since")
        return self.delta

    def _select(self, text: str) -> Selection:
        masks = self._passing(text)
        rows = []
        for mask, alive in zip(masks, self.everything.rows, strict=True):
            rows.append(RowSet(mask if alive is None else mask & alive.mask))
        count = sum(some.count for some in rows)
        return Selection(tuple(rows), count, count / max(1, len(self)))

    def _passing(self, text: str) -> tuple[Mask, ...]:
        predicate: Predicate = self._derived.predicates.get(text, lambda: bind(parse(text), self.columns))
        return self.column(("filter", text), predicate.mask, predicate.matches)


class Groups:
    """Which rows of a view have the same value of one field."""

    def __init__(self, view: View, name: str) -> None:
        self._view = view
        self._codes = view.group_codes(name)
        self._sizes: dict[int, int] | None = None

    def of(self, row: int) -> int | None:
        """Return a number that rows of the same value share, None if the row has no value."""
        place = self._view.place_of(row)
        code = int(self._codes[place][row - self._view.strata[place].start])
        return None if code < 0 else code

    def size(self, group: int, selection: Selection) -> int:
        """Return how many rows of a selection, always the same one, are in a group."""
        return self._counted(selection).get(group, 0)

    def count(self, selection: Selection) -> int:
        """Return how many groups the rows of a selection are in, each row without a value a group of its own."""
        sizes = self._counted(selection)
        alone = sizes.get(-1, 0)
        return len(sizes) - (alone > 0) + alone

    def _counted(self, selection: Selection) -> dict[int, int]:
        if self._sizes is None:
            selected = [
                codes if some is None else codes[some.mask]
                for codes, some in zip(self._codes, selection.rows, strict=True)
            ]
            codes, counts = np.unique(np.concatenate(selected), return_counts=True)
            self._sizes = dict(zip(codes.tolist(), counts.tolist(), strict=True))
        return self._sizes


def _inside(stratum: Stratum, rows: Sequence[int]) -> list[int]:
    """Return the rows that a stratum holds, counted from its first."""
    return [row - stratum.start for row in rows if stratum.start <= row < stratum.start + stratum.count]


class _Derived:
    """What was worked out for one snapshot, and goes on from view to view."""

    def __init__(self, rows: int) -> None:
        self.most = max(_KEPT_LEAST, min(_KEPT_MOST, _KEPT_BYTES // (_ROW_BYTES * max(1, rows))))
        self.columns: _Kept[_Column] = _Kept(self.most)
        self.fields: set[str] = set()
        self._learnt: dict[int, int] = {}
        self._left: tuple[Mask, tuple[RowSet | None, ...]] | None = None
        self._groups: dict[str, dict[GroupKey, int]] = {}
        self._lock = Lock()
        self.predicates: _Kept[Predicate] = _Kept(_KEPT_MOST)

    def left(self, snapshot: Snapshot, hidden: Mask) -> tuple[RowSet | None, ...]:
        """Return the rows of each stratum of the snapshot that are not hidden; made again only for another array."""
        left = self._left
        if left is None or left[0] is not hidden:
            masks = (hidden[stratum.start : stratum.start + stratum.count] for stratum in snapshot.strata)
            # No lock: the event loop asks, and should two make it at once either will do.
            self._left = left = hidden, tuple(RowSet(~mask) if mask.any() else None for mask in masks)
        return left[1]

    def learn(self, delta: Delta, stratum: Stratum) -> None:
        """Take note of the fields of a stratum's items; each is looked at once."""
        with self._lock:
            first = self._learnt.get(stratum.start, 0)
            found: set[str] = set()
            for row in range(stratum.start + first, stratum.start + stratum.count):
                found |= field_names(from_bytes(delta.payload(row)))
            self._learnt[stratum.start] = max(first, stratum.count)
            # Replaced and never changed, for others read it.
            self.fields = self.fields | found

    def new_group(self, name: str, key: GroupKey) -> int:
        """Return the number of a group that no row of the snapshot is in, counted from 0."""
        with self._lock:
            groups = self._groups.setdefault(name, {})
            return groups.setdefault(key, len(groups))


class _Kept(Generic[Value]):
    """The values used last, by key."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of a key, made now unless it is kept."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            value = self._values.setdefault(key, value)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return value


@dataclass(slots=True)
class _Column:
    """One value a row: those of the snapshot, and those of changed items as far as they were asked for."""

    stored: NDArray[Any]
    _changed: dict[int, list[Any]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def changed(self, delta: Delta, stratum: Stratum, of: Callable[[dict[str, Any]], Any]) -> NDArray[Any]:
        """Return the values of a stratum of changed items. Its rows only grow in number, so each is looked at once."""
        count = stratum.count
        with self._lock:
            for start in [start for start in self._changed if start < delta.strata[0].start]:
                # Rows that were compacted away.
                del self._changed[start]
            values = self._changed.setdefault(stratum.start, [])
            for row in range(stratum.start + len(values), stratum.start + count):
                values.append(of(from_bytes(delta.payload(row))))
            return np.array(values[:count], self.stored.dtype)


def _held(stratum: Stratum, name: str) -> NDArray[np.float32]:
    parts = [np.empty(0, np.float32)]
    for start in range(0, stratum.count, _CHUNK_ROWS):
        rows = stratum.index.rows(np.arange(start, min(start + _CHUNK_ROWS, stratum.count)))
        parts.append(stratum.layout.signals_of(rows, name))
    return np.concatenate(parts)
