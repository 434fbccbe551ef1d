"""The log of what shoppers did: an event is kept once, by its id, on disk before anybody is told so.

A user's id stands in the rows of that user's events and nowhere else, so erasing a user is deleting rows.
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
from engine.events.log_address import EVENTS_FILE, is_known
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

# Made once: making a statement takes longer than answering it.
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
_SOME = select(func.count()).select_from(select(EVENTS.c.time_s).limit(MAX_STRAYS * EVENTS_PER_STRAY).subquery())
_BEHIND = select(EVENTS.c.time_s).order_by(EVENTS.c.time_s.desc()).offset(bindparam("strays")).limit(1)


class RecordedEvents(NamedTuple):
    """How many events are kept now that were not before, and how many were known already."""

    accepted: int
    duplicates: int


class EventSummary(NamedTuple):
    """All events of one user: how many of each type there are, and when the first and the last happened."""

    counts: dict[EventType, int]
    first_s: float
    last_s: float


@dataclass(slots=True)
class _PendingWrite:
    """Events that wait for a transaction, and what became of them: None as long as nothing did."""

    rows: Sequence[EventRow]
    outcome: RecordedEvents | BaseException | None = None


class EventLog:
    """The events in one database; threads may share a log, and processes the database.

    Raises CorruptLog if the database is something else or damaged, NotDurable where it cannot be read or written now.
    """

    def __init__(self, address: str) -> None:
        """Open the log, made if it is not there: sqlite:////FILE or postgresql://USER:PASSWORD@HOST/DATABASE.

        Raises InvalidSetting for another address, MissingDependency without the library for it.
        """
        self._database = Database(address)
        self._turn = threading.Lock()
        self._waiting_lock = threading.Lock()
        self._waiting: list[_PendingWrite] = []
        self._unscrubbed: set[str] = set()
        self._closed = False

    @property
    def name(self) -> str:
        """What messages call it: the file, or the database without user and password."""
        return self._database.name

    def record(self, events: Sequence[Event]) -> RecordedEvents:
        """Keep events, each id once; durable when this returns. Of two with one id the first is kept.

        Those who ask while a transaction is under way share the next one: a disk syncs once for all of them.
        """
        mine = _PendingWrite(_rows(events))
        with self._waiting_lock:
            self._waiting.append(mine)
        with self._turn:
            if mine.outcome is None:
                with self._waiting_lock:
                    group, self._waiting = self._waiting, []
                self._commit(group)
        if isinstance(mine.outcome, RecordedEvents):
            return mine.outcome
        if isinstance(mine.outcome, DiptychError):
            # Its own for each caller, since raising changes an error.
            raise type(mine.outcome)(str(mine.outcome)) from mine.outcome
        raise RuntimeError("expected events to be recorded, got an error") from mine.outcome

    def history(self, user_id: str, limit: int | None = None) -> list[Event]:
        """Return a user's events, newest first, at most `limit`; none if the user is not known."""
        if not _may_be_known(user_id):
            return []
        query = _HISTORY if limit is None else _NEWEST
        with self._database.asking() as connection:
            rows = connection.execute(query, {"user": user_id, "limit": limit}).all()
        return [_event(row) for row in rows]

    def summary(self, user_id: str) -> EventSummary | None:
        """Return what a user's events come to, None if the user is not known. Cost: grows with them."""
        if not _may_be_known(user_id):
            return None
        with self._database.asking() as connection:
            rows = connection.execute(_SUMMARY, {"user": user_id}).all()
        if not rows:
            return None
        codes, counts, firsts, lasts = zip(*rows, strict=True)
        return EventSummary(
            {_TYPES[code]: count for code, count in zip(codes, counts, strict=True)}, min(firsts), max(lasts)
        )

    def erase(self, user_id: str) -> dict[EventType, int]:
        """Forget a user, durably, and return how many events of each type there were.

        No byte of the id is left in a file of the store. While a reader keeps the old state the bytes have to wait:
        they go with the next look a second later, and so on, or when the log is closed. Nothing is recorded meanwhile.
        """
        if not _may_be_known(user_id):
            return {}
        mine = EVENTS.c.user_id == user_id
        with self._turn:
            with self._database.writing() as connection:
                counted = (
                    select(EVENTS.c.type, func.count()).where(mine).group_by(EVENTS.c.type).order_by(EVENTS.c.type)
                )
                erased = {_TYPES[code]: count for code, count in connection.execute(counted)}
                connection.execute(delete(EVENTS).where(mine))
            self._unscrubbed.add(user_id)
            self._scrub()
        return erased

    def scan(self) -> Iterator[list[Event]]:
        """Give all events as they are now, oldest first, in batches."""
        query = select(EVENTS).order_by(EVENTS.c.time_s, EVENTS.c.event_id)
        with self._database.reading() as connection:
            for page in connection.execution_options(yield_per=_PAGE).execute(query).partitions():
                yield [_event(row) for row in page]

    def count(self) -> int:
        """Return how many events there are. Cost: grows with them."""
        with self._database.asking() as connection:
            return connection.execute(select(func.count()).select_from(EVENTS)).scalar_one()

    def get_last_time_s(self) -> float | None:
        """Return when the newest event happened, None if there is none."""
        with self._database.asking() as connection:
            newest: float | None = connection.execute(_LAST).scalar_one()
        return newest

    def find_now_s(self) -> float | None:
        """Return when now is for the events, see `engine.events.shop_clock`; None if there is none."""
        with self._database.asking() as connection:
            count = connection.execute(_SOME).scalar_one()
            now_s: float | None = connection.execute(_BEHIND, {"strays": count_strays(count)}).scalar_one_or_none()
        return now_s

    def user_ids(self) -> list[str]:
        """Return every user of whom there is an event, each once, in order."""
        query = select(EVENTS.c.user_id).distinct().order_by(EVENTS.c.user_id)
        with self._database.asking() as connection:
            return list(connection.execute(query).scalars())

    def close(self) -> None:
        """Close the database, after a last try to clean its file."""
        with self._turn:
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
        """Clean the file of who was erased, now or later; the turn must be held."""
        for user_id in sorted(self._unscrubbed):
            try:
                self._database.scrub(user_id)
            except NotDurable as error:
                log.warning("what was erased is deleted, but still in the file: %s", error)
                if not self._closed:
                    retry = threading.Timer(_RETRY_S, self._scrub_again)
                    retry.daemon = True
                    retry.start()
                return
            self._unscrubbed.discard(user_id)

    def _scrub_again(self) -> None:
        with self._turn:
            if not self._closed:
                self._scrub()

    def _commit(self, group: Sequence[_PendingWrite]) -> None:
        """Keep the events of all who wait, or tell each of them why not."""
        try:
            with self._database.writing() as connection:
                counts = [self._database.put(connection, waiting.rows) for waiting in group]
        except BaseException as error:  # noqa: BLE001 it is not swallowed: all who wait raise it
            for waiting in group:
                waiting.outcome = error
            return
        for waiting, accepted in zip(group, counts, strict=True):
            waiting.outcome = RecordedEvents(accepted, len(waiting.rows) - accepted)


def open_event_log(root: Path, address: str = "") -> EventLog | None:
    """Return the log of a store, or the one at an address if there is one; None if the store never recorded any.

    Raises what EventLog does.
    """
    return open_or_create_event_log(root, address) if is_known(root, address) else None


def open_or_create_event_log(root: Path, address: str = "") -> EventLog:
    """Return the log of a store, or the one at an address if there is one, made if it is not there."""
    return EventLog(address or store_address(root / EVENTS_FILE))


def _may_be_known(user_id: str) -> bool:
    """Return whether a database can have this id: PostgreSQL keeps no NUL, so no event with one is recorded."""
    return "\0" not in user_id


def _rows(events: Sequence[Event]) -> list[EventRow]:
    return [
        (event.event_id, event.user_id, event.item_id, _CODES[event.type], event.time_s, event.quantity)
        for event in events
    ]


def _event(row: Iterable[Any]) -> Event:
    event_id, user_id, item_id, code, time_s, quantity = row
    return Event(event_id, user_id, item_id, _TYPES[code], time_s, quantity)
