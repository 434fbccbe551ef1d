"""Files of lines that are the parts of one table: part-00000.csv, part-00001.csv."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

from engine.errors import InvalidCatalogue
from indexer.catalog.formats.part_files import Part, table_suffix
from indexer.catalog.product import Reject
from indexer.catalog.raw_row import CatalogSource, RawRow

_WITHOUT_HEADER = frozenset({".jsonl", ".ndjson", ".json"})


class TextParts:
    """The rows of all parts in the order of their paths; `line` counts the lines of all parts."""

    def __init__(self, folder: Path, parts: Sequence[Part], open_file: Callable[[Path], CatalogSource]) -> None:
        self.folder = folder
        self._parts = parts
        self._open_file = open_file

    def columns(self, wanted: frozenset[str]) -> list[str]:
        """Return the names of all parts. Raises InvalidCatalogue if there are no rows, or two headers differ."""
        if not self._sources:
            raise InvalidCatalogue(f"{self.folder} has no rows")
        found: dict[str, None] = {}
        headers: list[tuple[Part, list[str]]] = []
        for part, source in self._sources:
            columns = source.columns(wanted)
            headers.append((part, columns))
            found.update(dict.fromkeys([*columns, *part.values]))
        _check_headers(headers)
        return list(found)

    def rows(self) -> Iterator[RawRow | Reject]:
        """Yield every row. Raises InvalidCatalogue if a part is truncated."""
        before = 0
        for part, source in self._sources:
            line = 0
            for row in source.rows():
                line = row.line
                if isinstance(row, Reject):
                    yield Reject(before + line, row.item_id, f"{part.path.name}, line {line}: {row.reason}")
                else:
                    yield RawRow(before + line, {**part.values, **row.values} if part.values else row.values)
            before += line

    def notices(self) -> list[str]:
        """Return what the parts were taken for, and how many there are."""
        found = {f"{len(self._parts)} parts are read as one table": None} if len(self._parts) > 1 else {}
        for _, source in self._sources:
            found |= dict.fromkeys(source.notices())
        return list(found)

    @cached_property
    def _sources(self) -> list[tuple[Part, CatalogSource]]:
        """The parts with rows: of a table with few rows, Spark writes parts that have none."""
        sources = [(part, self._open_file(part.path)) for part in self._parts if part.path.stat().st_size]
        return [(part, source) for part, source in sources if not _is_empty(source)]


def _is_empty(source: CatalogSource) -> bool:
    try:
        source.columns(frozenset())
    except InvalidCatalogue:
        # Raises again if the part cannot be read.
        return next(source.rows(), None) is None
    return False


def _check_headers(headers: Sequence[tuple[Part, list[str]]]) -> None:
    first, expected = headers[0]
    for part, columns in headers[1:]:
        if table_suffix(part.path.name) not in _WITHOUT_HEADER and set(columns) != set(expected):
            raise InvalidCatalogue(
                f"expected the parts of one table to have one header, got {', '.join(map(repr, expected))} in "
                f"{first.path} and {', '.join(map(repr, columns))} in {part.path}"
            )
