"""Live updates of a running server: written to disk first, then searchable; changes by other servers are followed.

Changes are applied and snapshots are swapped under one lock, so that no change is lost in between.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.encoders.embedding_cache import EmbeddingCache
from engine.errors import DiptychError, InvalidQuery, InvalidSetting, NotDurable
from engine.search.searcher import Searcher
from engine.server.snapshot_overlay import SnapshotOverlay, find_encoders
from engine.updates.change_log import LIVE_FILE, ChangeLog, Transaction, open_log
from engine.updates.ingest import AcceptedItem, Pictures
from engine.updates.item_change import ItemChange

CACHE_FILE = Path("cache") / "embeddings.sqlite"
_REPLAY_BATCH = 256

log = logging.getLogger(__name__)


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
        overlay = SnapshotOverlay(searcher, self._opened_cache() if find_encoders(searcher) else None)
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
        with opened.transaction() as transaction:
            known = _check_rpc(transaction.response(request_id), rpc) if request_id else None
            if known is not None:
                return known
            seq = self._put(overlay, transaction, opened, changes, pictures)
            response = respond()
            if request_id:
                transaction.store_response(request_id, rpc, response)
        if changes:
            overlay.apply(((item_id, None if taken is None else taken.prepared) for item_id, taken in changes), seq)
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
        transaction.skip_to(overlay.delta.seq)
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
                behind = behind or (opened is not None and opened.has_changed())
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
