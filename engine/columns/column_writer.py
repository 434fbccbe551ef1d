"""Writes payloads as columns: one pass over the rows assigns codes to the values, the rest works on arrays."""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from engine.columns.column_file import COLUMNS_FILE, COUNT_KEY, NO_TIME, SCHEMA, WIDTHS
from engine.columns.datetimes import PATTERN, to_timestamp_us
from engine.columns.field_path import Path, format_path
from engine.columns.field_values import Payload, to_comparable, to_scalar


def write_columns(directory: FilePath, payloads: Iterable[Payload], count: int) -> None:
    """Write the columns of payloads in row order, in one pass.

    Args:
        directory: Folder of the snapshot.
        payloads: The payloads.
        count: Their number.

    Raises:
        TypeError: A value has a type outside JSON.
        ValueError: There are more or fewer payloads.

    Cost: half a microsecond per value; the memory of the distinct values, and eight bytes per value.
    """
    root = _Field()
    rows = 0
    for payload in payloads:
        for key, value in payload.items():
            field = root.fields.get(key)
            if field is None:
                field = root.fields[key] = _Field()
            _put(field, value, rows)
        rows += 1
    if rows != count:
        raise ValueError(f"expected {count} payloads, got {rows}")
    records = [_finish(path, field, count) for path, field in _leaves(root, ())]
    columns = [
        pa.array([format_path(record.path) for record in records], pa.large_string()),
        pa.array([record.bools for record in records], SCHEMA.field("bools").type),
        _lists([record.numbers for record in records], pa.float64()),
        _lists([record.texts for record in records], pa.large_string()),
        _lists([record.times for record in records], pa.int64()),
        _lists([record.rows for record in records], pa.uint32()),
        *(_lists([_if_width(record.codes, width) for record in records], getattr(pa, width)()) for width in WIDTHS),
        pa.array([record.several for record in records], pa.bool_()),
        pa.array([record.repeated for record in records], pa.bool_()),
    ]
    schema = SCHEMA.with_metadata({COUNT_KEY: str(count).encode()})
    batch = pa.record_batch(columns, schema=schema)
    with pa.OSFile(str(directory / COLUMNS_FILE), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(batch)


class _Field:
    """The values of one field so far, with codes in order of appearance, and the fields below it."""

    __slots__ = ("codes", "fields", "rows", "seen")

    def __init__(self) -> None:
        self.rows = array("I")
        self.codes = array("I")
        # A bool is the key (bool,), since True == 1.0.
        self.seen: dict[float | str | tuple[bool], int] = {}
        self.fields: dict[str, _Field] = {}


@dataclass(frozen=True, slots=True)
class _ColumnRecord:
    """One column as stored in the file."""

    path: Path
    bools: list[bool]
    numbers: NDArray[np.float64]
    texts: pa.Array
    times: NDArray[np.int64]
    rows: NDArray[np.uint32]
    codes: NDArray[Any]
    several: bool
    repeated: bool


def _put(field: _Field, value: Any, row: int) -> None:
    key: float | str | tuple[bool]
    if type(value) is str:
        key = to_comparable(value)
    elif type(value) is float and value == value:
        key = value
    elif type(value) is bool:
        key = (value,)
    elif isinstance(value, list | tuple):
        for part in value:
            _put(field, part, row)
        return
    elif isinstance(value, Mapping):
        for name, part in value.items():
            inner = field.fields.get(name)
            if inner is None:
                inner = field.fields[name] = _Field()
            _put(inner, part, row)
        return
    else:
        scalar = to_scalar(value)
        if scalar is None:
            return
        key = (scalar,) if isinstance(scalar, bool) else scalar
    seen = field.seen
    field.codes.append(seen.setdefault(key, len(seen)))
    field.rows.append(row)


def _leaves(field: _Field, path: Path) -> Iterator[tuple[Path, _Field]]:
    for key, inner in field.fields.items():
        if inner.codes:
            yield (*path, key), inner
        yield from _leaves(inner, (*path, key))


def _finish(path: Path, field: _Field, count: int) -> _ColumnRecord:
    """Assign codes in sort order; a column with one value in most rows is stored without row numbers."""
    seen = field.seen
    bools = sorted(key[0] for key in seen if isinstance(key, tuple))
    # + 0.0 turns -0.0 into zero, whichever of the two came first.
    numbers = np.array(sorted(key for key in seen if isinstance(key, float)), np.float64) + 0.0
    texts = pa.array([key for key in seen if isinstance(key, str)], pa.large_string())
    # Arrow compares UTF-8 bytes, whose order is that of code points.
    order = pc.array_sort_indices(texts)
    new = np.empty(len(seen), np.uint32)
    # Python sorted the numbers, so each is looked up; Arrow sorted the texts, whose permutation is applied.
    for index, value in enumerate(bools):
        new[seen[(value,)]] = 1 + index
    start = 1 + len(bools)
    for index, number in enumerate(numbers.tolist()):
        new[seen[number]] = start + index
    start += len(numbers)
    first_seen = np.fromiter((code for key, code in seen.items() if isinstance(key, str)), np.int64, len(texts))
    new[first_seen[order.to_numpy()]] = np.arange(start, start + len(texts), dtype=np.uint32)
    texts = texts.take(order)

    narrow = next(np.dtype(width) for width in WIDTHS if len(seen) <= np.iinfo(width).max)
    rows = np.frombuffer(field.rows, np.uint32)
    codes = new[np.frombuffer(field.codes, np.uint32)].astype(narrow)
    several = bool((rows[1:] == rows[:-1]).any())
    repeated = several and len(np.unique(rows.astype(np.uint64) << 32 | codes)) < len(rows)
    if not several and count * narrow.itemsize <= len(rows) * (narrow.itemsize + rows.itemsize):
        dense = np.zeros(count, narrow)
        dense[rows] = codes
        rows, codes = rows[:0], dense
    return _ColumnRecord(path, bools, numbers, texts, _times(texts), rows, codes, several, repeated)


def _times(texts: pa.Array) -> NDArray[np.int64]:
    """Return the timestamp of each text, an empty array if no text is one."""
    times = np.full(len(texts), NO_TIME, np.int64)
    for index in np.flatnonzero(pc.match_substring_regex(texts, PATTERN).to_numpy(zero_copy_only=False)).tolist():
        timestamp_us = to_timestamp_us(texts[index].as_py())
        if timestamp_us is not None:
            times[index] = timestamp_us
    return times if (times != NO_TIME).any() else times[:0]


def _if_width(codes: NDArray[Any], width: str) -> NDArray[Any]:
    return codes if codes.dtype == width else np.empty(0, width)


def _lists(parts: list[Any], kind: pa.DataType) -> pa.Array:
    """Return a list array with one list for each Arrow or numpy array."""
    offsets = np.zeros(len(parts) + 1, np.int64)
    np.cumsum([len(part) for part in parts], out=offsets[1:])
    arrays = [part if isinstance(part, pa.Array) else pa.array(part, kind) for part in parts if len(part)]
    values = pa.concat_arrays(arrays) if arrays else pa.array([], kind)
    return pa.LargeListArray.from_arrays(pa.array(offsets), values)
