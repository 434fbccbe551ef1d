"""Delimited text: CSV, TSV and their like, with a header; also gzipped. Every value is text as written."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from engine.catalog.coercion import BadRow, InvalidValue
from engine.errors import InvalidCatalogue
from indexer.catalog.formats.csv_dialect import CsvDialect, detect_dialect, is_blank
from indexer.catalog.formats.csv_records import CsvRecords, Record, read_lines
from indexer.catalog.formats.text_encoding import TextEncoding, detect_encoding, explain_bad_byte
from indexer.catalog.product import Reject
from indexer.catalog.raw_row import DEFAULT_OPTIONS, VECTOR_COLUMNS, RawRow, SourceOptions
from indexer.catalog.row_batch import RowBatch

_USUAL_DELIMITERS = {".tsv": "\t", ".tab": "\t", ".txt": "\t"}
_DELIMITER_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


class Csv:
    """The rows of a file of delimited text."""

    def __init__(self, path: Path, options: SourceOptions = DEFAULT_OPTIONS) -> None:
        self.folder = path.parent
        self._path = path
        self._options = options
        suffix = path.with_suffix("").suffix if path.suffix.lower() == ".gz" else path.suffix
        self._usual_delimiter = _USUAL_DELIMITERS.get(suffix.lower(), ",")
        self._layout: tuple[TextEncoding, CsvDialect] | None = None
        self._read_notices: list[str] = []
        self._names: list[str] = []

    def columns(self, wanted: frozenset[str]) -> list[str]:
        """Return the header's names. Raises InvalidCatalogue if no row follows."""
        records = iter(self._open())
        header = self._read_header(records)
        if all(is_blank(record) for _, record in records):
            raise InvalidCatalogue(f"{self._path} has a header and no rows")
        return [name for name in header if name]

    def header(self) -> list[str]:
        """Return the header's names, "" for columns without one. Raises InvalidCatalogue if it cannot be read."""
        return self._read_header(iter(self._open()))

    def rows(self) -> Iterator[RawRow | Reject]:
        """Yield each record that is not blank, with the line it starts on; blank cells are left out.

        Raises:
            InvalidCatalogue: The header cannot be read, or the file is truncated.
        """
        for line, cells in self._checked_records():
            if isinstance(cells, Reject):
                yield cells
                continue
            values: dict[str, object] = {
                name: text for name, text in zip(self._names, cells, strict=True) if name and text is not None
            }
            yield RawRow(line, values)

    def batches(self, size: int) -> Iterator[RowBatch]:
        """Yield the same rows by columns. Raises InvalidCatalogue as `rows`."""
        records = self._checked_records()
        while chunk := list(islice(records, size)):
            rejects: list[tuple[int, Reject]] = []
            lines: list[int] = []
            rows: list[Sequence[object]] = []
            for line, cells in chunk:
                if isinstance(cells, Reject):
                    rejects.append((len(lines), cells))
                else:
                    lines.append(line)
                    rows.append(cells)
            columns = zip(*rows, strict=True) if rows else [()] * len(self._names)
            yield RowBatch(
                lines, {name: values for name, values in zip(self._names, columns, strict=True) if name}, rejects
            )

    def _checked_records(self) -> Iterator[tuple[int, Sequence[object] | Reject]]:
        """Yield each record that is not blank, as wide as the header and None for blank cells, or a reject."""
        source = self._open()
        records = iter(source)
        header = self._names = self._read_header(records)
        width = len(header)
        clean = self._find_layout()[0].clean
        named = all(header)
        short = unnamed = repeated = 0
        after_bad = False
        for line, cells in records:
            if isinstance(cells, BadRow):
                after_bad = True
                yield line, Reject(line, "", str(cells))
                continue
            if len(cells) != width:
                surplus = any(cell.strip() for cell in cells[width:])
                # Right after a broken record, a short one is the rest of it.
                if surplus or (after_bad and len(cells) < width and not is_blank(cells)):
                    yield line, Reject(line, "", f"expected {width} fields, got {len(cells)}")
                    continue
                short += not is_blank(cells) and any(header[len(cells) :])
                cells = [*cells[:width], *[""] * (width - len(cells))]
            after_bad = False
            if cells[0] == header[0] and [cell.strip() for cell in cells] == header:
                repeated += 1
                continue
            values: Sequence[str | None] = cells
            if "" in cells or " " in cells or cells[0].isspace():
                values = [None if not text or text.isspace() else text for text in cells]
                if not any(values):
                    continue
            if not named:
                unnamed += any(text for name, text in zip(header, values, strict=True) if not name)
            yield line, values if clean else self._mark_bad_cells(values)
        self._read_notices = _explain_rows(source, short, unnamed, repeated)

    def notices(self) -> list[str]:
        """Return what the file was taken for; after all rows were read, also what was found in them."""
        encoding, dialect = self._find_layout()
        delimiter = _DELIMITER_NAMES.get(dialect.delimiter, repr(dialect.delimiter))
        unusual = f"delimited by {delimiter}" if dialect.delimiter != self._usual_delimiter else ""
        return [*filter(None, (encoding.notice, unusual, dialect.notice)), *self._read_notices]

    def _find_layout(self) -> tuple[TextEncoding, CsvDialect]:
        if self._layout is None:
            encoding = detect_encoding(self._path, self._options)
            first = next(read_lines(self._path, encoding), ("", []))
            self._layout = encoding, detect_dialect(first, self._options.delimiter, self._usual_delimiter)
        return self._layout

    def _open(self) -> CsvRecords:
        encoding, dialect = self._find_layout()
        if not dialect.header_line:
            raise InvalidCatalogue(f"{self._path} is empty")
        return CsvRecords(read_lines(self._path, encoding), dialect.delimiter, dialect.skip_spaces)

    def _read_header(self, records: Iterator[tuple[int, Record]]) -> list[str]:
        """Return the names, "" for columns without one; the records after the header are next."""
        encoding, dialect = self._find_layout()
        cells = next(record for line, record in records if line == dialect.header_line)
        if isinstance(cells, BadRow):
            raise InvalidCatalogue(f"{self._path}: cannot read the header: {cells}")
        for cell in cells:
            fault = "holds the character 0: is this a text file?" if "\0" in cell else explain_bad_byte(cell, encoding)
            if fault:
                raise InvalidCatalogue(f"{self._path}: cannot read the header: {fault}")
        header = [cell.strip().strip("\ufeff").strip() for cell in cells]
        self._check_names(header)
        return header

    def _check_names(self, header: list[str]) -> None:
        columns: dict[str, int] = {}
        for number, name in enumerate(header, start=1):
            if name and name in columns:
                both = f"columns {columns[name]} and {number}"
                raise InvalidCatalogue(f"{self._path} has two columns named {name!r}, {both}: rename or remove one")
            columns[name] = number
        for name in VECTOR_COLUMNS.keys() & columns.keys():
            raise InvalidCatalogue(f"{self._path}: {name} cannot come in a CSV file: use Parquet or JSON Lines")

    def _mark_bad_cells(self, cells: Sequence[object]) -> list[object]:
        encoding, _ = self._find_layout()
        faults = ("" if text is None else explain_bad_byte(str(text), encoding) for text in cells)
        return [InvalidValue(fault) if fault else text for fault, text in zip(faults, cells, strict=True)]


def _explain_rows(source: CsvRecords, short: int, unnamed: int, repeated: int) -> list[str]:
    notices = []
    if source.escaped:
        notices.append('quotes inside quotes are escaped by a backslash: read \\" as a quote')
    if short:
        notices.append(f"rows with fewer cells than the header, whose missing ones are absent: {short}")
    if unnamed:
        notices.append(f"rows with a value in a column without a name, which is left out: {unnamed}")
    if repeated:
        notices.append(f"rows that repeat the header, left out: {repeated}")
    return notices
