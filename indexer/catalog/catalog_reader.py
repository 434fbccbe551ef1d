"""Open a catalogue in its format, which the file's name tells."""

import difflib
import importlib
from functools import partial
from pathlib import Path
from typing import cast

from engine.errors import InvalidCatalogue
from indexer.catalog.folder_catalog import open_folder
from indexer.catalog.formats.archive import open_archive
from indexer.catalog.raw_row import DEFAULT_OPTIONS, CatalogSource, SourceOptions

FORMATS = {
    ".jsonl": "indexer.catalog.formats.json_document:open_json",
    ".ndjson": "indexer.catalog.formats.json_document:open_json",
    ".json": "indexer.catalog.formats.json_document:open_json",
    ".csv": "indexer.catalog.formats.delimited:Csv",
    ".tsv": "indexer.catalog.formats.delimited:Csv",
    ".tab": "indexer.catalog.formats.delimited:Csv",
    ".txt": "indexer.catalog.formats.delimited:Csv",
    ".xml": "indexer.catalog.formats.xml_feed:XmlFeed",
    ".rss": "indexer.catalog.formats.xml_feed:XmlFeed",
    ".atom": "indexer.catalog.formats.xml_feed:XmlFeed",
    ".xlsx": "indexer.catalog.formats.spreadsheet:Spreadsheet",
    ".xlsm": "indexer.catalog.formats.spreadsheet:Spreadsheet",
    ".xls": "indexer.catalog.formats.spreadsheet:Spreadsheet",
    ".ods": "indexer.catalog.formats.spreadsheet:Spreadsheet",
    ".parquet": "indexer.catalog.formats.parquet:Parquet",
}
_BINARY = frozenset({".parquet", ".xlsx", ".xlsm", ".xls", ".ods"})
# Feeds and workbooks are how shops hand over products, not events and reviews.
_CATALOGUE_ONLY = frozenset({".xml", ".rss", ".atom", ".xlsx", ".xlsm", ".xls", ".ods"})


def open_rows(path: Path, noun: str = "catalogue", options: SourceOptions = DEFAULT_OPTIONS) -> CatalogSource:
    """Return the rows of a file; the file extension determines the format.

    Args:
        path: The file.
        noun: What messages call the file.
        options: How to read what the file leaves open.

    Raises:
        InvalidCatalogue: Unknown extension, or no such file.
    """
    suffix = path.suffix.lower()
    inner = Path(path.stem).suffix.lower() if suffix == ".gz" else ""
    formats = [name for name in FORMATS if noun == "catalogue" or name not in _CATALOGUE_ONLY]
    gzipped = [name for name in formats if name not in _BINARY]
    if suffix not in formats and inner not in gzipped:
        known = ", ".join([*formats, *(f"{name}.gz" for name in sorted(gzipped))])
        folder = "a folder of images or " if noun == "catalogue" else ""
        raise InvalidCatalogue(f"expected {folder}one of {known}, got {path.name!r}")
    if not path.exists():
        raise InvalidCatalogue(f"no {noun} at {path}")
    module, _, kind = FORMATS[inner or suffix].partition(":")
    make = getattr(importlib.import_module(module), kind)
    return cast(CatalogSource, make(path, options))


def open_source(path: Path, options: SourceOptions) -> CatalogSource:
    """Return the rows of a catalogue, a file or a folder. Raises InvalidCatalogue as `open_rows` and `open_folder`."""
    open_file = partial(open_rows, options=options)
    if path.is_dir():
        return open_folder(path, open_file, options)
    if path.suffix.lower() == ".zip" and path.is_file():
        return open_archive(path, partial(open_source, options=options), frozenset(FORMATS))
    return open_file(path)


def suggest_column(name: str, columns: list[str]) -> str:
    """Return a hint for an unknown column name: the closest match, or the existing columns."""
    matches = difflib.get_close_matches(name, columns, n=1)
    if matches:
        return f"did you mean {matches[0]!r}?"
    return f"it has {', '.join(map(repr, columns)) or 'no readable row'}"
