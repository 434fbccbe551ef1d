"""The first pass over a catalogue: every row is read, and the values of each column are summarised."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from indexer.catalog.product import Reject
from indexer.catalog.product_reader import column_values
from indexer.catalog.raw_row import CatalogSource, RawRow
from indexer.catalog.values.column_summary import ColumnSummary

BATCH_ROWS = 4096
STAGE = "read"
_SAMPLE_ROWS = 1000

Progress = Callable[[str, int, int | None], None]


def no_progress(stage: str, done: int, total: int | None) -> None:
    """Ignore progress reports."""


@dataclass(slots=True)
class ColumnScan:
    """What the first pass found.

    Attributes:
        summaries: A summary of each column, in order of appearance.
        sample: The first rows.
        row_count: Number of rows, the unreadable ones included.
    """

    summaries: dict[str, ColumnSummary] = field(default_factory=dict)
    sample: list[Mapping[str, object]] = field(default_factory=list)
    row_count: int = 0


def scan_columns(source: CatalogSource, language: str | None, progress: Progress) -> ColumnScan:
    """Read every row of a source. Raises InvalidCatalogue if it is truncated."""
    scan = ColumnScan({name: ColumnSummary() for name in source.columns(frozenset())})
    readable = 0
    for batch in batches(source):
        rows = [entry for entry in batch if isinstance(entry, RawRow)]
        for name in _new_names(rows, scan.summaries):
            # The rows before this batch lack the column, which is a part of its summary.
            scan.summaries[name] = ColumnSummary(absent=readable)
        for name, summary in scan.summaries.items():
            summary.add(column_values(rows, name, language))
        scan.sample += [row.values for row in rows[: _SAMPLE_ROWS - len(scan.sample)]]
        scan.row_count += len(batch)
        readable += len(rows)
        progress(STAGE, scan.row_count, None)
    return scan


def _new_names(rows: Sequence[RawRow], known: Mapping[str, ColumnSummary]) -> list[str]:
    """Return the columns that are not known yet, in order of appearance."""
    if set().union(*(row.values for row in rows)) <= known.keys():
        return []
    return list(dict.fromkeys(name for row in rows for name in row.values if name not in known))


def batches(source: CatalogSource) -> Iterator[list[RawRow | Reject]]:
    """Yield the rows of a source in lists of up to BATCH_ROWS."""
    rows = source.rows()
    while batch := list(islice(rows, BATCH_ROWS)):
        yield batch
