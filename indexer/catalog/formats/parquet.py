"""Parquet: read in batches, vectors as matrices instead of value by value; `line` is the row number, from 1."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from engine.catalog.coercion import InvalidValue
from engine.errors import InvalidCatalogue
from indexer.catalog.own_vectors import OwnVectors
from indexer.catalog.product import Reject
from indexer.catalog.raw_row import DEFAULT_OPTIONS, IMAGE_COLUMNS, VECTOR_COLUMNS, RawRow, SourceOptions, check_unique

_BATCH_ROWS = 8192
_BATCH_IMAGE_ROWS = 128

_Values = Sequence[object]


class Parquet:
    """The rows of a Parquet file."""

    def __init__(self, path: Path, options: SourceOptions = DEFAULT_OPTIONS) -> None:
        self.folder = path.parent
        self._path = path

    def columns(self, wanted: frozenset[str]) -> list[str]:
        """Return the schema's names. Raises InvalidCatalogue for no rows, duplicates and unsupported types."""
        with self._open() as file:
            if file.metadata.num_rows == 0:
                raise InvalidCatalogue(f"{self._path} has no rows")
            schema = file.schema_arrow
        check_unique(schema.names, self._path)
        for field in schema:
            if field.name in VECTOR_COLUMNS and not _is_vector(field.type):
                raise InvalidCatalogue(f"{self._path}: expected lists of numbers in {field.name}, got {field.type}")
        return list(schema.names)

    def rows(self) -> Iterator[RawRow | Reject]:
        """Yield every row. Raises InvalidCatalogue if the file is truncated."""
        with self._open() as file:
            schema = file.schema_arrow
            names = [field.name for field in schema if not _is_excluded(field)]
            readers = [self._reader(schema.field(name)) for name in names]
            has_images = any(name in IMAGE_COLUMNS and _has_bytes(schema.field(name).type) for name in names)
            batches = file.iter_batches(_BATCH_IMAGE_ROWS if has_images else _BATCH_ROWS, columns=names)
            number = 0
            while True:
                try:
                    batch = next(batches, None)
                except (pa.ArrowException, OSError) as error:
                    raise InvalidCatalogue(f"cannot read {self._path} after row {number}: {error}") from error
                if batch is None:
                    return
                columns = [read(batch.column(name)) for name, read in zip(names, readers, strict=True)]
                for values in zip(*columns, strict=True):
                    number += 1
                    yield RawRow(number, dict(zip(names, values, strict=True)))

    def _open(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self._path, memory_map=True)
        except (pa.ArrowException, OSError) as error:
            raise InvalidCatalogue(f"cannot read {self._path}: {error}") from error

    def _reader(self, field: "pa.Field[Any]") -> Callable[["pa.Array[Any]"], _Values]:
        if field.name in VECTOR_COLUMNS:
            vectors = OwnVectors(field.name)
            return lambda column: _to_vectors(column, vectors)
        return lambda column: _to_values(column, field.name)


def _to_vectors(column: "pa.Array[Any]", vectors: OwnVectors) -> _Values:
    if pa.types.is_null(column.type):
        return [None] * len(column)
    lengths = pc.fill_null(pc.list_value_length(column), -1).to_numpy(zero_copy_only=False).astype(np.int64)
    with np.errstate(over="ignore"):
        flat = column.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
    return vectors.check_batch(lengths, flat)


def _to_values(column: "pa.Array[Any]", name: str) -> _Values:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    arrow_type = column.type
    if pa.types.is_float32(arrow_type) or pa.types.is_float16(arrow_type):
        # Via text, so that 19.99 is 19.99 and not 19.989999771118164.
        column = column.cast(pa.float32()).cast(pa.string()).cast(pa.float64())
    elif pa.types.is_timestamp(arrow_type) and arrow_type.unit == "ns":
        column = column.cast(pa.timestamp("us", arrow_type.tz), safe=False)
    try:
        values: _Values = column.to_pylist(maps_as_pydicts="lossy")
        return values
    except UnicodeDecodeError:
        return [_to_value(value, name) for value in column]


def _to_value(value: "pa.Scalar[Any]", name: str) -> object:
    try:
        return value.as_py(maps_as_pydicts="lossy")
    except UnicodeDecodeError:
        return InvalidValue(f"{name}: not UTF-8")


def _is_vector(arrow_type: pa.DataType) -> bool:
    if pa.types.is_null(arrow_type):
        return True
    if not (
        pa.types.is_list(arrow_type) or pa.types.is_large_list(arrow_type) or pa.types.is_fixed_size_list(arrow_type)
    ):
        return False
    return bool(pa.types.is_floating(arrow_type.value_type) or pa.types.is_integer(arrow_type.value_type))


def _has_bytes(arrow_type: pa.DataType) -> bool:
    if pa.types.is_list(arrow_type) or pa.types.is_large_list(arrow_type):
        return _has_bytes(arrow_type.value_type)
    if pa.types.is_struct(arrow_type):
        return any(_has_bytes(field.type) for field in arrow_type)
    return bool(pa.types.is_binary(arrow_type) or pa.types.is_large_binary(arrow_type))


def _is_excluded(field: "pa.Field[Any]") -> bool:
    """Return whether a column is bytes, which a payload cannot hold; only images may be bytes."""
    return field.name not in IMAGE_COLUMNS and (pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type))
