"""Records of delimited text as rows: as wide as the header, None for blank cells, or rejected with the reason."""

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from engine.catalog.coercion import BadRow, InvalidValue
from indexer.catalog.formats.csv_dialect import is_blank
from indexer.catalog.formats.csv_records import Record
from indexer.catalog.formats.text_encoding import TextEncoding, explain_bad_byte
from indexer.catalog.product import Reject

Cells = Sequence[object]


class RecordChecker:
    """Checks the records of one file in their order, and counts what was odd about them.

    Attributes:
        short: Records with fewer cells than the header.
        unnamed: Records with a value in a column without a name.
        repeated: Records that repeat the header.
    """

    def __init__(self, header: list[str], encoding: TextEncoding) -> None:
        self._header = header
        self._encoding = encoding
        self._is_named = all(header)
        self._after_bad = False
        self.short = self.unnamed = self.repeated = 0

    def check(self, records: Iterable[tuple[int, Record]]) -> Iterator[tuple[int, Cells | Reject]]:
        """Yield each record that is not blank."""
        for line, cells in records:
            checked = self._check(line, cells)
            if checked is not None:
                yield line, checked

    def to_columns(self, records: Sequence[tuple[int, Record]]) -> list[Cells] | None:
        """Return records that need no check as columns, None if one of them does: four times as fast as row by row."""
        width = len(self._header)
        if not self._encoding.clean or not self._is_named:
            return None
        if not all(type(cells) is list and len(cells) == width for _, cells in records):
            return None
        rows = cast(list[list[str]], [cells for _, cells in records])
        first, *others = zip(*rows, strict=True)
        if self._header[0] in first or any(not text or text.isspace() for text in first):
            return None
        self._after_bad = False
        return [first, *([text or None for text in column] if "" in column else column for column in others)]

    def _check(self, line: int, cells: Record) -> Cells | Reject | None:
        width = len(self._header)
        if isinstance(cells, BadRow):
            self._after_bad = True
            return Reject(line, "", str(cells))
        if len(cells) != width:
            surplus = any(cell.strip() for cell in cells[width:])
            # Right after a broken record, a short one is the rest of it.
            if surplus or (self._after_bad and len(cells) < width and not is_blank(cells)):
                return Reject(line, "", f"expected {width} fields, got {len(cells)}")
            self.short += not is_blank(cells) and any(self._header[len(cells) :])
            cells = [*cells[:width], *[""] * (width - len(cells))]
        self._after_bad = False
        if cells[0] == self._header[0] and [cell.strip() for cell in cells] == self._header:
            self.repeated += 1
            return None
        values = [None if not text or text.isspace() else text for text in cells]
        if not any(values):
            return None
        if not self._is_named:
            self.unnamed += any(text for name, text in zip(self._header, values, strict=True) if not name)
        return values if self._encoding.clean else self._mark_bad_cells(values)

    def _mark_bad_cells(self, cells: Cells) -> list[object]:
        faults = ("" if text is None else explain_bad_byte(str(text), self._encoding) for text in cells)
        return [InvalidValue(fault) if fault else text for fault, text in zip(faults, cells, strict=True)]
