"""Rows whose columns are renamed to our fields."""

from collections.abc import Iterable, Iterator, Mapping

from indexer.catalog.feeds.cell_text import is_blank
from indexer.catalog.feeds.wrapped_source import WrappedSource
from indexer.catalog.product import Reject
from indexer.catalog.raw_row import CatalogSource, RawRow


class RenamedRows(WrappedSource):
    """A source under our names; of several picture columns the further ones become one list of `images`.

    rename: Field by column. images: The columns with pictures, in order.
    """

    def __init__(
        self, source: CatalogSource, rename: Mapping[str, str], images: Iterable[str] = (), notices: Iterable[str] = ()
    ) -> None:
        super().__init__(source, notices)
        self._rename = dict(rename)
        self._images = [column for column in images if rename.get(column, column) == "images"]

    def columns(self, wanted: frozenset[str]) -> list[str]:
        """Return the names after renaming. Raises InvalidCatalogue as the source does."""
        sources = {name: column for column, name in self._rename.items()}
        found = self._source.columns(frozenset(sources.get(name, name) for name in wanted))
        return list(dict.fromkeys(self._rename.get(name, name) for name in found))

    def rows(self) -> Iterator[RawRow | Reject]:
        """Yield every row under our names. Raises InvalidCatalogue as the source does."""
        for row in self._source.rows():
            yield row if isinstance(row, Reject) else RawRow(row.line, self._to_ours(row.values))

    def _to_ours(self, values: Mapping[str, object]) -> Mapping[str, object]:
        ours = {self._rename.get(column, column): value for column, value in values.items()}
        if len(self._images) > 1:
            ours["images"] = _join_lists(values.get(column) for column in self._images)
        return ours


def _join_lists(values: Iterable[object]) -> list[object]:
    """Return the present values of several cells as one list."""
    joined: list[object] = []
    for value in values:
        if not is_blank(value):
            joined += value if isinstance(value, list) else [value]
    return joined
