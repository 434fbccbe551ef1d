"""CSV: UTF-8, a header line, commas, RFC 4180 quoting with line breaks inside quotes; also gzipped.

CSV knows only text, so a first pass over the file finds the columns whose values are all integers, all numbers or all
true/false, and the second pass hands them over as such. "007" and "1,5" stay text; so do ids and descriptions.
"""

import csv
import io
import re
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from engine.catalog.coercion import TEXT_COLUMNS, BadRow
from engine.errors import InvalidCatalogue
from indexer.catalog.product import Reject
from indexer.catalog.raw_row import (
    IMAGE_COLUMNS,
    ITEM_ID,
    VECTOR_COLUMNS,
    RawRow,
    check_unique,
    open_bytes,
)

_KEPT_TEXT = TEXT_COLUMNS | {ITEM_ID, *IMAGE_COLUMNS}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?([eE][+-]?[0-9]{1,2})?")
_TRUTH = re.compile(r"true|false", re.IGNORECASE)

_KINDS: tuple[tuple[re.Pattern[str], Callable[[str], object]], ...] = (
    (_INTEGER, int),
    (_NUMBER, float),
    (_TRUTH, lambda text: text.lower() == "true"),
)


class Csv:
    """The rows of a CSV file. typed: False leaves every value the text that it is, and saves the first pass."""

    def __init__(self, path: Path, typed: bool = True) -> None:
        self.folder = path.parent
        self._path = path
        self._typed = typed

    def columns(self, wanted: frozenset[str]) -> list[str]:
        """Return the names in the header. Raises InvalidCatalogue if there is no row below it."""
        header: list[str] = []
        for _, cells in self._cells():
            if header:
                return header
            header = self._to_header(cells)
        if header:
            raise InvalidCatalogue(f"{self._path} has a header and no rows")
        raise InvalidCatalogue(f"{self._path} is empty")

    def rows(self) -> Iterator[RawRow | Reject]:
        """Yield one row for each record, on the line it starts on. Raises InvalidCatalogue if the file breaks off."""
        lines = self._cells()
        header = self._to_header(next(lines)[1])
        kinds = self._kinds() if self._typed else [None] * len(header)
        for number, cells in lines:
            try:
                cells = _checked(cells, len(header))
            except BadRow as bad:
                yield Reject(number, "", str(bad))
                continue
            values: dict[str, object] = {}
            for name, kind, text in zip(header, kinds, cells, strict=True):
                if name and text:
                    values[name] = text if kind is None or text.isspace() else kind(text.strip())
            yield RawRow(number, values)

    def _to_header(self, cells: list[str] | BadRow) -> list[str]:
        if isinstance(cells, BadRow):
            raise InvalidCatalogue(f"{self._path}: cannot read the header: {cells}")
        if _undecodable(cells) or "\0" in "".join(cells):
            raise InvalidCatalogue(f"{self._path}: expected a header in UTF-8, got other bytes")
        header = [name.strip() for name in cells]
        check_unique(filter(None, header), self._path)
        for name in VECTOR_COLUMNS.keys() & set(header):
            raise InvalidCatalogue(f"{self._path}: {name} cannot come in a CSV file: use Parquet or JSON Lines")
        return header

    def _kinds(self) -> list[Callable[[str], object] | None]:
        """Return how each column's texts become values, None for text."""
        lines = self._cells()
        header = self._to_header(next(lines)[1])
        numbers = {place: _KINDS for place, name in enumerate(header) if name and name not in _KEPT_TEXT}
        filled: set[int] = set()
        for _, cells in lines:
            if isinstance(cells, BadRow) or len(cells) != len(header):
                continue
            for place, possible in list(numbers.items()):
                text = cells[place].strip()
                if text:
                    filled.add(place)
                    numbers[place] = tuple(kind for kind in possible if kind[0].fullmatch(text))
                    if not numbers[place]:
                        del numbers[place]
        return [numbers[at][0][1] if at in filled & numbers.keys() else None for at in range(len(header))]

    def _cells(self) -> Iterator[tuple[int, list[str] | BadRow]]:
        """Yield each record that is not blank, header first, with the line it starts on."""
        with open_bytes(self._path) as stream:
            # Bytes that are not UTF-8 come through as lone surrogates, so that they cost one row and not the file.
            text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
            lines = _Lines(text)
            reader = csv.reader(lines, strict=True)
            while True:
                start = lines.begin()
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    lines.rewind()
                    yield start, BadRow(f"bad CSV: {error}")
                    continue
                if cells:
                    yield start, cells


class _Lines:
    """The physical lines of a file; those of a broken record, but its first, can be read again as records."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: deque[str] = deque()
        self._record: list[str] = []
        self._number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self._record.append(line)
        self._number += 1
        return line

    def begin(self) -> int:
        """Return the number of the line that the next record starts on, from 1."""
        self._record.clear()
        return self._number + 1

    def rewind(self) -> None:
        """Give back all lines of the record but its first: a quote never closed then costs one line, not the rest."""
        self._again.extendleft(reversed(self._record[1:]))
        self._number -= len(self._record) - 1


def _checked(cells: list[str] | BadRow, expected: int) -> list[str]:
    if isinstance(cells, BadRow):
        raise cells
    if len(cells) != expected:
        raise BadRow(f"expected {expected} fields, got {len(cells)}")
    if _undecodable(cells):
        raise BadRow("not UTF-8")
    return cells


def _undecodable(cells: list[str]) -> bool:
    try:
        "".join(cells).encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False
