"""Rows of a CSV or JSON Lines file as text by column: queries, judgments, pairs, and training data."""

import csv
import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from engine.errors import InvalidCatalogue

Row = dict[str, str]

_JSON_LINES = (".jsonl", ".ndjson")


def read_table(path: Path) -> Iterator[tuple[int, Row]]:
    """Yield each row with its number from 1; missing values are "".

    Reads .csv, .jsonl and .ndjson, also gzipped.

    Raises:
        InvalidCatalogue: Names the file, and the row if one is invalid.
    """
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if suffix not in (".csv", *_JSON_LINES):
        raise InvalidCatalogue(f"expected a file ending in .csv or .jsonl, got {path}")
    if not path.is_file():
        raise InvalidCatalogue(f"expected a CSV or JSONL file, got {path}, which is not a file")
    try:
        with _open(path) as file:
            yield from _read_csv(path, file) if suffix == ".csv" else _read_json(path, file)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InvalidCatalogue(f"{path}: expected UTF-8 text, got {error}") from error


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


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _read_csv(path: Path, file: TextIO) -> Iterator[tuple[int, Row]]:
    try:
        for number, row in enumerate(csv.DictReader(file), start=1):
            yield number, {name: value or "" for name, value in row.items() if name is not None}
    except csv.Error as error:
        raise InvalidCatalogue(f"{path}: expected CSV, got {error}") from error


def _read_json(path: Path, lines: Iterable[str]) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InvalidCatalogue(f"{path}, row {number}: expected a JSON object, got {error}") from error
        if not isinstance(row, dict):
            raise InvalidCatalogue(f"{path}, row {number}: expected a JSON object, got {type(row).__name__}")
        yield number, {name: _text(value) for name, value in row.items()}


def _text(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else str(value)
