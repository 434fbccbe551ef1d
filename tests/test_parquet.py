"""Parquet in every type that writers use: what its values mean, and what is told of those that cannot be read."""

import datetime
import io
import math
import uuid
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine.catalog.coercion import InvalidValue
from engine.errors import InvalidCatalogue
from indexer.catalog import BadCell, CatalogSpec, Product, Reject, count_rows, open_catalogue, read
from indexer.catalog.formats.parquet import Parquet

CASES = Path(__file__).parents[2] / "shared/cases/feeds"

real = pytest.mark.real
beside = pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not beside this checkout")


def write(folder: Path, columns: dict[str, Any] | pa.Table, **options: Any) -> Path:
    """Write columns as a Parquet file."""
    path = folder / "catalog.parquet"
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), path, **options)
    return path


def column(folder: Path, values: Any, name: str = "c", **options: Any) -> list[object]:
    """Return the values of one column as they are read."""
    source = Parquet(write(folder, {name: values}, **options))
    return [row.values[name] for row in source.rows() if not isinstance(row, Reject)]


def products(path: Path) -> list[Product]:
    """Read a catalogue that has no bad row."""
    entries = list(read(CatalogSpec(path)))
    assert [entry for entry in entries if isinstance(entry, Reject)] == []
    return [entry for entry in entries if isinstance(entry, Product)]


def image_bytes(format_: str = "PNG", colour: str = "red") -> bytes:
    """Return a small image."""
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(stream, format_)
    return stream.getvalue()


MAY = 1_714_557_600
"""2024-05-01T10:00:00Z in seconds."""


@pytest.mark.parametrize(
    ("arrow_type", "number", "text"),
    [
        (pa.date32(), 19_844, "2024-05-01"),
        (pa.date64(), 19_844 * 86_400_000, "2024-05-01"),
        (pa.date32(), 2_932_896, "9999-12-31"),
        (pa.date32(), -719_162, "0001-01-01"),
        (pa.timestamp("s"), MAY, "2024-05-01T10:00:00"),
        (pa.timestamp("ms"), MAY * 1000 + 500, "2024-05-01T10:00:00.500"),
        (pa.timestamp("us"), MAY * 10**6 + 1, "2024-05-01T10:00:00.000001"),
        (pa.timestamp("ns"), MAY * 10**9 + 1, "2024-05-01T10:00:00"),
        (pa.timestamp("ns"), MAY * 10**9 + 2_000, "2024-05-01T10:00:00.000002"),
        (pa.timestamp("ns"), -1, "1969-12-31T23:59:59.999999"),
        (pa.timestamp("us", "Europe/Berlin"), MAY * 10**6, "2024-05-01T10:00:00+00:00"),
        (pa.timestamp("ns", "Asia/Kolkata"), MAY * 10**9, "2024-05-01T10:00:00+00:00"),
        (pa.timestamp("us", "+05:30"), MAY * 10**6, "2024-05-01T10:00:00+00:00"),
        (pa.timestamp("us", "America/New_York"), -62_135_596_800 * 10**6, "0001-01-01T00:00:00+00:00"),
        (pa.timestamp("us", "Europe/Berlin"), 253_402_300_799 * 10**6, "9999-12-31T23:59:59+00:00"),
        (pa.time32("ms"), 36_000_000, "10:00:00"),
        (pa.time32("ms"), 36_000_500, "10:00:00.500"),
        (pa.time64("us"), 36_000_000_001, "10:00:00.000001"),
        (pa.time64("ns"), 36_000_000_000_001, "10:00:00"),
        (pa.time64("us"), 86_399_999_999, "23:59:59.999999"),
    ],
)
def test_dates_and_times_are_iso_8601(tmp_path: Path, arrow_type: pa.DataType, number: int, text: str) -> None:
    """To the microsecond; those of a time zone are in UTC."""
    width = pa.int32() if arrow_type.bit_width == 32 else pa.int64()
    assert column(tmp_path, pa.array([number, None], width).view(arrow_type)) == [text, None]


@pytest.mark.parametrize(
    ("arrow_type", "number", "text"),
    [
        (pa.date32(), 2_932_897, "10000-01-01"),
        (pa.date32(), 2**31 - 1, "5881580-07-11"),
        (pa.date32(), -719_163, "0000-12-31"),
        (pa.timestamp("ms"), 253_402_300_800_000, "10000-01-01T00:00:00"),
        (pa.timestamp("us"), 2**63 - 1, "294247-01-10T04:00:54"),
        (pa.timestamp("us", "UTC"), -62_135_596_800_000_001, "0000-12-31T23:59:59"),
    ],
)
def test_a_year_that_no_calendar_has_is_a_bad_cell(
    tmp_path: Path, arrow_type: pa.DataType, number: int, text: str
) -> None:
    """The reason names the column and the year; the product is kept, and the cells beside it."""
    width = pa.int32() if arrow_type.bit_width == 32 else pa.int64()
    until = pa.array([number, 0, None], width).view(arrow_type)
    first, second, third = products(write(tmp_path, {"item_id": ["a", "b", "c"], "until": until}))
    assert first.bad_cells == (BadCell(1, "a", "until", first.bad_cells[0].reason),)
    assert first.bad_cells[0].reason.startswith("until: expected a year from 1 to 9999, got ")
    assert text[:-1] in first.bad_cells[0].reason
    assert str(second.payload["until"]).startswith("1970-01-01")
    assert third.payload == {}


@pytest.mark.parametrize(("unit", "number"), [("us", 86_400_000_000), ("ns", -1), ("us", 2**62)])
def test_a_time_outside_the_day_is_a_bad_cell(tmp_path: Path, unit: str, number: int) -> None:
    (value,) = column(tmp_path, pa.array([number], pa.int64()).view(pa.time64(unit)))
    assert isinstance(value, InvalidValue)
    assert "c: expected a time of day, got" in value.reason


@pytest.mark.parametrize(("unit", "seconds"), [("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)])
def test_durations_are_seconds(tmp_path: Path, unit: str, seconds: float) -> None:
    values = pa.array([1, None, -3], pa.duration(unit))
    assert column(tmp_path, values) == [pytest.approx(seconds), None, pytest.approx(-3 * seconds)]


def test_old_timestamps_of_96_bits_keep_their_years(tmp_path: Path) -> None:
    """Spark and Impala write them; in nanoseconds the year 9999 would become 1816."""
    years = [datetime.datetime(9999, 12, 31), datetime.datetime(1, 1, 1), None]
    values = column(
        tmp_path, pa.array(years, pa.timestamp("us")), use_deprecated_int96_timestamps=True, store_schema=False
    )
    assert values == ["9999-12-31T00:00:00", "0001-01-01T00:00:00", None]


@pytest.mark.parametrize(
    "arrow_type",
    [
        pa.list_(pa.timestamp("ns")),
        pa.large_list(pa.timestamp("us")),
        pa.list_view(pa.timestamp("us")),
        pa.list_(pa.timestamp("us"), 1),
    ],
)
def test_dates_in_lists(tmp_path: Path, arrow_type: pa.DataType) -> None:
    """A list with a date that no calendar has is one bad cell; the other lists are read."""
    rows: list[list[int] | None] = [[MAY], None, [0]]
    if arrow_type.value_type.unit == "us":
        rows.append([10**12])
    scale = {"us": 10**6, "ns": 10**9}[arrow_type.value_type.unit]
    values = pa.array([row and [second * scale for second in row] for row in rows], arrow_type)
    dates = column(tmp_path, values)
    assert dates[:3] == [["2024-05-01T10:00:00"], None, ["1970-01-01T00:00:00"]]
    assert all(isinstance(date, InvalidValue) and "33658-09" in date.reason for date in dates[3:])


def test_dates_in_structs_and_maps(tmp_path: Path) -> None:
    """The reason names the path of the field."""
    time = pa.timestamp("us")
    far = 10**18
    kind = pa.struct({"at": time, "by": pa.string()})
    values = pa.array([{"at": far, "by": "x"}, {"at": 0, "by": "y"}, None], kind)
    bad, good, absent = column(tmp_path, values, "event")
    assert isinstance(bad, InvalidValue)
    assert bad.reason == "event.at: expected a year from 1 to 9999, got 33658-09-27T01:46:40"
    assert (good, absent) == ({"at": "1970-01-01T00:00:00", "by": "y"}, None)

    maps = pa.array([[("a", 0)], [("a", 0), ("b", far)], []], pa.map_(pa.string(), pa.int64()))
    first, second, third = column(tmp_path, maps.cast(pa.map_(pa.string(), time)))
    assert (first, third) == ({"a": "1970-01-01T00:00:00"}, {})
    assert isinstance(second, InvalidValue)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([True, None]), [True, None]),
        (pa.array([2**63 - 1, -(2**63)], pa.int64()), [2**63 - 1, -(2**63)]),
        (pa.array([2**64 - 1, 0], pa.uint64()), [2**64 - 1, 0]),
        (pa.array([-128, 127], pa.int8()), [-128, 127]),
        (pa.array([0.1, None, math.nan], pa.float16()), [0.1, None, None]),
        (pa.array([19.99, None, math.nan], pa.float32()), [19.99, None, None]),
        (pa.array([0.1, None, math.nan], pa.float64()), [0.1, None, None]),
        (pa.array([Decimal("12.34"), None, Decimal("5.00")], pa.decimal128(9, 2)), [Decimal("12.34"), None, 5]),
        (pa.array([Decimal(10**50 + 1), None], pa.decimal256(60, 0)), [10**50 + 1, None]),
        (pa.array([Decimal("61749429862703105"), None], pa.decimal128(38, 0)), [61749429862703105, None]),
        (pa.array(["a", None]), ["a", None]),
        (pa.array(["a", None], pa.large_string()), ["a", None]),
        (pa.array(["a", None], pa.string_view()), ["a", None]),
        (pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
        (pa.nulls(2), [None, None]),
        (pa.array([[1, None], None, []], pa.list_(pa.int64())), [[1, None], None, []]),
        (pa.array([[[1], None], [[]]], pa.large_list(pa.list_(pa.int8()))), [[[1], None], [[]]]),
        (pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int64(), 2)), [[1, 2], None, [3, 4]]),
        (pa.array([[1], None, []], pa.large_list_view(pa.int64())), [[1], None, []]),
        (pa.array([["a"], ["b", "a"]], pa.list_(pa.dictionary(pa.int8(), pa.string()))), [["a"], ["b", "a"]]),
        (pa.array([{"w": 1, "h": None}, None]), [{"w": 1, "h": None}, None]),
        (pa.array([{"w": {"x": 1.5}}, {"w": None}]), [{"w": {"x": 1.5}}, {"w": None}]),
        (pa.array([[("en", "mug")], None, []], pa.map_(pa.string(), pa.string())), [{"en": "mug"}, None, {}]),
        (pa.array([[(7, "mug")]], pa.map_(pa.int64(), pa.string())), [{"7": "mug"}]),
        (pa.array([[{"n": math.nan}]], pa.list_(pa.struct({"n": pa.float32()}))), [[{"n": None}]]),
        (pa.ExtensionArray.from_storage(pa.bool8(), pa.array([0, 1, None, 5], pa.int8())), [False, True, None, True]),
        (pa.array(['{"a": [1]}', None, "2"], pa.json_()), [{"a": [1]}, None, 2]),
        (pa.array([bytes(range(16)), None], pa.uuid()), ["00010203-0405-0607-0809-0a0b0c0d0e0f", None]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_every_type_has_its_value(tmp_path: Path, values: pa.Array, expected: Sequence[object]) -> None:
    """Numbers keep their digits, NaN is absent, whole decimals are whole numbers."""
    found = column(tmp_path, values)
    assert found == expected
    assert list(map(type, found)) == list(map(type, expected))


@pytest.mark.parametrize("values", [pa.array(["{}", "{broken"], pa.json_()), pa.array(["{}", ""], pa.json_())])
def test_broken_json_is_a_bad_cell(tmp_path: Path, values: pa.Array) -> None:
    good, bad = column(tmp_path, values)
    assert good == {}
    assert isinstance(bad, InvalidValue)
    assert bad.reason.startswith("c: bad JSON at position ")


STRUCT = pa.struct({"n": pa.int64(), "t": pa.list_(pa.string()), "m": pa.map_(pa.string(), pa.float64())})
structs = st.none() | st.fixed_dictionaries(
    {
        "n": st.none() | st.integers(-(2**63), 2**63 - 1),
        "t": st.none() | st.lists(st.none() | st.text(st.characters(codec="utf-8"), max_size=5), max_size=3),
        "m": st.none() | st.dictionaries(st.text("abc"), st.none() | st.floats(allow_nan=False), max_size=3),
    }
)


@given(st.lists(st.none() | st.lists(structs, max_size=3), max_size=20))
def test_nested_values_come_back(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    """Lists of structs of lists and maps are what Python wrote, whatever is absent."""
    written = [
        row and [cell and {**cell, "m": cell["m"] if cell["m"] is None else list(cell["m"].items())} for cell in row]
        for row in rows
    ]
    folder = tmp_path_factory.mktemp("nested")
    assert column(folder, pa.array(written, pa.list_(STRUCT)), row_group_size=7) == rows


def test_integers_beyond_double_precision_stay_apart(tmp_path: Path) -> None:
    """The ids of variants that Shopify and Meta give have 17 digits, also as decimals and in structs."""
    numbers = [61749429862703105 + n for n in range(4)]
    path = write(
        tmp_path,
        {
            "item_id": pa.array(numbers, pa.int64()),
            "variant_id": pa.array(numbers, pa.int64()),
            "code": pa.array(list(map(Decimal, numbers)), pa.decimal128(38, 18)),
        },
    )
    found = products(path)
    assert [product.item_id for product in found] == list(map(str, numbers))
    assert len({str(product.payload["variant_id"]) for product in found}) == 4
    assert [row.values["code"] for row in Parquet(path).rows() if not isinstance(row, Reject)] == numbers


BINARIES = [pa.binary(), pa.large_binary(), pa.binary_view()]


@pytest.mark.parametrize("arrow_type", BINARIES, ids=str)
def test_text_without_its_type_is_text(tmp_path: Path, arrow_type: pa.DataType) -> None:
    """Impala and old Spark write bytes: ids, titles and image paths are what they say."""
    (tmp_path / "a.png").write_bytes(image_bytes())
    path = write(
        tmp_path,
        {
            "item_id": pa.array([b"P0", b"P1"], arrow_type),
            "title": pa.array(["rote Schüssel".encode(), None], arrow_type),
            "image": pa.array([b"a.png", None], arrow_type),
            "tags": pa.array([[b"x", b"y"], None], pa.list_(arrow_type)),
            "dims": pa.array([{"unit": b"cm"}, None], pa.struct({"unit": arrow_type})),
            "colour": pa.array([b"red", b"blue"], arrow_type).dictionary_encode()
            if arrow_type == pa.binary()
            else ["red", "blue"],
        },
    )
    first, second = products(path)
    assert (first.item_id, second.item_id) == ("P0", "P1")
    assert first.images == (tmp_path / "a.png",)
    assert first.payload == {
        "title": "rote Schüssel",
        "image": "a.png",
        "tags": ["x", "y"],
        "dims": {"unit": "cm"},
        "colour": "red",
    }
    assert Parquet(path).notices() == []


def test_padded_text_of_fixed_size(tmp_path: Path) -> None:
    """A CHAR column is filled up with the byte 0."""
    assert column(tmp_path, pa.array([b"red\0\0", b"green"], pa.binary(5))) == ["red", "green"]


def test_one_value_that_is_no_text_costs_its_cell(tmp_path: Path) -> None:
    """A column of text stays one, whichever of its values is broken."""
    rows = 5000
    titles = [f"title {number}".encode() for number in range(rows)]
    titles[50] = titles[-1] = b"caf\xe9"
    found = products(write(tmp_path, {"item_id": range(rows), "title": pa.array(titles, pa.binary())}))
    assert found[50].bad_cells == (BadCell(51, "50", "title", "title: not UTF-8"),)
    assert found[-1].bad_cells
    assert sum(len(product.bad_cells) for product in found) == 2


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_images_are_bytes(tmp_path: Path, format_: str) -> None:
    """An image is bytes whatever its format, also in a column of a shop's own name."""
    data = image_bytes(format_)
    images = pa.array([data, None, data[:-1]], pa.binary())
    assert column(tmp_path, images, "photo") == [data, None, data[:-1]]


def test_images_that_no_field_takes_are_told(tmp_path: Path) -> None:
    """One column is taken for the image; of another a person is told how to take it."""
    images = pa.array([image_bytes()], pa.binary())
    path = write(tmp_path, {"item_id": ["a"], "photo": images, "thumb": images})
    catalogue = open_catalogue(CatalogSpec(path))
    assert "column thumb holds images that are not used: use --map image=thumb" in catalogue.notices
    (product,) = products(path)
    assert (product.images, product.payload) == ((image_bytes(),), {})


def test_images_and_paths_in_one_column(tmp_path: Path) -> None:
    """Each value is what it is."""
    data = image_bytes()
    (tmp_path / "a.png").write_bytes(image_bytes(colour="blue"))
    path = write(tmp_path, {"item_id": [1, 2], "image": pa.array([data, b"a.png"], pa.binary())})
    assert [product.images for product in products(path)] == [(data,), (tmp_path / "a.png",)]


def test_lists_and_pairs_of_image_bytes(tmp_path: Path) -> None:
    """Hugging Face writes pairs of bytes and path; several images are a list."""
    data = image_bytes()
    pair = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    assert column(tmp_path, pa.array([{"bytes": data, "path": "a.png"}], pair), "image") == [
        {"bytes": data, "path": "a.png"}
    ]
    assert column(tmp_path, pa.array([[data, data], []], pa.list_(pa.binary())), "images") == [[data, data], []]


def test_what_is_no_image_in_a_column_of_images_is_kept_for_its_message(tmp_path: Path) -> None:
    """The bytes are decoded with the others, so that the row tells what they are."""
    broken = b"\x00\x01\x02\xff" * 9
    assert column(tmp_path, pa.array([broken, None], pa.binary()), "image") == [broken, None]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("uuid", uuid.UUID(int=7).bytes, str(uuid.UUID(int=7))),
        ("product_guid", uuid.UUID(int=2**127).bytes, str(uuid.UUID(int=2**127))),
        ("item_id", bytes.fromhex("507f1f77bcf86cd799439011"), "507f1f77bcf86cd799439011"),
        ("_id", bytes.fromhex("507f1f77bcf86cd799439011"), "507f1f77bcf86cd799439011"),
    ],
)
def test_ids_of_bytes_are_written_out(tmp_path: Path, name: str, value: bytes, text: str) -> None:
    """16 bytes are a UUID, others hex, as databases print them."""
    assert column(tmp_path, pa.array([value], pa.binary(len(value))), name) == [text]
    assert column(tmp_path, pa.array([value, None], pa.binary()), name) == [text, None]


def test_bytes_of_no_use_are_left_out_and_told(tmp_path: Path) -> None:
    """Hashes, BSON and geometry are no values that a person filters by."""
    bson = b"\x16\x00\x00\x00\x02hello\x00\x06\x00\x00\x00world\x00\x00"
    path = write(
        tmp_path,
        {
            "item_id": ["a", "b"],
            "sha": pa.array([b"\xff" * 20, None], pa.binary(20)),
            "doc": pa.array([bson, bson], pa.binary()),
            "shape": pa.ExtensionArray.from_storage(pa.opaque(pa.binary(), "geometry", "x"), pa.array([b"\0\1"] * 2)),
            "dims": pa.array([{"w": 1, "raw": b"\0\1"}] * 2, pa.struct({"w": pa.int64(), "raw": pa.binary()})),
        },
    )
    source = Parquet(path)
    assert source.columns(frozenset()) == ["item_id", "dims"]
    assert source.notices() == [
        f"column {name!r} is left out: its bytes are neither UTF-8 text nor images"
        for name in ("sha", "doc", "shape", "dims.raw")
    ]
    first, _ = products(path)
    assert "doc" not in first.payload
    assert first.payload["dims"] == {"w": 1, "raw": None}


def test_a_file_of_bytes_only(tmp_path: Path) -> None:
    """The message says which columns are left out."""
    path = write(tmp_path, {"sha": pa.array([b"\xff" * 20])})
    with pytest.raises(InvalidCatalogue, match="no column that can be read: column 'sha' is left out"):
        read(CatalogSpec(path))


def test_a_column_of_bytes_that_starts_empty(tmp_path: Path) -> None:
    """The first values decide, however late they come."""
    values = pa.array([None] * 3000 + [b"red"], pa.binary())
    assert column(tmp_path, values, row_group_size=500)[-1] == "red"
    assert column(tmp_path, pa.nulls(3, pa.binary())) == [None] * 3


def test_names_of_columns(tmp_path: Path) -> None:
    """Dots stay, beside a struct of the same name; a column without a name is left out; two of one name are refused."""
    path = write(
        tmp_path,
        {"item_id": ["a"], "dims": [{"w": 1}], "dims.w": [5], "x.y": [6], "": ["lost"], "raw": pa.array([b"\0\1"])},
    )
    source = Parquet(path)
    assert source.columns(frozenset()) == ["item_id", "dims", "dims.w", "x.y"]
    assert "a column without a name is left out" in source.notices()
    (product,) = products(path)
    assert product.payload == {"dims": {"w": 1}, "dims.w": 5, "x.y": 6}

    twice = pa.Table.from_arrays([pa.array(["a"]), pa.array([1]), pa.array([2])], names=["item_id", "n", "n"])
    with pytest.raises(InvalidCatalogue, match="has two columns named 'n'"):
        read(CatalogSpec(write(tmp_path, twice)))
    fields = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], names=["w", "w"])
    with pytest.raises(InvalidCatalogue, match=r"has two columns named 'dims\.w'"):
        read(CatalogSpec(write(tmp_path, {"item_id": ["a"], "dims": fields})))


def test_vectors_of_every_kind_of_list(tmp_path: Path) -> None:
    """Also as tensors and as views of lists."""
    storage = pa.array([[3.0, 4.0], [1.0, 0.0]], pa.list_(pa.float32(), 2))
    tensor = pa.FixedShapeTensorArray.from_storage(pa.fixed_shape_tensor(pa.float32(), [2]), storage)
    for vectors in (tensor, pa.array([[3, 4], [1, 0]], pa.list_view(pa.float32()))):
        first, _ = products(write(tmp_path, {"item_id": ["a", "b"], "image_vector": vectors}))
        assert first.vectors["image"].tolist() == [3, 4]


def test_a_truncated_file_is_told_with_its_row(tmp_path: Path) -> None:
    """The footer may be whole where the data is not."""
    path = write(tmp_path, {"item_id": [str(n) for n in range(5000)]}, row_group_size=1000, compression="snappy")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 2000] = b"\xff" * 2000
    path.write_bytes(bytes(data))
    with pytest.raises(InvalidCatalogue, match=r"cannot read .*catalog\.parquet after row \d+"):
        list(read(CatalogSpec(path)))


def test_rows_are_counted_from_footers(tmp_path: Path) -> None:
    assert count_rows(write(tmp_path, {"item_id": range(1234)}, row_group_size=100)) == 1234
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(InvalidCatalogue, match="cannot read"):
        count_rows(tmp_path / "broken.parquet")


@real
@beside
@pytest.mark.parametrize(
    ("name", "column_name", "values"),
    [
        ("dur_ns__catalog", "took", [1e-09, 2e-09, 3e-09, 4e-09, 1.5e-06]),
        ("far_date32__catalog", "until", [None, "1970-01-02", "1970-01-03", "1970-01-04", "1970-01-05"]),
        ("far_dates__catalog", "discontinued", [None] + ["2024-05-01T10:00:00"] * 4),
        ("nested_ns__catalog", "ev", [["2024-05-01T10:00:00"]] * 5),
        ("time_ns__catalog", "at", ["00:00:00"] * 5),
        ("tz_edges__berlin_9999", "valid_until", ["9999-12-31T23:59:59+00:00", "1970-01-01T00:00:00+00:00"]),
        ("tz_edges__ny_0001", "created", ["0001-01-01T00:00:00+00:00", "1970-01-01T00:00:00+00:00"]),
        ("tz_edges__struct_ns", "released", ["2024-05-01T10:00:00", "1970-01-01T00:00:00"]),
        ("tz_edges__struct_ns", "events", [{"at": "2024-05-01T10:00:00"}] * 2),
        ("zero_date__catalog", "created", [None] + ["1970-01-01T00:00:00"] * 4),
    ],
)
def test_files_with_dates_that_python_cannot_hold(name: str, column_name: str, values: list[object]) -> None:
    """Every product is read; what no calendar has is a bad cell."""
    found = products(CASES / "parquet_dates_crash" / f"D02_{name}.parquet")
    assert [product.payload.get(column_name) for product in found] == values
    bad = [cell.column for product in found for cell in product.bad_cells]
    assert bad == [column_name] * values.count(None)


@real
@beside
def test_files_with_text_as_bytes() -> None:
    folder = CASES / "parquet_binary_strings"
    first, *_ = products(folder / "D03b_binary_strings_images__catalog.parquet")
    assert (first.text, first.payload["category"]) == ("red box", "home")
    ids = products(folder / "D03_binary_ids__catalog.parquet")
    assert [product.item_id for product in ids] == ["P0", "P1", "P2", "P3", "P4"]
    paths = Parquet(folder / "D11_image_bytes__path_as_binary.parquet").rows()
    assert [row.values["image"] for row in paths if not isinstance(row, Reject)][:2] == ["img/red.jpg", "img/blue.jpg"]


@real
@beside
def test_a_file_with_big_integers() -> None:
    rows = list(Parquet(CASES / "big_integers/D10_bigint_payload__catalog.parquet").rows())
    values = [row.values["product_id"] for row in rows if not isinstance(row, Reject)]
    assert values == [61749429862703105 + number for number in range(5)]
