"""Live updates of a running server: written to disk first, then searchable; changes by other servers are followed.

Changes are applied and snapshots are swapped under one lock, so that no change is lost in between.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from engine.encoders.embedding_cache import EmbeddingCache
from engine.encoders.encoder import Encoder
from engine.errors import DiptychError, InvalidQuery, InvalidSetting, ItemNotFound, NotDurable
from engine.search.read_view import ReadView
from engine.search.searcher import Searcher
from engine.snapshot.snapshot import Snapshot
from engine.updates.change_log import LIVE_FILE, ChangeLog, ItemChange, Transaction, open_log
from engine.updates.delta import Delta
from engine.updates.ingest import AcceptedItem, Ingest, Pictures, PreparedItem

CACHE_FILE = Path("cache") / "embeddings.sqlite"
_REPLAY_BATCH = 256

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
        self.intake = Ingest(searcher.snapshot, _encoders(searcher), cache)
        self.delta = Delta.begin(searcher.snapshot)

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot below the changes."""
        return self.searcher.snapshot

    def holds(self, item_id: str) -> bool:
        """Return whether an item exists now."""
        if self.delta.is_hidden(item_id):
            return self.delta.row_of(item_id) is not None
        try:
            self.snapshot.items.row_of(item_id)
        except ItemNotFound:
            return False
        return True

    def replay(self, changes: Sequence[ItemChange], pictures: Pictures) -> None:
        """Apply changes that are on disk already; items that do not fit this snapshot are logged and skipped."""
        upserts = [(change.item_id, change.upsert) for change in changes if change.upsert is not None]
        arrivals: dict[str, PreparedItem] = {}
        for (item_id, _), outcome in zip(upserts, self.intake.take(upserts, pictures), strict=True):
            if isinstance(outcome, AcceptedItem):
                arrivals[item_id] = outcome.arrival
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


class LiveUpdates:
    """The change log of a store, opened on first use, and its changes applied to whatever is served."""

    def __init__(self, root: Path, poll_s: float) -> None:
        self.lock = threading.RLock()
        """Held while changes are applied. Hold it, and catch up, to serve another searcher."""
        self._root = root
        self._poll_s = poll_s
        self._log: ChangeLog | None = None
        self._cache: EmbeddingCache | None = None
        self._last_error = ""
        self._closed = threading.Event()
        self._follower: threading.Thread | None = None

    def overlay(self, searcher: Searcher) -> SnapshotOverlay:
        """Return an overlay with all changes so far, for a searcher that is not served yet.

        Raises:
            CorruptLog: The change log is damaged.
            NotDurable: It cannot be read.
        """
        overlay = SnapshotOverlay(searcher, self._opened_cache() if _encoders(searcher) else None)
        self.catch_up(overlay)
        return overlay

    def catch_up(self, overlay: SnapshotOverlay) -> None:
        """Apply the changes that the overlay lacks. The caller holds the lock if the overlay is served."""
        opened = self._opened(create=False)
        if opened is None:
            return
        if not overlay.delta.is_newest:
            overlay.reset()
        page: list[ItemChange] = []
        for change in opened.since(overlay.delta.seq):
            page.append(change)
            if len(page) == _REPLAY_BATCH:
                overlay.replay(page, opened.picture)
                page = []
        if page:
            overlay.replay(page, opened.picture)

    def follow(self, served: Callable[[], SnapshotOverlay]) -> None:
        """Follow the changes of other servers from now on, in a thread."""
        self._follower = threading.Thread(target=self._follow, args=(served,), name="changes", daemon=True)
        self._follower.start()

    def close(self) -> None:
        """Stop following and close the files."""
        self._closed.set()
        if self._follower is not None:
            self._follower.join()
        with self.lock:
            if self._log is not None:
                self._log.close()
            if self._cache is not None:
                self._cache.close()

    def response(self, request_id: str, rpc: str) -> bytes | None:
        """Return the stored response to a request id, None if there is none.

        Raises:
            InvalidQuery: The id was used for another rpc.
        """
        opened = self._opened(create=False)
        return None if opened is None or not request_id else _check_rpc(opened.response(request_id), rpc)

    def commit(
        self,
        overlay: SnapshotOverlay,
        changes: Sequence[tuple[str, AcceptedItem | None]],
        pictures: Pictures,
        request: tuple[str, str],
        respond: Callable[[], bytes],
    ) -> bytes:
        """Write changes to disk, apply them and return the response to the request. The caller holds the lock.

        Args:
            overlay: The served overlay.
            changes: Item ids, each with the item to upsert, None to delete it.
            pictures: Returns the bytes of an image by its SHA-256.
            request: Id of the request, empty for none, and its rpc.
            respond: Makes the response from the overlay before the changes.

        Raises:
            NotDurable: The changes could not be written; none was applied.
        """
        opened = self._opened(create=True)
        if opened is None:
            raise NotDurable("expected a log of live changes, got none")
        self.catch_up(overlay)
        request_id, rpc = request
        seq = overlay.delta.seq
        with opened.writing() as transaction:
            known = _check_rpc(transaction.response(request_id), rpc) if request_id else None
            if known is not None:
                return known
            seq = self._put(overlay, transaction, opened, changes, pictures)
            response = respond()
            if request_id:
                transaction.keep(request_id, rpc, response)
        if changes:
            overlay.apply(((item_id, None if taken is None else taken.arrival) for item_id, taken in changes), seq)
        return response

    def _put(
        self,
        overlay: SnapshotOverlay,
        transaction: Transaction,
        opened: ChangeLog,
        changes: Sequence[tuple[str, AcceptedItem | None]],
        pictures: Pictures,
    ) -> int:
        # No one else can write now: changes since the last check are applied first, and have lower numbers.
        missed = list(transaction.since(overlay.delta.seq))
        if missed:
            overlay.replay(missed, opened.picture)
        transaction.number_after(overlay.delta.seq)
        seq = overlay.delta.seq
        for item_id, taken in changes:
            seq = transaction.put(item_id, None if taken is None else taken.upsert, pictures)
        return seq

    def _follow(self, served: Callable[[], SnapshotOverlay]) -> None:
        behind = False
        while not self._closed.wait(self._poll_s):
            message = ""
            try:
                opened = self._opened(create=False)
                behind = behind or (opened is not None and opened.changed())
                if behind:
                    with self.lock:
                        self.catch_up(served())
                    behind = False
            except DiptychError as error:
                message = str(error)
                if message != self._last_error:
                    log.error("cannot follow live changes: %s", error)
            except Exception as error:
                # Keep serving: the next check may succeed.
                message = f"{type(error).__name__}: {error}"
                if message != self._last_error:
                    log.exception("cannot follow live changes")
            self._last_error = message

    def _opened(self, create: bool) -> ChangeLog | None:
        with self.lock:
            if self._log is None:
                self._log = ChangeLog(self._root / LIVE_FILE) if create else open_log(self._root)
            return self._log

    def _opened_cache(self) -> EmbeddingCache | None:
        with self.lock:
            if self._cache is None:
                try:
                    (self._root / CACHE_FILE).parent.mkdir(exist_ok=True)
                    self._cache = EmbeddingCache(self._root / CACHE_FILE)
                except (OSError, InvalidSetting) as error:
                    # The cache only saves time; a read-only store can still be served.
                    log.warning("cannot open the embedding cache: %s", error)
            return self._cache


def _check_rpc(stored: tuple[str, bytes] | None, rpc: str) -> bytes | None:
    """Return a stored response, if it is one of this rpc."""
    if stored is not None and stored[0] != rpc:
        raise InvalidQuery(f"expected a new request_id, got one that was used for {stored[0]}", "request_id")
    return None if stored is None else stored[1]


def _encoders(searcher: Searcher) -> dict[str, Encoder]:
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
