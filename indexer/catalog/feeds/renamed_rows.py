"""Rows whose columns are renamed to our fields."""

from collections.abc import Iterator, Mapping

from engine.catalog.coercion import is_absent
from indexer.catalog.feeds.column_names import ColumnMapping, resolve_columns
from indexer.catalog.feeds.wrapped_source import WrappedSource
from indexer.catalog.product import Reject
from indexer.catalog.raw_row import CatalogSource, RawRow


class RenamedRows(WrappedSource):
    """A source under our names; several picture columns become `image` and one list of `images`.

    JSON has no header, so a column that no earlier row had is resolved when it first comes, for fields still missing.
    """

    def __init__(self, source: CatalogSource, mapping: ColumnMapping) -> None:
        super().__init__(source)
        self._rename = dict(mapping.rename)
        self._known = set(mapping.columns)
        self._missing = set(mapping.missing)
        self._images = [column for column in mapping.image_columns if self._rename.get(column, column) == "images"]
        self._mapping = mapping

    def notices(self) -> list[str]:
        """Return the source's notices and the mapping's."""
        return [*super().notices(), *self._mapping.notices]

    def columns(self, wanted: frozenset[str]) -> list[str]:
        """Return the names after renaming. Raises InvalidCatalogue as the source does."""
        sources = {ours: column for column, ours in self._rename.items()}
        found = self._source.columns(frozenset(sources.get(name, name) for name in wanted))
        names = dict.fromkeys([*self._mapping.columns, *found])
        return list(dict.fromkeys(self._rename.get(name, name) for name in names))

    def rows(self) -> Iterator[RawRow | Reject]:
        """Yield every row under our names. Raises InvalidCatalogue as the source does."""
        for row in self._source.rows():
            if isinstance(row, Reject):
                yield row
                continue
            if not row.values.keys() <= self._known:
                self._learn([name for name in row.values if name not in self._known])
            yield RawRow(row.line, self._to_ours(row.values)) if self._rename else row

    def _to_ours(self, values: Mapping[str, object]) -> Mapping[str, object]:
        ours: dict[str, object] = {}
        for column, value in values.items():
            name = self._rename.get(column, column)
            # A row may have the field itself, if only later rows of a JSON file have it.
            taken = name != column and name in values and name not in self._rename and name != "images"
            ours[column if taken else name] = value
        if len(self._images) > 1:
            ours["images"] = join_lists(values.get(column) for column in self._images)
        return ours

    def _learn(self, names: list[str]) -> None:
        self._known.update(names)
        late = resolve_columns(names, {})
        for column in names:
            name = late.rename.get(column, column)
            if name in self._missing:
                self._missing.remove(name)
                if name != column:
                    self._rename[column] = name
                    self._mapping.notices.append(f"{name} is read from the column {column!r}, which not every row has")


def join_lists(values: Iterator[object]) -> list[object]:
    """Return the present values of several cells as one list."""
    joined: list[object] = []
    for value in values:
        if not is_absent(value):
            joined += value if isinstance(value, list) else [value]
    return joined
