"""Read a catalogue: detect the format, check the columns, then turn each row into a product."""

import difflib
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from engine.catalog.coercion import (
    JSON,
    BadRow,
    InvalidValue,
    format_value,
    is_absent,
    to_item_id,
    to_plain,
    to_signal,
)
from engine.catalog.text_template import Template
from engine.errors import InvalidCatalogue
from indexer.catalog.own_vectors import OwnVectors
from indexer.catalog.product import DEFAULT_TEMPLATE, CatalogSpec, Product, Reject
from indexer.catalog.raw_row import IMAGE_COLUMNS, ITEM_ID, VECTOR_COLUMNS, CatalogSource, RawRow

FORMATS = {
    ".jsonl": "indexer.catalog.formats.json_lines:JsonLines",
    ".ndjson": "indexer.catalog.formats.json_lines:JsonLines",
    ".json": "indexer.catalog.formats.json_lines:JsonLines",
    ".csv": "indexer.catalog.formats.delimited:Csv",
    ".tsv": "indexer.catalog.formats.delimited:Csv",
    ".tab": "indexer.catalog.formats.delimited:Csv",
    ".txt": "indexer.catalog.formats.delimited:Csv",
    ".parquet": "indexer.catalog.formats.parquet:Parquet",
}
_GZIPPED = frozenset(FORMATS) - {".parquet"}
_NOT_PAYLOAD = frozenset({ITEM_ID, *IMAGE_COLUMNS, *VECTOR_COLUMNS})


def read(spec: CatalogSpec) -> Iterator[Product | Reject]:
    """Yield each row of a catalogue as a product, or as a reject with its reason, in the file's order.

    Args:
        spec: The catalogue, its text template and signals.

    Raises:
        InvalidCatalogue: At once if the file cannot be read or has no rows, no item_id, or lacks a column that the spec
            names (the default text template may name missing ones); later if the file is truncated.
        InvalidSetting: The text template cannot be parsed.
    """
    template = Template(spec.text_template)
    source = _open(spec.path)
    required = dict.fromkeys(spec.signals, "among the signals")
    if spec.text_template != DEFAULT_TEMPLATE:
        required |= dict.fromkeys(template.fields, "in the text template")
    columns = source.columns(frozenset({ITEM_ID, *required, *VECTOR_COLUMNS}))
    if ITEM_ID not in columns:
        raise InvalidCatalogue(f"{spec.path} has no column {ITEM_ID!r}: {suggest_column(ITEM_ID, columns)}")
    for name, where in required.items():
        if name not in columns:
            raise InvalidCatalogue(
                f"{spec.path} has no column {name!r}, named {where}: {suggest_column(name, columns)}"
            )
    return _products(source, template, spec.signals, _to_blocks(columns))


def own_blocks(path: Path) -> frozenset[str]:
    """Return the blocks whose vectors come with the catalogue; rows without one lack the block.

    No encoder fills the gaps, since a model's vectors are not comparable with them.

    Raises:
        InvalidCatalogue: The columns cannot be read.
    """
    return _to_blocks(_open(path).columns(frozenset(VECTOR_COLUMNS)))


def _to_blocks(columns: list[str]) -> frozenset[str]:
    return frozenset(block for column, block in VECTOR_COLUMNS.items() if column in columns)


def open_rows(path: Path, noun: str = "catalogue") -> CatalogSource:
    """Return the rows of a file; the file extension determines the format.

    Args:
        path: The file.
        noun: What messages call the file.

    Raises:
        InvalidCatalogue: Unknown extension, or no such file.
    """
    suffix = path.suffix.lower()
    inner = Path(path.stem).suffix.lower() if suffix == ".gz" else ""
    if suffix not in FORMATS and inner not in _GZIPPED:
        known = ", ".join([*FORMATS, *(f"{name}.gz" for name in sorted(_GZIPPED))])
        folder = "a folder of images or " if noun == "catalogue" else ""
        raise InvalidCatalogue(f"expected {folder}one of {known}, got {path.name!r}")
    if not path.exists():
        raise InvalidCatalogue(f"no {noun} at {path}")
    module, _, kind = FORMATS[inner or suffix].partition(":")
    make = getattr(importlib.import_module(module), kind)
    return cast(CatalogSource, make(path))


def _open(path: Path) -> CatalogSource:
    if path.is_dir():
        return cast(CatalogSource, importlib.import_module("indexer.catalog.formats.image_folder").ImageFolder(path))
    return open_rows(path)


def suggest_column(name: str, columns: list[str]) -> str:
    """Return a hint for an unknown column name: the closest match, or the existing columns."""
    matches = difflib.get_close_matches(name, columns, n=1)
    if matches:
        return f"did you mean {matches[0]!r}?"
    return f"it has {', '.join(map(repr, columns)) or 'no readable row'}"


def _products(
    source: CatalogSource, template: Template, signals: tuple[str, ...], own: frozenset[str]
) -> Iterator[Product | Reject]:
    seen: dict[str, int] = {}
    reader = _ProductReader(source.folder, template, signals, own)
    for row in source.rows():
        if isinstance(row, Reject):
            yield row
            continue
        item_id = ""
        try:
            item_id = to_item_id(row.values.get(ITEM_ID))
            if item_id in seen:
                raise BadRow(f"duplicate item_id, first on line {seen[item_id]}")
            product = reader.to_product(row, item_id)
        except BadRow as bad:
            yield Reject(row.line, item_id, str(bad))
        else:
            seen[item_id] = row.line
            yield product


class _ProductReader:
    """Creates products from the rows of one catalogue."""

    def __init__(self, folder: Path, template: Template, signals: tuple[str, ...], own: frozenset[str]) -> None:
        self._own = own
        self._folder = folder
        self._template = template
        self._signals = signals
        self._vectors = {column: OwnVectors(column) for column in VECTOR_COLUMNS}

    def to_product(self, row: RawRow, item_id: str) -> Product:
        """Return the product of one row. Raises BadRow."""
        values = row.values
        payload = _to_payload(values)
        vectors: dict[str, NDArray[np.float32]] = {}
        for column, block in VECTOR_COLUMNS.items():
            value = values.get(column)
            if isinstance(value, InvalidValue):
                raise BadRow(value.reason)
            if isinstance(value, np.ndarray):
                vectors[block] = value
            elif value is not None:
                vectors[block] = self._vectors[column].check(value)
        images = _to_images(values)
        names = [image for image in images if isinstance(image, str)]
        if names:
            payload["image"] = names[0] if len(names) == 1 else cast(JSON, names)
        numbers = {name: to_signal(values.get(name), name) for name in self._signals}
        words = self._template.render_item(item_id, payload)
        text = "" if "text" in self._own else words
        sources = () if "image" in self._own else tuple(map(self._to_image_source, images))
        return Product(row.line, item_id, text, sources, vectors, numbers, payload, words)

    def _to_image_source(self, image: str | bytes) -> Path | bytes:
        if isinstance(image, bytes):
            return image
        if "://" in image:
            raise BadRow(f"image: expected a file, got the address {format_value(image)}")
        path = self._folder / image
        try:
            if path.is_file():
                return path
            found = "is a folder" if path.is_dir() else "not found"
        except OSError as error:
            found = f"cannot be read ({error.strerror})"
        raise BadRow(f"image {found}: {format_value(image)}")


def _to_payload(values: Mapping[str, object]) -> dict[str, JSON]:
    """Return a row's payload: plain JSON without ids, images and vectors; titles and the like as text."""
    payload: dict[str, JSON] = {}
    for name, value in values.items():
        plain = None if name in _NOT_PAYLOAD else to_plain(value, name)
        if plain is not None:
            payload[name] = plain
    return payload


def _to_images(values: Mapping[str, object]) -> list[str | bytes]:
    """Return a row's images as paths and bytes, in order and deduplicated."""
    found: dict[str | bytes, None] = {}
    for column in IMAGE_COLUMNS:
        value = values.get(column)
        if isinstance(value, str) and column == "images":
            value = value.split("|")
        for part in value if isinstance(value, list) else [value]:
            # How Hugging Face data sets store an image.
            if isinstance(part, dict) and part.keys() <= {"bytes", "path"}:
                part = part.get("bytes") or part.get("path")
            if is_absent(part):
                continue
            if isinstance(part, InvalidValue):
                raise BadRow(part.reason)
            if not isinstance(part, (str, bytes)):
                raise BadRow(f"{column}: expected a path, got {format_value(part)}")
            found[part.strip() if isinstance(part, str) else part] = None
    return list(found)
