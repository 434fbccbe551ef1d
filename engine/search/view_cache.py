"""Caches that outlive a view: what is computed for one snapshot is kept for as long as it is served.

Every change of an item makes a new view, and a view that had to read each payload again would be slow.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.catalog.payload import from_bytes
from engine.columns import ITEM_ID, Column, GroupKey, field_names
from engine.filters import Predicate
from engine.indexes.row_filter import Mask, RowFilter
from engine.lexical.memo import Memo
from engine.snapshot.snapshot import Snapshot, Stratum
from engine.updates.delta import Delta

# Filters, boosts and groups are cached up to this size, at a dozen bytes a row, within the limits below.
_CACHE_BYTES = 2**27
_ROW_BYTES = 12
_MIN_COLUMNS, _MAX_COLUMNS = 4, 64


class ViewCache:
    """What is computed for one snapshot and passed from view to view; safe to share between threads.

    Attributes:
        max_columns: Number of columns that are kept.
        columns: Filters, boosts, groups and signals by key.
        transient_columns: Columns that other queries hardly share, apart so that they evict none of `columns`.
        predicates: Bound filters by text.
        fields: Names of the fields of changed items.
    """

    def __init__(self, row_count: int) -> None:
        self.max_columns = max(_MIN_COLUMNS, min(_MAX_COLUMNS, _CACHE_BYTES // (_ROW_BYTES * max(1, row_count))))
        self.columns: Memo[ValueColumn] = Memo(self.max_columns)
        self.transient_columns: Memo[ValueColumn] = Memo(self.max_columns)
        self.predicates: Memo[Predicate] = Memo(_MAX_COLUMNS)
        self.fields: set[str] = set()
        self._scanned: dict[int, int] = {}
        self._live_rows: tuple[Mask, tuple[RowFilter | None, ...]] | None = None
        self._groups: dict[str, dict[GroupKey, int]] = {}
        self._item_ids: Column | None = None
        self._lock = Lock()

    def live_rows(self, snapshot: Snapshot, hidden: Mask) -> tuple[RowFilter | None, ...]:
        """Return the rows of each stratum of the snapshot that are not hidden; computed again only for another mask."""
        live_rows = self._live_rows
        if live_rows is None or live_rows[0] is not hidden:
            masks = (hidden[stratum.start : stratum.start + stratum.count] for stratum in snapshot.strata)
            # No lock: this runs on the event loop, and if two threads compute it at once, either result will do.
            self._live_rows = live_rows = hidden, tuple(RowFilter(~mask) if mask.any() else None for mask in masks)
        return live_rows[1]

    def item_ids(self, make: Callable[[], Column]) -> Column:
        """Return the column of item ids, made at the first call."""
        if self._item_ids is None:
            # No lock: if two threads make it at once, either result will do.
            self._item_ids = make()
        return self._item_ids

    def add_fields(self, delta: Delta, stratum: Stratum) -> None:
        """Add the field names of a stratum's items; each item is read once."""
        with self._lock:
            first = self._scanned.get(stratum.start, 0)
            found: set[str] = set()
            for row in range(stratum.start + first, stratum.start + stratum.count):
                found |= field_names(from_bytes(delta.payload(row)))
            self._scanned[stratum.start] = max(first, stratum.count)
            # Replaced, not changed in place: other threads read it.
            self.fields = self.fields | found

    def new_group(self, name: str, key: GroupKey) -> int:
        """Return the number of a group that no row of the snapshot is in, counted from 0."""
        with self._lock:
            groups = self._groups.setdefault(name, {})
            return groups.setdefault(key, len(groups))


@dataclass(slots=True)
class ValueColumn:
    """One value a row: all values of the snapshot, and those of changed items as far as they were needed.

    Attributes:
        stored: (n,) values of the snapshot's rows.
    """

    stored: NDArray[Any]
    _changed: dict[int, list[Any]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def changed(
        self,
        delta: Delta,
        stratum: Stratum,
        compute: Callable[[dict[str, Any]], Any],
        with_item_id: bool = False,
    ) -> NDArray[Any]:
        """Return the values of a stratum of changed items. Its rows are only appended, so each is computed once.

        Args:
            delta: The changes that hold the stratum's payloads.
            stratum: One of its strata.
            compute: Returns the value of one item from its payload.
            with_item_id: Whether `compute` finds the item's id in the payload, replacing a field of that name.
        """
        count = stratum.count
        with self._lock:
            for start in [start for start in self._changed if start < delta.strata[0].start]:
                # A compaction removed these rows.
                del self._changed[start]
            values = self._changed.setdefault(stratum.start, [])
            for row in range(stratum.start + len(values), stratum.start + count):
                payload = from_bytes(delta.payload(row))
                values.append(compute({**payload, ITEM_ID: delta.item_id(row)} if with_item_id else payload))
            return np.array(values[:count], self.stored.dtype)
