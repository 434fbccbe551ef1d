"""The log of events. Events are deduplicated by id, and durable before they are acknowledged.

A user's id is stored only in the rows of that user's events, so erasing a user means deleting rows.
"""

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from sqlalchemy import bindparam, delete, func, select

from engine.errors import DiptychError, NotDurable
from engine.events.database import EVENTS, Database, EventRow, store_address
from engine.events.event import Event, EventType
from engine.events.log_address import EVENTS_FILE, may_have_events
from engine.events.shop_clock import EVENTS_PER_STRAY, MAX_STRAYS, count_strays

_PAGE = 8192
_RETRY_S = 1.0

log = logging.getLogger(__name__)

_CODES = {
    EventType.VIEW: 1,
    EventType.CART: 2,
    EventType.PURCHASE: 3,
    EventType.RETURN: 4,
    EventType.LIKE: 5,
    EventType.DISLIKE: 6,
}
_TYPES = {code: kind for kind, code in _CODES.items()}

# Built once, since building a statement takes longer than running it.
_HISTORY = (
    select(EVENTS)
    .where(EVENTS.c.user_id == bindparam("user"))
    .order_by(EVENTS.c.time_s.desc(), EVENTS.c.event_id.desc())
)
_NEWEST = _HISTORY.limit(bindparam("limit"))
_SUMMARY = (
    select(EVENTS.c.type, func.count(), func.min(EVENTS.c.time_s), func.max(EVENTS.c.time_s))
    .where(EVENTS.c.user_id == bindparam("user"))
    .group_by(EVENTS.c.type)
    .order_by(EVENTS.c.type)
)
_LAST = select(func.max(EVENTS.c.time_s))
_COUNT = select(func.count()).select_from(select(EVENTS.c.time_s).limit(MAX_STRAYS * EVENTS_PER_STRAY).subquery())
_BEHIND = select(EVENTS.c.time_s).order_by(EVENTS.c.time_s.desc()).offset(bindparam("strays")).limit(1)


class RecordedEvents(NamedTuple):
    """Result of recording events.

    Attributes:
        accepted: Number of newly stored events.
        duplicates: Number of events that were already stored.
    """

    accepted: int
    duplicates: int


class EventSummary(NamedTuple):
    """Summary of a user's events.

    Attributes:
        counts: Number of events of each type.
        first_s: Time of the first event.
        last_s: Time of the last event.
    """

    counts: dict[EventType, int]
    first_s: float
    last_s: float


@dataclass(slots=True)
class _PendingWrite:
    """Events that wait for a transaction, and its outcome: None until it ends."""

    rows: Sequence[EventRow]
    outcome: RecordedEvents | BaseException | None = None


class EventLog:
    """The events in one database. Thread-safe; processes may share the database.

    Raises:
        CorruptLog: The database is damaged or of another kind.
        NotDurable: It cannot be read or written now.
    """

    def __init__(self, address: str) -> None:
        """Open the log, creating it if it does not exist.

        Args:
            address: sqlite:////FILE or postgresql://USER:PASSWORD@HOST/DATABASE.

        Raises:
            InvalidSetting: The address has another form.
            MissingDependency: The library for the database is not installed.
        """
        self._database = Database(address)
        self._write_lock = threading.Lock()
        self._waiting_lock = threading.Lock()
        self._waiting: list[_PendingWrite] = []
        self._unscrubbed: set[str] = set()
        self._closed = False

    @property
    def name(self) -> str:
        """Name in messages: the file, or the database without user and password."""
        return self._database.name

    def record(self, events: Sequence[Event]) -> RecordedEvents:
        """Store events durably; of several with one id, only the first.

        Calls that arrive during a transaction share the next one, and so one sync of the disk.
        """
        pending = _PendingWrite(_rows(events))
        with self._waiting_lock:
            self._waiting.append(pending)
        with self._write_lock:
            if pending.outcome is None:
                with self._waiting_lock:
                    group, self._waiting = self._waiting, []
                self._commit(group)
        if isinstance(pending.outcome, RecordedEvents):
            return pending.outcome
        if isinstance(pending.outcome, DiptychError):
            # A new error for each caller, since raising changes an error.
            raise type(pending.outcome)(str(pending.outcome)) from pending.outcome
        raise RuntimeError("expected events to be recorded, got an error") from pending.outcome

    def history(self, user_id: str, limit: int | None = None) -> list[Event]:
        """Return a user's events, newest first, at most `limit`; none for an unknown user."""
        if not _is_storable(user_id):
            return []
        query = _HISTORY if limit is None else _NEWEST
        with self._database.query() as connection:
            rows = connection.execute(query, {"user": user_id, "limit": limit}).all()
        return [_event(row) for row in rows]

    def summary(self, user_id: str) -> EventSummary | None:
        """Return a summary of a user's events, None for an unknown user. Cost: grows with their number."""
        if not _is_storable(user_id):
            return None
        with self._database.query() as connection:
            rows = connection.execute(_SUMMARY, {"user": user_id}).all()
        if not rows:
            return None
        codes, counts, firsts, lasts = zip(*rows, strict=True)
        return EventSummary(
            {_TYPES[code]: count for code, count in zip(codes, counts, strict=True)}, min(firsts), max(lasts)
        )

    def erase(self, user_id: str) -> dict[EventType, int]:
        """Erase a user's events durably, and return how many of each type there were.

        No byte of the id remains in the files of the store. While a reader needs the old state, the bytes cannot be
        overwritten; this is retried every second, and when the log is closed. Recording waits meanwhile.
        """
        if not _is_storable(user_id):
            return {}
        of_user = EVENTS.c.user_id == user_id
        with self._write_lock:
            with self._database.write() as connection:
                counted = (
                    select(EVENTS.c.type, func.count()).where(of_user).group_by(EVENTS.c.type).order_by(EVENTS.c.type)
                )
                erased = {_TYPES[code]: count for code, count in connection.execute(counted)}
                connection.execute(delete(EVENTS).where(of_user))
            self._unscrubbed.add(user_id)
            self._scrub()
        return erased

    def scan(self) -> Iterator[list[Event]]:
        """Yield all events as of now, oldest first, in batches."""
        query = select(EVENTS).order_by(EVENTS.c.time_s, EVENTS.c.event_id)
        with self._database.read() as connection:
            for page in connection.execution_options(yield_per=_PAGE).execute(query).partitions():
                yield [_event(row) for row in page]

    def count(self) -> int:
        """Return the number of events. Cost: grows with it."""
        with self._database.query() as connection:
            return connection.execute(select(func.count()).select_from(EVENTS)).scalar_one()

    def get_last_time_s(self) -> float | None:
        """Return the time of the newest event, None if there is none."""
        with self._database.query() as connection:
            newest: float | None = connection.execute(_LAST).scalar_one()
        return newest

    def find_now_s(self) -> float | None:
        """Return the current time of the shop, see `engine.events.shop_clock`; None without events."""
        with self._database.query() as connection:
            count = connection.execute(_COUNT).scalar_one()
            now_s: float | None = connection.execute(_BEHIND, {"strays": count_strays(count)}).scalar_one_or_none()
        return now_s

    def user_ids(self) -> list[str]:
        """Return the ids of all users with events, sorted."""
        query = select(EVENTS.c.user_id).distinct().order_by(EVENTS.c.user_id)
        with self._database.query() as connection:
            return list(connection.execute(query).scalars())

    def close(self) -> None:
        """Close the database, after a last attempt to remove erased ids from its file."""
        with self._write_lock:
            self._closed = True
            if self._unscrubbed:
                self._scrub()
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _scrub(self) -> None:
        """Remove erased ids from the file, now or later; the caller holds the write lock."""
        for user_id in sorted(self._unscrubbed):
            try:
                self._database.scrub(user_id)
            except NotDurable as error:
                log.warning("erased events are deleted, but not yet overwritten in the file: %s", error)
                if not self._closed:
                    retry = threading.Timer(_RETRY_S, self._scrub_again)
                    retry.daemon = True
                    retry.start()
                return
            self._unscrubbed.discard(user_id)

    def _scrub_again(self) -> None:
        with self._write_lock:
            if not self._closed:
                self._scrub()

    def _commit(self, group: Sequence[_PendingWrite]) -> None:
        """Store the events of a group, and set the outcome of each."""
        try:
            with self._database.write() as connection:
                counts = [self._database.put(connection, pending.rows) for pending in group]
        except BaseException as error:  # noqa: BLE001 not swallowed: all waiting calls raise it
            for pending in group:
                pending.outcome = error
            return
        for pending, accepted in zip(group, counts, strict=True):
            pending.outcome = RecordedEvents(accepted, len(pending.rows) - accepted)


def open_event_log(root: Path, address: str = "") -> EventLog | None:
    """Open the log of a store, or the one at an address if given; None if the store has none.

    Raises what EventLog does.
    """
    return open_or_create_event_log(root, address) if may_have_events(root, address) else None


def open_or_create_event_log(root: Path, address: str = "") -> EventLog:
    """Open the log of a store, or the one at an address if given; create it if it does not exist."""
    return EventLog(address or store_address(root / EVENTS_FILE))


def _is_storable(user_id: str) -> bool:
    """Return whether the id can be stored: PostgreSQL has no NUL, so events with one are rejected."""
    return "\0" not in user_id


def _rows(events: Sequence[Event]) -> list[EventRow]:
    return [
        (event.event_id, event.user_id, event.item_id, _CODES[event.type], event.time_s, event.quantity)
        for event in events
    ]


def _event(row: Iterable[Any]) -> Event:
    event_id, user_id, item_id, code, time_s, quantity = row
    return Event(event_id, user_id, item_id, _TYPES[code], time_s, quantity)
