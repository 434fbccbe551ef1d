"""Maps item ids to rows and back in a snapshot with live changes, and reads payloads."""

from collections.abc import Iterable, Sequence

from engine.errors import ItemNotFound
from engine.snapshot.snapshot import Snapshot
from engine.updates.delta import Delta

_MAX_CACHED_IDS = 8_192


class ItemLookup:
    """The items of one view by id and by row; safe to share between threads."""

    def __init__(self, snapshot: Snapshot, delta: Delta | None) -> None:
        self._snapshot = snapshot
        self._delta = delta
        self._rows: dict[str, int | None] = {}

    def item_id(self, row: int) -> str:
        """Return the id of a row."""
        return self._snapshot.items.item_id(row) if row < len(self._snapshot) else self._changed.item_id(row)

    def item_ids(self, rows: Sequence[int]) -> list[str]:
        """Return the ids of rows."""
        return self._snapshot.items.item_ids(rows) if self._delta is None else [self.item_id(row) for row in rows]

    def payload(self, row: int) -> bytes:
        """Return the payload of a row as `engine.catalog.payload` encodes it."""
        return self._snapshot.items.payload(row) if row < len(self._snapshot) else self._changed.payload(row)

    def get_row(self, item_id: str) -> int:
        """Return the row of an item. Raises ItemNotFound if the item does not exist or is deleted."""
        if self._delta is None:
            return self._snapshot.items.get_row(item_id)
        row = self._delta.get_row(item_id)
        if row is not None:
            return row
        row = self._snapshot.items.get_row(item_id)
        if self._delta.hidden[row]:
            raise ItemNotFound(item_id)
        return row

    def rows_of(self, item_ids: Iterable[str]) -> list[int | None]:
        """Return the row of each item, None for an item that does not exist.

        Rows are cached: a recommendation looks up the same shopper's items several times.
        """
        rows: list[int | None] = []
        cached = self._rows
        for item_id in item_ids:
            if item_id not in cached:
                if len(cached) >= _MAX_CACHED_IDS:
                    # Replaced, not cleared: another thread may still read the old cache.
                    self._rows = cached = {}
                try:
                    cached[item_id] = self.get_row(item_id)
                except ItemNotFound:
                    cached[item_id] = None
            rows.append(cached[item_id])
        return rows

    @property
    def _changed(self) -> Delta:
        if self._delta is None:
            raise IndexError("expected a row of the snapshot, got a higher one, but there are no changes")
        return self._delta
