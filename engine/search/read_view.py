"""What one answer is made from: a snapshot and what changed since, read as one list of rows.

A view never changes. Whatever changes an item makes a new view, and an answer takes one view from its first step to its
last, so that it never mixes two states.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.catalog.payload import from_bytes
from engine.columns import Columns, get_group, to_column
from engine.errors import ItemNotFound
from engine.filters import Predicate, bind, parse
from engine.indexes.row_filter import Mask, RowFilter
from engine.lexical.memo import Memo
from engine.scoring.fusion import FusedQuery, Matrix, stratum_scale
from engine.search.grouping import RowGroups
from engine.search.row_selection import RowSelection, count_rows
from engine.search.signal_reader import read_signal
from engine.search.view_cache import ValueColumn, ViewCache
from engine.snapshot.snapshot import Snapshot, Stratum
from engine.updates.delta import Delta

_KEPT_ROWS = 8_192


class ReadView:
    """A snapshot with its changes; any number of threads may read it.

    Rows of the snapshot keep their numbers, and those of changed items have higher ones.
    """

    def __init__(self, snapshot: Snapshot, delta: Delta | None = None, before: "ReadView | None" = None) -> None:
        """Lay the changes over the snapshot. before: an older view, whose work is used again if it is of the same."""
        self.snapshot = snapshot
        self.delta = delta if delta is not None and (delta.hidden_count or delta.strata) else None
        self.strata = (*snapshot.strata, *self.delta.strata) if self.delta is not None else snapshot.strata
        same = before is not None and before.snapshot is snapshot
        self._workings: ViewCache = before._workings if before is not None and same else ViewCache(len(snapshot))
        self._selections: Memo[RowSelection] = Memo(self._workings.most)
        self._rows: dict[str, int | None] = {}
        self._signals: dict[str, tuple[NDArray[np.float32], ...]] = {}

    def __len__(self) -> int:
        return self.everything.count

    @cached_property
    def everything(self) -> RowSelection:
        """Every row that is alive."""
        if self.delta is None:
            return RowSelection((None,) * len(self.strata), len(self.snapshot), 1.0)
        rows: list[RowFilter | None] = list(self._workings.left(self.snapshot, self.delta.hidden))
        for stratum in self.delta.strata:
            alive = self.delta.alive(stratum)
            rows.append(None if alive.all() else RowFilter(alive))
        return RowSelection(tuple(rows), count_rows(self.strata, rows), 1.0)

    def select(self, text: str) -> RowSelection:
        """Return the rows that pass a filter; "" passes all. Raises InvalidQuery naming what is wrong, and where."""
        if not text:
            return self.everything
        return self._selections.get(text, lambda: self._select(text))

    def narrow(self, selection: RowSelection, among: Iterable[str] | None, without: Iterable[str]) -> RowSelection:
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
            narrowed.append(RowFilter(mask))
        count = sum(some.count for some in narrowed)
        return RowSelection(tuple(narrowed), count, count / max(1, len(self)))

    def blocks_of(self, row: int) -> tuple[str, ...]:
        """Return which blocks the item of a row has."""
        return self.strata[self.place_of(row)].blocks

    def lacks(self, block: str) -> bool:
        """Return whether any item is without a block."""
        return any(stratum.count and block not in stratum.blocks for stratum in self.strata)

    def lacking(self, selection: RowSelection, block: str) -> RowSelection:
        """Return the rows of a selection that are of items without a block. Cost: a byte a row of the others."""
        rows = tuple(
            RowFilter(np.zeros(stratum.count, np.bool_)) if block in stratum.blocks else some
            for stratum, some in zip(self.strata, selection.rows, strict=True)
        )
        count = count_rows(self.strata, rows)
        return RowSelection(rows, count, count / max(1, len(self)))

    def item_id(self, row: int) -> str:
        """Return the id of a row."""
        return self.snapshot.items.item_id(row) if row < len(self.snapshot) else self._changed.item_id(row)

    def item_ids(self, rows: Sequence[int]) -> list[str]:
        """Return the ids of rows."""
        return self.snapshot.items.item_ids(rows) if self.delta is None else [self.item_id(row) for row in rows]

    def payload(self, row: int) -> bytes:
        """Return the payload of a row as `engine.catalog.payload` wrote it."""
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
            stored = self._workings.columns.get(
                ("signal", name),
                lambda: ValueColumn(np.concatenate([read_signal(one, name) for one in self.snapshot.strata])),
            ).stored
            parts = [stored[stratum.start : stratum.start + stratum.count] for stratum in self.snapshot.strata]
            # Of the rows, not of payloads, for these do not say what was learnt.
            parts += [read_signal(stratum, name) for stratum in self.strata[len(self.snapshot.strata) :]]
            self._signals[name] = tuple(parts)
        return self._signals[name]

    def column(
        self,
        key: Hashable,
        stored: Callable[[], NDArray[Any]],
        of: Callable[[dict[str, Any]], Any],
        with_id: bool = False,
        passing: bool = False,
    ) -> tuple[NDArray[Any], ...]:
        """Return one value for each row, an array for each stratum, made once and kept.

        key: tells this column from others.   stored: makes the values of all the snapshot's rows, (n,).
        of: makes that of one changed item from its payload.   with_id: whether the item's id stands in that payload.
        passing: whether hardly another query will ask for it; it then pushes out nothing that others will.
        """
        columns = self._workings.passing if passing else self._workings.columns
        kept = columns.get(key, lambda: ValueColumn(stored()))
        parts = [kept.stored[stratum.start : stratum.start + stratum.count] for stratum in self.snapshot.strata]
        if self.delta is not None:
            parts += [kept.changed(self._changed, stratum, of, with_id) for stratum in self.delta.strata]
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

    def holds(self, selection: RowSelection, row: int) -> bool:
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
            self._workings.learn(self.delta, stratum)
        return columns.with_fields(self._workings.fields)

    def groups(self, name: str) -> RowGroups:
        """Return which rows have the same value of a field. Raises UnknownField."""
        return RowGroups(self.strata, self.group_codes(name))

    def facet(self, name: str, selection: RowSelection) -> tuple[tuple[Any, int], ...]:
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
            key = get_group(payload, name)
            code = columns.group_code(name, key)
            if key is not None and code < 0:
                code = columns.group_count(name) + self._workings.new_group(name, key)
            return code

        return self.column(("group", name), lambda: columns.groups(name), code_of)

    @property
    def _filtered(self) -> Columns:
        """The fields that a filter knows."""
        items, workings = self.snapshot.items, self._workings
        return self.columns.with_item_ids(lambda: workings.ids(lambda: to_column(items.ids())))

    @property
    def _changed(self) -> Delta:
        if self.delta is None:
            raise IndexError("expected a row of the snapshot, and nothing has changed since")
        return self.delta

    def _select(self, text: str) -> RowSelection:
        predicate: Predicate = self._workings.predicates.get(text, lambda: bind(parse(text), self._filtered))
        masks = self.column(("filter", text), predicate.mask, predicate.matches, with_id=True)
        rows = []
        for mask, alive in zip(masks, self.everything.rows, strict=True):
            rows.append(RowFilter(mask if alive is None else mask & alive.mask))
        count = sum(some.count for some in rows)
        return RowSelection(tuple(rows), count, count / max(1, len(self)))


def _inside(stratum: Stratum, rows: Sequence[int]) -> list[int]:
    """Return the rows that a stratum holds, counted from its first."""
    return [row - stratum.start for row in rows if stratum.start <= row < stratum.start + stratum.count]
