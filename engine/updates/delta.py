"""Changes since a snapshot, in memory: additional rows, and which of the snapshot's rows are replaced or deleted.

A delta is immutable for its readers. Each batch of changes creates the next one, which shares the existing rows; row
numbers are the same in both.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import numpy as np

from engine.errors import ItemNotFound
from engine.indexes.growing import GrowingIndex, GrowingRows
from engine.indexes.row_filter import Mask
from engine.lexical.tokenizer import has_words
from engine.scoring.fusion import standardise
from engine.scoring.row_layout import Layout
from engine.snapshot.snapshot import Snapshot, Stratum
from engine.updates.ingest import PreparedItem

# Each stratum has its own range of row numbers; a snapshot's rows are below the first range.
_RANGE_BITS = 32
_LOCAL = (1 << _RANGE_BITS) - 1

# Dead rows, of items that changed again, are dropped once they exceed both the live rows and this number.
_MAX_DEAD_ROWS = 4096


class _Location(NamedTuple):
    """An item's row since a version, None if it is deleted; and its previous location."""

    version: int
    row: int | None
    previous: "_Location | None"


@dataclass(slots=True)
class _StratumRows:
    """All rows of one stratum, the latest last; readers only see the rows that existed when they were created."""

    stratum: Stratum
    rows: GrowingRows
    item_ids: list[str] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    words: list[tuple[str, ...]] = field(default_factory=list)


@dataclass(slots=True)
class _Chain:
    """State shared by all deltas of one chain; only `apply` on the newest one writes to it."""

    snapshot: Snapshot
    first: int
    version: int = 0
    strata: list[_StratumRows] = field(default_factory=list)
    locations: dict[str, _Location] = field(default_factory=dict)

    def next_start(self) -> int:
        """Return the first row number of the next stratum."""
        return (self.first + len(self.strata)) << _RANGE_BITS


class Delta:
    """Changes up to number `seq`; thread-safe for readers, one writer at a time creates the next."""

    def __init__(
        self,
        chain: _Chain,
        seq: int,
        strata: tuple[Stratum, ...],
        alive: tuple[Mask, ...],
        hidden: Mask,
        hidden_count: int,
    ) -> None:
        """Called by `begin`, `apply` and `compact` only."""
        self._chain = chain
        self._version = chain.version
        self._alive = alive
        self.seq = seq
        self.strata = strata
        """Rows of changed items, grouped by the blocks they have."""
        self.hidden = hidden
        """(len(snapshot),) which rows of the snapshot are replaced or deleted; the same array while unchanged."""
        self.hidden_count = hidden_count
        self.row_count = sum(len(stratum.index) for stratum in strata)
        self.alive_count = sum(int(np.count_nonzero(mask)) for mask in alive)

    @classmethod
    def begin(cls, snapshot: Snapshot) -> Self:
        """Return the empty delta of a snapshot."""
        hidden = np.zeros(len(snapshot), np.bool_)
        return cls(_Chain(snapshot, 1), snapshot.manifest.live_seq, (), (), hidden, 0)

    @property
    def is_newest(self) -> bool:
        """Whether `apply` may be called: no later delta has been created or attempted."""
        return self._version == self._chain.version

    def apply(self, changes: Iterable[tuple[str, PreparedItem | None]], seq: int) -> "Delta":
        """Return the delta that also has these changes. Costs the changed items, and a copied byte per row.

        Args:
            changes: (item id, item) in order; None for a deleted item.
            seq: Number of the last change.

        Raises:
            RuntimeError: This delta is not the newest.
        """
        if not self.is_newest:
            raise RuntimeError(f"expected the newest delta, got version {self._version}")
        final = dict(changes)
        chain = self._chain
        # No delta may build on this one until all is done: half-written rows must not be numbered again.
        chain.version = -1
        version = self._version + 1
        replaced = [row for item_id in final if (row := self._stored_row(item_id)) is not None]
        hidden = self.hidden
        if replaced:
            hidden = hidden.copy()
            hidden[replaced] = True
        alive = self._without(final)
        strata = list(self.strata)
        for blocks, items in self._record_locations(final, version).items():
            index = self._find_or_add_stratum(blocks)
            rows = self._add_rows(index, items, version)
            before = alive[index] if index < len(alive) else np.zeros(0, np.bool_)
            stratum = chain.strata[index].stratum
            strata[index : index + 1] = [Stratum(stratum.blocks, stratum.start, rows, stratum.layout)]
            alive[index : index + 1] = [np.concatenate([before, np.ones(len(items), np.bool_)])]
        chain.version = version
        return Delta(chain, seq, tuple(strata), tuple(alive), hidden, self.hidden_count + len(replaced))

    def compact(self) -> "Delta":
        """Return this delta, or an equal one with other row numbers if most of its rows are dead."""
        if self.row_count - self.alive_count <= max(_MAX_DEAD_ROWS, self.alive_count):
            return self
        old = self._chain
        chain = _Chain(old.snapshot, old.first + len(old.strata))
        strata, alive = [], []
        for source, stratum, mask in zip(old.strata, self.strata, self._alive, strict=True):
            kept = np.flatnonzero(mask)
            if not len(kept):
                continue
            start = chain.next_start()
            rows = GrowingRows(stratum.layout.width)
            compacted = Stratum(stratum.blocks, start, rows.add(stratum.index.rows(kept)), stratum.layout)
            moved = _StratumRows(
                compacted,
                rows,
                [source.item_ids[local] for local in kept],
                [source.payloads[local] for local in kept],
                [source.words[local] for local in kept],
            )
            for local, item_id in enumerate(moved.item_ids):
                chain.locations[item_id] = _Location(0, start + local, None)
            chain.strata.append(moved)
            strata.append(compacted)
            alive.append(np.ones(len(kept), np.bool_))
        for item_id, location in old.locations.items():
            if location.row is None:
                chain.locations[item_id] = _Location(0, None, None)
        return Delta(chain, self.seq, tuple(strata), tuple(alive), self.hidden, self.hidden_count)

    def alive(self, stratum: Stratum) -> Mask:
        """Return which rows of a stratum of this delta are current, (len(stratum.index),)."""
        return self._alive[self._stratum_index(stratum.start)]

    def item_id(self, row: int) -> str:
        """Return the id of a row."""
        return self._chain.strata[self._stratum_index(row)].item_ids[row & _LOCAL]

    def payload(self, row: int) -> bytes:
        """Return the payload of a row as `engine.catalog.payload` wrote it."""
        return self._chain.strata[self._stratum_index(row)].payloads[row & _LOCAL]

    def words(self, row: int) -> tuple[str, ...]:
        """Return the texts of a row, as in the snapshot's lexical block."""
        return self._chain.strata[self._stratum_index(row)].words[row & _LOCAL]

    def payloads(self, stratum: Stratum, first: int = 0) -> Sequence[bytes]:
        """Return the payloads of a stratum's rows, starting at its row `first`."""
        return self._chain.strata[self._stratum_index(stratum.start)].payloads[first : len(stratum.index)]

    def get_row(self, item_id: str) -> int | None:
        """Return the row of an upserted item, None for any other."""
        location = self._find_location(item_id)
        return None if location is None else location.row

    def is_hidden(self, item_id: str) -> bool:
        """Return whether an item changed, so that the snapshot's version of it no longer applies."""
        return self._find_location(item_id) is not None

    def _find_location(self, item_id: str) -> _Location | None:
        location = self._chain.locations.get(item_id)
        # A newer delta may have moved it since.
        while location is not None and location.version > self._version:
            location = location.previous
        return location

    def _stratum_index(self, row: int) -> int:
        return (row >> _RANGE_BITS) - self._chain.first

    def _stored_row(self, item_id: str) -> int | None:
        """Return the snapshot's row of an item; None if it is already hidden or never existed."""
        if item_id in self._chain.locations:
            return None
        try:
            return self._chain.snapshot.items.get_row(item_id)
        except ItemNotFound:
            return None

    def _without(self, item_ids: Iterable[str]) -> list[Mask]:
        """Return which rows of each stratum are alive once these items leave them."""
        dead: dict[int, list[int]] = {}
        for item_id in item_ids:
            location = self._chain.locations.get(item_id)
            if location is not None and location.row is not None:
                dead.setdefault(self._stratum_index(location.row), []).append(location.row & _LOCAL)
        alive = list(self._alive)
        for index, rows in dead.items():
            alive[index] = alive[index].copy()
            alive[index][rows] = False
        return alive

    def _record_locations(
        self, changes: Mapping[str, PreparedItem | None], version: int
    ) -> dict[tuple[str, ...], list[PreparedItem]]:
        """Record the deleted items, and return the upserted ones by their blocks."""
        groups: dict[tuple[str, ...], list[PreparedItem]] = {}
        locations = self._chain.locations
        for item_id, item in changes.items():
            if item is None:
                locations[item_id] = _Location(version, None, locations.get(item_id))
            else:
                groups.setdefault(self._blocks(item), []).append(item)
        return groups

    def _blocks(self, item: PreparedItem) -> tuple[str, ...]:
        blocks = [block for block in self._chain.snapshot.dims if block in item.vectors]
        lexical = self._chain.snapshot.manifest.lexical
        if lexical is not None and any(map(has_words, item.words)):
            blocks.append(lexical.name)
        return tuple(blocks)

    def _find_or_add_stratum(self, blocks: tuple[str, ...]) -> int:
        chain = self._chain
        for index, stored in enumerate(chain.strata):
            if stored.stratum.blocks == blocks:
                return index
        layout = Layout(blocks, chain.snapshot.dims, chain.snapshot.signals)
        start = chain.next_start()
        rows = GrowingRows(layout.width)
        empty = rows.add(np.empty((0, layout.width), np.float16))
        chain.strata.append(_StratumRows(Stratum(blocks, start, empty, layout), rows))
        return len(chain.strata) - 1

    def _add_rows(self, index: int, items: Sequence[PreparedItem], version: int) -> GrowingIndex:
        stored = self._chain.strata[index]
        layout = stored.stratum.layout
        moments = self._chain.snapshot.calibration.signals
        g = np.zeros((len(items), len(layout.signals)), np.float32)
        for number, name in enumerate(layout.signals):
            g[:, number] = standardise(np.array([item.signals[number] for item in items], np.float32), moments[name])
        vectors = [np.stack([item.vectors[block] for item in items]) for block in layout.spans]
        start = stored.stratum.start + len(stored.rows)
        stored.item_ids += [item.item_id for item in items]
        stored.payloads += [item.payload for item in items]
        stored.words += [item.words for item in items]
        rows = stored.rows.add(layout.to_rows(vectors, g))
        locations = self._chain.locations
        for row, item in enumerate(items, start):
            locations[item.item_id] = _Location(version, row, locations.get(item.item_id))
        return rows
