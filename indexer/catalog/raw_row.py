"""What every format hands over: a row of raw values, and where those values mean the same for all formats."""

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
"""Columns that bring an item's own vectors, and the block that each of them fills."""


@dataclass(frozen=True, slots=True)
class RawRow:
    """Raw values by column. A vector is a list of numbers not yet checked, or an array that has been."""

    line: int
    values: Mapping[str, object]


class CatalogSource(Protocol):
    """One catalogue in one format."""

    folder: Path
    """What the paths of its pictures are relative to."""

    def columns(self, wanted: frozenset[str]) -> list[str]:
        """Return the names of the columns; a format without a header reads on until it has met every wanted one.

        Raises InvalidCatalogue if there are no rows or the file cannot be read.
        """
        ...

    def rows(self) -> Iterator[RawRow | Reject]:
        """Yield every row in the file's order. Raises InvalidCatalogue where the file breaks off."""
        ...


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, or what a .gz file holds. Raises InvalidCatalogue if it, or any read from it, fails."""
    try:
        with cast(IO[bytes], gzip.open(path)) if path.suffix.lower() == ".gz" else open(path, "rb") as stream:
            yield stream
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidCatalogue(f"cannot read {path}: {error}") from error


def check_unique(names: Iterable[str], path: Path) -> None:
    """Raises InvalidCatalogue if two columns have the same name."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InvalidCatalogue(f"{path} has two columns named {name!r}")
        seen.add(name)
