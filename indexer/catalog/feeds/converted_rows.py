"""Rows that are converted one by one to what a layout means by them."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from indexer.catalog.feeds.wrapped_source import WrappedSource
from indexer.catalog.product import Reject
from indexer.catalog.raw_row import CatalogSource, RawRow

Values = Mapping[str, object]


class ConvertedRows(WrappedSource):
    """A source whose rows `convert` changes; `adds` are the columns that it may add."""

    def __init__(self, source: CatalogSource, convert: Callable[[Values], Values], adds: Iterable[str] = ()) -> None:
        super().__init__(source)
        self._convert = convert
        self._adds = list(adds)

    def columns(self, wanted: frozenset[str]) -> list[str]:
        """Return the converted names. Raises InvalidCatalogue as the source does."""
        found = self._source.columns(wanted)
        return list(dict.fromkeys([*self._convert(dict.fromkeys(found)), *self._adds]))

    def rows(self) -> Iterator[RawRow | Reject]:
        """Yield every row converted. Raises InvalidCatalogue as the source does."""
        for row in self._source.rows():
            yield row if isinstance(row, Reject) else RawRow(row.line, self._convert(row.values))
