"""Catalogues in every format: what becomes a product, what is rejected and why, what cannot be read at all."""

import csv
import gzip
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine.catalog.coercion import BadRow, to_price
from engine.catalog.text_template import Template
from engine.errors import InvalidCatalogue, InvalidSetting
from indexer.catalog import BadCell, CatalogSpec, Product, Reject, catalogue_hash, count_rows, open_catalogue, read

DATA = Path(__file__).parents[2] / "shared/data"

FIVE: list[dict[str, Any]] = [
    {"item_id": "mug/red-mug", "title": "red mug", "category": "mug", "image": "mug/red-mug.png"},
    {"item_id": "mug/tasse bleue é", "title": "tasse bleue é", "category": "mug", "image": "mug/tasse bleue é.png"},
    {"item_id": "shoe/x/b--1", "title": "b 1", "category": "x", "image": "shoe/x/b--1.png"},
    {"item_id": "shoe/夏_サンダル", "title": "夏 サンダル", "category": "shoe", "image": "shoe/夏_サンダル.png"},
    {"item_id": "top", "title": "top", "image": "top.png"},
]


def products(path: Path, **spec: Any) -> list[Product]:
    """Read a catalogue that has no bad row."""
    entries = list(read(CatalogSpec(path, **spec)))
    assert [entry for entry in entries if isinstance(entry, Reject)] == []
    return [entry for entry in entries if isinstance(entry, Product)]


def rejects(path: Path, **spec: Any) -> list[tuple[int, str, str]]:
    """Return line, id and reason of each bad row."""
    entries = read(CatalogSpec(path, **spec))
    return [(entry.line, entry.item_id, entry.reason) for entry in entries if isinstance(entry, Reject)]


def jsonl(folder: Path, *rows: dict[str, Any] | str | bytes) -> Path:
    """Write rows as JSON Lines, texts and bytes as they are."""
    path = folder / "catalog.jsonl"
    lines = [
        row if isinstance(row, bytes) else (row if isinstance(row, str) else json.dumps(row)).encode() for row in rows
    ]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def parquet(folder: Path, columns: dict[str, Any]) -> Path:
    """Write columns as a Parquet file."""
    path = folder / "catalog.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def picture(path: Path) -> Path:
    """Write a small picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), "red").save(path)
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with the pictures of the five products."""
    for row in FIVE:
        picture(tmp_path / "shop" / row["image"])
    return tmp_path / "shop"


def test_five_products_are_the_same_in_every_format(pictures: Path) -> None:
    """A folder, JSON Lines, CSV and Parquet of the same five products give the same five products."""
    expected = products(pictures)
    assert [product.item_id for product in expected] == [row["item_id"] for row in FIVE]
    assert [product.payload for product in expected] == [
        {name: value for name, value in row.items() if name != "item_id"} for row in FIVE
    ]
    assert expected[1].text == "tasse bleue é"
    assert expected[0].images == (pictures / "mug/red-mug.png",)

    lines = jsonl(pictures, *FIVE).rename(pictures / "rows.jsonl")
    with (pictures / "rows.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["item_id", "title", "category", "image"])
        writer.writeheader()
        writer.writerows(FIVE)
    table = parquet(pictures, {name: [row.get(name) for row in FIVE] for name in FIVE[0]}).rename(
        pictures / "rows.parquet"
    )
    for path, first in ((lines, 1), (pictures / "rows.csv", 2), (table, 1)):
        found = products(path)
        assert [product.line for product in found] == list(range(first, first + 5))
        for product, other in zip(found, expected, strict=True):
            assert (product.item_id, product.text, product.images, product.payload) == (
                other.item_id,
                other.text,
                other.images,
                other.payload,
            )


def test_gzipped_files_read_the_same(tmp_path: Path) -> None:
    """.jsonl.gz and .csv.gz hold what they hold without .gz."""
    path = jsonl(tmp_path, {"item_id": "a", "title": "A"})
    zipped = tmp_path / "catalog.ndjson.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    assert products(zipped) == products(path)
    (tmp_path / "c.CSV.GZ").write_bytes(gzip.compress(b"item_id,title\na,A\n"))
    assert products(tmp_path / "c.CSV.GZ")[0].payload == {"title": "A"}


def test_jsonl_bom_crlf_and_blank_lines(tmp_path: Path) -> None:
    """A byte order mark, carriage returns and blank lines are no part of a row, but count as lines."""
    path = tmp_path / "c.json"
    path.write_bytes(b'\xef\xbb\xbf{"item_id": 1}\r\n\r\n  \n{"item_id": 2.0, "title": "\xc3\xa9"}')
    first, second = products(path)
    assert (first.line, first.item_id) == (1, "1")
    assert (second.line, second.item_id, second.text) == (4, "2", "é")


def test_csv_columns_are_typed_where_all_their_values_are(tmp_path: Path) -> None:
    """Whole numbers, numbers and true/false are values; leading zeros, mixtures and titles stay text."""
    path = tmp_path / "c.csv"
    path.write_text(
        "item_id,title,stock,size,sold,ean,mixed,truth_or_number,price,empty,\n"
        "007,1984,1,1.5,true,0123,1,1,5,,x\n"
        "008,42,-2,2,FALSE,123,x,true,$1,250.00,,\n".replace("$1,250.00", '"$1,250.00"')
    )
    first, second = products(path)
    assert (first.item_id, second.item_id) == ("007", "008")
    assert first.payload == {
        "title": "1984",
        "stock": 1,
        "size": 1.5,
        "sold": True,
        "ean": "0123",
        "mixed": "1",
        "truth_or_number": "1",
        "price": 5.0,
    }
    assert second.payload["price"] == 1250.0
    assert [type(second.payload[name]) for name in ("stock", "size", "sold", "price")] == [int, float, bool, float]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"title": "x"}, "no item_id"),
        ({"item_id": None}, "no item_id"),
        ({"item_id": " "}, "no item_id"),
        ({"item_id": True}, "item_id: expected text or a number, got True"),
        ({"item_id": ["a"]}, "item_id: expected text or a number, got ['a']"),
        ({"item_id": 1e300}, "item_id 1e+300 is too large for a number to be exact: write it as text"),
        ("{", "bad JSON at position 2: Expecting property name enclosed in double quotes"),
        ('{"item_id": "a" "title": 1}', "bad JSON at position 17: Expecting ',' delimiter"),
        ("3", "expected a JSON object, got int"),
        ("[1]", "expected a JSON object with 'item_id', got an array: put one object on each line"),
        ("[" * 100_000, "bad JSON: nested too deeply"),
        (b'{"item_id": "\xff"}', "not UTF-8: byte 0xff at position 14"),
        ('{"item_id": "\\ud800"}', "bad JSON: unpaired surrogate"),
        (b" " * (16 * 2**20 + 1), "expected a line of at most 16777216 bytes, got more"),
    ],
)
def test_rows_without_a_readable_id(tmp_path: Path, row: Any, reason: str) -> None:
    """A row whose id cannot be read is rejected with its line; those after it are read."""
    path = jsonl(tmp_path, {"item_id": "first"}, row, {"item_id": "last"})
    assert rejects(path) == [(2, "", reason)]
    assert [entry.item_id for entry in read(CatalogSpec(path)) if isinstance(entry, Product)] == ["first", "last"]


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        ('{"price": -Infinity}', "price", "expected a finite number, got -inf"),
        ({"price": "cheap"}, "price", "expected a price, got 'cheap'"),
        ({"price": [1, 2]}, "price", "expected a price, got [1, 2]"),
        ({"rating": "good"}, "rating", "expected a number, got 'good'"),
        ({"rating": 1e39}, "rating", "expected a finite number, got 1e+39"),
        ('{"size": {"w": [Infinity]}}', "size", "expected a finite number, got inf"),
    ],
)
def test_a_bad_cell_never_costs_its_product(tmp_path: Path, row: Any, column: str, reason: str) -> None:
    """The value is absent, and the cell is kept with its line, id, column and reason."""
    line = row.replace("{", '{"item_id": "bad", ', 1) if isinstance(row, str) else {"item_id": "bad", **row}
    path = jsonl(tmp_path, {"item_id": "first", "rating": 5}, line, {"item_id": "last"})
    product = products(path, signals=("rating",))[1]
    assert product.bad_cells == (BadCell(2, "bad", column, reason),)
    assert column not in product.payload


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"image_vector": [1, 2, 3]}, "image_vector: expected 2 dimensions, got 3"),
        ({"image_vector": []}, "image_vector: expected numbers, got an empty list"),
        ({"image_vector": [0, 0.0]}, "image_vector: expected a vector with a direction, got all zeros"),
        ('{"image_vector": [1, NaN]}', "image_vector: expected finite values, got NaN, infinity or an overflow"),
        ({"text_vector": [1e300, 1]}, "text_vector: expected finite values, got NaN, infinity or an overflow"),
        ({"image_vector": [1, "2"]}, "image_vector: expected a list of numbers, got [1, '2']"),
        ({"image_vector": [[1], [2, 3]]}, "image_vector: expected a list of numbers, got [[1], [2, 3]]"),
        ({"image_vector": "1 2"}, "image_vector: expected a list of numbers, got str"),
    ],
)
def test_a_bad_vector_costs_its_row(tmp_path: Path, row: Any, reason: str) -> None:
    """The row is named by its id; the next row of that id is taken."""
    line = row.replace("{", '{"item_id": "bad", ', 1) if isinstance(row, str) else {"item_id": "bad", **row}
    first = {"item_id": "first", "image_vector": [3, 4]}
    path = jsonl(tmp_path, first, line, {"item_id": "bad"})
    assert rejects(path) == [(2, "bad", reason)]


def test_the_second_of_two_rows_with_one_id_is_rejected(tmp_path: Path) -> None:
    """Also if one writes the id as a number."""
    path = jsonl(tmp_path, {"item_id": "1"}, {"item_id": "2"}, {"item_id": 1})
    assert rejects(path) == [(3, "1", "duplicate item_id, first on line 1")]


def test_parquet_vectors_and_their_rejects(tmp_path: Path) -> None:
    """Both kinds of lists, gaps and every fault, against the same rows written as JSON Lines."""
    vectors = [
        [0.0, 0.0, 0.0],
        [1.0, 2.0, 3.0],
        [3.0, 4.0],
        None,
        [math.nan, 1.0],
        [1.0],
        [],
        [1e300, 1.0],
        [-1.0, 0.5],
    ]
    ids = [f"i{number}" for number in range(len(vectors))]
    path = parquet(tmp_path, {"item_id": ids, "text_vector": pa.array(vectors, pa.list_(pa.float64()))})
    entries = list(read(CatalogSpec(path)))
    assert {entry.item_id: entry.reason for entry in entries if isinstance(entry, Reject)} == {
        "i0": "text_vector: expected a vector with a direction, got all zeros",
        "i2": "text_vector: expected 3 dimensions, got 2",
        "i4": "text_vector: expected 3 dimensions, got 2",
        "i5": "text_vector: expected 3 dimensions, got 1",
        "i6": "text_vector: expected numbers, got an empty list",
        "i7": "text_vector: expected 3 dimensions, got 2",
        "i8": "text_vector: expected 3 dimensions, got 2",
    }
    lines = jsonl(tmp_path, *({"item_id": id_, "text_vector": v} for id_, v in zip(ids, vectors, strict=True)))
    others = list(read(CatalogSpec(lines)))
    assert [entry for entry in entries if isinstance(entry, Reject)] == [
        entry for entry in others if isinstance(entry, Reject)
    ]
    assert isinstance(entries[1], Product)
    np.testing.assert_array_equal(entries[1].vectors["text"], np.array([1, 2, 3], dtype=np.float32))


def test_parquet_fixed_size_vectors_with_gaps(tmp_path: Path) -> None:
    """A fixed-size list is read as a matrix; a null row has no vector, a null inside is no number."""
    kind = pa.list_(pa.float32(), 2)
    path = parquet(
        tmp_path,
        {
            "item_id": [1, 2, 3, 4],
            "image_vector": pa.array([None, [3, 4], [1, None], [0, 2]], kind),
            "text_vector": pa.array([[1, 0], [0, 1], [1, 1], None], pa.list_(pa.float16(), 2)),
        },
    )
    first, second, third, fourth = read(CatalogSpec(path))
    assert third == Reject(3, "3", "image_vector: expected finite values, got NaN, infinity or an overflow")
    assert isinstance(first, Product)
    assert isinstance(second, Product)
    assert isinstance(fourth, Product)
    assert [sorted(product.vectors) for product in (first, second, fourth)] == [["text"], ["image", "text"], ["image"]]
    assert second.vectors["image"].tolist() == [3, 4]
    assert second.vectors["image"].dtype == np.float32
    assert second.payload == {}


def test_parquet_values(tmp_path: Path) -> None:
    """Dates are ISO 8601, float32 keeps its digits, NaN is absent, lists and structs are JSON, bytes are left out."""
    import datetime
    from decimal import Decimal

    day = datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.UTC)
    path = parquet(
        tmp_path,
        {
            "item_id": pa.array([1.0]),
            "title": pa.array(["Mug"]).dictionary_encode(),
            "price": pa.array([19.99], pa.float32()),
            "weight": pa.array([math.nan]),
            "cost": pa.array([Decimal("1.50")]),
            "released": pa.array([day], pa.timestamp("ns", "UTC")),
            "tags": pa.array([["a", "b"]]),
            "size": pa.array([{"w": 1, "h": None}]),
            "names": pa.array([[("en", "mug")]], pa.map_(pa.string(), pa.string())),
            "thumbnail": pa.array([b"\xff"]),
            "big": pa.array([2**63], pa.uint64()),
        },
    )
    (product,) = products(path)
    assert product.item_id == "1"
    assert product.payload == {
        "title": "Mug",
        "price": 19.99,
        "cost": 1.5,
        "released": "2024-02-29T12:30:00+00:00",
        "tags": ["a", "b"],
        "size": {"w": 1, "h": None},
        "names": "mug",
        "big": "9223372036854775808",
    }


def test_parquet_text_that_is_not_utf8_costs_its_cell(tmp_path: Path) -> None:
    """Its product is kept without it."""
    text = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(np.array([0, 1, 2], np.int32).tobytes()), pa.py_buffer(b"a\xff")]
    )
    path = parquet(tmp_path, {"item_id": ["x", "y"], "title": text})
    assert products(path)[1].bad_cells == (BadCell(2, "y", "title", "title: not UTF-8"),)


def test_pictures_from_bytes_paths_and_several_columns(tmp_path: Path) -> None:
    """Bytes, paths, and the bytes-and-path pairs of Hugging Face; each picture once, names kept in the payload."""
    data = picture(tmp_path / "a.png").read_bytes()
    picture(tmp_path / "b.png")
    pair = pa.array([{"bytes": data, "path": None}, {"bytes": None, "path": "b.png"}])
    path = parquet(tmp_path, {"item_id": [1, 2], "image": pair})
    first, second = products(path)
    assert (first.images, first.payload) == ((data,), {})
    assert (second.images, second.payload) == ((tmp_path / "b.png",), {"image": "b.png"})

    row = {"item_id": "x", "image": "a.png", "images": ["b.png", "a.png", "", None]}
    (product,) = products(jsonl(tmp_path, row))
    assert product.images == (tmp_path / "a.png", tmp_path / "b.png")
    assert product.payload["image"] == ["a.png", "b.png"]

    (tmp_path / "c.csv").write_text("item_id,images\nx,a.png| b.png\ny,\n")
    first, second = products(tmp_path / "c.csv")
    assert first.images == (tmp_path / "a.png", tmp_path / "b.png")
    assert second.images == ()


def test_a_picture_beside_its_vector_is_not_looked_for(tmp_path: Path) -> None:
    """A catalogue of vectors may name pictures that are elsewhere."""
    (product,) = products(jsonl(tmp_path, {"item_id": "a", "image": "http://x.org/a.png", "image_vector": [1, 0]}))
    assert product.images == ()
    assert product.payload == {"image": "http://x.org/a.png"}


@pytest.mark.parametrize(
    "write", [jsonl, lambda folder, *rows: parquet(folder, {n: [r.get(n) for r in rows] for n in rows[0]})]
)
def test_own_vectors_are_the_only_ones_of_their_block(tmp_path: Path, write: Any) -> None:
    """In a catalogue that brings vectors a row without one lacks the block: no model fills the gap."""
    path = write(tmp_path, {"item_id": "a", "title": "A", "text_vector": [1.0, 0.0]}, {"item_id": "b", "title": "B"})
    first, second = products(path)
    assert (list(first.vectors), first.text) == (["text"], "")
    assert (list(second.vectors), second.text) == ([], "")
    assert open_catalogue(CatalogSpec(path)).own_blocks == {"text"}
    other = write(tmp_path, {"item_id": "a", "title": "A"})
    assert open_catalogue(CatalogSpec(other)).own_blocks == set()
    assert products(other)[0].text == "A"


def test_own_vectors_may_come_late_in_json_lines(tmp_path: Path) -> None:
    """The last of many rows may be the first to have one."""
    rows = [{"item_id": n, "title": "T"} for n in range(300)]
    found = products(jsonl(tmp_path, *rows, {"item_id": "last", "image_vector": [1, 2]}))
    assert [list(product.vectors) for product in found[-2:]] == [[], ["image"]]
    assert open_catalogue(CatalogSpec(tmp_path / "catalog.jsonl")).own_blocks == {"image"}


def test_signals(tmp_path: Path) -> None:
    """Numbers, numbers as text and true/false are signals; gaps and NaN are missing; the payload keeps them."""
    rows = [
        '{"item_id": 1, "r": 4.5}',
        '{"item_id": 2, "r": "3"}',
        '{"item_id": 3, "r": NaN}',
        '{"item_id": 4, "r": true}',
    ]
    found = products(jsonl(tmp_path, *rows, {"item_id": 5, "r": ""}), signals=("r",))
    np.testing.assert_equal([product.signals["r"] for product in found], [4.5, 3.0, math.nan, 1.0, math.nan])
    assert [product.payload.get("r") for product in found] == [4.5, 3, None, 1, None]


@pytest.mark.parametrize(
    ("template", "columns", "expected"),
    [
        ("{title}. {description}", {"title": "Red mug", "description": "Nice."}, "Red mug. Nice."),
        ("{title}. {description}", {"title": "Red mug"}, "Red mug"),
        ("{title}. {description}", {"description": "Nice."}, "Nice."),
        ("{title}. {description}", {"description": "...and more"}, "...and more"),
        ("{title}. {description}", {}, ""),
        ("{title} ({brand}). {description}", {"title": "Mug", "description": "Nice."}, "Mug. Nice."),
        ("{title} ({brand}). {description}", {"title": "Mug", "brand": "Acme"}, "Mug (Acme)"),
        ("{title} ({brand}). {description}", {"brand": "Acme", "description": "Nice."}, "(Acme). Nice."),
        ("{title}. Brand: {brand}. {description}", {"title": "Mug", "description": "Nice."}, "Mug. Nice."),
        ("{title}. Brand: {brand}. {description}", {"brand": "Acme"}, "Brand: Acme"),
        ("A photo of {title}.", {"title": "a mug"}, "A photo of a mug."),
        ("A photo of {title}.", {}, ""),
        ("{{{title}}} {price}", {"title": "Mug", "price": "5"}, "{Mug} 5"),
        ("", {"title": "Mug"}, ""),
    ],
)
def test_texts_from_templates(template: str, columns: dict[str, str], expected: str) -> None:
    """An absent column takes along the words and the punctuation that were there for it."""
    assert Template(template).render(lambda name: columns.get(name, "")) == expected


@pytest.mark.parametrize("template", ["{title", "title}", "{}", "{title} {", "no column"])
def test_templates_that_cannot_be_parsed(template: str) -> None:
    """An unmatched brace, a brace around nothing and a text that is the same for all are refused."""
    with pytest.raises(InvalidSetting, match="expected a column|unmatched"):
        Template(template)


def test_text_from_any_column(tmp_path: Path) -> None:
    """Numbers, lists and objects become words; the id is a column like any other."""
    row = {"item_id": 7, "n": 12.0, "tags": ["a", "b"], "size": {"w": 1.5, "h": None}, "new": True}
    (product,) = products(jsonl(tmp_path, row), text_template="{item_id} {n} {tags} {size} {new}")
    assert product.text == "7 12 a, b w: 1.5 true"


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("12", 12.0),
        ("$1,250.00", 1250.0),
        ("12.50 €", 12.5),
        ("USD 7", 7.0),
        ("-3", -3.0),
        (" 1e2 ", 100.0),
        ("1,25", 1.25),
    ],
)
def test_prices_written_as_text(text: str, price: float) -> None:
    """A currency and commas between thousands are understood."""
    assert to_price(text) == price


@pytest.mark.parametrize("text", ["12.50,00", "$10 $20", "1_000", "nan", "inf", "1.2.3", "free"])
def test_texts_that_are_no_price(text: str) -> None:
    """What may mean two things, or nothing, is refused."""
    with pytest.raises(BadRow, match="price: expected a"):
        to_price(text)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.jsonl", b"", "is empty"),
        ("c.jsonl", b"\n\n", "is empty"),
        ("c.jsonl", b'{"item": 1}\n', "has no column 'item_id': did you mean 'item'?"),
        ("c.jsonl", b"not json\n", "has no column 'item_id': it has no readable row"),
        ("c.csv", b"", "is empty"),
        ("c.csv", b"item_id,title\n", "has a header and no rows"),
        ("c.csv", b"colour,size\n1,2\n", "has no column 'item_id': it has 'colour', 'size'"),
        ("c.csv", b"item_id,a,a\n1,2,3\n", "has two columns named 'a'"),
        ("c.csv", b"item_id,image_vector\n1,2\n", "image_vector cannot come in a CSV file: use Parquet or JSON Lines"),
        ("c.csv", b'"item_id\n', "cannot read the header: bad CSV: unexpected end of data"),
        ("c.csv.gz", b"item_id\n1\n", "Not a gzipped file"),
        ("c.csv.gz", gzip.compress(b"item_id\n1\n", mtime=0)[:-9], "Compressed file ended before"),
        ("c.parquet", b"item_id", "cannot read"),
        ("c.xlsx", b"x", "cannot read"),
        ("c.doc", b"x", "expected a folder of images or one of .jsonl, .ndjson, .json, .csv, .tsv, .tab, .txt, "),
        ("c.parquet.gz", b"x", "got 'c.parquet.gz'"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    """A file that is no catalogue is refused with what is wrong with it."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidCatalogue) as caught:
        list(read(CatalogSpec(tmp_path / name)))
    assert message in str(caught.value)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidCatalogue, match=r"no catalogue at .*c\.csv"):
        read(CatalogSpec(tmp_path / "c.csv"))


def test_folders_that_are_no_catalogue(tmp_path: Path) -> None:
    """A folder without pictures, and one that has a catalogue file beside them."""
    (tmp_path / ".hidden.png").write_bytes(b"")
    with pytest.raises(InvalidCatalogue, match="contains no images"):
        read(CatalogSpec(tmp_path))
    jsonl(tmp_path, {"item_id": 1})
    with pytest.raises(InvalidCatalogue, match=r"contains catalog\.jsonl: pass that file, not its folder"):
        read(CatalogSpec(tmp_path))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"size": [1]}, "has no column 'item_id'"),
        ({"item_id": pa.array([], pa.string())}, "has no rows"),
        ({"item_id": ["a"], "text_vector": ["1 2"]}, "expected lists of numbers in text_vector, got string"),
    ],
)
def test_parquet_files_that_are_no_catalogue(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidCatalogue, match=message):
        read(CatalogSpec(parquet(tmp_path, columns)))


@pytest.mark.parametrize("write", [jsonl, lambda folder, row: parquet(folder, {name: [row[name]] for name in row})])
def test_columns_that_are_not_there(tmp_path: Path, write: Any) -> None:
    """A template or signal that names no column is refused with the nearest one.

    The default template, which names no column here, becomes one of the columns with words.
    """
    path = write(tmp_path, {"item_id": "a", "colour": "red", "rating": 4})
    with pytest.raises(InvalidCatalogue, match="no column 'color', named in the text template: did you mean 'colour'?"):
        read(CatalogSpec(path, "{color}"))
    with pytest.raises(InvalidCatalogue, match="no column 'ratings', named among the signals: did you mean 'rating'?"):
        read(CatalogSpec(path, signals=("ratings",)))
    assert products(path)[0].text == "red"


def test_a_column_may_come_late_in_json_lines(tmp_path: Path) -> None:
    """JSON Lines have no header: the last row may be the first to have a column."""
    path = jsonl(tmp_path, *({"item_id": number} for number in range(200)), {"item_id": "last", "färbe": "red"})
    assert products(path, text_template="{färbe}")[-1].text == "red"


def test_catalogue_hash(tmp_path: Path) -> None:
    """sha256 of a file's bytes; of a folder, another name or another byte is another hash, other files are none."""
    path = tmp_path / "c.csv"
    path.write_bytes(b"abc")
    assert catalogue_hash(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    picture(tmp_path / "p/a.png")
    first = catalogue_hash(tmp_path / "p")
    (tmp_path / "p/notes.txt").write_text("x")
    assert catalogue_hash(tmp_path / "p") == first
    renamed = (tmp_path / "p/a.png").rename(tmp_path / "p/b.png")
    second = catalogue_hash(tmp_path / "p")
    renamed.write_bytes(renamed.read_bytes() + b"\0")
    assert len({first, second, catalogue_hash(tmp_path / "p")}) == 3
    with pytest.raises(InvalidCatalogue, match="cannot read"):
        catalogue_hash(tmp_path / "no.csv")


KNOWN = {
    "item_id",
    "title",
    "description",
    "category",
    "brand",
    "price",
    "image",
    "images",
    "image_vector",
    "text_vector",
}
texts = st.text(st.characters(codec="utf-8"), max_size=20).map(lambda text: f"field {text}|")
EXACT = 2**53
values = st.recursive(
    st.booleans() | st.integers(-EXACT, EXACT) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner | st.none(), max_size=3),
    max_leaves=8,
)


@given(
    rows=st.lists(
        st.dictionaries(texts.filter(lambda name: name not in KNOWN), values, max_size=5), min_size=1, max_size=5
    )
)
def test_any_payload_comes_back_from_json_lines(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    """Whatever JSON the other columns hold, it is the payload, unless it is a text that says a number or nothing."""
    path = jsonl(tmp_path_factory.mktemp("rows"), *({"item_id": str(n), **row} for n, row in enumerate(rows)))
    assert [product.payload for product in products(path)] == rows


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("grocery_store/catalog.csv", 81),
        ("ikea_furniture/catalog.csv", 600),
        ("electronics_listings/catalog.csv", 440),
        ("fashion_products/catalog_text_only.csv.gz", 32_072),
        ("icecat_search/catalog.jsonl.gz", 19_406),
        ("online_retail/items.csv", 3_434),
    ],
)
def test_real_catalogues_have_no_bad_row(name: str, count: int) -> None:
    """Catalogues of real shops are read to the last row, as many as their description says."""
    if not (DATA / name).exists():
        pytest.skip(f"{name} is not here")
    assert len(products(DATA / name)) == count


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b'{"item_id": "' + b"a" * 513 + b'"}', "at most 512 bytes"),
    ],
)
def test_odd_values_cost_one_row(tmp_path: Path, row: bytes, reason: str) -> None:
    """An id that is too long rejects its row, and the next one is read; blanks around an id do not count."""
    path = tmp_path / "c.jsonl"
    path.write_bytes(row + b'\n{"item_id": " b ", "title": "t"}\n')
    bad, good = read(CatalogSpec(path))
    assert isinstance(bad, Reject)
    assert reason in bad.reason
    assert isinstance(good, Product)
    assert good.item_id == "b"


def test_a_file_name_that_is_not_utf8_is_rejected(tmp_path: Path) -> None:
    """Neither its id nor its title could be written down."""
    Image.new("RGB", (4, 4)).save(tmp_path / "good.png")
    (tmp_path / "b\udcff.png").write_bytes((tmp_path / "good.png").read_bytes())
    kinds = {type(entry) for entry in read(CatalogSpec(tmp_path))}
    assert kinds == {Product, Reject}


def test_rows_are_counted_in_every_format(tmp_path: Path) -> None:
    """Line breaks of text, gzipped or not, the footer of Parquet, the pictures of a folder."""
    (tmp_path / "c.jsonl").write_bytes(b"{}\n" * 3)
    (tmp_path / "c.csv.gz").write_bytes(gzip.compress(b"item_id\na\n"))
    pq.write_table(pa.table({"item_id": ["a", "b"]}), tmp_path / "c.parquet")
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    counts = [count_rows(tmp_path / name) for name in ("c.jsonl", "c.csv.gz", "c.parquet", ".")]
    assert counts == [3, 2, 2, 1]
