"""From a file of events to events: finds the format and the columns, then turns row after row into an event.

A row without an id of its own gets one made of what it says, and of how many rows said the same before it, so that
the same file read twice gives the same ids. No message shows a user's id.
"""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

from engine.catalog.coercion import BadRow, is_absent, shown, to_id, to_number
from engine.errors import InvalidCatalogue, InvalidSetting
from engine.events.event import Event, EventType
from indexer.catalog.catalog_reader import hint, open_rows
from indexer.catalog.product import Reject
from indexer.catalog.raw_row import RawRow
from indexer.events.event_time import to_time_s

FIELDS = ("event_id", "user_id", "item_id", "type", "time", "quantity")
"""What an event has, and the columns that are looked for where no other is named."""

_REQUIRED = ("user_id", "item_id", "time")
_TIME_TOO = "timestamp"
_MOST = 1_000_000
_AHEAD_S = 86_400.0
_TYPES = {kind.value: kind for kind in EventType}


def read(
    path: Path, columns: Mapping[str, str] | None = None, type_default: EventType = EventType.PURCHASE
) -> Iterator[Event | Reject]:
    """Yield each row of a file as an event, or as a reject with its reason, in the file's order.

    columns: which column has a field of FIELDS, where its name is another.   type_default: of rows that name none.
    Raises InvalidCatalogue at once if the file cannot be read or lacks a column that is needed or named, and later
    where it breaks off; InvalidSetting for a field that events do not have. Cost: 100 bytes a row without an id.
    """
    asked = dict(columns or {})
    for name in asked:
        if name not in FIELDS:
            raise InvalidSetting(f"expected one of {', '.join(FIELDS)}, got {name!r}")
    if path.is_dir():
        raise InvalidCatalogue(f"expected a file of events, got the folder {path}")
    source = open_rows(path, "events", typed=False)
    wanted = {name: asked.get(name, name) for name in FIELDS}
    known = source.columns(frozenset({*wanted.values(), _TIME_TOO}))
    if "time" not in asked and "time" not in known and _TIME_TOO in known:
        wanted["time"] = _TIME_TOO
    for name, column in wanted.items():
        if column not in known and (name in asked or name in _REQUIRED):
            meant = "" if name in asked else f"; name the column with {name}=COLUMN"
            raise InvalidCatalogue(f"{path} has no column {column!r}: {hint(column, known)}{meant}")
    return _events(source.rows(), _EventReader(wanted, type_default))


def _events(rows: Iterator[RawRow | Reject], maker: "_EventReader") -> Iterator[Event | Reject]:
    for row in rows:
        if isinstance(row, Reject):
            yield row
            continue
        try:
            yield maker.to_event(row.values)
        except BadRow as bad:
            yield Reject(row.line, maker.item_id, str(bad))


class _EventReader:
    """Makes events of the rows of one file."""

    def __init__(self, columns: Mapping[str, str], type_default: EventType) -> None:
        self.item_id = ""
        """That of the last row, as far as it was readable."""
        self._columns = columns
        self._type_default = type_default
        self._latest_s = time.time() + _AHEAD_S
        self._said: dict[bytes, int] = {}

    def to_event(self, values: Mapping[str, object]) -> Event:
        """Return the event of one row. Raises BadRow."""
        event_id, user_id, item_id, kind, moment, quantity = (values.get(self._columns[name]) for name in FIELDS)
        self.item_id = ""
        self.item_id = _to_id(item_id, "item_id")
        user = _to_user_id(user_id)
        time_s = to_time_s(moment)
        if time_s > self._latest_s:
            when = datetime.fromtimestamp(time_s, UTC).isoformat()
            raise BadRow(f"time: expected at most a day from now, got {when}")
        done, pieces = _to_pieces(self._to_type(kind), quantity)
        event = Event("", user, self.item_id, done, time_s, pieces)
        return event._replace(event_id=self._digest(event) if is_absent(event_id) else _to_id(event_id, "event_id"))

    def _to_type(self, value: object) -> EventType:
        if is_absent(value):
            return self._type_default
        found = _TYPES.get(value.strip().lower()) if isinstance(value, str) else None
        if found is None:
            raise BadRow(f"type: expected one of {', '.join(_TYPES)}, got {shown(value)}")
        return found

    def _digest(self, event: Event) -> str:
        said = f"{event.user_id}\0{event.item_id}\0{event.type.value}\0{event.time_s!r}\0{event.quantity}"
        digest = blake2b(said.encode(), digest_size=12).digest()
        before = self._said.get(digest, 0)
        self._said[digest] = before + 1
        return f"{digest.hex()}-{before}" if before else digest.hex()


def _to_pieces(kind: EventType, value: object) -> tuple[EventType, int]:
    """Return the type and the pieces: fewer than none bought are sent back, weights are rounded. Raises BadRow."""
    if is_absent(value):
        return kind, 1
    quantity = to_number(value, "quantity")
    if quantity < 0 and kind is EventType.PURCHASE:
        kind, quantity = EventType.RETURN, -quantity
    if not 0 < quantity <= _MOST:
        raise BadRow(f"quantity: expected more than 0 and at most {_MOST}, got {shown(value)}")
    return kind, max(1, round(quantity))


def _to_id(value: object, column: str) -> str:
    found = to_id(value, column)
    if "\0" in found:
        raise BadRow(f"{column}: expected text without the character 0")
    return found


def _to_user_id(value: object) -> str:
    if is_absent(value):
        raise BadRow("no user_id")
    try:
        return _to_id(value, "user_id")
    except BadRow:
        raise BadRow("user_id: expected a number or text of at most 512 bytes of UTF-8, got something else") from None
