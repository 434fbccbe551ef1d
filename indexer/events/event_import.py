"""A file of events into the log: looked through first, so that a wrong file leaves nothing behind."""

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
from indexer.embedding.embed import Progress
from indexer.events.event_reader import read
from indexer.events.event_table import EventTable

if TYPE_CHECKING:
    from engine.events.event_log import EventLog

REJECTS_FILE = "event_rejects.jsonl"

_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class EventFile:
    """Which file to read, which column has which field where its name is another, and the type of rows without one.

    max_rejects: the share of bad rows above which nothing is recorded.
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
    """What became of a file's rows: recorded now, recorded before, refused."""

    accepted: int
    duplicates: int
    rejects: int


def import_events(file: EventFile, log: "EventLog", folder: Path, progress: Progress) -> ImportSummary:
    """Record the events of a file; those recorded before stay once. Bad rows are told in REJECTS_FILE of a folder.

    Raises InvalidCatalogue, and then nothing was recorded, if the file cannot be read or too many rows are bad; else
    what EventLog does, and then a part may be recorded, and asking again records the rest.
    """
    if not 0 <= file.max_rejects <= 1:
        raise InvalidSetting(f"expected a share of rejects between 0 and 1, got {file.max_rejects}")
    rejects = []
    good = 0
    rows = file.rows()
    expected = count_rows(file.path)
    for row in rows:
        if isinstance(row, Reject):
            rejects.append(row)
        else:
            good += 1
        if (good + len(rejects)) % _AT_ONCE == 0:
            progress("read events", good + len(rejects), max(expected, good + len(rejects)))
    progress("read events", good + len(rejects), good + len(rejects))
    path = folder / REJECTS_FILE
    write_durably(path, to_lines(rejects))
    if len(rejects) > file.max_rejects * (good + len(rejects)):
        raise InvalidCatalogue(
            f"{file.path}: expected at most {file.max_rejects:.1%} bad rows, got {len(rejects)} of "
            f"{good + len(rejects)}; nothing was recorded, and {path} says why"
        )
    progress("record events", 0, good)
    accepted = duplicates = 0
    events = (row for row in file.rows() if isinstance(row, Event))
    while batch := list(islice(events, _AT_ONCE)):
        recorded = log.record(batch)
        accepted += recorded.accepted
        duplicates += recorded.duplicates
        progress("record events", accepted + duplicates, good)
    return ImportSummary(accepted, duplicates, len(rejects))


def recorded(file: EventFile | None, store: Path, address: str, progress: Progress) -> EventTable | None:
    """Record the events of a file, if there is one, and return all that the log holds; None if it holds none.

    address: of the database that keeps events, empty: a file of the store. Raises what `import_events` does.
    """
    if file is None and not may_have_events(store, address):
        return None
    # SQLAlchemy takes a quarter of a second to import, and many builds have no events.
    from engine.events.event_log import open_or_create_event_log

    with open_or_create_event_log(store, address) as log:
        if file is not None:
            import_events(file, log, store, progress)
        table = EventTable.of(log)
    return table if len(table) else None
