"""Exports in which a product spans several rows: consecutive rows with the same key become one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from engine.catalog.absent_words import is_absent_word
from indexer.catalog.product import Reject
from indexer.catalog.raw_row import CatalogSource, RawRow

Values = Mapping[str, object]
Join = Callable[[Sequence[Values]], dict[str, object]]
"""Returns the values of a product from those of its rows."""


class JoinedRows:
    """A source in which consecutive rows with the same key are one row, on the line of the first."""

    def __init__(
        self, source: CatalogSource, key: Callable[[Values], object], join: Join, columns: Sequence[str]
    ) -> None:
        self.folder: Path = source.folder
        self._source = source
        self._key = key
        self._join = join
        self._columns = list(columns)

    def columns(self, wanted: frozenset[str]) -> list[str]:
        """Return the columns of the joined rows."""
        return self._columns

    def rows(self) -> Iterator[RawRow | Reject]:
        """Yield one row per product. Raises InvalidCatalogue if the file is truncated."""
        for key, group in groupby(self._source.rows(), self._group_key):
            if isinstance(key, Reject):
                yield key
                continue
            rows = [row for row in group if isinstance(row, RawRow)]
            yield RawRow(rows[0].line, self._join([row.values for row in rows]))

    def _group_key(self, row: RawRow | Reject) -> object:
        if isinstance(row, Reject):
            return row
        key = self._key(row.values)
        # A row without a key is a product of its own.
        return row.line if key is None else (key,)


def column_key(column: str) -> Callable[[Values], object]:
    """Return the key that is a column's value."""
    return lambda values: values.get(column)


class JoinByColumn:
    """Joins the rows of any export: first values, all images, and what differs as variants."""

    def __init__(self, images: Sequence[str]) -> None:
        self._images = tuple(images)

    def __call__(self, rows: Sequence[Values]) -> dict[str, object]:
        """Return the values of a product."""
        values: dict[str, object] = {}
        differing: dict[str, None] = {}
        for row in rows:
            for name, value in row.items():
                if name in self._images or is_blank(value):
                    continue
                if values.setdefault(name, value) != value:
                    differing[name] = None
        for name in self._images:
            if found := [row[name] for row in rows if not is_blank(row.get(name))]:
                values[name] = found if len(found) > 1 else found[0]
        if differing:
            variants = [{name: row[name] for name in differing if not is_blank(row.get(name))} for row in rows]
            values["variants"] = [variant for variant in variants if variant]
        return values


def is_blank(value: object) -> bool:
    """Return whether a cell says nothing."""
    return value is None or (isinstance(value, str) and is_absent_word(value))
