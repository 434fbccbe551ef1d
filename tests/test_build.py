"""Whole builds: of one item and of ten thousand, with every kind of index, with blocks and signals missing."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.catalog.payload import from_bytes
from engine.encoders.encoder import ModelSpec
from engine.errors import GateFailed, InvalidCatalogue, InvalidSetting
from engine.scoring.query import Boost, Query, TextPart, VectorPart
from engine.search.searcher import Searcher
from engine.snapshot.manifest import Manifest
from engine.snapshot.snapshot import open_snapshot
from engine.snapshot.store import Store
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.build.publish import verify
from indexer.progress import no_progress
from tests.support.catalogs import Plain, Vectors, clustered, write_lines, write_parquet

pytestmark = pytest.mark.long


def built(catalogue: Path, store: Path, **options: Any) -> Manifest:
    """Build with these options, without progress."""
    return build(BuildConfig(catalogue, store, **options), no_progress)


def opened(store: Path) -> Searcher:
    """Open what a store serves; it must be whole."""
    served = Store(store)
    name = str(served.current())
    assert verify(served, name) == []
    return Searcher(open_snapshot(served, name), None)


def nearest(searcher: Searcher, limit: int = 1, **blocks: np.ndarray) -> list[str]:
    """Return the ids that are nearest to a vector of each block."""
    parts = tuple(VectorPart(vector, block=block) for block, vector in blocks.items())
    return [hit.item_id for hit in searcher.search(Query(parts=parts, limit=limit)).hits]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_smallest_catalogues(tmp_path: Path, count: int) -> None:
    """One item is a catalogue; each item is found by itself, and all are found by any."""
    vectors = clustered(count)
    manifest = built(write_parquet(tmp_path / "c.parquet", vectors), tmp_path / "store", signals=("price",))
    assert manifest.item_count == count
    assert manifest.strata[0].factory == "Flat"
    assert all(gate.passed for gate in manifest.gates)
    searcher = opened(tmp_path / "store")
    for number in range(count):
        found = nearest(searcher, 10, image=vectors.image[number], text=vectors.text[number])
        assert found[0] == f"i{number}"
        assert sorted(found) == [f"i{n}" for n in range(count)]


@pytest.mark.parametrize("count", [50, 2_500])
def test_a_catalogue_of_copies(tmp_path: Path, count: int) -> None:
    """All items are equal, so no item is nearest to itself alone: that is no fault, and it is published."""
    one = clustered(1)
    copies = Vectors(np.repeat(one.image, count, axis=0), np.repeat(one.text, count, axis=0))
    manifest = built(write_parquet(tmp_path / "c.parquet", copies), tmp_path / "store")
    assert {gate.name: gate.value for gate in manifest.gates}["self-retrieval@1"] == 1.0
    assert len(nearest(opened(tmp_path / "store"), 10, image=one.image[0])) == 10


def test_a_handful_of_copies_of_each_item(tmp_path: Path) -> None:
    """Variants that share picture and text crowd each other out of any ten, which gates must not take for a loss."""
    some = clustered(100)
    copies = Vectors(np.repeat(some.image, 30, axis=0), np.repeat(some.text, 30, axis=0))
    built(write_parquet(tmp_path / "c.parquet", copies), tmp_path / "store")
    found = nearest(opened(tmp_path / "store"), 10, image=some.image[4], text=some.text[4])
    assert set(found) <= {f"i{number}" for number in range(120, 150)}


def test_items_that_lack_a_block_are_strata_of_their_own(tmp_path: Path) -> None:
    """Both, image alone, text alone: three strata, largest first, and every item is found by what it has."""
    vectors = clustered(300)
    images = [None if n % 10 == 1 else row for n, row in enumerate(vectors.image)]
    texts = [None if n % 10 in (2, 3) else row for n, row in enumerate(vectors.text)]
    catalogue = write_parquet(tmp_path / "c.parquet", vectors, image_vector=images, text_vector=texts)
    manifest = built(catalogue, tmp_path / "store", signals=("price",))
    assert [(stratum.blocks, stratum.start, stratum.count) for stratum in manifest.strata] == [
        (("image", "text"), 0, 210),
        (("image",), 210, 60),
        (("text",), 270, 30),
    ]
    assert {block.name: block.item_count for block in manifest.blocks} == {"image": 270, "text": 240}
    searcher = opened(tmp_path / "store")
    for number in range(0, 300, 7):
        if images[number] is not None:
            assert nearest(searcher, image=vectors.image[number]) == [f"i{number}"]
        if texts[number] is not None:
            assert nearest(searcher, text=vectors.text[number]) == [f"i{number}"]
    row = searcher.snapshot.items.get_row("i1")
    assert set(searcher.snapshot.vectors(row)) == {"text"}


@pytest.mark.parametrize("block", ["image", "text"])
def test_one_block_only(tmp_path: Path, block: str) -> None:
    """A catalogue of pictures, or of texts, has one block, one stratum, and no composed queries."""
    vectors = clustered(200)
    rows = [{"item_id": f"i{n}", f"{block}_vector": row.tolist()} for n, row in enumerate(vectors.image)]
    manifest = built(write_lines(tmp_path / "c.jsonl", rows), tmp_path / "store")
    assert [stratum.blocks for stratum in manifest.strata] == [(block,)]
    assert {point.query_class for point in manifest.operating_points} == {"agreeing", "single", "filtered"}
    assert nearest(opened(tmp_path / "store"), **{block: vectors.image[9]}) == ["i9"]


@pytest.mark.parametrize(
    ("factory", "strategy"),
    [
        ("Flat", "exact"),
        ("HNSW32", "hnsw"),
        ("IVF16,Flat", "ivf"),
        ("IVF16,PQ16x4fs,RFlat", "ivf"),
        ("PQ16x4fs", "IndexPQFastScan"),
        ("OPQ8_64,IVF16,PQ8x4fs", "transform+ivf"),
        ("SQ8", "IndexScalarQuantizer"),
    ],
)
def test_any_factory_string(tmp_path: Path, factory: str, strategy: str) -> None:
    """What FAISS can make is searched with its own parameters, and passes the gates at the target."""
    vectors = clustered(1_200, dim=32)
    manifest = built(write_parquet(tmp_path / "c.parquet", vectors), tmp_path / "store", index=factory)
    assert manifest.strata[0].factory == factory
    searcher = opened(tmp_path / "store")
    assert searcher.strategy == strategy
    assert [nearest(searcher, image=vectors.image[n], text=vectors.text[n]) for n in range(0, 1200, 100)] == [
        [f"i{n}"] for n in range(0, 1200, 100)
    ]


@pytest.mark.parametrize("factory", ["IVF16,Nonsense", "", "PQ7x4fs", "flat"])
def test_a_factory_string_that_means_nothing(tmp_path: Path, factory: str) -> None:
    """It is refused with the string and FAISS's reason, and leaves no snapshot."""
    catalogue = write_parquet(tmp_path / "c.parquet", clustered(100))
    with pytest.raises(InvalidSetting, match=rf"expected a FAISS factory string.*, got '{factory}': ."):
        built(catalogue, tmp_path / "store", index=factory)
    assert Store(tmp_path / "store").names() == []
    assert [path.name for path in (tmp_path / "store").glob("snapshots/*")] in ([], [".lock"])


@pytest.mark.parametrize("factory", ["IVF16,Flat", "PQ8", "PQ16x4fs"])
def test_a_factory_string_that_wants_more_items(tmp_path: Path, factory: str) -> None:
    """Three items cannot train it; the message says how many there are."""
    catalogue = write_parquet(tmp_path / "c.parquet", clustered(3))
    with pytest.raises(InvalidSetting, match=rf"expected an index that 3 rows can train, got '{factory}': ."):
        built(catalogue, tmp_path / "store", index=factory)


def test_signals_with_missing_values(tmp_path: Path) -> None:
    """A boost lifts the dear, a penalty the cheap, and an item without a price is neither."""
    vectors = clustered(30)
    same = Vectors(np.repeat(vectors.image[:1], 30, axis=0), np.repeat(vectors.text[:1], 30, axis=0))
    prices = [None if number == 7 else float(number) for number in range(30)]
    catalogue = write_parquet(tmp_path / "c.parquet", same, price=prices)
    manifest = built(catalogue, tmp_path / "store", signals=("price",))
    known = [price for price in prices if price is not None]
    assert manifest.signals[0].mean == pytest.approx(np.mean(known))
    assert manifest.signals[0].std == pytest.approx(np.std(known))
    searcher = opened(tmp_path / "store")
    parts = (VectorPart(same.image[0], block="image"),)
    orders = []
    for weight in (1.0, -1.0):
        hits = searcher.search(Query(parts=parts, boosts=(Boost("price", weight),), limit=30)).hits
        orders.append([hit.item_id for hit in hits])
    assert orders[0][0] == "i29"
    assert orders[1][0] == "i0"
    # The mean of the known prices is 14.76: item 7 stands where a price of 14.76 would.
    assert orders[0][14:17] == ["i15", "i7", "i14"]


def test_ids_of_any_kind(tmp_path: Path) -> None:
    """Umlauts, emoji, right to left, spaces, slashes, numbers: each comes back as it was written and is found."""
    ids = ["Größe 42", "👟/1", "حذاء", "a b\tc", "../../etc", "'; DROP TABLE", "é", "e\u0301", 17, "007", "7"]
    vectors = clustered(len(ids))
    rows = [
        {"item_id": item_id, "image_vector": row.tolist(), "name": f"n{n}"}
        for n, (item_id, row) in enumerate(zip(ids, vectors.image, strict=True))
    ]
    built(write_lines(tmp_path / "c.jsonl", rows), tmp_path / "store")
    searcher = opened(tmp_path / "store")
    for number, item_id in enumerate(map(str, ids)):
        assert nearest(searcher, image=vectors.image[number]) == [item_id]
        row = searcher.snapshot.items.get_row(item_id)
        assert from_bytes(searcher.snapshot.items.payload(row)) == {"name": f"n{number}"}


def test_numeric_ids_of_parquet(tmp_path: Path) -> None:
    """Whole numbers become their digits."""
    vectors = clustered(20)
    ids = np.arange(20) + 9_007_199_254_740_993
    built(write_parquet(tmp_path / "c.parquet", vectors, item_id=ids), tmp_path / "store")
    assert nearest(opened(tmp_path / "store"), image=vectors.image[3]) == ["9007199254740996"]


def test_ten_thousand_items(tmp_path: Path) -> None:
    """More than fit in any batch on the way: rows, ids, payloads and codes all stay together."""
    vectors = clustered(10_000)
    catalogue = write_parquet(tmp_path / "c.parquet", vectors, name=[f"n{n}" for n in range(10_000)])
    manifest = built(catalogue, tmp_path / "store", signals=("price",))
    assert manifest.strata[0].factory.startswith("PQ")
    searcher = opened(tmp_path / "store")
    for number in (0, 8_191, 8_192, 8_193, 9_999):
        assert nearest(searcher, image=vectors.image[number], text=vectors.text[number]) == [f"i{number}"]
        row = searcher.snapshot.items.get_row(f"i{number}")
        assert from_bytes(searcher.snapshot.items.payload(row))["name"] == f"n{number}"


def test_the_manifest_says_what_was_built_of_what_with_what(tmp_path: Path) -> None:
    """Catalogue with its hash, versions, parent, and each file's size and checksum."""
    catalogue = write_parquet(tmp_path / "c.parquet", clustered(30))
    first = built(catalogue, tmp_path / "store")
    second = built(catalogue, tmp_path / "store")
    assert (first.parent, second.parent) == (None, first.snapshot)
    assert first.catalogue.name == "c.parquet"
    assert first.catalogue.sha256 == second.catalogue.sha256
    assert (first.catalogue.lines, first.catalogue.rejects) == (30, 0)
    assert {"python", "numpy", "pyarrow"} <= first.versions.keys()
    assert any(name.startswith("faiss") for name in first.versions)
    assert first.create_time.endswith("+00:00")
    folder = Store(tmp_path / "store").directory(first.snapshot)
    assert set(first.files) == {
        "columns.arrow",
        "items.arrow",
        "lookup.npy",
        "curve.png",
        "rejects.jsonl",
        "strata/image+text/rows.faiss",
    }
    for name, record in first.files.items():
        data = (folder / name).read_bytes()
        assert (record.size_bytes, record.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_the_same_catalogue_gives_the_same_files(tmp_path: Path) -> None:
    """Built twice: rows, codes, items and calibration are the same bytes; only names, times and timings differ."""
    catalogue = write_parquet(tmp_path / "c.parquet", clustered(2_200))
    first, second = (built(catalogue, tmp_path / "store", signals=("price",)) for _ in range(2))
    assert "strata/image+text/index.faiss" in first.files
    assert {name: record for name, record in first.files.items() if name != "curve.png"} == {
        name: record for name, record in second.files.items() if name != "curve.png"
    }
    assert first.calibration == second.calibration
    assert first.snapshot != second.snapshot


def test_a_catalogue_with_too_many_bad_rows(tmp_path: Path) -> None:
    """6 of 100 with a limit of 5 %: nothing is built, what was served stays, and rejects.jsonl says why."""
    vectors = clustered(100)
    good = write_parquet(tmp_path / "good.parquet", vectors)
    first = built(good, tmp_path / "store")
    ids = [f"i{max(number, 6)}" for number in range(100)]
    bad = write_parquet(tmp_path / "bad.parquet", vectors, item_id=ids)
    with pytest.raises(InvalidCatalogue, match=r"bad\.parquet: expected at most 5.0% bad rows, got 6 of 100 "):
        built(bad, tmp_path / "store")
    store = Store(tmp_path / "store")
    assert store.names() == [first.snapshot] == [store.current()]
    rejects = [json.loads(line) for line in (tmp_path / "store" / "rejects.jsonl").read_text().splitlines()]
    assert [reject["line"] for reject in rejects] == [2, 3, 4, 5, 6, 7]
    assert {reject["item_id"] for reject in rejects} == {"i6"}
    assert all("duplicate item_id, first on line 1" in reject["reason"] for reject in rejects)


@pytest.mark.parametrize(("rejects", "limit"), [(5, 0.05), (29, 0.29), (57, 0.57), (0, 0.0), (99, 1.0)])
def test_just_as_many_bad_rows_as_may_be(tmp_path: Path, rejects: int, limit: float) -> None:
    """The limit itself is allowed, whatever floats make of it."""
    ids = [f"i{max(number, rejects)}" for number in range(100)]
    catalogue = write_parquet(tmp_path / "c.parquet", clustered(100), item_id=ids)
    manifest = built(catalogue, tmp_path / "store", max_rejects=limit)
    assert manifest.item_count == 100 - rejects
    assert next(gate for gate in manifest.gates if gate.name == "reject share").passed


def test_a_catalogue_without_a_good_row(tmp_path: Path) -> None:
    """Even if all may be bad, at least one item is needed."""
    rows = [{"item_id": "", "image_vector": [1, 0]}, {"item_id": None, "image_vector": [1, 0]}]
    with pytest.raises(InvalidCatalogue, match="expected at least one item, got none"):
        built(write_lines(tmp_path / "c.jsonl", rows), tmp_path / "store", max_rejects=1.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recall_target": 1.0}, "expected a recall target between 0 and 1, got 1.0"),
        ({"recall_target": float("nan")}, "expected a recall target between 0 and 1, got nan"),
        ({"max_rejects": 1.5}, "expected a share of rejects between 0 and 1, got 1.5"),
        ({"max_drift": -0.1}, "expected a share of drift between 0 and 1, got -0.1"),
    ],
)
def test_settings_without_a_meaning(tmp_path: Path, options: dict[str, float], message: str) -> None:
    """They are refused before anything is read or made."""
    with pytest.raises(InvalidSetting, match=message):
        built(tmp_path / "none.parquet", tmp_path / "store", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_a_file(tmp_path: Path) -> None:
    """It is refused by name and stays as it is."""
    (tmp_path / "store").write_text("mine")
    catalogue = write_parquet(tmp_path / "c.parquet", clustered(3))
    with pytest.raises(InvalidSetting, match="expected a folder for the store, got the file .*store"):
        built(catalogue, tmp_path / "store")
    assert (tmp_path / "store").read_text() == "mine"


def test_a_damaged_store_is_built_over(tmp_path: Path) -> None:
    """A new build is the way out of damage, so a damaged parent is no parent and no hindrance."""
    catalogue = write_parquet(tmp_path / "c.parquet", clustered(30))
    store = Store(tmp_path / "store")
    first = built(catalogue, store.root)
    (store.directory(first.snapshot) / "items.arrow").write_bytes(b"")
    second = built(catalogue, store.root)
    assert second.parent is None
    (store.root / "CURRENT").write_bytes(b"\xff")
    third = built(catalogue, store.root)
    assert third.parent is None
    assert store.current() == third.snapshot


def worded(path: Path, words: list[str]) -> Path:
    """Write a catalogue of titles alone."""
    return write_lines(path, ({"item_id": f"i{number}", "title": word} for number, word in enumerate(words)))


def plain(tmp_path: Path) -> ModelSpec:
    """The encoder of no library."""
    return ModelSpec(str(tmp_path / "encoder.log"), encoder="tests.support.catalogs:Plain")


def test_texts_and_pictures_through_an_encoder(tmp_path: Path) -> None:
    """Embedded, calibrated for texts and pictures, the model on record, and found by the text itself."""
    rows = []
    for number in range(40):
        Image.new("RGB", (3, 3), (6 * number, 255 - 6 * number, 128)).save(tmp_path / f"{number}.png")
        rows.append({"item_id": f"i{number}", "title": f"thing {number}", "image": f"{number}.png"})
    rows[5]["image"] = None
    catalogue = write_lines(tmp_path / "c.jsonl", rows)
    spec = plain(tmp_path)
    manifest = built(catalogue, tmp_path / "store", model=spec, text_template="{title}")
    assert manifest.model is not None
    assert manifest.model.fingerprint == Plain(spec, "cpu", "float32").fingerprint.to_json()
    assert {(s.part_kind, s.block) for s in manifest.similarities} == {
        *((kind, block) for kind in ("text", "image", "item", "vector") for block in ("image", "text")),
        ("text", "lexical"),
    }
    searcher = Searcher(opened(tmp_path / "store").snapshot, Plain(spec, "cpu", "float32"))
    hits = searcher.search(Query(parts=(TextPart("thing 9", block="text"),), limit=1)).hits
    assert hits[0].item_id == "i9"


@pytest.mark.parametrize("bad", [1, 5, 6])
def test_bad_images_cost_no_build_until_they_are_most(tmp_path: Path, bad: int) -> None:
    """A file that is no image costs its item the image only; if more than half are such, nothing is built."""
    rows = []
    for number in range(10):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (3, 3), (20 * number, 0, 0)).save(path)
        if number < bad:
            path.write_bytes(b"not an image")
        rows.append({"item_id": f"i{number}", "Name": f"thing {number}", "image_link": path.name})
    catalogue = write_lines(tmp_path / "c.jsonl", rows)
    if bad > 5:
        with pytest.raises(
            InvalidCatalogue, match="column image: expected at most 50% bad values, got 6 of 10: 6 x bad"
        ):
            built(catalogue, tmp_path / "store", model=plain(tmp_path))
        return
    manifest = built(catalogue, tmp_path / "store", model=plain(tmp_path))
    assert {block.name: block.item_count for block in manifest.blocks} == {"image": 10 - bad, "text": 10}
    assert [(record.column, record.count) for record in manifest.catalogue.dropped] == [("image", bad)]
    lines = [json.loads(line) for line in (tmp_path / "store/rejects.jsonl").read_text().splitlines()]
    assert [(line["kind"], line["item_id"], line["column"]) for line in lines] == [
        ("cell", f"i{number}", "image") for number in range(bad)
    ]


def test_a_catalogue_that_shrank(tmp_path: Path) -> None:
    """With a fifth fewer items it is published, with more than that it is not."""
    words = [f"thing {number}" for number in range(50)]
    options = {"model": plain(tmp_path), "text_template": "{title}"}
    built(worded(tmp_path / "a.jsonl", words), tmp_path / "store", **options)
    with pytest.raises(GateFailed, match=r"may not be published: shrink: expected 0\.2, got 0\.22"):
        built(worded(tmp_path / "b.jsonl", words[:39]), tmp_path / "store", **options)
    kept = built(worded(tmp_path / "c.jsonl", words[:40]), tmp_path / "store", **options)
    assert {gate.name: gate.value for gate in kept.gates}["shrink"] == pytest.approx(0.2)


def test_drift(tmp_path: Path) -> None:
    """Titles swapped on 8 of 10 items known before: above the limit of half it is not published, and says so."""
    words = [f"thing {number}" for number in range(50)]
    swapped = [word if number % 5 == 0 else f"{word} altogether different" for number, word in enumerate(words)]
    options = {"model": plain(tmp_path), "text_template": "{title}"}
    first = built(worded(tmp_path / "a.jsonl", words), tmp_path / "store", **options)
    again = built(worded(tmp_path / "a.jsonl", [*words, "new"]), tmp_path / "store", **options)
    assert {gate.name: gate.value for gate in again.gates}["drift"] == 0.0
    with pytest.raises(GateFailed, match=r"may not be published: drift: expected 0\.5, got 0\.[6-8]"):
        built(worded(tmp_path / "b.jsonl", swapped), tmp_path / "store", **options)
    store = Store(tmp_path / "store")
    assert store.current() == again.snapshot
    assert len(store.names()) == 3
    assert store.names()[0] == first.snapshot
    allowed = built(worded(tmp_path / "b.jsonl", swapped), tmp_path / "store", **options, max_drift=1.0)
    assert store.current() == allowed.snapshot


def test_another_model_is_no_drift(tmp_path: Path) -> None:
    """A caller's own vectors have nothing to be compared with, so all may change at once."""
    store = tmp_path / "store"
    built(write_parquet(tmp_path / "a.parquet", clustered(50, seed=1)), store)
    second = built(write_parquet(tmp_path / "b.parquet", clustered(50, seed=2)), store)
    assert {gate.name: gate.value for gate in second.gates}["drift"] == 0.0


def test_built_without_publishing(tmp_path: Path) -> None:
    """The snapshot is there and whole; what is served stays."""
    catalogue = write_parquet(tmp_path / "c.parquet", clustered(30))
    served = built(catalogue, tmp_path / "store")
    other = built(catalogue, tmp_path / "store", publish=False)
    store = Store(tmp_path / "store")
    assert store.current() == served.snapshot
    assert verify(store, other.snapshot) == []
