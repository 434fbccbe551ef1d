"""The interface of catalogue formats: rows of raw values, and the columns with a fixed meaning."""

import gzip
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, cast

from engine.errors import InvalidCatalogue
from indexer.catalog.product import Reject

ITEM_ID = "item_id"
IMAGE_COLUMNS = ("image", "images")
VECTOR_COLUMNS = {"image_vector": "image", "text_vector": "text"}
"""Columns with an item's own vectors, and the block that each fills."""


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How to read a file whose format leaves it open.

    Attributes:
        encoding: Encoding of a text file, such as "cp1252"; None to detect it.
        delimiter: Delimiter of a CSV file; None to detect it.
    """

    encoding: str | None = None
    delimiter: str | None = None


DEFAULT_OPTIONS = SourceOptions()


@dataclass(frozen=True, slots=True)
class RawRow:
    """Raw values by column. A vector is an unchecked list of numbers, or a checked array."""

    line: int
    values: Mapping[str, object]


class CatalogSource(Protocol):
    """One catalogue in one format."""

    folder: Path
    """The folder that image paths are relative to."""

    def columns(self, wanted: frozenset[str]) -> list[str]:
        """Return the column names; a format without a header reads on until every wanted one was seen.

        Raises:
            InvalidCatalogue: There are no rows, or the file cannot be read.
        """
        ...

    def rows(self) -> Iterator[RawRow | Reject]:
        """Yield every row in the file's order. Raises InvalidCatalogue if the file is truncated."""
        ...

    def notices(self) -> list[str]:
        """Return sentences about the file that a person should know; complete once all rows were read."""
        ...


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, decompressing .gz. Raises InvalidCatalogue if opening or any read fails."""
    try:
        with cast(IO[bytes], gzip.open(path)) if path.suffix.lower() == ".gz" else open(path, "rb") as stream:
            yield stream
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidCatalogue(f"cannot read {path}: {error}") from error


def check_unique(names: Iterable[str], path: Path) -> None:
    """Raise InvalidCatalogue if two columns have the same name."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InvalidCatalogue(f"{path} has two columns named {name!r}")
        seen.add(name)
