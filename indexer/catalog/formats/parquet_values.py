"""The values of Parquet columns as Python's, also those that Python's own types cannot hold."""

import re
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from engine.catalog.coercion import InvalidValue

Values = Sequence[object]

# What pyarrow raises for years outside 1 to 9999, nanoseconds, and text that is not UTF-8.
_UNHOLDABLE = (OverflowError, ValueError, pa.ArrowException)
_SAMPLE = 1000
_NO_FRACTION = re.compile(r"\.0+(?=Z?$)")


def to_values(column: "pa.Array[Any]", name: str) -> Values:
    """Return the values of a column: dates as text where Python has none for them, the invalid as InvalidValue."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_float32(column.type) or pa.types.is_float16(column.type):
        # Via text, so that 19.99 is 19.99 and not 19.989999771118164.
        column = column.cast(pa.float32()).cast(pa.string()).cast(pa.float64())
    column = _without_nanoseconds(column)
    try:
        values: Values = column.to_pylist(maps_as_pydicts="lossy")
        return values
    except _UNHOLDABLE:
        return [_to_value(value, name) for value in column]


def is_text(column: "pa.ChunkedArray[Any]") -> bool:
    """Return whether the first values of a binary column are all printable UTF-8, as old writers store text."""
    for value in column.slice(0, _SAMPLE).to_pylist():
        if value is None:
            continue
        try:
            text = value.decode()
        except UnicodeDecodeError:
            return False
        if not all(letter.isprintable() or letter.isspace() for letter in text):
            return False
    return True


def _without_nanoseconds(column: "pa.Array[Any]") -> "pa.Array[Any]":
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return column.cast(pa.timestamp("us", kind.tz), safe=False)
    if pa.types.is_time64(kind) and kind.unit == "ns":
        return column.cast(pa.time64("us"), safe=False)
    if pa.types.is_duration(kind) and kind.unit == "ns":
        return column.cast(pa.duration("us"), safe=False)
    return column


def _to_value(value: "pa.Scalar[Any]", name: str) -> object:
    """Return one value; lists and structs part by part."""
    if not value.is_valid:
        return None
    kind = value.type
    if pa.types.is_struct(kind):
        return {field: _to_value(part, name) for field, part in value.items()}
    if pa.types.is_map(kind):
        return {str(entry["key"].as_py()): _to_value(entry["value"], name) for entry in value.values}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return [_to_value(part, name) for part in value.values]
    try:
        (plain,) = _without_nanoseconds(pa.array([value], kind)).to_pylist()
    except UnicodeDecodeError:
        return InvalidValue(f"{name}: not UTF-8")
    except _UNHOLDABLE:
        return _to_text(value, name)
    return plain


def _to_text(value: "pa.Scalar[Any]", name: str) -> object:
    kind = value.type
    try:
        if pa.types.is_timestamp(kind) and kind.tz is not None:
            value = value.cast(pa.timestamp(kind.unit, "UTC"))
        return _NO_FRACTION.sub("", str(value.cast(pa.string()))).replace(" ", "T", 1)
    except pa.ArrowException:
        return InvalidValue(f"{name}: expected a {value.type} between the years 1 and 9999, got another")
