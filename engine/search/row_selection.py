"""Which rows of a view may answer: what a filter leaves of them, and every search is told."""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.indexes.row_filter import RowFilter
from engine.snapshot.snapshot import Stratum


@dataclass(frozen=True, slots=True)
class RowSelection:
    """The rows that may answer: one RowSet for each stratum of the view, None where all of them may.

    selectivity: the share of the view's items that this is.
    """

    rows: tuple[RowFilter | None, ...]
    count: int
    selectivity: float


def count_rows(strata: Iterable[Stratum], rows: Iterable[RowFilter | None]) -> int:
    """Return how many rows these are, one RowSet for each stratum, None where all of its rows are meant."""
    return sum(stratum.count if some is None else some.count for stratum, some in zip(strata, rows, strict=True))
