"""Parquet: a file, or the parts of one table; `line` is the row's number over all parts, from 1.

Columns are read in batches, and vectors as matrices instead of value by value.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from engine.errors import InvalidCatalogue
from indexer.catalog.formats.arrow_values import value_reader
from indexer.catalog.formats.binary_role import SAMPLE_VALUES, BinaryRole, binary_leaves, detect_role, has_binary
from indexer.catalog.formats.parquet_schema import check_parts, check_schema
from indexer.catalog.formats.part_files import Part
from indexer.catalog.own_vectors import OwnVectors
from indexer.catalog.product import Reject
from indexer.catalog.raw_row import DEFAULT_OPTIONS, VECTOR_COLUMNS, RawRow, SourceOptions
from indexer.catalog.row_batch import RowBatch, Values

_BATCH_ROWS = 8192
_BATCH_IMAGE_ROWS = 128
_SAMPLE_BATCH_ROWS = 64
# A field of a struct that is still empty after so many rows is not waited for.
_SAMPLE_ROWS = 1024

_Reader = Callable[["pa.Array[Any]"], Values]


@dataclass(frozen=True, slots=True)
class _Table:
    """What the footers and the first values of all parts tell.

    Attributes:
        schemas: The schema of each part.
        row_count: Number of rows.
        roles: What the bytes of a column are, by its path.
    """

    schemas: Sequence[pa.Schema]
    row_count: int
    roles: Mapping[str, BinaryRole] = field(default_factory=dict)

    def is_used(self, column: str) -> bool:
        """Return whether a column has a name and values that can be used."""
        return column != "" and self.roles.get(column) is not BinaryRole.UNUSED


class Parquet:
    """The rows of a Parquet file, or of the parts of one table in the order of their paths."""

    def __init__(
        self,
        path: Path,
        options: SourceOptions = DEFAULT_OPTIONS,
        parts: Sequence[Part] = (),
        folder: Path | None = None,
    ) -> None:
        self.folder = folder or path.parent
        self._path = path
        self._parts = parts or (Part(path),)

    def columns(self, wanted: frozenset[str]) -> list[str]:
        """Return the names of all parts. Raises InvalidCatalogue for no rows, duplicates and unsupported types."""
        if self._table.row_count == 0:
            raise InvalidCatalogue(f"{self._path} has no rows")
        names = [name for schema in self._table.schemas for name in schema.names if self._table.is_used(name)]
        if not names:
            raise InvalidCatalogue(f"{self._path} has no column that can be read: {'; '.join(self.notices())}")
        return list(dict.fromkeys([*names, *(name for part in self._parts for name in part.values)]))

    def rows(self) -> Iterator[RawRow | Reject]:
        """Yield every row. Raises InvalidCatalogue if a part is truncated."""
        for batch in self.batches(_BATCH_ROWS):
            for index, line in enumerate(batch.lines):
                yield RawRow(line, {name: values[index] for name, values in batch.columns.items()})

    def batches(self, size: int) -> Iterator[RowBatch]:
        """Yield all rows in batches of up to `size`. Raises InvalidCatalogue if a part is truncated."""
        has_images = BinaryRole.IMAGE in self._table.roles.values()
        vectors = {name: OwnVectors(name) for name in VECTOR_COLUMNS}
        size = min(size, _BATCH_IMAGE_ROWS) if has_images else size
        number = 0
        for part in self._parts:
            for count, columns in self._read_part(part, vectors, size):
                constant: dict[str, Values] = {name: [value] * count for name, value in part.values.items()}
                yield RowBatch(list(range(number + 1, number + count + 1)), {**constant, **columns}, [])
                number += count

    def notices(self) -> list[str]:
        """Return which columns are left out, and how many parts are read."""
        found = [f"{len(self._parts)} parts are read as one table"] if len(self._parts) > 1 else []
        if any("" in schema.names for schema in self._table.schemas):
            found.append("a column without a name is left out")
        unused = [path for path, role in self._table.roles.items() if role is BinaryRole.UNUSED]
        return found + [f"column {path!r} is left out: its bytes are neither UTF-8 text nor images" for path in unused]

    @cached_property
    def _table(self) -> _Table:
        schemas, row_count = [], 0
        for part in self._parts:
            with _open(part.path) as file:
                check_schema(file.schema_arrow, part.path)
                schemas.append(file.schema_arrow)
                row_count += file.metadata.num_rows
        check_parts([(part.path, schema) for part, schema in zip(self._parts, schemas, strict=True)])
        names = dict.fromkeys(
            column.name
            for schema in schemas
            for column in schema
            if column.name and column.name not in VECTOR_COLUMNS and has_binary(column.type)
        )
        roles: dict[str, BinaryRole] = {}
        for name in names:
            samples = _sample_bytes([part.path for part in self._parts], name)
            roles |= {path: detect_role(path, values) for path, values in samples.items()}
        return _Table(schemas, row_count, roles)

    def _read_part(
        self, part: Part, vectors: Mapping[str, OwnVectors], size: int
    ) -> Iterator[tuple[int, dict[str, Values]]]:
        """Yield the number of rows and the columns of each batch."""
        with _open(part.path) as file:
            schema = file.schema_arrow
            names = [name for name in schema.names if self._table.is_used(name)]
            readers = [self._reader(schema.field(name), vectors) for name in names]
            wanted = None if len(names) == len(schema.names) else names
            for batch in _checked(file.iter_batches(size, columns=wanted), part.path):
                # By name, since the name of a struct also selects columns whose names begin with it and a dot.
                columns = {name: read(batch.column(name)) for name, read in zip(names, readers, strict=True)}
                yield batch.num_rows, columns

    def _reader(self, column: "pa.Field[Any]", vectors: Mapping[str, OwnVectors]) -> _Reader:
        if column.name in VECTOR_COLUMNS:
            return lambda values: _to_vectors(values, vectors[column.name])
        return value_reader(column.type, column.name, self._table.roles)


def count_parquet_rows(path: Path) -> int:
    """Return the number of rows of a file, from its footer. Raises InvalidCatalogue if it cannot be read."""
    with _open(path) as file:
        return int(file.metadata.num_rows)


@contextmanager
def _open(path: Path) -> Iterator[pq.ParquetFile]:
    try:
        # Old timestamps of 96 bits in nanoseconds would overflow after the year 2262.
        file = pq.ParquetFile(path, memory_map=True, coerce_int96_timestamp_unit="us")
    except (pa.ArrowException, OSError) as error:
        raise InvalidCatalogue(f"cannot read {path}: {error}") from error
    with file:
        yield file


def _checked(batches: Iterator[pa.RecordBatch], path: Path) -> Iterator[pa.RecordBatch]:
    number = 0
    while True:
        try:
            batch = next(batches, None)
        except (pa.ArrowException, OSError) as error:
            raise InvalidCatalogue(f"cannot read {path} after row {number}: {error}") from error
        if batch is None:
            return
        number += batch.num_rows
        yield batch


def _sample_bytes(paths: Sequence[Path], name: str) -> dict[str, list[bytes]]:
    """Return the first values of every array of bytes inside a column, by path."""
    samples: dict[str, list[bytes]] = {}
    row_count = 0
    for path in paths:
        with _open(path) as file:
            if name not in file.schema_arrow.names:
                continue
            for batch in _checked(file.iter_batches(_SAMPLE_BATCH_ROWS, columns=[name]), path):
                row_count += batch.num_rows
                for leaf, values in binary_leaves(batch.column(name), name):
                    samples.setdefault(leaf, []).extend(value for value in values.to_pylist() if value is not None)
                full = [len(values) >= SAMPLE_VALUES for values in samples.values()]
                if (full and all(full)) or (any(full) and row_count >= _SAMPLE_ROWS):
                    return samples
    return samples


def _to_vectors(column: "pa.Array[Any]", vectors: OwnVectors) -> Values:
    if pa.types.is_null(column.type):
        return [None] * len(column)
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    lengths = pc.fill_null(pc.list_value_length(column), -1).to_numpy(zero_copy_only=False).astype(np.int64)
    with np.errstate(over="ignore"):
        flat = column.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
    return vectors.check_batch(lengths, flat)
