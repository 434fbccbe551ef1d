"""Imports a file of events into the log; the file is validated first, so a bad file leaves nothing behind."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from engine.durable import write_durably
from engine.errors import InvalidCatalogue, InvalidSetting
from engine.events.event import Event, EventType
from engine.events.log_address import may_have_events
from indexer.catalog import Reject, count_rows, to_lines
from indexer.events.event_reader import read
from indexer.events.event_table import EventTable
from indexer.progress import Progress

if TYPE_CHECKING:
    from engine.events.event_log import EventLog

REJECTS_FILE = "event_rejects.jsonl"

_BATCH = 2000


@dataclass(frozen=True, slots=True)
class EventFile:
    """A file of events and how to read it.

    Attributes:
        columns: field → column, where the column has another name.
        type_default: The type of rows that name none.
        max_rejects: The share of bad rows above which nothing is recorded.
    """

    path: Path
    columns: Mapping[str, str] = field(default_factory=dict)
    type_default: EventType = EventType.PURCHASE
    max_rejects: float = 0.05

    def rows(self) -> Iterator[Event | Reject]:
        """Yield every row as an event or a reject. Raises what `read` does."""
        return read(self.path, self.columns, self.type_default)


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """How many of a file's rows were recorded, were duplicates, or were rejected."""

    accepted: int
    duplicates: int
    rejects: int


def import_events(file: EventFile, log: "EventLog", folder: Path, progress: Progress) -> ImportSummary:
    """Record the events of a file, skipping duplicates. Bad rows are reported in REJECTS_FILE of a folder.

    Raises:
        InvalidCatalogue: The file cannot be read or too many rows are bad; nothing was recorded. Also raises what
            EventLog does; then some events may have been recorded, and a retry records the rest.
    """
    if not 0 <= file.max_rejects <= 1:
        raise InvalidSetting(f"expected a share of rejects between 0 and 1, got {file.max_rejects}")
    rejects = []
    accepted_rows = 0
    rows = file.rows()
    expected = count_rows(file.path)
    for row in rows:
        if isinstance(row, Reject):
            rejects.append(row)
        else:
            accepted_rows += 1
        if (accepted_rows + len(rejects)) % _BATCH == 0:
            progress("read events", accepted_rows + len(rejects), max(expected, accepted_rows + len(rejects)))
    progress("read events", accepted_rows + len(rejects), accepted_rows + len(rejects))
    path = folder / REJECTS_FILE
    write_durably(path, to_lines(rejects))
    if len(rejects) > file.max_rejects * (accepted_rows + len(rejects)):
        raise InvalidCatalogue(
            f"{file.path}: expected at most {file.max_rejects:.1%} bad rows, got {len(rejects)} of "
            f"{accepted_rows + len(rejects)}; nothing was recorded; see {path} for the reasons"
        )
    progress("record events", 0, accepted_rows)
    accepted = duplicates = 0
    events = (row for row in file.rows() if isinstance(row, Event))
    while batch := list(islice(events, _BATCH)):
        load_events = log.record(batch)
        accepted += load_events.accepted
        duplicates += load_events.duplicates
        progress("record events", accepted + duplicates, accepted_rows)
    return ImportSummary(accepted, duplicates, len(rejects))


def load_events(file: EventFile | None, store: Path, address: str, progress: Progress) -> EventTable | None:
    """Record the events of a file, if there is one, and return all events of the log; None if it has none.

    Args:
        address: Of the database that stores events; empty for a file of the store.

    Raises:
        What `import_events` does.
    """
    if file is None and not may_have_events(store, address):
        return None
    # SQLAlchemy takes a quarter of a second to import, and many builds have no events.
    from engine.events.event_log import open_or_create_event_log

    with open_or_create_event_log(store, address) as log:
        if file is not None:
            import_events(file, log, store, progress)
        table = EventTable.from_log(log)
    return table if len(table) else None
