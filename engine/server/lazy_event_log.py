"""The event log of a running server, opened on first use."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from engine.events.log_address import may_have_events

if TYPE_CHECKING:
    from engine.events.event_log import EventLog


class LazyEventLog:
    """The event log of a store, or the one at an address if there is one. Thread-safe."""

    def __init__(self, root: Path, address: str = "") -> None:
        self._root = root
        self._address = address
        self._lock = threading.Lock()
        self._log: EventLog | None = None

    def existing(self) -> "EventLog | None":
        """Return the log, None if no event was ever recorded. Raises what EventLog does."""
        return self.get_or_create() if may_have_events(self._root, self._address) else None

    def get_or_create(self) -> "EventLog":
        """Return the log, created if it does not exist. Raises what EventLog does."""
        # SQLAlchemy takes a quarter of a second to import, and many servers never see an event.
        from engine.events.event_log import open_or_create_event_log

        with self._lock:
            if self._log is None:
                self._log = open_or_create_event_log(self._root, self._address)
            return self._log

    def close(self) -> None:
        """Close the log."""
        with self._lock:
            if self._log is not None:
                self._log.close()
