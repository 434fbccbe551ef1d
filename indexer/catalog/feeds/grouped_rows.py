"""Rows that make up one product, also if other rows lie between them.

A first pass counts the rows of every group, so that the second one yields a group at its last row: only unfinished
groups are held in memory.
"""

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence

from indexer.catalog.feeds.wrapped_source import WrappedSource
from indexer.catalog.product import Reject
from indexer.catalog.raw_row import RawRow


class GroupedRows(WrappedSource):
    """A source that merges the rows of equal keys."""

    _counts: Counter[str] | None = None

    def rows(self) -> Iterator[RawRow | Reject]:
        """Yield one row per group, at the place of its last row. Raises InvalidCatalogue as the source does."""
        if self._counts is None:
            self._counts = self._count()
        self._begin()
        groups: dict[str, list[RawRow]] = {}
        for row in self._source.rows():
            if isinstance(row, Reject):
                yield row
                continue
            key = self._get_key(row)
            if not key or self._counts[key] == 1:
                yield from self._merge([row])
                continue
            group = groups.setdefault(key, [])
            group.append(row)
            if len(group) == self._counts[key]:
                yield from self._merge(groups.pop(key))

    def _count(self) -> Counter[str]:
        return Counter(self._get_key(row) for row in self._source.rows() if isinstance(row, RawRow))

    def _begin(self) -> None:
        """Prepare for another pass over the rows."""

    @abstractmethod
    def _get_key(self, row: RawRow) -> str:
        """Return what the rows of one product have in common; empty for a row of its own."""

    @abstractmethod
    def _merge(self, rows: Sequence[RawRow]) -> Iterator[RawRow]:
        """Yield the product of a group's rows."""
