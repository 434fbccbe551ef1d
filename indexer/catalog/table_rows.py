"""Rows of a CSV or JSON Lines file as text by column: queries, judgments, pairs, and training data."""

import json
from collections.abc import Iterator
from pathlib import Path

from engine.catalog.coercion import InvalidValue
from engine.errors import InvalidCatalogue
from indexer.catalog.formats.delimited import Csv
from indexer.catalog.formats.text_encoding import detect_encoding, explain_bad_byte, open_text
from indexer.catalog.product import Reject

Row = dict[str, str]

_DELIMITED = (".csv", ".tsv", ".tab", ".txt")
_JSON_LINES = (".jsonl", ".ndjson")


def read_table(path: Path) -> Iterator[tuple[int, Row]]:
    """Yield each row with its number from 1; missing values are "".

    Reads .csv, .tsv, .tab, .txt, .jsonl and .ndjson, also gzipped.

    Raises:
        InvalidCatalogue: Names the file, and the row if one is invalid.
    """
    suffix = (Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix).lower()
    if suffix not in (*_DELIMITED, *_JSON_LINES):
        raise InvalidCatalogue(f"expected a file ending in .csv or .jsonl, got {path}")
    if not path.is_file():
        raise InvalidCatalogue(f"expected a CSV or JSONL file, got {path}, which is not a file")
    yield from _read_csv(path) if suffix in _DELIMITED else _read_json(path)


def require_value(path: Path, number: int, row: Row, column: str) -> str:
    """Return a required value of a row. Raises InvalidCatalogue naming the file, row and column."""
    value = (row.get(column) or "").strip()
    if not value:
        raise InvalidCatalogue(f"{path}, row {number}: expected a value for {column!r}, got none")
    return value


def require_number(path: Path, number: int, row: Row, column: str) -> float:
    """Return a required number of at least 0. Raises InvalidCatalogue naming the file, row and column."""
    text = require_value(path, number, row, column)
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise InvalidCatalogue(f"{path}, row {number}: expected a number of at least 0 for {column!r}, got {text!r}")
    return value


def _read_csv(path: Path) -> Iterator[tuple[int, Row]]:
    source = Csv(path)
    blank = dict.fromkeys(filter(None, source.header()), "")
    for number, row in enumerate(source.rows(), start=1):
        if isinstance(row, Reject):
            raise InvalidCatalogue(f"{path}, row {number}: {row.reason}")
        yield number, blank | {name: _to_text(path, number, value) for name, value in row.values.items()}


def _read_json(path: Path) -> Iterator[tuple[int, Row]]:
    encoding = detect_encoding(path)
    with open_text(path, encoding=encoding) as lines:
        for number, line in enumerate(lines, start=1):
            fault = explain_bad_byte(line, encoding)
            if fault:
                raise InvalidCatalogue(f"{path}, row {number}: {fault}")
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise InvalidCatalogue(f"{path}, row {number}: expected a JSON object, got {error}") from error
            if not isinstance(row, dict):
                raise InvalidCatalogue(f"{path}, row {number}: expected a JSON object, got {type(row).__name__}")
            yield number, {name: _to_text(path, number, value) for name, value in row.items()}


def _to_text(path: Path, number: int, value: object) -> str:
    if isinstance(value, InvalidValue):
        raise InvalidCatalogue(f"{path}, row {number}: {value.reason}")
    return "" if value is None else str(value)
