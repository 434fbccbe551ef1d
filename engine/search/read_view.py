"""One consistent state of a store: a snapshot and the changes since, read as one list of rows.

A view never changes. A change of an item makes a new view, and an answer uses one view from its first step to its
last, so that it never mixes two states.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from engine.indexes.row_filter import Mask
from engine.scoring.fusion import Matrix
from engine.search.item_lookup import ItemLookup
from engine.search.row_columns import RowColumns
from engine.search.row_reader import RowReader
from engine.search.row_selection import RowSelection
from engine.search.row_selector import RowSelector
from engine.search.stratum_lookup import find_stratum
from engine.search.view_cache import ViewCache
from engine.snapshot.snapshot import Snapshot, Stratum
from engine.updates.delta import Delta


class ReadView:
    """A snapshot with its changes; safe to share between threads.

    Rows of the snapshot keep their numbers, and those of changed items have higher ones.

    Attributes:
        items: Item ids, rows and payloads.
        reader: Stored vectors and signals of rows.
        columns: One value for every row: payload fields, signals, groups, facets.
        selector: Selections of rows.
    """

    def __init__(self, snapshot: Snapshot, delta: Delta | None = None, previous: "ReadView | None" = None) -> None:
        """Lay changes over a snapshot. previous: an older view, whose caches are reused if it is of the same one."""
        self.snapshot = snapshot
        self.delta = delta if delta is not None and (delta.hidden_count or delta.strata) else None
        self.strata = (*snapshot.strata, *self.delta.strata) if self.delta is not None else snapshot.strata
        is_same = previous is not None and previous.snapshot is snapshot
        self._cache: ViewCache = previous._cache if previous is not None and is_same else ViewCache(len(snapshot))
        self.items = ItemLookup(snapshot, self.delta)
        self.reader = RowReader(self.strata, snapshot.dims)
        self.columns = RowColumns(snapshot, self.delta, self.strata, self.items, self._cache)
        self.selector = RowSelector(snapshot, self.delta, self.strata, self.items, self.columns, self._cache)

    def __len__(self) -> int:
        return self.everything.count

    @property
    def everything(self) -> RowSelection:
        """Every row of a live item."""
        return self.selector.everything

    def item_id(self, row: int) -> str:
        """Return the id of a row."""
        return self.items.item_id(row)

    def payload(self, row: int) -> bytes:
        """Return the payload of a row as `engine.catalog.payload` encodes it."""
        return self.items.payload(row)

    def get_row(self, item_id: str) -> int:
        """Return the row of an item. Raises ItemNotFound if the item does not exist or is deleted."""
        return self.items.get_row(item_id)

    def rows_of(self, item_ids: Iterable[str]) -> list[int | None]:
        """Return the row of each item, None for an item that does not exist."""
        return self.items.rows_of(item_ids)

    def vectors(self, row: int) -> dict[str, Matrix]:
        """Return the unit vector of each block that the item has."""
        return self.reader.vectors(row)

    def vectors_of(self, rows: NDArray[np.int64]) -> dict[str, tuple[Matrix, Mask]]:
        """Return block → (n, d_b) unit vectors of rows, zero where missing, and (n,) whether the row has the block."""
        return self.reader.vectors_of(rows)

    def get_stratum(self, row: int) -> Stratum:
        """Return the stratum that holds a row."""
        return self.strata[find_stratum(self.strata, row)]
