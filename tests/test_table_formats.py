"""One table in every format: whatever a format can hold comes back as the same products."""

import csv
import gzip
import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InvalidCatalogue
from indexer.catalog import CatalogSpec, Product, open_catalogue, read

Row = dict[str, Any]

COLUMNS = ("item_id", "title", "price", "stock", "sold", "note")


def write_delimited(delimiter: str, encoding: str = "utf-8") -> Callable[[Path, Sequence[Row]], None]:
    """Return a writer of delimited text."""

    def write(path: Path, rows: Sequence[Row]) -> None:
        with path.open("w", newline="", encoding=encoding) as file:
            writer = csv.DictWriter(file, COLUMNS, delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)

    return write


def write_lines(path: Path, rows: Sequence[Row]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_array(path: Path, rows: Sequence[Row]) -> None:
    path.write_text(json.dumps(rows, indent=1))


def write_wrapped(path: Path, rows: Sequence[Row]) -> None:
    path.write_text(json.dumps({"count": len(rows), "products": rows}))


def write_xml(path: Path, rows: Sequence[Row]) -> None:
    items = "".join(
        "<item>" + "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in row.items()) + "</item>"
        for row in rows
    )
    path.write_text(f"<?xml version='1.0' encoding='UTF-8'?><rss><channel>{items}</channel></rss>", encoding="utf-8")


def write_workbook(path: Path, rows: Sequence[Row]) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(COLUMNS)
    for row in rows:
        sheet.append([row[name] for name in COLUMNS])
    book.save(path)


def write_parquet(path: Path, rows: Sequence[Row]) -> None:
    pq.write_table(pa.Table.from_pylist(list(rows)), path)


def write_gzipped(path: Path, rows: Sequence[Row]) -> None:
    plain = path.with_suffix("")
    write_delimited(",")(plain, rows)
    path.write_bytes(gzip.compress(plain.read_bytes()))


def write_zipped(path: Path, rows: Sequence[Row]) -> None:
    plain = path.with_suffix(".csv")
    write_delimited(";")(plain, rows)
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(plain, "export/products.csv")
        archive.writestr("__MACOSX/._products.csv", "x")


WRITERS: dict[str, Callable[[Path, Sequence[Row]], None]] = {
    "c.csv": write_delimited(","),
    "semicolons.csv": write_delimited(";"),
    "t.tsv": write_delimited("\t"),
    "bars.txt": write_delimited("|"),
    "wide.csv": write_delimited("\t", "utf-16"),
    "lines.jsonl": write_lines,
    "array.json": write_array,
    "wrapped.json": write_wrapped,
    "feed.xml": write_xml,
    "book.xlsx": write_workbook,
    "table.parquet": write_parquet,
    "c.csv.gz": write_gzipped,
    "export.zip": write_zipped,
}

WORDS = st.text(st.characters(categories=("L",), max_codepoint=0x3000), min_size=4, max_size=12).map(
    lambda word: f"mug {word}"
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "title": WORDS,
            "price": st.integers(0, 10**6).map(lambda cents: cents / 100),
            "stock": st.integers(0, 9999),
            "sold": st.booleans(),
            "note": WORDS,
        }
    ),
    min_size=1,
    max_size=8,
).map(lambda rows: [{"item_id": f"p{number:03}"} | row for number, row in enumerate(rows)])


@pytest.mark.parametrize("name", WRITERS)
@settings(max_examples=15, deadline=None)
@given(rows=ROWS)
def test_a_table_is_the_same_in_every_format(
    tmp_path_factory: pytest.TempPathFactory, name: str, rows: list[Row]
) -> None:
    """Ids, texts, prices, numbers and truth values, whatever the file."""
    path = tmp_path_factory.mktemp("table") / name
    WRITERS[name](path, rows)
    entries = list(read(CatalogSpec(path)))
    products = [entry for entry in entries if isinstance(entry, Product)]
    assert len(products) == len(entries)
    assert [{"item_id": product.item_id} | product.payload for product in products] == rows


def test_a_google_feed_in_xml(tmp_path: Path) -> None:
    """Names lose their namespace, repeated elements are lists, CDATA is text, and entities are not expanded."""
    path = tmp_path / "feed.xml"
    path.write_text(
        """<?xml version="1.0"?>
        <rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title>
        <item><g:id>0012</g:id><g:title>Red mug</g:title><g:description><![CDATA[<p>A <b>red</b> mug</p>]]></g:description>
        <g:link>https://shop.example/1</g:link><g:image_link>https://shop.example/1.jpg</g:image_link>
        <g:additional_image_link>https://shop.example/2.jpg</g:additional_image_link>
        <g:additional_image_link>https://shop.example/3.jpg</g:additional_image_link>
        <g:price>12.00 EUR</g:price><g:shipping><g:country>DE</g:country><g:price>4.90 EUR</g:price></g:shipping></item>
        </channel></rss>"""
    )
    (product,) = read(CatalogSpec(path))
    assert isinstance(product, Product)
    assert (product.item_id, product.text) == ("0012", "Red mug. A red mug")
    assert product.payload["price"] == 12.0
    assert product.payload["price_currency"] == "EUR"
    assert product.payload["image"] == [f"https://shop.example/{number}.jpg" for number in (1, 2, 3)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("broken.xml", b"<rss><item><id>1</id>", "cannot read"),
        ("empty.xml", b"<rss/>", "expected an element for each product"),
        ("fake.xlsx", b"not a workbook", "cannot read"),
        ("fake.zip", b"not an archive", "cannot read"),
        ("cut.json", b'[{"item_id": 1}, {"item_id"', "bad JSON at position"),
    ],
)
def test_damaged_files(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    """A message, never a traceback."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidCatalogue, match=message):
        list(read(CatalogSpec(path)))


def test_an_archive_of_several_tables_is_refused(tmp_path: Path) -> None:
    """With their names, so that a person can choose."""
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "item_id\n1\n")
        archive.writestr("b.csv", "item_id\n1\n")
    with pytest.raises(InvalidCatalogue, match=r"contains 2 tables: a\.csv, b\.csv"):
        read(CatalogSpec(path))


def test_an_archive_never_writes_outside_of_its_folder(tmp_path: Path) -> None:
    """Its paths lose what leads out of the folder."""
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../evil.csv", "item_id,title\n1,mug\n")
    (product,) = read(CatalogSpec(path))
    assert product.item_id == "1"
    assert not (tmp_path.parent / "evil.csv").exists()


def test_a_workbook_with_a_title_and_two_sheets(tmp_path: Path) -> None:
    """The header is below the title; the second sheet is named in a notice."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Products"
    for row in (["Spring catalogue"], [], ["SKU", "Name", "Price"], ["0012", "Red mug", 12.5], [], ["0013", "Hat", 9]):
        sheet.append(row)
    book.create_sheet("Notes").append(["nothing"])
    book.save(tmp_path / "shop.xlsx")
    catalogue = open_catalogue(CatalogSpec(tmp_path / "shop.xlsx"))
    found = [(entry.line, entry.item_id, entry.payload) for entry in catalogue.products() if isinstance(entry, Product)]
    assert found == [(4, "0012", {"title": "Red mug", "price": 12.5}), (6, "0013", {"title": "Hat", "price": 9.0})]
    assert "the sheet Products is read, not Notes" in catalogue.notices
