"""What was worked out for one snapshot, kept for as long as it is served.

Every change of an item makes a new view, and a view that had to read each payload again would answer late.
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

# Filters, boosts and groups whose rows are kept: as many as take this, at a dozen bytes a row, within limits.
_KEPT_BYTES = 2**27
_ROW_BYTES = 12
_KEPT_LEAST, _KEPT_MOST = 4, 64


class ViewCache:
    """What was worked out for one snapshot, and goes on from view to view."""

    def __init__(self, rows: int) -> None:
        self.most = max(_KEPT_LEAST, min(_KEPT_MOST, _KEPT_BYTES // (_ROW_BYTES * max(1, rows))))
        self.columns: Memo[ValueColumn] = Memo(self.most)
        self.passing: Memo[ValueColumn] = Memo(self.most)
        self.fields: set[str] = set()
        self._learnt: dict[int, int] = {}
        self._left: tuple[Mask, tuple[RowFilter | None, ...]] | None = None
        self._groups: dict[str, dict[GroupKey, int]] = {}
        self._ids: Column | None = None
        self._lock = Lock()
        self.predicates: Memo[Predicate] = Memo(_KEPT_MOST)

    def left(self, snapshot: Snapshot, hidden: Mask) -> tuple[RowFilter | None, ...]:
        """Return the rows of each stratum of the snapshot that are not hidden; made again only for another array."""
        left = self._left
        if left is None or left[0] is not hidden:
            masks = (hidden[stratum.start : stratum.start + stratum.count] for stratum in snapshot.strata)
            # No lock: the event loop asks, and should two make it at once either will do.
            self._left = left = hidden, tuple(RowFilter(~mask) if mask.any() else None for mask in masks)
        return left[1]

    def ids(self, make: Callable[[], Column]) -> Column:
        """Return the column of the items' ids, made when it is first asked for."""
        if self._ids is None:
            # No lock: should two make it at once either will do.
            self._ids = make()
        return self._ids

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


@dataclass(slots=True)
class ValueColumn:
    """One value a row: those of the snapshot, and those of changed items as far as they were asked for."""

    stored: NDArray[Any]
    _changed: dict[int, list[Any]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def changed(
        self, delta: Delta, stratum: Stratum, of: Callable[[dict[str, Any]], Any], with_id: bool = False
    ) -> NDArray[Any]:
        """Return the values of a stratum of changed items. Its rows only grow in number, so each is looked at once.

        with_id: whether `of` finds the item's id in the payload, in place of what the payload has by that name.
        """
        count = stratum.count
        with self._lock:
            for start in [start for start in self._changed if start < delta.strata[0].start]:
                # Rows that were compacted away.
                del self._changed[start]
            values = self._changed.setdefault(stratum.start, [])
            for row in range(stratum.start + len(values), stratum.start + count):
                payload = from_bytes(delta.payload(row))
                values.append(of({**payload, ITEM_ID: delta.item_id(row)} if with_id else payload))
            return np.array(values[:count], self.stored.dtype)
