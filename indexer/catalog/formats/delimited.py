"""Delimited text: CSV, TSV and their like, with a header; also gzipped. Every value is text as written."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from engine.catalog.coercion import BadRow
from engine.errors import InvalidCatalogue
from indexer.catalog.formats.csv_dialect import CsvDialect, detect_dialect, is_blank
from indexer.catalog.formats.csv_records import CsvRecords, Record, read_lines
from indexer.catalog.formats.record_checker import Cells, RecordChecker
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
        source = self._open()
        records = iter(source)
        header = self._read_header(records)
        checker = RecordChecker(header, self._find_layout()[0])
        for line, cells in checker.check(records):
            if isinstance(cells, Reject):
                yield cells
            else:
                named = zip(header, cells, strict=True)
                yield RawRow(line, {name: text for name, text in named if name and text is not None})
        self._read_notices = _explain_rows(source, checker)

    def batches(self, size: int) -> Iterator[RowBatch]:
        """Yield the same rows by columns. Raises InvalidCatalogue as `rows`."""
        source = self._open()
        records = iter(source)
        header = self._read_header(records)
        checker = RecordChecker(header, self._find_layout()[0])
        while chunk := list(islice(records, size)):
            columns = checker.to_columns(chunk)
            if columns is not None:
                yield RowBatch([line for line, _ in chunk], dict(zip(header, columns, strict=True)), [])
            else:
                yield _to_batch(checker.check(chunk), header)
        self._read_notices = _explain_rows(source, checker)

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


def _to_batch(records: Iterable[tuple[int, Cells | Reject]], header: Sequence[str]) -> RowBatch:
    rejects: list[tuple[int, Reject]] = []
    lines: list[int] = []
    rows: list[Cells] = []
    for line, cells in records:
        if isinstance(cells, Reject):
            rejects.append((len(lines), cells))
        else:
            lines.append(line)
            rows.append(cells)
    columns: Iterable[Cells] = zip(*rows, strict=True) if rows else [()] * len(header)
    return RowBatch(lines, {name: values for name, values in zip(header, columns, strict=True) if name}, rejects)


def _explain_rows(source: CsvRecords, checker: RecordChecker) -> list[str]:
    notices = []
    if source.escaped:
        notices.append('quotes inside quotes are escaped by a backslash: read \\" as a quote')
    if checker.short:
        notices.append(f"rows with fewer cells than the header, whose missing ones are absent: {checker.short}")
    if checker.unnamed:
        notices.append(f"rows with a value in a column without a name, which is left out: {checker.unnamed}")
    if checker.repeated:
        notices.append(f"rows that repeat the header, left out: {checker.repeated}")
    return notices
