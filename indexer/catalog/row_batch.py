"""Consecutive rows of a catalogue by columns, so that a column is summarised and converted at once."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple, Protocol, runtime_checkable

from indexer.catalog.product import Reject
from indexer.catalog.raw_row import CatalogSource, RawRow

BATCH_ROWS = 4096

Values = Sequence[object]


class RowBatch(NamedTuple):
    """Consecutive rows.

    Attributes:
        lines: The line of each readable row.
        columns: The values of each column, one for each readable row, None where absent.
        rejects: The unreadable rows, each with the number of readable rows before it.
    """

    lines: list[int]
    columns: dict[str, Values]
    rejects: list[tuple[int, Reject]]

    @property
    def row_count(self) -> int:
        """Number of rows, the unreadable ones included."""
        return len(self.lines) + len(self.rejects)


@runtime_checkable
class BatchSource(Protocol):
    """A source that gives its rows by columns faster than row by row."""

    def batches(self, size: int) -> Iterator[RowBatch]:
        """Yield all rows in batches of up to `size`. Raises InvalidCatalogue if the file is truncated."""
        ...


def read_batches(source: CatalogSource) -> Iterator[RowBatch]:
    """Yield the rows of a source in batches. Raises InvalidCatalogue if the file is truncated."""
    if isinstance(source, BatchSource):
        yield from source.batches(BATCH_ROWS)
        return
    rows = source.rows()
    while entries := list(islice(rows, BATCH_ROWS)):
        yield _to_batch(entries)


def _to_batch(entries: Sequence[RawRow | Reject]) -> RowBatch:
    rows: list[RawRow] = []
    rejects: list[tuple[int, Reject]] = []
    for entry in entries:
        if isinstance(entry, Reject):
            rejects.append((len(rows), entry))
        else:
            rows.append(entry)
    names = dict.fromkeys(name for row in rows for name in row.values)
    columns: dict[str, Values] = {name: [row.values.get(name) for row in rows] for name in names}
    return RowBatch([row.line for row in rows], columns, rejects)
