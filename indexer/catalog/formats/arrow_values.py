"""Arrow columns of every type as plain Python values, a column at a time; a value that has none is an InvalidValue.

Text, numbers and times are read in Arrow. Only what fails as a whole is read again value by value.
"""

import math
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from engine.catalog.coercion import InvalidValue
from indexer.catalog.formats.arrow_times import read_dates, read_durations, read_times, read_timestamps
from indexer.catalog.formats.binary_role import UUID_BYTES, BinaryRole, is_binary, is_image, to_printable

Column: TypeAlias = "pa.Array[Any]"
ValueReader = Callable[[Column], list[object]]
Roles = Mapping[str, BinaryRole]
"""What the bytes of a column are, by its path."""

_NAN = float("nan")
_LONGEST_PATH = 1024
# What pyarrow raises for a value that Python cannot hold.
_UNREADABLE = (pa.ArrowException, ValueError, TypeError, OverflowError, ArithmeticError)


def value_reader(arrow_type: pa.DataType, name: str, roles: Roles) -> ValueReader:
    """Return the function that reads a column of a type.

    Args:
        arrow_type: The type.
        name: Path of the column, "dims.w" for a field of a struct. A list's values have the path of the list.
        roles: What bytes are, by path.
    """
    if isinstance(arrow_type, pa.BaseExtensionType):
        return _extension_reader(arrow_type, name, roles)
    if pa.types.is_dictionary(arrow_type):
        read = value_reader(arrow_type.value_type, name, roles)
        return lambda column: read(column.dictionary_decode())
    if is_binary(arrow_type):
        return lambda column: _read_bytes(column, name, roles.get(name, BinaryRole.UNUSED))
    if pa.types.is_map(arrow_type):
        return _map_reader(arrow_type, name, roles)
    if pa.types.is_struct(arrow_type):
        return _struct_reader(arrow_type, name, roles)
    if arrow_type.num_fields == 1:
        return _list_reader(arrow_type, name, roles)
    read_scalars = next((read for matches, read in _SCALARS if matches(arrow_type)), _read_plain)
    return lambda column: read_scalars(column, name)


def _read_plain(column: Column, name: str) -> list[object]:
    try:
        values: list[object] = column.to_pylist()
        return values
    except _UNREADABLE:
        return [_read_scalar(value, name) for value in column]


def _read_scalar(value: "pa.Scalar[Any]", name: str) -> object:
    try:
        return value.as_py()
    except UnicodeDecodeError:
        return InvalidValue(f"{name}: not UTF-8")
    except _UNREADABLE as error:
        return InvalidValue(f"{name}: cannot read a value of type {value.type}: {error}")


def _read_floats(column: Column, name: str) -> list[object]:
    if pa.types.is_float32(column.type):
        # Via text, so that 19.99 is 19.99 and not 19.989999771118164.
        column = column.cast(pa.string()).cast(pa.float64())
    values: list[object] = pc.if_else(pc.is_nan(column), None, column).to_pylist()
    return values


def _read_half_floats(column: Column, name: str) -> list[object]:
    values = (_NAN if value is None else float(str(np.float16(value))) for value in column.to_pylist())
    return [None if math.isnan(value) else value for value in values]


def _read_decimals(column: Column, name: str) -> list[object]:
    """Return whole numbers as integers, which stay exact, and others as Decimal."""
    return [int(value) if value is not None and value == int(value) else value for value in column.to_pylist()]


_SCALARS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[Column, str], list[object]]], ...] = (
    (pa.types.is_float16, _read_half_floats),
    (pa.types.is_floating, _read_floats),
    (pa.types.is_decimal, _read_decimals),
    (pa.types.is_date, read_dates),
    (pa.types.is_timestamp, read_timestamps),
    (pa.types.is_time, read_times),
    (pa.types.is_duration, read_durations),
)


def _extension_reader(arrow_type: pa.BaseExtensionType, name: str, roles: Roles) -> ValueReader:
    kind = arrow_type.extension_name
    if kind == "arrow.uuid":
        return lambda column: _read_bytes(column.storage, name, BinaryRole.ID)
    if kind == "arrow.bool8":
        return lambda column: [None if value is None else value != 0 for value in column.storage.to_pylist()]
    read = value_reader(arrow_type.storage_type, name, roles)
    if kind == "arrow.json":
        return lambda column: [_parse_json(value, name) for value in read(column.storage)]
    return lambda column: read(column.storage)


def _parse_json(value: object, name: str) -> object:
    try:
        return orjson.loads(value) if isinstance(value, str) else value
    except orjson.JSONDecodeError as error:
        return InvalidValue(f"{name}: bad JSON at position {error.pos + 1}: {error.msg}")


def _read_bytes(column: Column, name: str, role: BinaryRole) -> list[object]:
    if role is BinaryRole.UNUSED:
        return [None] * len(column)
    read = {BinaryRole.TEXT: _read_text, BinaryRole.IMAGE: _read_image, BinaryRole.ID: _read_id}[role]
    return [None if value is None else read(value, name) for value in column.to_pylist()]


def _read_text(value: bytes, name: str) -> object:
    try:
        return value.rstrip(b"\0").decode()
    except UnicodeDecodeError:
        return value if is_image(value) else InvalidValue(f"{name}: not UTF-8")


def _read_image(value: bytes, name: str) -> object:
    """Return the bytes of an image, or the text of a path."""
    path = to_printable(value) if len(value) <= _LONGEST_PATH and not is_image(value) else None
    return value if path is None else path


def _read_id(value: bytes, name: str) -> object:
    return str(uuid.UUID(bytes=value)) if len(value) == UUID_BYTES else value.hex()


def _list_reader(arrow_type: pa.DataType, name: str, roles: Roles) -> ValueReader:
    read = value_reader(arrow_type.value_type, name, roles)

    def read_lists(column: Column) -> list[object]:
        lengths = pc.fill_null(pc.list_value_length(column), -1).to_pylist()
        parts = read(column.flatten())
        ends = np.cumsum(np.maximum(np.array(lengths, np.int64), 0)).tolist()
        cells = (parts[end - length : end] if length >= 0 else None for length, end in zip(lengths, ends, strict=True))
        return _hoist_faults(list(cells), parts)

    return read_lists


def _struct_reader(arrow_type: pa.DataType, name: str, roles: Roles) -> ValueReader:
    names = [field.name for field in arrow_type]
    readers = [value_reader(field.type, f"{name}.{field.name}", roles) for field in arrow_type]

    def read_structs(column: Column) -> list[object]:
        fields = [read(part) for read, part in zip(readers, column.flatten(), strict=True)]
        present = column.is_valid().to_pylist()
        rows: list[object] = [
            dict(zip(names, values, strict=True)) if valid else None
            for valid, values in zip(present, zip(*fields, strict=True), strict=True)
        ]
        return _hoist_faults(rows, *fields)

    return read_structs


def _map_reader(arrow_type: pa.DataType, name: str, roles: Roles) -> ValueReader:
    read_keys = value_reader(arrow_type.key_type, f"{name}.key", roles)
    read_items = value_reader(arrow_type.item_type, f"{name}.value", roles)

    def read_maps(column: Column) -> list[object]:
        keys, items = read_keys(column.keys), read_items(column.items)
        items = [key if isinstance(key, InvalidValue) else item for key, item in zip(keys, items, strict=True)]
        offsets = column.offsets.to_pylist()
        rows: list[object] = [
            dict(zip(map(str, keys[start:end]), items[start:end], strict=True)) if valid else None
            for valid, start, end in zip(column.is_valid().to_pylist(), offsets, offsets[1:], strict=False)
        ]
        return _hoist_faults(rows, items)

    return read_maps


def _hoist_faults(rows: list[object], *parts: list[object]) -> list[object]:
    """Return the rows, each that holds an InvalidValue replaced by it, since a cell is read as a whole."""
    if not any(isinstance(value, InvalidValue) for values in parts for value in values):
        return rows
    return [_first_fault(row) or row for row in rows]


def _first_fault(row: object) -> InvalidValue | None:
    values = row.values() if isinstance(row, dict) else row if isinstance(row, list) else ()
    return next((value for value in values if isinstance(value, InvalidValue)), None)
