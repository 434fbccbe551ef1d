"""Reads a file of events: detects the format and columns, and converts row by row.

A row without an id gets one derived from its content and the number of identical rows before it, so that reading the
same file twice gives the same ids. No message shows a user's id.
"""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

from engine.catalog.coercion import BadRow, format_value, is_absent, to_id, to_number
from engine.errors import InvalidCatalogue, InvalidSetting
from engine.events.event import Event, EventType
from indexer.catalog.catalog_reader import open_rows, suggest_column
from indexer.catalog.product import Reject
from indexer.catalog.raw_row import RawRow
from indexer.events.event_time import to_time_s

FIELDS = ("event_id", "user_id", "item_id", "type", "time", "quantity")
"""The fields of an event, and the names of their columns unless others are given."""

_REQUIRED = ("user_id", "item_id", "time")
_TIME_ALIAS = "timestamp"
_MAX_QUANTITY = 1_000_000
_MAX_AHEAD_S = 86_400.0
_TYPES = {kind.value: kind for kind in EventType}


def read(
    path: Path, columns: Mapping[str, str] | None = None, type_default: EventType = EventType.PURCHASE
) -> Iterator[Event | Reject]:
    """Yield each row of a file as an event, or as a reject with its reason, in the file's order.

    Cost: 100 bytes of memory per row without an id.

    Args:
        columns: field of FIELDS → column, where the column has another name.
        type_default: The type of rows that name none.

    Raises:
        InvalidCatalogue: At once if the file is unreadable or lacks a required or named column; later if truncated.
        InvalidSetting: `columns` names a field that events do not have.
    """
    given = dict(columns or {})
    for name in given:
        if name not in FIELDS:
            raise InvalidSetting(f"expected one of {', '.join(FIELDS)}, got {name!r}")
    if path.is_dir():
        raise InvalidCatalogue(f"expected a file of events, got the folder {path}")
    source = open_rows(path, "events")
    wanted = {name: given.get(name, name) for name in FIELDS}
    present = source.columns(frozenset({*wanted.values(), _TIME_ALIAS}))
    if "time" not in given and "time" not in present and _TIME_ALIAS in present:
        wanted["time"] = _TIME_ALIAS
    for name, column in wanted.items():
        if column not in present and (name in given or name in _REQUIRED):
            suggestion = "" if name in given else f"; name the column with {name}=COLUMN"
            raise InvalidCatalogue(f"{path} has no column {column!r}: {suggest_column(column, present)}{suggestion}")
    return _events(source.rows(), _EventReader(wanted, type_default))


def _events(rows: Iterator[RawRow | Reject], reader: "_EventReader") -> Iterator[Event | Reject]:
    for row in rows:
        if isinstance(row, Reject):
            yield row
            continue
        try:
            yield reader.to_event(row.values)
        except BadRow as bad:
            yield Reject(row.line, reader.item_id, str(bad))


class _EventReader:
    """Converts the rows of one file to events."""

    def __init__(self, columns: Mapping[str, str], type_default: EventType) -> None:
        self.item_id = ""
        """The item id of the last row, "" if it was unreadable."""
        self._columns = columns
        self._type_default = type_default
        self._latest_s = time.time() + _MAX_AHEAD_S
        self._seen: dict[bytes, int] = {}

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
        event_type, pieces = _to_pieces(self._to_type(kind), quantity)
        event = Event("", user, self.item_id, event_type, time_s, pieces)
        return event._replace(event_id=self._digest(event) if is_absent(event_id) else _to_id(event_id, "event_id"))

    def _to_type(self, value: object) -> EventType:
        if is_absent(value):
            return self._type_default
        found = _TYPES.get(value.strip().lower()) if isinstance(value, str) else None
        if found is None:
            raise BadRow(f"type: expected one of {', '.join(_TYPES)}, got {format_value(value)}")
        return found

    def _digest(self, event: Event) -> str:
        content = f"{event.user_id}\0{event.item_id}\0{event.type.value}\0{event.time_s!r}\0{event.quantity}"
        digest = blake2b(content.encode(), digest_size=12).digest()
        count = self._seen.get(digest, 0)
        self._seen[digest] = count + 1
        return f"{digest.hex()}-{count}" if count else digest.hex()


def _to_pieces(kind: EventType, value: object) -> tuple[EventType, int]:
    """Return the type and the quantity. Raises BadRow.

    A negative quantity bought is a return; weights are rounded to pieces.
    """
    if is_absent(value):
        return kind, 1
    quantity = to_number(value, "quantity")
    if quantity < 0 and kind is EventType.PURCHASE:
        kind, quantity = EventType.RETURN, -quantity
    if not 0 < quantity <= _MAX_QUANTITY:
        raise BadRow(f"quantity: expected more than 0 and at most {_MAX_QUANTITY}, got {format_value(value)}")
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
