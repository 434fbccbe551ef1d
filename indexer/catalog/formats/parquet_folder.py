"""A folder of Parquet parts, as Spark and Hive write them, read as one table; `line` counts the rows of all parts."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from indexer.catalog.formats.parquet import Parquet
from indexer.catalog.product import Reject
from indexer.catalog.raw_row import DEFAULT_OPTIONS, RawRow, SourceOptions

_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


class ParquetFolder:
    """The parts below a folder in order of their paths; folders such as category=shoes are a column."""

    def __init__(self, path: Path, options: SourceOptions = DEFAULT_OPTIONS) -> None:
        self.folder = path
        self._parts = [(Parquet(part, options), _partition(part.relative_to(path))) for part in part_paths(path)]

    def columns(self, wanted: frozenset[str]) -> list[str]:
        """Return the columns of all parts. Raises InvalidCatalogue as `Parquet.columns`, with the part's path."""
        names: dict[str, None] = {}
        for part, values in self._parts:
            names.update(dict.fromkeys([*part.columns(wanted), *values]))
        return list(names)

    def rows(self) -> Iterator[RawRow | Reject]:
        """Yield every row of every part. Raises InvalidCatalogue if one is truncated."""
        number = 0
        for part, values in self._parts:
            for row in part.rows():
                number += 1
                yield row if isinstance(row, Reject) else RawRow(number, {**values, **row.values})

    def notices(self) -> list[str]:
        """Return how many parts there are, and which columns were left out."""
        notices = dict.fromkeys(notice for part, _ in self._parts for notice in part.notices())
        return [f"{len(self._parts)} Parquet files are read as one table", *notices]


def part_paths(folder: Path) -> list[Path]:
    """Return the Parquet files below a folder, without those that Spark hides, sorted by path."""
    return sorted(
        path
        for path in folder.rglob("*.parquet")
        if path.is_file() and not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
    )


def _partition(path: Path) -> dict[str, object]:
    """Return the values in the names of the folders of a part: category=shoes/part-0.parquet."""
    pairs = (part.partition("=") for part in path.parts[:-1] if "=" in part)
    return {name: unquote(value) for name, _, value in pairs if value != _NO_VALUE}
