"""The first pass over a catalogue: every row is read, and the values of each column are summarised."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from indexer.catalog.product_reader import localized
from indexer.catalog.raw_row import CatalogSource
from indexer.catalog.row_batch import RowBatch, read_batches
from indexer.catalog.values.column_summary import ColumnSummary
from indexer.progress import Progress

STAGE = "read"
_SAMPLE_ROWS = 1000


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
    for batch in read_batches(source):
        for name in batch.columns:
            if name not in scan.summaries:
                # The rows before this batch lack the column, which is a part of its summary.
                scan.summaries[name] = ColumnSummary(absent=readable)
        missing = [None] * len(batch.lines)
        for name, summary in scan.summaries.items():
            summary.add(localized(batch.columns.get(name, missing), language))
        if len(scan.sample) < _SAMPLE_ROWS:
            scan.sample += _sample(batch, _SAMPLE_ROWS - len(scan.sample))
        scan.row_count += batch.row_count
        readable += len(batch.lines)
        progress(STAGE, scan.row_count, None)
    return scan


def _sample(batch: RowBatch, count: int) -> list[Mapping[str, object]]:
    return [
        {name: values[index] for name, values in batch.columns.items() if values[index] is not None}
        for index in range(min(count, len(batch.lines)))
    ]
