"""Parquet: read in batches, vectors as matrices instead of value by value; `line` is the row number, from 1."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from engine.errors import InvalidCatalogue
from indexer.catalog.formats.parquet_values import Values, is_text, to_values
from indexer.catalog.own_vectors import OwnVectors
from indexer.catalog.product import Reject
from indexer.catalog.raw_row import DEFAULT_OPTIONS, IMAGE_COLUMNS, VECTOR_COLUMNS, RawRow, SourceOptions, check_unique

_BATCH_ROWS = 8192
_BATCH_IMAGE_ROWS = 128


class Parquet:
    """The rows of a Parquet file."""

    def __init__(self, path: Path, options: SourceOptions = DEFAULT_OPTIONS) -> None:
        self.folder = path.parent
        self._path = path
        self._binary_texts: frozenset[str] | None = None

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
            names = [field.name for field in schema if field.name not in self._left_out(file)]
            readers = [self._reader(schema.field(name), name in self._texts(file)) for name in names]
            has_images = any(_has_bytes(schema.field(name).type) and name not in self._texts(file) for name in names)
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

    def _reader(self, field: "pa.Field[Any]", is_binary_text: bool) -> Callable[["pa.Array[Any]"], Values]:
        if field.name in VECTOR_COLUMNS:
            vectors = OwnVectors(field.name)
            return lambda column: _to_vectors(column, vectors)
        if is_binary_text:
            return lambda column: to_values(_as_text(column), field.name)
        return lambda column: to_values(column, field.name)

    def notices(self) -> list[str]:
        """Return which columns were left out."""
        with self._open() as file:
            return [f"column {name} is left out: it holds bytes, not text" for name in sorted(self._left_out(file))]

    def _texts(self, file: pq.ParquetFile) -> frozenset[str]:
        """Return the binary columns whose values are text, decided once by the first values of each."""
        if self._binary_texts is None:
            names = [field.name for field in file.schema_arrow if _is_binary(field.type)]
            first = file.read_row_group(0, columns=names) if names and file.num_row_groups else None
            self._binary_texts = frozenset(name for name in names if first is not None and is_text(first.column(name)))
        return self._binary_texts

    def _left_out(self, file: pq.ParquetFile) -> frozenset[str]:
        """Return the columns of bytes, which a payload cannot hold; only images may be bytes."""
        binary = {field.name for field in file.schema_arrow if _is_binary(field.type)}
        return frozenset(binary - self._texts(file) - set(IMAGE_COLUMNS))


def _to_vectors(column: "pa.Array[Any]", vectors: OwnVectors) -> Values:
    if pa.types.is_null(column.type):
        return [None] * len(column)
    lengths = pc.fill_null(pc.list_value_length(column), -1).to_numpy(zero_copy_only=False).astype(np.int64)
    with np.errstate(over="ignore"):
        flat = column.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
    return vectors.check_batch(lengths, flat)


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


def _is_binary(arrow_type: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(arrow_type) or pa.types.is_large_binary(arrow_type) or pa.types.is_binary_view(arrow_type)
    )


def _as_text(column: "pa.Array[Any]") -> "pa.Array[Any]":
    """Return bytes as text; where some are none, all stay bytes, and become InvalidValue one by one."""
    if pa.types.is_binary_view(column.type):
        column = column.cast(pa.large_binary())
    kind = pa.large_string() if pa.types.is_large_binary(column.type) else pa.string()
    return pa.Array.from_buffers(kind, len(column), column.buffers(), column.null_count, column.offset)
