"""Columns of payloads: what was written is what is read, field by field, and live items fit in."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.columns import (
    Columns,
    ValueKind,
    facet_values,
    field_names,
    format_path,
    get_group,
    get_number,
    parse_path,
    value_at,
    value_key,
    write_columns,
)
from engine.columns.column_file import COLUMNS_FILE
from engine.columns.datetimes import to_timestamp_us
from engine.errors import CorruptSnapshot, InvalidQuery, UnknownField
from indexer.catalog import CatalogSpec, Product, read
from tests.support.columns import columns_of

DATA = Path(__file__).parents[2] / "shared/data"

KEYS = st.sampled_from(["a", "b", "c", "d.e", "", 'q"', "AND"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, -0.0, 1.0, 2.5, -7, math.inf, math.nan, 2**60, 10**400]),
    st.sampled_from(["", "x", "xy", "é", "靴", "🙂", "2020-01-01", "2020-01-01T00:00:00Z", "true", "1"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=6,
)
PAYLOADS = st.lists(st.dictionaries(KEYS, VALUES, max_size=4), max_size=8)


def every(payloads: Sequence[Any]) -> np.ndarray:
    return np.ones(len(payloads), np.bool_)


def counted(payloads: Sequence[Mapping[str, Any]], name: str) -> list[tuple[Any, int]]:
    """Count the slow way, in the order of a facet."""
    counts: Counter[Any] = Counter()
    for payload in payloads:
        counts.update({value_key(value) for value in facet_values(payload, name)})
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return [(None if key[0] == 3 else key[1], count) for key, count in ordered]


def told(entries: Sequence[tuple[Any, int]]) -> list[tuple[Any, int]]:
    """Tell true from 1, which are equal in Python."""
    return [(value_key(value), count) for value, count in entries]


@given(PAYLOADS)
def test_columns_say_what_payloads_say(payloads: list[dict[str, Any]]) -> None:
    """Numbers, groups and facets of columns are those of the payloads, one by one."""
    columns = columns_of(payloads)
    assert set(columns.names()) == set().union(*map(field_names, payloads))
    for name in columns.names():
        numbers = [get_number(payload, name) for payload in payloads]
        np.testing.assert_array_equal(columns.numbers(name), numbers)
        groups = columns.groups(name)
        keys = [get_group(payload, name) for payload in payloads]
        assert [None if code < 0 else columns.group_key(name, code) for code in groups.tolist()] == keys
        assert [columns.group_code(name, key) for key in keys] == groups.tolist()
        assert groups.max() < columns.group_count(name)
        assert told(columns.facet(name, every(payloads))) == told(counted(payloads, name))


@given(PAYLOADS, st.data())
def test_live_items_count_as_stored_ones(payloads: list[dict[str, Any]], data: st.DataObject) -> None:
    """A facet over some stored rows and some live items is that over all of them stored."""
    kept = [data.draw(st.booleans()) for _ in payloads]
    live = data.draw(PAYLOADS)
    columns = columns_of(payloads).with_fields(name for payload in live for name in field_names(payload))
    both = [payload for payload, flag in zip(payloads, kept, strict=True) if flag] + live
    for name in columns.names():
        counts = columns.facet(name, np.array(kept, np.bool_), live)
        assert told(counts) == told(counted(both, name))
        assert columns.facet(name, np.array(kept, np.bool_), live, limit=2) == counts[:2]
        for payload in live:
            code = columns.group_code(name, get_group(payload, name))
            assert code == -1 or columns.group_key(name, code) == get_group(payload, name)


@given(st.lists(st.text(max_size=6), min_size=1, max_size=4))
def test_a_name_leads_to_its_path(path: list[str]) -> None:
    """Whatever keys a catalogue has, each path has one name."""
    assert parse_path(format_path(tuple(path))) == tuple(path)


def test_names_need_quotes_for_dots_only() -> None:
    """A name as a person writes it is found, whatever the key is."""
    columns = columns_of([{"base colour": "red", "a.b": 1, "a": {"b": 2}, "½": {"3d-ready": True}}])
    assert columns.names() == ('"base colour"', '"a.b"', "a.b", "½.3d-ready")
    assert columns.numbers('"a.b"').tolist() == [1]
    assert columns.numbers("a.b").tolist() == [2]
    assert columns.kind("base colour") is ValueKind.TEXT
    assert columns.kind("'base colour'") is ValueKind.TEXT


def test_kinds() -> None:
    """A field is of the kind of its values, and mixed if they are of several; a date is a text that is an instant."""
    columns = columns_of(
        [
            {"b": True, "n": 1, "t": "x", "d": "2020-01-01", "m": "x", "l": [1, 2], "i": "2020-01-01", "none": None},
            {"b": False, "n": 1.5, "t": "y", "d": "2020-01-01T10:00:00+02:00", "m": 1, "l": 3, "i": "soon", "e": []},
        ]
    )
    assert {name: str(columns.kind(name)) for name in columns.names()} == {
        "b": "bool",
        "n": "number",
        "t": "text",
        "d": "timestamp",
        "m": "mixed",
        "l": "number",
        "i": "text",
    }
    assert columns.with_fields(["new"]).kind("new") is ValueKind.MIXED


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01", 0),
        ("1970-01-02T00:00:01Z", 86401),
        ("1970-01-01t01:00:00+01:00", 0),
        ("1969-12-31 23:30:00-00:30", 0),
        ("1970-01-01T00:00:00.5", 0.5),
        ("1970-01-01T00:00:00.1234567z", 0.123456),
        ("2016-12-31T23:59:60Z", 1483228800),
        ("2024-02-29", 1709164800),
        ("9999-12-31T23:59:59-23:59", 253402387139),
    ],
)
def test_moments(text: str, seconds: float) -> None:
    """Dates and date-times of RFC 3339 are microseconds since 1970."""
    assert to_timestamp_us(text) == round(seconds * 1_000_000)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024",
        "2023-02-29",
        "2024-13-01",
        "0000-01-01",
        "2024-01-01T",
        "2024-01-01T24:00:00Z",
        "2024-01-01T10:60:00Z",
    ]
    + ["2024-01-01T10:00Z", "2024-01-01T10:00:00+24:00", "2024-01-01\n", " 2024-01-01", "２０２４-01-01", "20240101"],
)
def test_what_is_no_moment(text: str) -> None:
    """Anything else is a text."""
    assert to_timestamp_us(text) is None


@pytest.mark.parametrize("distinct", [255, 256, 65535, 65536])
@pytest.mark.parametrize("share", [1.0, 0.1])
def test_many_values(distinct: int, share: float) -> None:
    """Values are told apart however many there are, in dense columns and in sparse ones."""
    count = round(distinct / share)
    payloads = [{"sku": f"s{row:06}", "n": row} if row < distinct else {} for row in range(count)]
    columns = columns_of(payloads)
    groups = columns.groups("sku")
    assert len(np.unique(groups[:distinct])) == distinct
    assert (groups[distinct:] == -1).all()
    assert columns.group_key("sku", int(groups[distinct - 1])) == get_group(payloads[distinct - 1], "sku")
    np.testing.assert_array_equal(columns.numbers("n")[:distinct], np.arange(distinct))
    assert np.isnan(columns.numbers("n")[distinct:]).all()


def test_a_facet_tells_at_most_a_thousand_values() -> None:
    """The commonest are told, of equally common ones the least, and how many items have none of any."""
    payloads = [{"n": row % 1500} for row in range(2000)] + [{}] * 3
    told_values = columns_of(payloads).facet("n", every(payloads))
    assert told_values[:3] == [(None, 3), (0.0, 2), (1.0, 2)]
    assert len(told_values) == 1000
    assert told_values[-1] == (998.0, 1)
    assert told_values == counted(payloads, "n")[:1000]


def test_an_element_counts_once_an_item() -> None:
    """A list that has a value twice counts once for it, and lists are one group if they are equal."""
    payloads = [{"t": ["x", "x", "y"]}, {"t": ["x", "y"]}, {"t": ["x", "x", "y"]}, {"t": "x"}, {"t": ["x"]}, {"t": []}]
    columns = columns_of(payloads)
    assert columns.facet("t", every(payloads)) == [("x", 5), ("y", 3), (None, 1)]
    groups = columns.groups("t").tolist()
    assert groups[0] == groups[2] != groups[1]
    assert groups[3] == groups[4]
    assert groups[5] == -1


def test_values_of_an_item() -> None:
    """Lists are looked into, also those of mappings; nulls are no values."""
    payload = {"v": [{"s": 1}, {"s": [2, None]}, 7], "m": {"x": {}}, "n": None}
    assert value_at(payload, "v.s") == [1.0, 2.0]
    assert value_at(payload, "v") == 7.0
    assert value_at(payload, "m") is None
    assert facet_values(payload, "n") == [None]
    assert field_names(payload) == {"v", "v.s"}


def test_unknown_fields_name_the_nearest() -> None:
    """A misspelt name, the end of a dotted one and a mapping each lead on."""
    columns = columns_of([{"price": 1, "attributes": {"colour": "red", "size": 2}, "brand": "x"}])
    for name, near in (("prize", "price"), ("colour", "attributes.colour"), ("attributes", "attributes.colour, ")):
        with pytest.raises(UnknownField, match=f"unknown field '{name}': did you mean {near}") as refusal:
            columns.check(name, "facets[0]")
        assert refusal.value.field == "facets[0]"
    with pytest.raises(UnknownField, match="no field has a similar name"):
        columns.numbers("zzz")
    with pytest.raises(InvalidQuery, match="expected a field of numbers, got 'brand', a field of kind text"):
        columns.check_number("brand")
    assert columns.check_number("attributes.size") == ("attributes", "size")
    assert columns.with_fields(["live"]).check_number("live") == ("live",)


def test_a_value_that_json_has_not_is_refused(tmp_path: Path) -> None:
    """Nothing is written by halves, or of another number of rows."""
    with pytest.raises(TypeError, match="got bytes"):
        write_columns(tmp_path, [{"a": b"x"}], 1)
    with pytest.raises(ValueError, match="expected 2 payloads, got 1"):
        write_columns(tmp_path, [{"a": 1}], 2)
    assert not list(tmp_path.iterdir())


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    """Whatever is no file of columns, or not of these rows, is refused by name."""
    with pytest.raises(CorruptSnapshot, match=r"columns\.arrow: expected the columns"):
        Columns(tmp_path, 2)
    write_columns(tmp_path, [{"a": 1}, {"b": "x"}], 2)
    path = tmp_path / COLUMNS_FILE
    whole = path.read_bytes()
    with pytest.raises(CorruptSnapshot, match=r"columns\.arrow: expected 3 rows, got 2"):
        Columns(tmp_path, 3)
    for damaged in (b"", b"ARROW1", whole[: len(whole) // 2], whole[:-1]):
        path.write_bytes(damaged)
        with pytest.raises(CorruptSnapshot, match=r"columns\.arrow: expected the columns"):
            Columns(tmp_path, 2)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, pa.schema([("a", pa.int32())])):
        pass
    with pytest.raises(CorruptSnapshot, match=r"columns\.arrow: expected the columns of a snapshot, got another"):
        Columns(tmp_path, 2)


@pytest.mark.real
@pytest.mark.skipif(not DATA.exists(), reason="no real data")
@pytest.mark.parametrize("catalogue", ["icecat_search/catalog.jsonl.gz", "fashion_products/catalog_text_only.csv.gz"])
def test_real_catalogues(tmp_path: Path, catalogue: str) -> None:
    """Columns of real payloads say what the payloads say, and take no more room than they do."""
    entries = read(CatalogSpec(DATA / catalogue))
    payloads = [entry.payload for entry in entries if isinstance(entry, Product)]
    write_columns(tmp_path, payloads, len(payloads))
    assert (tmp_path / COLUMNS_FILE).stat().st_size < len(json.dumps(payloads, ensure_ascii=False).encode())
    columns = Columns(tmp_path, len(payloads))
    names = columns.names()
    for name in (*names[:9], *names[:: max(1, len(names) // 8)]):
        assert told(columns.facet(name, every(payloads), limit=None)) == told(counted(payloads, name))
        np.testing.assert_array_equal(columns.numbers(name), [get_number(payload, name) for payload in payloads])
        keys = [get_group(payload, name) for payload in payloads]
        codes = columns.groups(name).tolist()
        assert [code < 0 for code in codes] == [key is None for key in keys]
        assert len(set(zip(codes, keys, strict=True))) == len(set(codes)) == len(set(keys))
