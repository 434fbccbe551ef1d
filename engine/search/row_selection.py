"""The rows of a view that may be returned: what a filter leaves, as every search takes it."""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.indexes.row_filter import RowFilter
from engine.snapshot.snapshot import Stratum


@dataclass(frozen=True, slots=True)
class RowSelection:
    """The rows that may be returned.

    Attributes:
        rows: One filter for each stratum of the view, None where every row may be returned.
        count: Number of selected rows.
        selectivity: Share of the view's items that are selected, 0 to 1.
    """

    rows: tuple[RowFilter | None, ...]
    count: int
    selectivity: float


def count_rows(strata: Iterable[Stratum], row_filters: Iterable[RowFilter | None]) -> int:
    """Return how many rows pass the filters, one for each stratum, where None passes every row."""
    return sum(
        stratum.count if row_filter is None else row_filter.count
        for stratum, row_filter in zip(strata, row_filters, strict=True)
    )
