"""Arrow dates, times and durations as plain values, a column at a time, within the years that Python and RFC 3339 have.

Formatting in Arrow is ten times as fast as a datetime per value, and fails for no year.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.catalog.coercion import InvalidValue

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY_S = 86_400
# The first and the last second of the years 1 to 9999.
_FIRST_S, _LAST_S = -62_135_596_800, 253_402_300_799
_ZERO_FRACTION = r"\.0+$"

Column: TypeAlias = "pa.Array[Any]"


def read_dates(column: Column, name: str) -> list[object]:
    """Return dates as "2024-05-31"; a year outside 1 to 9999 is an InvalidValue."""
    if pa.types.is_date64(column.type):
        days = pc.divide(column.view(pa.int64()), _DAY_S * 1000).cast(pa.int32())
    else:
        days = column.view(pa.int32())
    inside = _is_within(days, _FIRST_S // _DAY_S, _LAST_S // _DAY_S)
    texts = _keep(days, inside).view(pa.date32()).cast(pa.string())
    return _with_faults(texts, days, inside, lambda value: _explain_year(name, value, "D"))


def read_timestamps(column: Column, name: str) -> list[object]:
    """Return times as "2024-05-31T12:00:00", with "+00:00" for those of a time zone, to the microsecond.

    A year outside 1 to 9999 in UTC is an InvalidValue.
    """
    unit, zone = column.type.unit, column.type.tz
    if unit == "ns":
        column = pc.floor_temporal(column.view(pa.timestamp("ns")), unit="microsecond")
    numbers = column.view(pa.int64())
    scale = _PER_SECOND[unit]
    inside = _is_within(numbers, max(_FIRST_S * scale, -(2**63)), min((_LAST_S + 1) * scale - 1, 2**63 - 1))
    texts = _keep(numbers, inside).view(pa.timestamp(unit)).cast(pa.string())
    texts = pc.replace_substring(pc.replace_substring_regex(texts, _ZERO_FRACTION, ""), " ", "T")
    if unit == "ns":
        texts = pc.replace_substring_regex(texts, r"(\.\d{6})000$", r"\1")
    if zone:
        texts = pc.binary_join_element_wise(texts, "+00:00", "")
    return _with_faults(texts, numbers, inside, lambda value: _explain_year(name, value, unit))


def read_times(column: Column, name: str) -> list[object]:
    """Return times of day as "12:00:00", to the microsecond; one outside the day is an InvalidValue."""
    unit = column.type.unit
    width = pa.int32() if pa.types.is_time32(column.type) else pa.int64()
    numbers = column.view(width)
    inside = _is_within(numbers, 0, _DAY_S * _PER_SECOND[unit] - 1)
    kept = _keep(numbers, inside).view(column.type)
    if unit == "ns":
        kept = kept.cast(pa.time64("us"), safe=False)
    texts = pc.replace_substring_regex(kept.cast(pa.string()), _ZERO_FRACTION, "")
    expected = f"{name}: expected a time of day, got"
    return _with_faults(texts, numbers, inside, lambda value: f"{expected} {value / _PER_SECOND[unit]:g} seconds")


def read_durations(column: Column, name: str) -> list[object]:
    """Return durations in seconds."""
    seconds = pc.divide(column.view(pa.int64()).cast(pa.float64(), safe=False), float(_PER_SECOND[column.type.unit]))
    values: list[object] = seconds.to_pylist()
    return values


def _is_within(numbers: Column, first: int, last: int) -> Column:
    return pc.and_(pc.greater_equal(numbers, first), pc.less_equal(numbers, last))


def _keep(numbers: Column, inside: Column) -> Column:
    return pc.if_else(inside, numbers, pa.scalar(None, numbers.type))


def _with_faults(texts: Column, numbers: Column, inside: Column, explain: Callable[[int], str]) -> list[object]:
    values: list[object] = texts.to_pylist()
    for index in pc.indices_nonzero(pc.invert(inside)).to_pylist():
        values[index] = InvalidValue(explain(numbers[index].as_py()))
    return values


def _explain_year(name: str, value: int, unit: str) -> str:
    time = np.array(value).astype(f"datetime64[{unit}]")
    text = str(time if unit == "D" else time.astype("datetime64[s]"))
    return f"{name}: expected a year from 1 to 9999, got {text}"
