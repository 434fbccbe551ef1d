"""What the parts of a table have in common: columns by name, of types whose values are of one kind."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from engine.errors import InvalidCatalogue
from indexer.catalog.raw_row import VECTOR_COLUMNS, check_unique

_EXTENSION_KINDS = {"arrow.uuid": "text", "arrow.json": "JSON", "arrow.bool8": "boolean"}


def check_schema(schema: pa.Schema, path: Path) -> None:
    """Raise InvalidCatalogue if two columns or fields have one name, or vectors are not lists of numbers."""
    check_unique(filter(None, schema.names), path)
    for field in schema:
        _check_fields(field.name, field.type, path)
        if field.name in VECTOR_COLUMNS and not is_vector(field.type):
            raise InvalidCatalogue(f"{path}: expected lists of numbers in {field.name}, got {field.type}")


def check_parts(schemas: Sequence[tuple[Path, pa.Schema]]) -> None:
    """Raise InvalidCatalogue naming two parts and the column whose types do not fit together."""
    first: dict[str, tuple[Path, pa.DataType]] = {}
    for path, schema in schemas:
        for field in schema:
            other, known = first.setdefault(field.name, (path, field.type))
            if not _fit(known, field.type):
                raise InvalidCatalogue(
                    f"the column {field.name!r} is {known} in {other} and {field.type} in {path}: "
                    "write all parts with one type"
                )
            if pa.types.is_null(known):
                first[field.name] = path, field.type


def is_vector(arrow_type: pa.DataType) -> bool:
    """Return whether a type is lists of numbers, or null."""
    if pa.types.is_null(arrow_type):
        return True
    if _kind(arrow_type) != "list":
        return False
    arrow_type = _storage(arrow_type)
    return bool(pa.types.is_floating(arrow_type.value_type) or pa.types.is_integer(arrow_type.value_type))


def _fit(one: pa.DataType, other: pa.DataType) -> bool:
    if pa.types.is_null(one) or pa.types.is_null(other):
        return True
    if _kind(one) != _kind(other):
        return False
    one, other = _storage(one), _storage(other)
    if _kind(one) == "list":
        return _fit(one.value_type, other.value_type)
    fields = {field.name: field.type for field in _fields(one)}
    return all(_fit(fields[field.name], field.type) for field in _fields(other) if field.name in fields)


def _check_fields(name: str, arrow_type: pa.DataType, path: Path) -> None:
    """Raise InvalidCatalogue if two fields of a struct have one name."""
    fields = [arrow_type.field(index) for index in range(arrow_type.num_fields)]
    check_unique((f"{name}.{field.name}" for field in fields), path)
    for field in fields:
        _check_fields(f"{name}.{field.name}", field.type, path)


def _storage(arrow_type: pa.DataType) -> pa.DataType:
    return arrow_type.storage_type if isinstance(arrow_type, pa.BaseExtensionType) else arrow_type


def _fields(arrow_type: pa.DataType) -> Iterator["pa.Field[Any]"]:
    if pa.types.is_struct(arrow_type):
        yield from arrow_type


def _kind(arrow_type: pa.DataType) -> str:
    """Return what the values of a type are in Python, in a word."""
    types = pa.types
    if isinstance(arrow_type, pa.BaseExtensionType):
        return _EXTENSION_KINDS.get(arrow_type.extension_name) or _kind(arrow_type.storage_type)
    if types.is_dictionary(arrow_type):
        return _kind(arrow_type.value_type)
    if types.is_struct(arrow_type) or types.is_map(arrow_type):
        return "object"
    if arrow_type.num_fields == 1:
        return "list"
    if types.is_boolean(arrow_type):
        return "boolean"
    if types.is_date(arrow_type) or types.is_timestamp(arrow_type):
        return "date"
    if types.is_time(arrow_type):
        return "time"
    numbers = (types.is_integer, types.is_floating, types.is_decimal, types.is_duration)
    return "number" if any(matches(arrow_type) for matches in numbers) else "text"
