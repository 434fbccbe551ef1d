"""The records of delimited text: RFC 4180 with line breaks inside quotes, and what programs write instead.

A record that cannot be parsed costs its first line: those after it are read again as records of their own.
"""

import csv
import io
import re
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

from engine.catalog.coercion import BadRow
from engine.errors import InvalidCatalogue
from indexer.catalog.formats.text_encoding import TextEncoding, decode_blocks

MAX_FIELD_CHARACTERS = 16 * 2**20

Record = list[str] | BadRow
Block = tuple[str, list[str]]
"""Text of whole lines, and these lines with their line breaks."""

_SAMPLE_LINES = 200
_MAX_FAILED_REPAIRS = 20
_MAX_LINE_CHARACTERS = 4 * MAX_FIELD_CHARACTERS
# Backslash and quote, unless the backslash is itself escaped.
_ESCAPED_QUOTE = re.compile(r'(?<!\\)((?:\\\\)*)\\"')
_ESCAPED = "\ufdd0"
"""Stands for an escaped quote while a record is parsed; no text holds this noncharacter."""
_FORMULA = re.compile(r'="([^"]*)"')
_TEXT_MARK = re.compile(r"'([0-9]+)")
_LONE_RETURN = re.compile(r"\r(?![\r\n])")

csv.field_size_limit(max(csv.field_size_limit(), MAX_FIELD_CHARACTERS))


class CsvRecords:
    """The records of a file's lines, once.

    Attributes:
        escaped: Whether quotes inside quotes are escaped by a backslash, as MySQL does; known once one was read.
    """

    def __init__(self, blocks: Iterable[Block], delimiter: str, skip_spaces: bool = False) -> None:
        self.escaped = False
        self._failed_repairs = 0
        self._blocks = blocks
        self._delimiter = delimiter
        self._skip_spaces = skip_spaces
        self._cell_starts = (delimiter, "\n", "\r", '"')

    def __iter__(self) -> Iterator[tuple[int, Record]]:
        """Yield each record that is not an empty line, with the line that it starts on, from 1."""
        lines: list[str] = []
        first = 1
        marked = False
        carried = added = 0
        for text, new_lines in self._blocks:
            # Whether cells need cleaning is found faster for a whole block than cell by cell.
            marked = (marked and bool(lines)) or self._has_marks(text)
            lines += map(_hide_escaped_quotes, new_lines) if self.escaped else new_lines
            added += len(text)
            # A record of many blocks is parsed again after 1, 2, 4, ... of them.
            if added >= carried:
                done = yield from self._parse(lines, first, marked, final=False)
                first += done
                del lines[:done]
                carried, added = sum(map(len, lines)), 0
        yield from self._parse(lines, first, marked, final=True)

    def _parse(
        self, lines: list[str], first: int, marked: bool, final: bool
    ) -> Generator[tuple[int, Record], None, int]:
        """Yield the records of lines. Returns the number of lines of whole records, all of them if `final`."""
        position = 0
        while position < len(lines):
            base = position
            reader = self._read(lines, base)
            try:
                for cells in reader:
                    if cells:
                        yield first + position, self._clean(cells) if marked or self.escaped else cells
                    position = base + reader.line_num
            except csv.Error as error:
                end = base + reader.line_num
                if end == len(lines) and not final:
                    return position
                if not self._repair(lines, position, end):
                    yield first + position, BadRow(_explain(error))
                    position += 1
        return position

    def _read(self, lines: list[str], start: int) -> Any:
        # Not islice, which would take as long to start as to read the lines before.
        rest = map(lines.__getitem__, range(start, len(lines)))
        return csv.reader(rest, delimiter=self._delimiter, skipinitialspace=self._skip_spaces, strict=True)

    def _repair(self, lines: list[str], position: int, end: int) -> bool:
        """Return whether a broken record may now be parsed, with its lines and maybe all after it changed."""
        line = lines[position]
        if _LONE_RETURN.search(line) and not line.endswith("\r"):
            lines[position] = _LONE_RETURN.sub(" ", line)
            return True
        if self.escaped or self._failed_repairs == _MAX_FAILED_REPAIRS:
            return False
        if not any('\\"' in line for line in lines[position:end]):
            return False
        sample = lines[position : position + _SAMPLE_LINES]
        if self._count_bad(list(map(_hide_escaped_quotes, sample))) >= self._count_bad(sample):
            self._failed_repairs += 1
            return False
        self.escaped = True
        lines[position:] = map(_hide_escaped_quotes, lines[position:])
        return True

    def _count_bad(self, lines: list[str]) -> int:
        bad = position = 0
        while position < len(lines):
            reader = self._read(lines, position)
            try:
                for _ in reader:
                    pass
                break
            except csv.Error:
                bad += 1
                position += reader.line_num
        return bad

    def _has_marks(self, text: str) -> bool:
        """Return whether a cell of the text may have a mark; much faster than to look at each cell."""
        found = [mark for mark in ('="', "'") if mark[0] in text and mark in text]
        return text.startswith(("'", '="')) or any(end + mark in text for mark in found for end in self._cell_starts)

    def _clean(self, cells: list[str]) -> list[str]:
        if self.escaped:
            cells = [cell.replace(_ESCAPED, '"') for cell in cells]
        return [_remove_text_mark(cell) if cell.startswith(("'", "=")) else cell for cell in cells]


def _remove_text_mark(text: str) -> str:
    """Return what Excel shows for ="0012" and '0012: digits that are text."""
    match = _FORMULA.fullmatch(text) or _TEXT_MARK.fullmatch(text)
    return match[1] if match else text


def _hide_escaped_quotes(line: str) -> str:
    return _ESCAPED_QUOTE.sub(rf"\1{_ESCAPED}", line) if "\\" in line else line


def read_lines(path: Path, encoding: TextEncoding) -> Iterator[Block]:
    """Yield a file's text in blocks of whole lines, each with its lines, which keep their line breaks.

    A carriage return alone ends a line only in a file whose first line it ends.

    Raises:
        InvalidCatalogue: The file is truncated, or a line is longer than 64 Mi characters.
    """
    tail = newline = ""
    for block in decode_blocks(path, encoding):
        text = tail + block
        newline = newline or _find_newline(tail[-1:] + block)
        # The last character may be half of a line break.
        end = max(text.rfind("\n"), text.rfind("\r", 0, -1) if newline == "\r" else -1) + 1
        tail = text[end:]
        if len(tail) > _MAX_LINE_CHARACTERS:
            raise InvalidCatalogue(f"{path}: expected lines of at most {_MAX_LINE_CHARACTERS} characters, got more")
        if end:
            yield text[:end], _split(text[:end], newline)
    tail = tail.removesuffix("\x1a")  # how DOS programs end a file
    if tail:
        yield tail, _split(tail, newline)


def _find_newline(text: str) -> str:
    """Return the character that ends the first line, "" if none does."""
    end = text.find("\n")
    before = text[:end].rstrip("\r")
    return "\r" if "\r" in before else "\n" if end >= 0 else ""


def _split(text: str, newline: str) -> list[str]:
    return io.StringIO(text, newline="" if newline == "\r" else "\n").readlines()


def _explain(error: csv.Error) -> str:
    if "field limit" in str(error):
        return f"bad CSV: expected fields of at most {MAX_FIELD_CHARACTERS} characters, got more"
    return f"bad CSV: {error}"
