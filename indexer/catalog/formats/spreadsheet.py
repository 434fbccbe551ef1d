"""Excel and OpenDocument workbooks: the first sheet with a header and rows; `line` is the row number of the sheet."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

from python_calamine import CalamineError, CalamineWorkbook

from engine.errors import InvalidCatalogue
from indexer.catalog.product import Reject
from indexer.catalog.raw_row import DEFAULT_OPTIONS, RawRow, SourceOptions, check_unique

Cells = Sequence[object]

# A title above the header has one cell; a header has at least two, or the sheet has one column.
_TITLE_ROWS = 20


class Spreadsheet:
    """The rows of one sheet. The whole sheet is in memory, as the file format asks for."""

    def __init__(self, path: Path, options: SourceOptions = DEFAULT_OPTIONS) -> None:
        self.folder = path.parent
        self._path = path
        self._notices: list[str] = []
        self._start = 0
        self._rows: Sequence[Cells] = ()

    def columns(self, wanted: frozenset[str]) -> list[str]:
        """Return the header's names. Raises InvalidCatalogue if no sheet has a header and rows."""
        if not self._rows:
            self._read()
        return [name for name in self._header() if name]

    def rows(self) -> Iterator[RawRow | Reject]:
        """Yield each row that is not blank."""
        self.columns(frozenset())
        header = self._header()
        for number, cells in enumerate(self._rows[1:], start=self._start + 2):
            values = {name: _to_value(cell) for name, cell in zip(header, cells, strict=False) if name}
            values = {name: value for name, value in values.items() if value is not None and value != ""}
            if values:
                yield RawRow(number, values)

    def notices(self) -> list[str]:
        """Return which sheet was read, if there are several."""
        return self._notices

    def _header(self) -> list[str]:
        return [str(cell).strip() for cell in self._rows[0]]

    def _read(self) -> None:
        try:
            book = CalamineWorkbook.from_path(str(self._path))
            sheets = {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names}
        except (CalamineError, OSError, ValueError) as error:
            raise InvalidCatalogue(f"cannot read {self._path}: {error}") from error
        for name, rows in sheets.items():
            start = _find_header(rows)
            if start is not None:
                self._rows, self._start = cast(Sequence[Cells], rows[start:]), start
                check_unique(filter(None, self._header()), self._path)
                others = ", ".join(other for other in sheets if other != name)
                self._notices = [f"the sheet {name} is read, not {others}"] if others else []
                return
        raise InvalidCatalogue(f"{self._path}: expected a sheet with a header and rows, got none")


def _find_header(rows: Sequence[Cells]) -> int | None:
    """Return the index of the header: the first row with as many cells as the rows below have; None without rows."""
    widths = [sum(cell != "" for cell in row) for row in rows]
    widest = max(widths, default=0)
    for index, width in enumerate(widths[:_TITLE_ROWS]):
        if width and (width > 1 or widest == 1) and any(widths[index + 1 :]):
            return index
    return None


def _to_value(cell: object) -> object:
    """Return a cell's value: whole numbers without the .0 that workbooks store."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return int(cell)
    return cell
