"""What changed since a snapshot, in memory: further rows beside its own, and which of its own are gone.

A delta never changes for those who read it. Each batch of changes makes the next one, which shares all that was there
with the one before; the row numbers of both are the same.
"""

from collections.abc import Iterable, Sequence
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

# Each stratum has a range of row numbers of its own; those of a snapshot are below the first.
_RANGE_BITS = 32
_LOCAL = (1 << _RANGE_BITS) - 1

# Rows of items that changed again are let go of once they are more than those alive, and more than this.
_DEAD_AT_MOST = 4096


class _Place(NamedTuple):
    """Where an item is since a version, None if it is deleted; and where it was before."""

    version: int
    row: int | None
    before: "_Place | None"


@dataclass(slots=True)
class _Part:
    """All rows of one stratum, the latest last; readers look no further than the rows they know of."""

    stratum: Stratum
    rows: GrowingRows
    item_ids: list[str] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    words: list[tuple[str, ...]] = field(default_factory=list)


@dataclass(slots=True)
class _Shared:
    """What all deltas of one chain have in common; only whoever makes the next one writes to it."""

    snapshot: Snapshot
    first: int
    version: int = 0
    parts: list[_Part] = field(default_factory=list)
    places: dict[str, _Place] = field(default_factory=dict)


class Delta:
    """Changes up to number `seq`; any number of threads may read it, one at a time makes the next."""

    def __init__(
        self,
        shared: _Shared,
        seq: int,
        strata: tuple[Stratum, ...],
        alive: tuple[Mask, ...],
        hidden: Mask,
        hidden_count: int,
    ) -> None:
        """Made by `begin` and by `apply`."""
        self._shared = shared
        self._version = shared.version
        self._alive = alive
        self.seq = seq
        self.strata = strata
        """Rows of changed items, all that have the same blocks together."""
        self.hidden = hidden
        """(len(snapshot),) which rows of the snapshot are replaced or deleted; the same array until more are."""
        self.hidden_count = hidden_count
        self.row_count = sum(len(stratum.index) for stratum in strata)
        self.alive_count = sum(int(np.count_nonzero(mask)) for mask in alive)

    @classmethod
    def begin(cls, snapshot: Snapshot) -> Self:
        """Return the delta in which nothing has changed since a snapshot."""
        hidden = np.zeros(len(snapshot), np.bool_)
        return cls(_Shared(snapshot, 1), snapshot.manifest.live_seq, (), (), hidden, 0)

    @property
    def is_newest(self) -> bool:
        """Whether `apply` may be called: the next one has not been made, nor been tried in vain."""
        return self._version == self._shared.version

    def apply(self, changes: Iterable[tuple[str, PreparedItem | None]], seq: int) -> "Delta":
        """Return the delta with these changes too, in their order; None is a deleted item. seq: the last one's number.

        Raises RuntimeError unless `is_newest`. Cost: that of the changed items, and a copied byte a row.
        """
        if not self.is_newest:
            raise RuntimeError(f"expected the newest delta, got version {self._version}")
        final = dict(changes)
        shared = self._shared
        # Until all is done nobody may build on this one: what is half written is not to be numbered again.
        shared.version = -1
        version = self._version + 1
        hidden, left = self.hidden, [row for item_id in final if (row := self._stored_row(item_id)) is not None]
        if left:
            hidden = hidden.copy()
            hidden[left] = True
        gone: dict[int, list[int]] = {}
        for item_id in final:
            known = shared.places.get(item_id)
            if known is not None and known.row is not None:
                gone.setdefault(self._place_of(known.row), []).append(known.row & _LOCAL)
        groups: dict[tuple[str, ...], list[PreparedItem]] = {}
        for item_id, arrival in final.items():
            if arrival is None:
                shared.places[item_id] = _Place(version, None, shared.places.get(item_id))
            else:
                groups.setdefault(self._blocks(arrival), []).append(arrival)
        strata, alive = list(self.strata), list(self._alive)
        for place, locals_ in gone.items():
            alive[place] = alive[place].copy()
            alive[place][locals_] = False
        for blocks, arrivals in groups.items():
            place = self._part(blocks)
            index = self._add(place, arrivals, version)
            before = alive[place] if place < len(alive) else np.zeros(0, np.bool_)
            stratum = shared.parts[place].stratum
            grown = Stratum(stratum.blocks, stratum.start, index, stratum.layout)
            strata[place : place + 1] = [grown]
            alive[place : place + 1] = [np.concatenate([before, np.ones(len(arrivals), np.bool_)])]
        shared.version = version
        return Delta(shared, seq, tuple(strata), tuple(alive), hidden, self.hidden_count + len(left))

    def compact(self) -> "Delta":
        """Return itself, or one of the same changes and other row numbers if most of its rows are of the past."""
        if self.row_count - self.alive_count <= max(_DEAD_AT_MOST, self.alive_count):
            return self
        old = self._shared
        shared = _Shared(old.snapshot, old.first + len(old.parts))
        strata, alive = [], []
        for part, stratum, mask in zip(old.parts, self.strata, self._alive, strict=True):
            kept = np.flatnonzero(mask)
            if not len(kept):
                continue
            start = (shared.first + len(shared.parts)) << _RANGE_BITS
            rows = GrowingRows(stratum.layout.width)
            grown = Stratum(stratum.blocks, start, rows.add(stratum.index.rows(kept)), stratum.layout)
            moved = _Part(
                grown,
                rows,
                [part.item_ids[local] for local in kept],
                [part.payloads[local] for local in kept],
                [part.words[local] for local in kept],
            )
            for local, item_id in enumerate(moved.item_ids):
                shared.places[item_id] = _Place(0, start + local, None)
            shared.parts.append(moved)
            strata.append(grown)
            alive.append(np.ones(len(kept), np.bool_))
        for item_id, place in old.places.items():
            if place.row is None:
                shared.places[item_id] = _Place(0, None, None)
        return Delta(shared, self.seq, tuple(strata), tuple(alive), self.hidden, self.hidden_count)

    def alive(self, stratum: Stratum) -> Mask:
        """Return which rows of one of this delta's strata are of the present, (len(stratum.index),)."""
        return self._alive[self._place_of(stratum.start)]

    def item_id(self, row: int) -> str:
        """Return the id of a row."""
        return self._shared.parts[self._place_of(row)].item_ids[row & _LOCAL]

    def payload(self, row: int) -> bytes:
        """Return the payload of a row as `engine.catalog.payload` wrote it."""
        return self._shared.parts[self._place_of(row)].payloads[row & _LOCAL]

    def words(self, row: int) -> tuple[str, ...]:
        """Return the texts of a row, as the snapshot's lexical block has them."""
        return self._shared.parts[self._place_of(row)].words[row & _LOCAL]

    def payloads(self, stratum: Stratum, first: int = 0) -> Sequence[bytes]:
        """Return the payloads of a stratum's rows from the `first` one on, counted from 0."""
        return self._shared.parts[self._place_of(stratum.start)].payloads[first : len(stratum.index)]

    def row_of(self, item_id: str) -> int | None:
        """Return the row of an item that was upserted, None for any other."""
        place = self._seen(item_id)
        return None if place is None else place.row

    def is_hidden(self, item_id: str) -> bool:
        """Return whether an item changed, so that what the snapshot says of it no longer holds."""
        return self._seen(item_id) is not None

    def _seen(self, item_id: str) -> _Place | None:
        place = self._shared.places.get(item_id)
        # A newer delta may have moved it since.
        while place is not None and place.version > self._version:
            place = place.before
        return place

    def _place_of(self, row: int) -> int:
        return (row >> _RANGE_BITS) - self._shared.first

    def _stored_row(self, item_id: str) -> int | None:
        """Return the row of the snapshot that an item leaves, None if it has left it or never had one."""
        if item_id in self._shared.places:
            return None
        try:
            return self._shared.snapshot.items.row_of(item_id)
        except ItemNotFound:
            return None

    def _blocks(self, arrival: PreparedItem) -> tuple[str, ...]:
        blocks = [block for block in self._shared.snapshot.dims if block in arrival.vectors]
        lexical = self._shared.snapshot.manifest.lexical
        if lexical is not None and any(map(has_words, arrival.words)):
            blocks.append(lexical.name)
        return tuple(blocks)

    def _part(self, blocks: tuple[str, ...]) -> int:
        shared = self._shared
        for place, part in enumerate(shared.parts):
            if part.stratum.blocks == blocks:
                return place
        layout = Layout(blocks, shared.snapshot.dims, shared.snapshot.signals)
        start = (shared.first + len(shared.parts)) << _RANGE_BITS
        rows = GrowingRows(layout.width)
        empty = rows.add(np.empty((0, layout.width), np.float16))
        shared.parts.append(_Part(Stratum(blocks, start, empty, layout), rows))
        return len(shared.parts) - 1

    def _add(self, place: int, arrivals: Sequence[PreparedItem], version: int) -> GrowingIndex:
        part = self._shared.parts[place]
        layout = part.stratum.layout
        usual = self._shared.snapshot.calibration.signals
        g = np.zeros((len(arrivals), len(layout.signals)), np.float32)
        for number, name in enumerate(layout.signals):
            g[:, number] = standardise(np.array([one.signals[number] for one in arrivals], np.float32), usual[name])
        vectors = [np.stack([one.vectors[block] for one in arrivals]) for block in layout.spans]
        start = part.stratum.start + len(part.rows)
        part.item_ids += [one.item_id for one in arrivals]
        part.payloads += [one.payload for one in arrivals]
        part.words += [one.words for one in arrivals]
        index = part.rows.add(layout.to_rows(vectors, g))
        for row, one in enumerate(arrivals, start):
            self._shared.places[one.item_id] = _Place(version, row, self._shared.places.get(one.item_id))
        return index
