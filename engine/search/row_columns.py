"""Values of every row of a view: payload fields, signals, groups and facets, computed once and cached."""

from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.catalog.payload import from_bytes
from engine.columns import Columns, get_group
from engine.search.grouping import RowGroups
from engine.search.item_lookup import ItemLookup
from engine.search.row_selection import RowSelection
from engine.search.signal_reader import read_signal
from engine.search.view_cache import ValueColumn, ViewCache
from engine.snapshot.snapshot import Snapshot, Stratum
from engine.updates.delta import Delta


class RowColumns:
    """One value a row, as one array for each stratum of a view; safe to share between threads."""

    def __init__(
        self,
        snapshot: Snapshot,
        delta: Delta | None,
        strata: Sequence[Stratum],
        items: ItemLookup,
        cache: ViewCache,
    ) -> None:
        self._snapshot = snapshot
        self._delta = delta
        self._strata = strata
        self._items = items
        self._cache = cache
        self._signals: dict[str, tuple[NDArray[np.float32], ...]] = {}

    @cached_property
    def fields(self) -> Columns:
        """The fields of the payloads, including those that only changed items have."""
        columns = self._snapshot.columns
        if self._delta is None:
            return columns
        for stratum in self._delta.strata:
            self._cache.add_fields(self._delta, stratum)
        return columns.with_fields(self._cache.fields)

    def get(
        self,
        key: Hashable,
        compute_stored: Callable[[], NDArray[Any]],
        compute_changed: Callable[[dict[str, Any]], Any],
        with_item_id: bool = False,
        transient: bool = False,
    ) -> tuple[NDArray[Any], ...]:
        """Return one value for each row, an array for each stratum, computed once and cached.

        Args:
            key: Identifies the column in the cache.
            compute_stored: Returns (n,) the values of all rows of the snapshot.
            compute_changed: Returns the value of one changed item from its payload.
            with_item_id: Whether `compute_changed` finds the item's id in the payload.
            transient: Whether other queries hardly share the column; it then evicts none that they do share.
        """
        columns = self._cache.transient_columns if transient else self._cache.columns
        column = columns.get(key, lambda: ValueColumn(compute_stored()))
        parts = self._split(column.stored)
        if self._delta is not None:
            parts += [
                column.changed(self._delta, stratum, compute_changed, with_item_id) for stratum in self._delta.strata
            ]
        return tuple(parts)

    def signal(self, name: str) -> tuple[NDArray[np.float32], ...]:
        """Return the standardised signal of every row, 0 where an item has none, an array for each stratum."""
        if name not in self._signals:
            stored = self._cache.columns.get(
                ("signal", name),
                lambda: ValueColumn(np.concatenate([read_signal(stratum, name) for stratum in self._snapshot.strata])),
            ).stored
            # Read from the rows of changed items, not from their payloads, which lack learned signals.
            changed = [read_signal(stratum, name) for stratum in self._strata[len(self._snapshot.strata) :]]
            self._signals[name] = (*self._split(stored), *changed)
        return self._signals[name]

    def groups(self, name: str) -> RowGroups:
        """Return which rows share a value of a field. Raises UnknownField."""
        return RowGroups(self._strata, self._group_codes(name))

    def facet(self, name: str, selection: RowSelection) -> tuple[tuple[Any, int], ...]:
        """Return how often each value of a field occurs in a selection, most frequent first, FACET_VALUES at most.

        None stands for items without a value. Raises UnknownField.
        """
        masks = [
            np.ones(stratum.count, np.bool_) if row_filter is None else row_filter.mask
            for stratum, row_filter in zip(self._strata, selection.rows, strict=True)
        ]
        stored = len(self._snapshot.strata)
        changed = (
            from_bytes(self._items.payload(stratum.start + local))
            for stratum, mask in zip(self._strata[stored:], masks[stored:], strict=True)
            for local in np.flatnonzero(mask).tolist()
        )
        return tuple(self.fields.facet(name, np.concatenate(masks[:stored]), changed))

    def _group_codes(self, name: str) -> tuple[NDArray[np.int32], ...]:
        """Return a code for each row, equal for rows that share a value and -1 without one, an array a stratum."""
        fields = self.fields
        fields.check(name)

        def code_of(payload: dict[str, Any]) -> int:
            key = get_group(payload, name)
            code = fields.group_code(name, key)
            if key is not None and code < 0:
                code = fields.group_count(name) + self._cache.new_group(name, key)
            return code

        return self.get(("group", name), lambda: fields.groups(name), code_of)

    def _split(self, stored: NDArray[Any]) -> list[NDArray[Any]]:
        return [stored[stratum.start : stratum.start + stratum.count] for stratum in self._snapshot.strata]
