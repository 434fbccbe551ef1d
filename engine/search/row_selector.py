"""Selects the rows of a view: live items, items that pass a filter, and restrictions by item id or block."""

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engine.columns import Columns, to_column
from engine.filters import Predicate, bind, parse
from engine.indexes.row_filter import Mask, RowFilter
from engine.lexical.memo import Memo
from engine.search.item_lookup import ItemLookup
from engine.search.row_columns import RowColumns
from engine.search.row_selection import RowSelection, count_rows
from engine.search.stratum_lookup import find_stratum
from engine.search.view_cache import ViewCache
from engine.snapshot.snapshot import Snapshot, Stratum
from engine.updates.delta import Delta


class RowSelector:
    """Selections of the rows of one view; safe to share between threads.

    Selections by filter are cached. The masks behind them are columns, which outlive the view.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        delta: Delta | None,
        strata: Sequence[Stratum],
        items: ItemLookup,
        columns: RowColumns,
        cache: ViewCache,
    ) -> None:
        self._snapshot = snapshot
        self._delta = delta
        self._strata = strata
        self._items = items
        self._columns = columns
        self._cache = cache
        self._selections: Memo[RowSelection] = Memo(cache.max_columns)

    @cached_property
    def everything(self) -> RowSelection:
        """Every row of a live item."""
        if self._delta is None:
            return RowSelection((None,) * len(self._strata), len(self._snapshot), 1.0)
        rows: list[RowFilter | None] = list(self._cache.live_rows(self._snapshot, self._delta.hidden))
        for stratum in self._delta.strata:
            alive = self._delta.alive(stratum)
            rows.append(None if alive.all() else RowFilter(alive))
        return RowSelection(tuple(rows), count_rows(self._strata, rows), 1.0)

    def select(self, text: str) -> RowSelection:
        """Return the rows that pass a filter; "" passes all. Raises InvalidQuery with the position of the error."""
        if not text:
            return self.everything
        return self._selections.get(text, lambda: self._select(text))

    def restrict(
        self, selection: RowSelection, included: Iterable[str] | None, excluded: Iterable[str]
    ) -> RowSelection:
        """Return the rows of a selection that are in `included` (None: any) and not in `excluded`, both item ids.

        Cost: one or two bytes a row.
        """
        keep = None if included is None else self._existing(included)
        drop = self._existing(excluded)
        restricted = []
        for stratum, row_filter in zip(self._strata, selection.rows, strict=True):
            mask = np.ones(stratum.count, np.bool_) if row_filter is None else row_filter.mask.copy()
            if keep is not None:
                kept = np.zeros(stratum.count, np.bool_)
                kept[_local_rows(stratum, keep)] = True
                mask &= kept
            mask[_local_rows(stratum, drop)] = False
            restricted.append(RowFilter(mask))
        return self._to_selection(restricted)

    def without_block(self, selection: RowSelection, block: str) -> RowSelection:
        """Return the rows of a selection whose items lack a block. Cost: one byte for each row that has it."""
        return self._to_selection(
            [
                RowFilter(np.zeros(stratum.count, np.bool_)) if block in stratum.blocks else row_filter
                for stratum, row_filter in zip(self._strata, selection.rows, strict=True)
            ]
        )

    def is_missing(self, block: str) -> bool:
        """Return whether any item lacks a block."""
        return any(stratum.count and block not in stratum.blocks for stratum in self._strata)

    def contains(self, selection: RowSelection, row: int) -> bool:
        """Return whether a row is selected."""
        index = find_stratum(self._strata, row)
        row_filter = selection.rows[index]
        return row_filter is None or bool(row_filter.mask[row - self._strata[index].start])

    def _select(self, text: str) -> RowSelection:
        predicate: Predicate = self._cache.predicates.get(text, lambda: bind(parse(text), self._fields))
        masks: tuple[Mask, ...] = self._columns.get(
            ("filter", text), predicate.mask, predicate.matches, with_item_id=True
        )
        return self._to_selection(
            [
                RowFilter(mask if alive is None else mask & alive.mask)
                for mask, alive in zip(masks, self.everything.rows, strict=True)
            ]
        )

    @property
    def _fields(self) -> Columns:
        """The fields that a filter may name."""
        items, cache = self._snapshot.items, self._cache
        return self._columns.fields.with_item_ids(lambda: cache.item_ids(lambda: to_column(items.ids())))

    def _to_selection(self, rows: Sequence[RowFilter | None]) -> RowSelection:
        count = count_rows(self._strata, rows)
        return RowSelection(tuple(rows), count, count / max(1, self.everything.count))

    def _existing(self, item_ids: Iterable[str]) -> list[int]:
        return [row for row in self._items.rows_of(item_ids) if row is not None]


def _local_rows(stratum: Stratum, rows: Sequence[int]) -> NDArray[np.int64]:
    """Return those of the rows that a stratum holds, numbered within it."""
    ids = np.array(rows, np.int64) - stratum.start
    return ids[(ids >= 0) & (ids < stratum.count)]
