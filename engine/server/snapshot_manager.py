"""Keeps the current snapshot of a store served: verified when it is opened, and swapped in one step.

A new snapshot is opened, verified and warmed up while the old one serves; then one reference changes. Calls that have
started finish on the old one, so no response ever mixes two.
"""

import logging
import threading
from time import monotonic

from engine.errors import DiptychError, GateFailed, NothingServed
from engine.search.model_loader import ModelSettings, open_models
from engine.search.searcher import Searcher
from engine.server.codec.index_messages import to_index
from engine.server.live_updates import LiveUpdates
from engine.server.served_snapshot import SearchObserver, ServedSnapshot
from engine.snapshot.manifest import Manifest
from engine.snapshot.snapshot import open_snapshot
from engine.snapshot.store import CURRENT_FILE, Store

# A snapshot that failed to open may succeed later: a file was still being copied, or no descriptor was free. Opening
# reads every byte, so the next attempt waits nine times as long as the last one took.
MIN_RETRY_S = 0.5
MAX_RETRY_S = 60.0
RETRY_FACTOR = 9

log = logging.getLogger(__name__)


class SnapshotManager:
    """Serves the current snapshot of a store, and later ones after `follow`.

    Args:
        store: The store.
        changes: Live changes, applied to whatever is served.
        device: Device for the index and the encoders.
        poll_s: Interval between checks for another snapshot.
        observer: Called for every answer.
        model_settings: How the encoders run.

    Attributes:
        reloads: Number of snapshots served after the first.
        refusals: Number of attempts to open a snapshot that failed.
    """

    def __init__(
        self,
        store: Store,
        changes: LiveUpdates,
        device: str = "cpu",
        poll_s: float = 0.2,
        observer: SearchObserver | None = None,
        model_settings: ModelSettings | None = None,
    ) -> None:
        self.store = store
        self._model_settings = model_settings
        self._changes = changes
        self._observer = observer
        self.reloads = 0
        self.refusals = 0
        self._device = device
        self._poll_s = poll_s
        self._served: ServedSnapshot | None = None
        self._seen: object = None
        self._refused = ""
        self._tries = 0
        self._retry_at = 0.0
        # Held while a snapshot is opened, by the follower or by `activate`.
        self._opening = threading.Lock()
        self._closed = threading.Event()
        self._follower = threading.Thread(target=self._follow, name="snapshots", daemon=True)

    @property
    def served(self) -> ServedSnapshot:
        """The snapshot that is served now. Raises NothingServed."""
        served = self._served
        if served is None:
            raise NothingServed("expected a served snapshot, got none yet")
        return served

    @property
    def current(self) -> ServedSnapshot | None:
        """The snapshot that is served now, None before the first."""
        return self._served

    @property
    def refused(self) -> str:
        """Why the store's current snapshot could not be opened; empty if it is served."""
        return self._refused

    def open_current(self) -> None:
        """Serve the store's current snapshot. Raises SnapshotNotFound, or what opening it raises."""
        with self._opening:
            self._seen = self._signature()
            self._serve(self._open(self.store.require_current()))

    def follow(self) -> None:
        """Serve whatever is published from now on; checks in a thread."""
        self._follower.start()

    def close(self) -> None:
        """Stop following; the served snapshot stays."""
        self._closed.set()
        if self._follower.is_alive():
            self._follower.join()

    def activate(self, name: str) -> tuple[Manifest, str]:
        """Serve a snapshot, here and on every server of the store; it becomes current only after it was verified.

        Returns:
            Its manifest, and the name of the snapshot served before.

        Raises:
            SnapshotNotFound: The store does not have it.
            GateFailed: It failed a gate.
            CorruptSnapshot: A file does not match the manifest.
            ModelMismatch: Its encoder is another one.
        """
        with self._opening:
            before = self._served.name if self._served is not None else ""
            failed = [gate.name for gate in self.store.manifest(name).gates if not gate.passed]
            if failed:
                raise GateFailed(
                    f"expected a snapshot that passed its gates, got {name} that failed {', '.join(failed)}"
                )
            served = self._served if name == before and self._served is not None else self._open(name)
            self.store.activate(name)
            self._serve(served)
            self._refused = ""
            self.reloads += 1
            log.info("activated snapshot=%s before=%s", name, before)
            return served.snapshot.manifest, before

    def _follow(self) -> None:
        while not self._closed.wait(self._poll_s):
            signature = self._signature()
            replaced = signature != self._seen
            if replaced or (self._refused and monotonic() >= self._retry_at):
                with self._opening:
                    self._seen = signature
                    self._tries = 0 if replaced else self._tries + 1
                    self._reload()

    def _reload(self) -> None:
        served = self.served
        started = monotonic()
        refused = ""
        try:
            name = self.store.current()
            if name is not None and name != served.name:
                self._serve(self._open(name))
                self.reloads += 1
                log.info("reloaded snapshot=%s before=%s", name, served.name)
        except (DiptychError, OSError) as error:
            refused = str(error) or type(error).__name__
            if self._is_news(refused):
                log.error("kept snapshot=%s: cannot open the current one: %s", served.name, error)
        except Exception as error:
            # Whatever is wrong with the new one, keep the old one, and keep following.
            refused = f"{type(error).__name__}: {error}"
            if self._is_news(refused):
                log.exception("kept snapshot=%s: cannot open the current one", served.name)
        self._refused = refused
        self.refusals += bool(refused)
        ended = monotonic()
        delay_s = min(MIN_RETRY_S * 2.0 ** min(self._tries, 16), MAX_RETRY_S)
        self._retry_at = ended + max(delay_s, RETRY_FACTOR * (ended - started))

    def _is_news(self, refused: str) -> bool:
        """Return whether this was not logged yet for the same CURRENT."""
        return not self._tries or refused != self._refused

    def _signature(self) -> object:
        """Return a value that changes whenever CURRENT is replaced. Cost: one stat."""
        try:
            status = (self.store.root / CURRENT_FILE).stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

    def _open(self, name: str) -> ServedSnapshot:
        snapshot = open_snapshot(self.store, name, self._device)
        before = self._served
        models = open_models(
            snapshot.manifest, self._device, None if before is None else before.searcher, self._model_settings
        )
        searcher = Searcher(snapshot, *models)
        searcher.warm_up()
        overlay = self._changes.overlay(searcher)
        return ServedSnapshot(searcher, to_index(snapshot.manifest), overlay, self._observer)

    def _serve(self, served: ServedSnapshot) -> None:
        """Serve another snapshot, with all live changes so far: the lock keeps new ones out until it is served."""
        with self._changes.lock:
            self._changes.catch_up(served.overlay)
            self._served = served
