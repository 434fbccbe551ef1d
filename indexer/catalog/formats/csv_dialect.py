"""The dialect of delimited text: its delimiter and the line of its header, found from the first records."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from engine.catalog.coercion import BadRow
from engine.errors import InvalidSetting
from indexer.catalog.formats.csv_records import Block, CsvRecords, Record

_SAMPLE_RECORDS = 200
_MAX_PREAMBLE_RECORDS = 20
_MAX_NAME_CHARACTERS = 80
_DELIMITERS = (",", ";", "\t", "|", "^", "~", "\x01", "\x1f")
_DELIMITER_NAMES = {"\\t": "\t", "tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
_EXCEL_LINE = re.compile(r'"?sep=(.)"?[ \t;,]*(?:\r|\n|$)', re.IGNORECASE)
_USUAL_NAMES = frozenset(["item_id", "id", "sku", "title", "name", "handle", "product_id", "gtin", "ean"])


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """How one file is delimited.

    Attributes:
        delimiter: One character.
        skip_spaces: Whether blanks after a delimiter are no part of the cell, so that a quote may follow them.
        header_line: The line that the header starts on; 0 if the file is empty.
        notice: A sentence for the user if lines before the header are left out; else empty.
    """

    delimiter: str
    skip_spaces: bool = False
    header_line: int = 0
    notice: str = ""


@dataclass(frozen=True, slots=True)
class _Trial:
    """The first records in one dialect, and how well they fit its header, 0 to 1."""

    dialect: CsvDialect
    fit: float


def detect_dialect(block: Block, delimiter: str | None, usual: str) -> CsvDialect:
    """Return the dialect in which the first records fit the header best.

    Args:
        block: The first lines of the file.
        delimiter: The delimiter, as a character or a name such as "tab"; None to detect it.
        usual: The delimiter that the file's name suggests, which wins ties.

    Raises:
        InvalidSetting: `delimiter` is not one character.
    """
    text, lines = block
    excel = _EXCEL_LINE.match(lines[0]) if lines else None
    given = parse_delimiter(delimiter) if delimiter else excel[1] if excel else None
    candidates = [given] if given else [d for d in dict.fromkeys((usual, *_DELIMITERS)) if d in text] or [usual]
    trials = []
    for candidate in candidates:
        for skip_spaces in (False, True) if f'{candidate} "' in text else (False,):
            records = CsvRecords([block], candidate, skip_spaces)
            sample = [(line, record) for line, record in islice(records, _SAMPLE_RECORDS) if not is_blank(record)]
            trials.append(_try(sample[1:] if excel else sample, CsvDialect(candidate, skip_spaces)))
    best = max(trials, key=lambda trial: trial.fit)
    # Nothing delimits a file of one column.
    return best.dialect if best.fit > 0 else replace(trials[0].dialect, delimiter=given or usual)


def parse_delimiter(text: str) -> str:
    """Return a delimiter as one character. Raises InvalidSetting."""
    delimiter = _DELIMITER_NAMES.get(text.lower(), text)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise InvalidSetting(f"expected a delimiter of one character, such as ';' or 'tab', got {text!r}")
    return delimiter


def is_blank(record: Record) -> bool:
    """Return whether all cells of a record are blank."""
    return not isinstance(record, BadRow) and not any(cell.strip() for cell in record)


def _try(sample: Sequence[tuple[int, Record]], dialect: CsvDialect) -> _Trial:
    if not sample:
        return _Trial(dialect, 0.0)
    records = [record for _, record in sample]
    index = _find_header(records)
    header_line, header = sample[index]
    notice = ""
    if index:
        left_out = ", ".join(str(line) for line, _ in sample[:index])
        notice = f"the header is on line {header_line}: left out before it: line {left_out}"
    dialect = replace(dialect, header_line=header_line, notice=notice)
    width = _width(header)
    if width < 2:
        return _Trial(dialect, 0.0)
    fits = [_fit(row, width) for row in records[index + 1 :]]
    # Two columns may be a comma in each title; ten are not.
    return _Trial(dialect, (sum(fits) / len(fits) if fits else 0.5) * (1 - 1 / width))


def _fit(row: Record, width: int) -> float:
    """Return how well a row fits a header of `width` cells: 0.5 if its last cells are missing or blank."""
    cells = _width(row)
    if cells == width or (not isinstance(row, BadRow) and len(row) == width):
        return 1.0
    return 0.5 if 1 < cells < width else 0.0


def _width(record: Record) -> int:
    """Return the number of cells up to the last that is not blank; 0 for a broken record."""
    if isinstance(record, BadRow):
        return 0
    return max((n for n, cell in enumerate(record, start=1) if cell.strip()), default=0)


def _find_header(records: Sequence[Record]) -> int:
    """Return the index of the header: 0, unless titles or comments unmistakably stand before it."""
    widths = [_width(record) for record in records]
    usual_width = Counter(widths[1:]).most_common(1)[0][0] if len(records) > 1 else 0
    index = 0
    while index < min(len(records) - 2, _MAX_PREAMBLE_RECORDS) and widths[index] != usual_width:
        if isinstance(records[index], BadRow) or _has_usual_name(records[index]):
            return 0
        index += 1
    header = records[index]
    if not index or isinstance(header, BadRow) or widths[index] != usual_width or usual_width < 2:
        return 0
    names = [cell.strip() for cell in header[:usual_width]]
    if len(set(names)) < usual_width or not all(map(_is_name, names)):
        return 0
    plain = all(map(_is_comment, records[:index]))
    rows = [row for row in records[index + 1 :] if _width(row) == usual_width]
    return index if _has_usual_name(names) or (plain and _differs(names, rows)) else 0


def _is_comment(record: Record) -> bool:
    return not isinstance(record, BadRow) and (record[0].startswith("#") or sum(map(bool, map(str.strip, record))) == 1)


def _has_usual_name(record: Record) -> bool:
    return not isinstance(record, BadRow) and not _USUAL_NAMES.isdisjoint(cell.strip().lower() for cell in record)


def _differs(names: list[str], rows: Sequence[Record]) -> bool:
    """Return whether a column has digits in all rows and none in its name."""
    columns = zip(*(row[: len(names)] for row in rows if not isinstance(row, BadRow)), strict=False)
    pairs = zip(names, columns, strict=False)
    return any(not _has_digit(name) and all(map(_has_digit, cells)) for name, cells in pairs)


def _is_name(text: str) -> bool:
    return 0 < len(text) <= _MAX_NAME_CHARACTERS and any(map(str.isalpha, text)) and "://" not in text


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))
