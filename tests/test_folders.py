"""Folders as catalogues: parts of one table, images, a table beside images, and images found by the ids of a table."""

import csv
import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from engine.errors import InvalidCatalogue
from indexer.catalog import CatalogSpec, Product, Reject, catalogue_hash, count_rows, open_catalogue, read
from indexer.catalog.folder_scan import scan_folder
from indexer.catalog.formats.file_title import to_title
from indexer.catalog.images_by_id import ImagesById

CASES = Path(__file__).parents[2] / "shared/cases/feeds"

real = pytest.mark.real
beside = pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not beside this checkout")


def part(path: Path, **columns: Any) -> Path:
    """Write a Parquet file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def image(path: Path, colour: str = "red") -> Path:
    """Write a small image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), colour).save(path)
    return path


def touch(folder: Path, *names: str) -> None:
    """Write files that nothing reads."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def write_csv(path: Path, rows: Iterable[Mapping[str, object]]) -> Path:
    """Write a CSV file with a header."""
    rows = list(rows)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def products(path: Path) -> list[Product]:
    """Return the products of a catalogue."""
    return [entry for entry in read(CatalogSpec(path)) if isinstance(entry, Product)]


def rejects(path: Path) -> list[str]:
    """Return the reasons of the rejects of a catalogue."""
    return [entry.reason for entry in read(CatalogSpec(path)) if isinstance(entry, Reject)]


def ids(path: Path) -> list[str]:
    """Return the ids of a catalogue."""
    return [product.item_id for product in products(path)]


def refusal(path: Path) -> str:
    """Return why a folder is no catalogue."""
    with pytest.raises(InvalidCatalogue) as caught:
        read(CatalogSpec(path))
    return str(caught.value)


def test_the_parts_that_spark_writes_are_one_table(tmp_path: Path) -> None:
    """Its own files are no parts; rows are numbered over all parts, in the order of their names."""
    shop = tmp_path / "shop"
    part(shop / "part-00001-c000.snappy.parquet", item_id=["c"], title=["third"])
    part(shop / "part-00000-c000.snappy.parquet", item_id=["a", "b"], title=["first", "second"])
    part(shop / "_temporary/0/part-00000.parquet", item_id=["z"])
    touch(shop, "_SUCCESS", "_metadata", "_common_metadata", ".part-00000.parquet.crc", "._SUCCESS.crc")
    found = products(shop)
    assert [(product.line, product.item_id, product.text) for product in found] == [
        (1, "a", "first"),
        (2, "b", "second"),
        (3, "c", "third"),
    ]
    assert "2 parts are read as one table" in open_catalogue(CatalogSpec(shop)).notices
    assert count_rows(shop) == 3


@pytest.mark.parametrize(
    "names",
    [
        ("part-0.parquet",),
        ("part.0.parquet", "part.1.parquet"),
        ("part-r-00000.gz.parquet", "part-r-00001.gz.parquet"),
        ("train-00000-of-00002.parquet", "train-00001-of-00002.parquet"),
        ("train-00000-of-00001.parquet",),
        ("data_0.parquet", "data_1.parquet"),
        ("000000000000.parquet", "000000000001.parquet"),
        ("0.parq", "1.parq"),
        ("data_0_0_0.snappy.parquet", "data_0_1_0.snappy.parquet"),
    ],
)
def test_the_names_that_writers_give_to_parts(tmp_path: Path, names: tuple[str, ...]) -> None:
    """Of Spark, Dask, Hugging Face, DuckDB, BigQuery, Impala and Snowflake."""
    for number, name in enumerate(names):
        part(tmp_path / "shop" / name, item_id=[f"i{number}"])
    assert ids(tmp_path / "shop") == [f"i{number}" for number in range(len(names))]


@pytest.mark.parametrize(
    "names",
    [
        ("products.parquet", "reviews.parquet"),
        ("train-00000-of-00001.parquet", "test-00000-of-00001.parquet"),
        ("part-0.parquet", "part-0.csv"),
        ("2023.csv", "2024.csv"),
    ],
)
def test_tables_that_are_not_one_are_listed(tmp_path: Path, names: tuple[str, ...]) -> None:
    touch(tmp_path, *names)
    message = refusal(tmp_path)
    assert all(name in message for name in names)
    assert "pass one of them" in message


def test_folders_of_hive_are_columns(tmp_path: Path) -> None:
    """Their names are decoded; the default partition is no value; the values of a part's own column are kept."""
    shop = tmp_path / "shop"
    part(shop / "category=shoes/part-0.parquet", item_id=["a"], price=[1.5])
    part(shop / "category=bags%20%26%20more/size=10/part-0.parquet", item_id=["b"], price=[2.5])
    part(shop / "category=__HIVE_DEFAULT_PARTITION__/part-0.parquet", item_id=["c"], price=[3.5])
    part(shop / "category=x=y/part-0.parquet", item_id=["d"], price=[4.5])
    found = {product.item_id: product.payload for product in products(shop)}
    assert found["a"] == {"category": "shoes", "price": 1.5}
    assert found["b"]["category"] == "bags & more"
    assert found["b"]["size"] == 10
    assert found["c"] == {"price": 3.5}
    assert found["d"]["category"] == "x=y"
    assert count_rows(shop) == 4


def test_partitioned_lines(tmp_path: Path) -> None:
    """Folders of Hive also hold JSON Lines and CSV."""
    shop = tmp_path / "shop"
    for name in ("shoes", "bags"):
        (shop / f"category={name}").mkdir(parents=True)
        (shop / f"category={name}/part-0.json").write_text(json.dumps({"item_id": name, "title": "T"}))
    assert [product.payload["category"] for product in products(shop)] == ["bags", "shoes"]


def test_parts_of_different_columns_are_joined_by_name(tmp_path: Path) -> None:
    """A column that a part lacks is absent there; numbers of different widths are one column."""
    shop = tmp_path / "shop"
    part(shop / "part-0.parquet", title=["A"], item_id=["a"], stock=pa.array([1], pa.int32()), tags=[["x"]])
    part(shop / "part-1.parquet", item_id=["b"], stock=pa.array([2.5]), colour=["red"], tags=pa.nulls(1))
    part(shop / "part-2.parquet", item_id=pa.array([b"c"]), stock=pa.nulls(1), tags=pa.array([[]], pa.list_(pa.null())))
    first, second, third = products(shop)
    assert first.payload == {"title": "A", "stock": 1, "tags": ["x"]}
    assert second.payload == {"stock": 2.5, "colour": "red"}
    assert third.item_id == "c"


@pytest.mark.parametrize(
    ("one", "other", "types"),
    [
        (pa.array([1]), pa.array(["1"]), "int64 in .*part-0.* and string in .*part-1"),
        (pa.array([True]), pa.array([1.0]), "bool in .*part-0.* and double in .*part-1"),
        (pa.array([["a"]]), pa.array(["a"]), "list<.*> in .*part-0.* and string in .*part-1"),
        (pa.array([[1]]), pa.array([["a"]]), "list<.*int64> in .*part-0.* and list<.*string> in .*part-1"),
        (pa.array([{"w": 1}]), pa.array([{"w": "1"}]), "struct<w: int64> in .*part-0.* and struct<w: string>"),
        (pa.array([0], pa.date32()), pa.array([0]), r"date32\[day\] in .*part-0.* and int64 in .*part-1"),
    ],
)
def test_parts_whose_types_do_not_fit_are_refused(tmp_path: Path, one: pa.Array, other: pa.Array, types: str) -> None:
    """The message names the column and both files."""
    part(tmp_path / "shop/part-0.parquet", item_id=["a"], size=one)
    part(tmp_path / "shop/part-1.parquet", item_id=["b"], size=other)
    with pytest.raises(InvalidCatalogue, match=f"the column 'size' is {types}"):
        read(CatalogSpec(tmp_path / "shop"))


def test_vectors_of_all_parts_have_one_dimension(tmp_path: Path) -> None:
    part(tmp_path / "shop/part-0.parquet", item_id=["a"], image_vector=[[1.0, 2.0]])
    part(tmp_path / "shop/part-1.parquet", item_id=["b", "c"], image_vector=[[1.0, 2.0, 3.0], [2.0, 1.0]])
    assert rejects(tmp_path / "shop") == ["image_vector: expected 2 dimensions, got 3"]
    assert ids(tmp_path / "shop") == ["a", "c"]


@pytest.mark.parametrize("data", [b"", b"PAR1 and no more", b"<html>"])
def test_an_unreadable_part_is_named(tmp_path: Path, data: bytes) -> None:
    shop = tmp_path / "shop"
    part(shop / "part-0.parquet", item_id=["a"])
    (shop / "part-1.parquet").write_bytes(data)
    with pytest.raises(InvalidCatalogue, match=r"cannot read .*part-1\.parquet"):
        read(CatalogSpec(shop))


def test_images_of_parts_lie_in_their_folder_or_beside_it(tmp_path: Path) -> None:
    """The folder stands for a file: what the rows name lies beside it, unless images lie inside."""
    path = part(tmp_path / "shop/part-0.parquet", item_id=["a"], image=["img/a.png"]).parent
    outside = image(tmp_path / "img/a.png")
    assert products(path)[0].images == (outside,)
    inside = image(path / "img/a.png")
    assert products(path)[0].images == (inside,)


@pytest.mark.parametrize(("ending", "gzipped"), [("csv", False), ("csv.gz", True), ("jsonl", False), ("json", False)])
def test_parts_of_lines_are_one_table(tmp_path: Path, ending: str, gzipped: bool) -> None:
    """Spark writes part-00000.csv, each with the header, and an empty part where it has no rows."""
    shop = tmp_path / "shop"
    shop.mkdir()
    for number in range(3):
        lines = [f"i{number}a,red", f"i{number}b,blue"]
        text = "item_id,title\n" + "\n".join(lines) + "\n"
        if "json" in ending:
            text = "".join(
                json.dumps(dict(zip(("item_id", "title"), line.split(","), strict=True))) + "\n" for line in lines
            )
        data = text.encode()
        (shop / f"part-0000{number}.{ending}").write_bytes(gzip.compress(data) if gzipped else data)
    touch(shop, "_SUCCESS")
    (shop / f"part-00009.{ending}").write_bytes(b"")
    found = products(shop)
    assert [product.item_id for product in found] == ["i0a", "i0b", "i1a", "i1b", "i2a", "i2b"]
    lines = [product.line for product in found]
    assert lines == sorted(set(lines))


def test_parts_of_lines_with_a_header_only_and_a_bad_line(tmp_path: Path) -> None:
    """A part without rows is none; a reject names the part and its line there."""
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "part-0.csv").write_text("item_id,title\na,A\n")
    (shop / "part-1.csv").write_text("item_id,title\n")
    (shop / "part-2.csv").write_text("item_id,title\nb,B,too,many\nc,C\n")
    assert ids(shop) == ["a", "c"]
    assert rejects(shop)[0].startswith("part-2.csv, line 2: ")


def test_parts_of_lines_with_different_headers_are_refused(tmp_path: Path) -> None:
    """JSON Lines have no header, so their columns may differ."""
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "part-0.csv").write_text("item_id,title\na,A\n")
    (shop / "part-1.csv").write_text("item_id,name\nb,B\n")
    with pytest.raises(InvalidCatalogue, match=r"'title' in .*part-0\.csv and 'item_id', 'name' in .*part-1\.csv"):
        read(CatalogSpec(shop))
    other = tmp_path / "lines"
    other.mkdir()
    (other / "part-0.jsonl").write_text('{"item_id": "a", "title": "A"}\n')
    (other / "part-1.jsonl").write_text('{"item_id": "b", "size": 4}\n')
    assert [product.payload for product in products(other)] == [{"title": "A"}, {"size": 4}]


@pytest.mark.parametrize(
    ("name", "noun"), [("_delta_log/0.json", "a Delta Lake table"), (".hoodie/hoodie.properties", "a Hudi table")]
)
def test_tables_whose_files_hold_replaced_rows_are_refused(tmp_path: Path, name: str, noun: str) -> None:
    part(tmp_path / "part-0.parquet", item_id=["a"])
    touch(tmp_path, name)
    assert f"is {noun}, whose files also hold replaced rows: export it" in refusal(tmp_path)


def test_the_hash_of_parts(tmp_path: Path) -> None:
    """Every part counts, and the folder it lies in; what a writer leaves beside them does not."""
    shop = tmp_path / "shop"
    first = part(shop / "category=a/part-0.parquet", item_id=["a"])
    part(shop / "category=a/part-1.parquet", item_id=["b"])
    hashes = [catalogue_hash(shop)]
    touch(shop, "_SUCCESS")
    assert catalogue_hash(shop) == hashes[0]
    (shop / "category=b").mkdir()
    first = first.rename(shop / "category=b/part-0.parquet")
    hashes.append(catalogue_hash(shop))
    part(first, item_id=["c"])
    hashes.append(catalogue_hash(shop))
    assert len(set(hashes)) == 3


def test_what_systems_leave_in_folders_of_images(tmp_path: Path) -> None:
    """Thumbnails, deleted files and hidden ones are no products, and nothing is said of them."""
    image(tmp_path / "bags/tote.jpg")
    for folder in ("@eaDir/tote.jpg", "__MACOSX", ".thumbnails", "#recycle", "lost+found", "$RECYCLE.BIN", "@Recycle"):
        image(tmp_path / "bags" / folder / "x.jpg")
    touch(tmp_path, "Thumbs.db", "bags/desktop.ini", ".DS_Store", "bags/._tote.jpg", "ehthumbs.db", "~$list.docx")
    assert ids(tmp_path) == ["bags/tote"]
    assert open_catalogue(CatalogSpec(tmp_path)).notices == ()
    assert count_rows(tmp_path) == 1


@pytest.mark.parametrize("ending", ["jpe", "jfif", "JPG", "pjpeg", "hif", "heic", "jxl", "avif", "apng"])
def test_the_endings_of_images(tmp_path: Path, ending: str) -> None:
    touch(tmp_path, f"tote.{ending}")
    assert products(tmp_path)[0].payload["image"] == f"tote.{ending}"


def test_skipped_files_are_counted_by_ending(tmp_path: Path) -> None:
    image(tmp_path / "tote.jpg")
    touch(tmp_path, "a.svg", "b.svg", "x/b.SVG", "notes.txt", "x/shots.zip", "LICENSE")
    notices = open_catalogue(CatalogSpec(tmp_path)).notices
    assert "6 files skipped: 3 .svg, 1 without an ending, 1 .txt, 1 .zip" in notices


def test_one_image_in_several_formats_is_one_item(tmp_path: Path) -> None:
    """Shops keep a WebP beside each JPEG: the item has both, and its id does not depend on them."""
    image(tmp_path / "bags/tote.webp")
    assert ids(tmp_path) == ["bags/tote"]
    image(tmp_path / "bags/tote.jpg")
    image(tmp_path / "bags/tote.b.jpg")
    both, other = products(tmp_path)
    assert other.item_id == "bags/tote.b"
    assert both.item_id == "bags/tote"
    assert both.payload["image"] == ["bags/tote.jpg", "bags/tote.webp"]
    assert "1 item with files in several formats, such as 'bags/tote'" in open_catalogue(CatalogSpec(tmp_path)).notices
    assert count_rows(tmp_path) == 2


@pytest.mark.parametrize("name", ["a, b.jpg", "a;b.jpg", "50%.jpg", "a|b.jpg", "a%20b.jpg", "[a].jpg", "nan.jpg"])
def test_names_of_images_are_taken_as_they_are(tmp_path: Path, name: str) -> None:
    """A name that would be a list in a table is one file here."""
    path = image(tmp_path / "shop" / name)
    assert products(tmp_path / "shop")[0].images == (path,)


def test_linked_folders_are_read_once(tmp_path: Path) -> None:
    """Neither a link to a folder above nor two links to one folder give an item twice."""
    shop, store = tmp_path / "shop", tmp_path / "store"
    image(store / "tote.jpg")
    image(shop / "bags/clutch.jpg")
    (shop / "linked").symlink_to(store, target_is_directory=True)
    (shop / "again").symlink_to(store, target_is_directory=True)
    (shop / "bags/up").symlink_to(shop, target_is_directory=True)
    (shop / "bags/top").symlink_to(tmp_path, target_is_directory=True)
    (shop / "alias").symlink_to(shop / "bags", target_is_directory=True)
    assert ids(shop) == ["again/tote", "bags/clutch"]


def test_a_link_to_nothing_is_one_reject(tmp_path: Path) -> None:
    """The other images are built, and the hash is there."""
    image(tmp_path / "tote.jpg")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    (tmp_path / "folder").symlink_to(tmp_path / "nowhere")
    assert ids(tmp_path) == ["tote"]
    assert rejects(tmp_path) == [f"image not found: '{name}' is a link to nothing" for name in ("gone.jpg", "loop.png")]
    assert count_rows(tmp_path) == 3
    assert len(catalogue_hash(tmp_path)) == 64


def test_a_name_that_is_not_utf8_is_one_reject(tmp_path: Path) -> None:
    """The reason shows its bytes, and can be written down."""
    image(tmp_path / "tote.jpg")
    (tmp_path / "b\udcff.jpg").write_bytes((tmp_path / "tote.jpg").read_bytes())
    (tmp_path / "b\udcfe.svg").write_bytes(b"x")
    assert ids(tmp_path) == ["tote"]
    assert rejects(tmp_path) == ["item_id: the name of 'b\\xff.jpg' is not UTF-8"]
    assert "1 file skipped: 1 .svg" in open_catalogue(CatalogSpec(tmp_path)).notices


def test_a_folder_that_cannot_be_listed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its images are not lost in silence."""
    import os

    image(tmp_path / "tote.jpg")
    image(tmp_path / "locked/clutch.jpg")
    list_folder = os.scandir

    def scandir(path: Path) -> Any:
        if path.name == "locked":
            raise PermissionError(13, "Permission denied")
        return list_folder(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert rejects(tmp_path) == ["cannot read the folder 'locked': Permission denied"]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("red-runner_01", "red runner 01"),
        ("Schöne Tasche 50%", "Schöne Tasche 50%"),
        ("夏_サンダル", "夏 サンダル"),
        ("AB-1234-blue", "AB 1234 blue"),
        ("photo of a mug", "photo of a mug"),
        ("tote.jpg", "tote"),
        ("tasse e\u0301", "tasse é"),
        ("IMG_1234", ""),
        ("IMG-20240101-WA0001", ""),
        ("DSC00012", ""),
        ("DSCN0012", ""),
        ("P1010001", ""),
        ("PXL_20240101_123456789", ""),
        ("image (2)", ""),
        ("photo.jpg", ""),
        ("Screenshot 2024-01-01 at 10.00.00", ""),
        ("WhatsApp Image 2024-01-01 at 12.00.00", ""),
        ("0001", ""),
        ("0108775015", ""),
        ("2024-01-01 10.00.00", ""),
        ("550e8400-e29b-41d4-a716-446655440000", ""),
        ("d41d8cd98f00b204e9800998ecf8427e", ""),
    ],
)
def test_titles_of_file_names(name: str, title: str) -> None:
    """What cameras, counters and servers call their files says nothing of a product."""
    assert to_title(name) == title


@pytest.mark.parametrize(
    "name",
    [
        "catalog.csv",
        "products.csv",
        "articles.csv",
        "styles.csv",
        "items.jsonl",
        "feed.tsv",
        "list.xlsx",
        "shop.parquet",
        "products.json",
        "export.csv.gz",
        "meta data.csv",
        "google_feed.xml",
        "product-feed.txt",
    ],
)
def test_a_table_beside_images_is_refused(tmp_path: Path, name: str) -> None:
    """The message is the command to type."""
    image(tmp_path / "img/000.jpg")
    touch(tmp_path, name)
    message = refusal(tmp_path)
    quoted = f"'{tmp_path / name}'" if " " in name else str(tmp_path / name)
    assert f"contains {name}: pass that file, not its folder: indexer build {quoted}" in message


def test_several_tables_beside_images_are_listed(tmp_path: Path) -> None:
    """The likeliest is in the command."""
    image(tmp_path / "images/010/0108775015.jpg")
    touch(tmp_path, "transactions.csv", "articles.csv", "customers.csv")
    message = refusal(tmp_path)
    assert "articles.csv, customers.csv, transactions.csv: pass one of them" in message
    assert message.endswith(f"indexer build {tmp_path / 'articles.csv'}")


def test_files_that_describe_one_image_each_are_no_tables(tmp_path: Path) -> None:
    """As photo services write one beside each image."""
    image(tmp_path / "tote.jpg")
    touch(tmp_path, "tote.json", "tote.jpg.json", "notes/list.csv")
    assert ids(tmp_path) == ["tote"]
    assert "3 files skipped: 2 .json, 1 .csv" in open_catalogue(CatalogSpec(tmp_path)).notices


def test_a_folder_without_anything_to_read(tmp_path: Path) -> None:
    """The message says what is there."""
    assert refusal(tmp_path).endswith("contains no images and no table that can be read: it has no files")
    touch(tmp_path, "a.svg", "x/b.svg", "c.zip")
    assert refusal(tmp_path).endswith("it has 2 .svg, 1 .zip")
    touch(tmp_path, "data/products.csv")
    assert "contains data/products.csv: pass that file" in refusal(tmp_path)


def test_a_scan_ends_at_its_limit(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{folder}/{number}.jpg" for folder in "abc" for number in range(5)))
    scan = scan_folder(tmp_path, max_files=7)
    assert scan.truncated
    assert 7 < len(scan.files) < 15
    assert not scan_folder(tmp_path, max_files=15).truncated


def find(folder: Path, item_ids: list[str]) -> dict[str, list[str]]:
    """Return the images of each id, relative to the folder."""
    images = ImagesById(folder, item_ids)
    return {item_id: [path.relative_to(folder).as_posix() for path in images.find(item_id)] for item_id in item_ids}


def test_images_named_by_ids_in_folders_of_their_beginnings(tmp_path: Path) -> None:
    """As H&M's articles: images/010/0108775015.jpg."""
    touch(tmp_path, "articles.csv", "images/010/0108775015.jpg", "images/011/0110065001.jpg", "images/010/readme.txt")
    assert find(tmp_path, ["0108775015", "0110065001", "0999999999", "010"]) == {
        "0108775015": ["images/010/0108775015.jpg"],
        "0110065001": ["images/011/0110065001.jpg"],
        "0999999999": [],
        "010": [],
    }


def test_further_images_are_numbered(tmp_path: Path) -> None:
    """They come in the order of their numbers; an id that looks like one keeps its own image."""
    touch(
        tmp_path, *(f"img/{name}.jpg" for name in ("A1", "A1_2", "A1_10", "A1-3", "A1 (4)", "A10", "B", "B-2", "B_1"))
    )
    assert find(tmp_path, ["A1", "A10", "B", "B-2"]) == {
        "A1": [f"img/{name}.jpg" for name in ("A1", "A1_2", "A1-3", "A1 (4)", "A1_10")],
        "A10": ["img/A10.jpg"],
        "B": ["img/B.jpg", "img/B_1.jpg"],
        "B-2": ["img/B-2.jpg"],
    }


def test_a_folder_for_each_item(tmp_path: Path) -> None:
    """Its images are in their natural order, also where their numbers are ids of other items."""
    touch(tmp_path, *(f"photos/{name}.jpg" for name in ("17/1", "17/2", "17/10", "2/1", "X/front", "X/back", "X/X")))
    assert find(tmp_path, ["17", "2", "1", "X"]) == {
        "17": ["photos/17/1.jpg", "photos/17/2.jpg", "photos/17/10.jpg"],
        "2": ["photos/2/1.jpg"],
        "1": [],
        "X": ["photos/X/X.jpg", "photos/X/back.jpg", "photos/X/front.jpg"],
    }


def test_images_in_folders_of_other_names(tmp_path: Path) -> None:
    """Without a folder of a usual name, every folder with images is searched; those of systems are not."""
    touch(tmp_path, "catalogue.csv", "a.jpg", "shots/b.png", "@eaDir/b.png/b.jpg", ".cache/c.jpg")
    assert find(tmp_path, ["a", "b", "c"]) == {"a": ["a.jpg"], "b": ["shots/b.png"], "c": []}
    touch(tmp_path, "images/c.jpg")
    assert find(tmp_path, ["a", "b", "c"]) == {"a": ["a.jpg"], "b": [], "c": ["images/c.jpg"]}


def test_images_by_other_spellings_of_ids(tmp_path: Path) -> None:
    """Letters in upper case and decomposed accents are the same; another item's own image is not taken."""
    touch(tmp_path, "img/abc-1.JPG", "img/tasse e\u0301.jpg", "img/x.jpg")
    assert find(tmp_path, ["ABC-1", "tasse é", "X", "x"]) == {
        "ABC-1": ["img/abc-1.JPG"],
        "tasse é": ["img/tasse e\u0301.jpg"],
        "X": [],
        "x": ["img/x.jpg"],
    }


def test_ids_with_folders_in_them(tmp_path: Path) -> None:
    touch(tmp_path, "img/mug/red.jpg", "img/shoe/red.jpg")
    assert find(tmp_path, ["mug/red", "shoe/red"]) == {"mug/red": ["img/mug/red.jpg"], "shoe/red": ["img/shoe/red.jpg"]}


def test_copies_of_an_image_are_left_out(tmp_path: Path) -> None:
    """Other formats in the same folder, and thumbnails."""
    touch(tmp_path, "img/a.jpg", "img/a.webp", "img/thumbs/a.jpg", "img/thumbs/b.jpg", "img/back/a.jpg")
    assert find(tmp_path, ["a", "b"]) == {"a": ["img/a.jpg", "img/back/a.jpg"], "b": ["img/thumbs/b.jpg"]}


def test_a_table_without_images_beside_it(tmp_path: Path) -> None:
    touch(tmp_path, "products.csv", "readme.txt")
    assert not ImagesById(tmp_path, ["a"])
    assert not ImagesById(tmp_path / "nowhere", ["a"])
    touch(tmp_path, "img/a.jpg")
    images = ImagesById(tmp_path, ["a"])
    assert images
    assert images.notices() == []


@real
@beside
def test_the_folder_of_images_of_a_shop() -> None:
    """8 products; a name that is not UTF-8 is a reject, and two files that are no images are told."""
    folder = CASES / "folder_of_pictures/E5_folder"
    found = [normalize("NFC", item_id) for item_id in ids(folder)]
    undecodable = {"bags/phone", "bags/pic"}
    assert [item_id for item_id in found if item_id not in undecodable] == [
        "bags/Schöne Tasche 50%",
        "bags/green_bag",
        "bags/old",
        "bags/photo.jpg",
        "bags/saved",
        "shoes/men/red-runner_01",
        "shoes/women/blue runner",
        "top",
    ]
    assert rejects(folder) == ["item_id: the name of 'bags/bad\\xff.jpg' is not UTF-8"]
    assert "2 files skipped: 1 .svg, 1 .zip" in open_catalogue(CatalogSpec(folder)).notices


@real
@beside
def test_the_folder_with_a_table() -> None:
    folder = CASES / "folder_with_products_csv/E6_folder_with_table"
    assert "contains products.csv: pass that file" in refusal(folder)
    table = [{"item_id": number} for number in ("000", "005")]
    assert [len(paths) for paths in find(folder, [row["item_id"] for row in table]).values()] == [1, 1]


@real
@beside
def test_the_folder_that_spark_wrote() -> None:
    assert ids(CASES / "parquet_folder/D05_dir") == ["P0", "P1", "P2", "P3", "P4"]
