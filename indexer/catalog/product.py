"""A product, independent of its file format, and a rejected row."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.catalog.coercion import JSON
from engine.catalog.column_rule import ColumnType
from indexer.catalog.archived_image import ArchivedImage

ImageSource: TypeAlias = Path | bytes | ArchivedImage

DEFAULT_TEMPLATE = "{title}. {description}"


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a catalogue is read, where its file leaves it open. Columns may be named as in the file or the payload.

    Attributes:
        format: The layout of the export, such as "shopify"; "auto" to recognise it.
        column_names: The column that holds a field, by field, where the names differ.
        column_types: The type of a column, where its values shall not decide it.
        join_rows: Column whose equal values mark the rows of one product; None for one row a product.
        encoding: Encoding of a text file; None to detect it.
        decimal_comma: Whether the comma is the decimal sign; None to decide it for each column.
        language: Language of the texts to take where a value comes in several, such as "en"; None for all.
    """

    format: str = "auto"
    column_names: Mapping[str, str] = field(default_factory=dict)
    column_types: Mapping[str, ColumnType] = field(default_factory=dict)
    join_rows: str | None = None
    encoding: str | None = None
    decimal_comma: bool | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class CatalogSpec:
    """A catalogue to read. Columns may be named as in the file or the payload.

    Attributes:
        path: A file or folder.
        text_template: How a row's text is composed.
        signals: Columns that are signals.
        options: How it is read.
    """

    path: Path
    text_template: str = DEFAULT_TEMPLATE
    signals: tuple[str, ...] = ()
    options: ReadOptions = ReadOptions()


@dataclass(frozen=True, slots=True)
class Product:
    """One validated row.

    Attributes:
        text: The text to embed; may be empty. Empty if the catalogue brings vectors for the text block.
        images: Files or bytes, not decoded. Empty if the catalogue brings vectors for the image block.
        vectors: The row's own vectors by block, each (d,) float32, finite and nonzero.
        signals: Every signal of the spec, NaN if missing.
        payload: Plain JSON without missing columns.
        words: The row's text, even if its vector is brought.
        bad_cells: The cells of the row that were dropped.
        needs_image: Whether it is nothing without its image, as in a folder of images.
    """

    line: int
    item_id: str
    text: str
    images: tuple[ImageSource, ...] = ()
    vectors: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    signals: dict[str, float] = field(default_factory=dict)
    payload: dict[str, JSON] = field(default_factory=dict)
    words: str = ""
    bad_cells: tuple["BadCell", ...] = ()
    needs_image: bool = False


@dataclass(frozen=True, slots=True)
class Reject:
    """A rejected row.

    Attributes:
        line: The line it starts on.
        item_id: Its id, empty if unreadable.
        reason: Why it was rejected.
    """

    line: int
    item_id: str
    reason: str

    def to_line(self) -> str:
        """Return the reject as a line of JSON."""
        line = {"kind": "row", "line": self.line, "item_id": self.item_id, "reason": self.reason}
        return json.dumps(line, ensure_ascii=False) + "\n"


@dataclass(frozen=True, slots=True)
class BadCell:
    """A value that was dropped; the product is kept without it.

    Attributes:
        line: The line its row starts on.
        item_id: The item's id.
        column: The column as the catalogue calls it.
        reason: Why it was dropped, including the value.
    """

    line: int
    item_id: str
    column: str
    reason: str

    def to_line(self) -> str:
        """Return the cell as a line of JSON."""
        line = {"kind": "cell", "line": self.line, "item_id": self.item_id, "column": self.column}
        return json.dumps(line | {"reason": self.reason}, ensure_ascii=False) + "\n"


def to_lines(rejects: Iterable[Reject | BadCell]) -> bytes:
    """Return the content of a file of rejects: one JSON line each."""
    return "".join(reject.to_line() for reject in rejects).encode()
