"""Rows that are one product because they have the same value in one column."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from indexer.catalog.feeds.cell_text import is_blank, to_key, to_plain_number
from indexer.catalog.feeds.grouped_rows import GroupedRows
from indexer.catalog.raw_row import IMAGE_COLUMNS, ITEM_ID, VECTOR_COLUMNS, CatalogSource, RawRow

VARIANTS = "variants"

_NEVER_DIFFERENT = frozenset({ITEM_ID, *VECTOR_COLUMNS})


class JoinedRows(GroupedRows):
    """A source whose rows of the same `column` are joined.

    A product has the first value of every column and the pictures of all rows. Columns whose values differ are also
    listed by row in `variants`.
    """

    def __init__(self, source: CatalogSource, column: str) -> None:
        super().__init__(source)
        self._column = column

    def columns(self, wanted: frozenset[str]) -> list[str]:
        """Return the source's names and `variants`. Raises InvalidCatalogue as the source does."""
        return list(dict.fromkeys([*self._source.columns(wanted | {self._column}), "images", VARIANTS]))

    def _get_key(self, row: RawRow) -> str:
        return to_key(row.values.get(self._column))

    def _merge(self, rows: Sequence[RawRow]) -> Iterator[RawRow]:
        if len(rows) == 1:
            yield rows[0]
            return
        values = first_values(rows)
        pictures = collect_images(rows)
        if pictures:
            values = {name: value for name, value in values.items() if name not in IMAGE_COLUMNS}
            values["images"] = pictures
        variants = list(_differences(rows, values))
        if variants:
            values.setdefault(VARIANTS, variants)
        yield RawRow(rows[0].line, values)


def first_values(rows: Sequence[RawRow]) -> dict[str, object]:
    """Return the first present value of every column."""
    values: dict[str, object] = {}
    for row in rows:
        for name, value in row.values.items():
            if not is_blank(value):
                values.setdefault(name, value)
    return values


def collect_images(rows: Sequence[RawRow]) -> list[object]:
    """Return the image cells of all rows in order, each text once; lists are flattened."""
    cells: list[object] = []
    for row in rows:
        for column in IMAGE_COLUMNS:
            value = row.values.get(column)
            if not is_blank(value):
                cells += value if isinstance(value, list) else [value]
    return deduplicate(cells)


def deduplicate(cells: Iterable[object]) -> list[object]:
    """Return cells in order without texts that came before; bytes and objects stay."""
    seen: set[str] = set()
    kept: list[object] = []
    for cell in cells:
        if not isinstance(cell, str) or cell not in seen:
            kept.append(cell)
        if isinstance(cell, str):
            seen.add(cell)
    return kept


def _differences(rows: Sequence[RawRow], first: dict[str, object]) -> Iterator[dict[str, object]]:
    """Yield the values of each row in the columns that are not the same in all rows."""
    different = {
        name
        for row in rows
        for name, value in row.values.items()
        if not _is_common(name) and not is_blank(value) and not _is_equal(value, first.get(name))
    }
    for row in rows:
        found = {name: value for name, value in row.values.items() if name in different and not is_blank(value)}
        if found:
            yield {name: to_plain_number(name, value) for name, value in found.items()}


def _is_common(name: str) -> bool:
    """Return whether a column is no variant's: the id, vectors, and pictures with their captions and positions."""
    return name in _NEVER_DIFFERENT or "image" in name.casefold()


def _is_equal(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return one is other
    return one == other
