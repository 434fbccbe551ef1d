"""CSV: UTF-8, a header line, commas, RFC 4180 quoting with line breaks inside quotes; also gzipped.

CSV has only text, so a first pass finds the columns whose values are all integers, all numbers or all true/false, and
the second pass converts them. "007" and "1,5" stay text, as do ids and descriptions.
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
    DEFAULT_OPTIONS,
    IMAGE_COLUMNS,
    ITEM_ID,
    VECTOR_COLUMNS,
    RawRow,
    SourceOptions,
    check_unique,
    open_bytes,
)

_TEXT_ONLY = TEXT_COLUMNS | {ITEM_ID, *IMAGE_COLUMNS}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?([eE][+-]?[0-9]{1,2})?")
_BOOLEAN = re.compile(r"true|false", re.IGNORECASE)

_KINDS: tuple[tuple[re.Pattern[str], Callable[[str], object]], ...] = (
    (_INTEGER, int),
    (_NUMBER, float),
    (_BOOLEAN, lambda text: text.lower() == "true"),
)


class Csv:
    """The rows of a CSV file. typed: False leaves every value as text and skips the first pass."""

    def __init__(self, path: Path, options: SourceOptions = DEFAULT_OPTIONS, typed: bool = True) -> None:
        self.folder = path.parent
        self._path = path
        self._options = options
        self._typed = typed

    def columns(self, wanted: frozenset[str]) -> list[str]:
        """Return the header's names. Raises InvalidCatalogue if no row follows."""
        header: list[str] = []
        for _, cells in self._cells():
            if header:
                return header
            header = self._to_header(cells)
        if header:
            raise InvalidCatalogue(f"{self._path} has a header and no rows")
        raise InvalidCatalogue(f"{self._path} is empty")

    def rows(self) -> Iterator[RawRow | Reject]:
        """Yield each record with the line it starts on. Raises InvalidCatalogue if the file is truncated."""
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
        """Return the converter of each column, None for text."""
        lines = self._cells()
        header = self._to_header(next(lines)[1])
        numbers = {index: _KINDS for index, name in enumerate(header) if name and name not in _TEXT_ONLY}
        filled: set[int] = set()
        for _, cells in lines:
            if isinstance(cells, BadRow) or len(cells) != len(header):
                continue
            for index, possible in list(numbers.items()):
                text = cells[index].strip()
                if text:
                    filled.add(index)
                    numbers[index] = tuple(kind for kind in possible if kind[0].fullmatch(text))
                    if not numbers[index]:
                        del numbers[index]
        return [numbers[index][0][1] if index in filled & numbers.keys() else None for index in range(len(header))]

    def _cells(self) -> Iterator[tuple[int, list[str] | BadRow]]:
        """Yield each nonblank record, header first, with the line it starts on."""
        with open_bytes(self._path) as stream:
            # Invalid UTF-8 becomes lone surrogates, so that it rejects one row and not the file.
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
    """The physical lines of a file; all but the first of a broken record can be read again as records."""

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
        """Return the line number where the next record starts, from 1."""
        self._record.clear()
        return self._number + 1

    def rewind(self) -> None:
        """Push back all lines of the record but its first: an unclosed quote then costs one line, not the rest."""
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
