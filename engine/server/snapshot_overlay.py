"""The live changes applied to a served snapshot."""

import logging
from collections.abc import Iterable, Sequence

from engine.encoders.embedding_cache import EmbeddingCache
from engine.encoders.encoder import Encoder
from engine.errors import ItemNotFound
from engine.search.read_view import ReadView
from engine.search.searcher import Searcher
from engine.snapshot.snapshot import Snapshot
from engine.updates.delta import Delta
from engine.updates.ingest import AcceptedItem, Ingest, Pictures, PreparedItem
from engine.updates.item_change import ItemChange

log = logging.getLogger(__name__)


class SnapshotOverlay:
    """The live changes applied to the snapshot of one searcher.

    Attributes:
        searcher: Searches the snapshot and the changes.
        intake: Prepares upserted items for the snapshot.
        delta: The changes so far.
    """

    def __init__(self, searcher: Searcher, cache: EmbeddingCache | None) -> None:
        self.searcher = searcher
        self.intake = Ingest(searcher.snapshot, find_encoders(searcher), cache)
        self.delta = Delta.begin(searcher.snapshot)

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot below the changes."""
        return self.searcher.snapshot

    def holds(self, item_id: str) -> bool:
        """Return whether an item exists now."""
        if self.delta.is_hidden(item_id):
            return self.delta.get_row(item_id) is not None
        try:
            self.snapshot.items.get_row(item_id)
        except ItemNotFound:
            return False
        return True

    def replay(self, changes: Sequence[ItemChange], pictures: Pictures) -> None:
        """Apply changes that are on disk already; items that do not fit this snapshot are logged and skipped."""
        upserts = [(change.item_id, change.upsert) for change in changes if change.upsert is not None]
        arrivals: dict[str, PreparedItem] = {}
        for (item_id, _), outcome in zip(upserts, self.intake.prepare(upserts, pictures), strict=True):
            if isinstance(outcome, AcceptedItem):
                arrivals[item_id] = outcome.prepared
            else:
                log.warning("skipped item=%r for snapshot=%s: %s", item_id, self.snapshot.name, outcome)
        self.apply([(change.item_id, arrivals.get(change.item_id)) for change in changes], changes[-1].seq)

    def apply(self, changes: Iterable[tuple[str, PreparedItem | None]], seq: int) -> None:
        """Apply changes, from the next search on. seq: number of the last one."""
        self.delta = self.delta.apply(changes, seq).compact()
        self.searcher.view = ReadView(self.snapshot, self.delta, self.searcher.view)

    def reset(self) -> None:
        """Drop all applied changes, after applying some failed halfway."""
        self.delta = Delta.begin(self.snapshot)
        # Row numbers start again too, so nothing that was computed for the old ones may be reused.
        self.searcher.view = ReadView(self.snapshot)


def find_encoders(searcher: Searcher) -> dict[str, Encoder]:
    """Return the encoder of each block that is made from images or texts."""
    manifest = searcher.snapshot.manifest
    encoders: dict[str, Encoder] = {}
    for blocks, encoder in (
        (manifest.encoded_blocks, searcher.encoder),
        (manifest.text_encoded_blocks, searcher.text_encoder),
    ):
        if encoder is not None:
            encoders.update({block: encoder for block in ("image", "text") if block in blocks})
    return encoders
