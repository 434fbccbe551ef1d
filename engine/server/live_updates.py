"""Live changes on a running server: durable first, then searched; those of other servers on the store too.

Whatever is served has its changes laid over it here. Applying a change and putting another snapshot in the served one's
place happen under one lock, so that no change falls between them.
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
_AT_ONCE = 256

log = logging.getLogger(__name__)


class SnapshotOverlay:
    """The changes of one searcher's snapshot, as far as they were applied."""

    def __init__(self, searcher: Searcher, cache: EmbeddingCache | None) -> None:
        self.searcher = searcher
        self.intake = Ingest(searcher.snapshot, _encoders(searcher), cache)
        self.delta = Delta.begin(searcher.snapshot)

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot that they are laid over."""
        return self.searcher.snapshot

    def holds(self, item_id: str) -> bool:
        """Return whether an item is there now."""
        if self.delta.is_hidden(item_id):
            return self.delta.row_of(item_id) is not None
        try:
            self.snapshot.items.row_of(item_id)
        except ItemNotFound:
            return False
        return True

    def replay(self, changes: Sequence[ItemChange], pictures: Pictures) -> None:
        """Apply changes that are durable already; what this snapshot cannot hold of them is logged, and not found."""
        upserts = [(change.item_id, change.upsert) for change in changes if change.upsert is not None]
        arrivals: dict[str, PreparedItem] = {}
        for (item_id, _), outcome in zip(upserts, self.intake.take(upserts, pictures), strict=True):
            if isinstance(outcome, AcceptedItem):
                arrivals[item_id] = outcome.arrival
            else:
                log.warning("left out item=%r of snapshot=%s: %s", item_id, self.snapshot.name, outcome)
        self.apply([(change.item_id, arrivals.get(change.item_id)) for change in changes], changes[-1].seq)

    def apply(self, changes: Iterable[tuple[str, PreparedItem | None]], seq: int) -> None:
        """Search these changes too, from the next search on."""
        self.delta = self.delta.apply(changes, seq).compact()
        self.searcher.view = ReadView(self.snapshot, self.delta, self.searcher.view)

    def begin_again(self) -> None:
        """Forget what was applied, since applying failed halfway."""
        self.delta = Delta.begin(self.snapshot)
        # Row numbers begin again too, so nothing that was worked out for the old ones may be used.
        self.searcher.view = ReadView(self.snapshot)


class LiveUpdates:
    """The log of a store, opened when first needed, and what it says laid over whatever is served."""

    def __init__(self, root: Path, poll_s: float) -> None:
        self.lock = threading.RLock()
        """Held while changes are applied; whoever serves another searcher holds it and catches up before."""
        self._root = root
        self._poll_s = poll_s
        self._log: ChangeLog | None = None
        self._cache: EmbeddingCache | None = None
        self._told = ""
        self._closed = threading.Event()
        self._follower: threading.Thread | None = None

    def overlay(self, searcher: Searcher) -> SnapshotOverlay:
        """Return the changes so far laid over a searcher that nobody asks yet. Raises CorruptLog, NotDurable."""
        overlay = SnapshotOverlay(searcher, self._opened_cache() if _encoders(searcher) else None)
        self.catch_up(overlay)
        return overlay

    def catch_up(self, overlay: SnapshotOverlay) -> None:
        """Apply what the log has and the overlay has not; the caller holds the lock if the overlay is served."""
        opened = self._opened(create=False)
        if opened is None:
            return
        if not overlay.delta.is_newest:
            overlay.begin_again()
        page: list[ItemChange] = []
        for change in opened.since(overlay.delta.seq):
            page.append(change)
            if len(page) == _AT_ONCE:
                overlay.replay(page, opened.picture)
                page = []
        if page:
            overlay.replay(page, opened.picture)

    def follow(self, served: Callable[[], SnapshotOverlay]) -> None:
        """Take up what other servers change from now on, in a thread of its own."""
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
        """Return what a request was answered before. Raises InvalidQuery if its id was given to another rpc's."""
        opened = self._opened(create=False)
        return None if opened is None or not request_id else _answer(opened.response(request_id), rpc)

    def commit(
        self,
        overlay: SnapshotOverlay,
        changes: Sequence[tuple[str, AcceptedItem | None]],
        pictures: Pictures,
        request: tuple[str, str],
        respond: Callable[[], bytes],
    ) -> bytes:
        """Make changes durable and searched, and return what the request is answered; the caller holds the lock.

        request: its id, "" for none, and its rpc.   respond: makes the response from the overlay before the changes.
        Raises NotDurable, and then nothing has changed.
        """
        opened = self._opened(create=True)
        if opened is None:
            raise NotDurable("expected a log of live changes, got none")
        self.catch_up(overlay)
        request_id, rpc = request
        seq = overlay.delta.seq
        with opened.writing() as transaction:
            answered = _answer(transaction.response(request_id), rpc) if request_id else None
            if answered is not None:
                return answered
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
        # Nobody else can write now: what came since the last look is applied first, and numbered before.
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
            told = ""
            try:
                opened = self._opened(create=False)
                behind = behind or (opened is not None and opened.changed())
                if behind:
                    with self.lock:
                        self.catch_up(served())
                    behind = False
            except DiptychError as error:
                told = str(error)
                if told != self._told:
                    log.error("live changes are not followed: %s", error)
            except Exception as error:
                # Whatever it is, what is served answers on, and the next look may find it gone.
                told = f"{type(error).__name__}: {error}"
                if told != self._told:
                    log.exception("live changes are not followed")
            self._told = told

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
                    # It only saves time; a store that cannot be written to can still be served.
                    log.warning("embedding without a cache: %s", error)
            return self._cache


def _answer(known: tuple[str, bytes] | None, rpc: str) -> bytes | None:
    if known is not None and known[0] != rpc:
        raise InvalidQuery(f"expected a request_id of its own, got that of a request to {known[0]}", "request_id")
    return None if known is None else known[1]


def _encoders(searcher: Searcher) -> dict[str, Encoder]:
    """Return what makes each block that can be made of pictures or texts."""
    manifest = searcher.snapshot.manifest
    encoders: dict[str, Encoder] = {}
    for blocks, encoder in (
        (manifest.encoded_blocks, searcher.encoder),
        (manifest.text_encoded_blocks, searcher.text_encoder),
    ):
        if encoder is not None:
            encoders.update({block: encoder for block in ("image", "text") if block in blocks})
    return encoders
