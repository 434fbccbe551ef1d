"""Real products through the commands of the README: built, published, and found by words, pictures and both."""

import csv
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.snapshot.store import Store
from tests.support.cli import engine, indexer, printed
from tests.support.servers import Running, running

DATA = Path(__file__).parents[2] / "shared/data"
GROCERY = DATA / "grocery_store"
FASHION = DATA / "fashion_products"

pytestmark = [
    pytest.mark.long,
    pytest.mark.real,
    pytest.mark.skipif(not GROCERY.is_dir(), reason="the real products are not beside this checkout"),
]


def found(server: Running, *arguments: str) -> list[dict]:
    """Return the hits of one query, as the command prints them for a program."""
    lines = printed(engine, "query", "--address", server.target, "--json", *arguments).splitlines()
    return [json.loads(line) for line in lines]


def table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def grocery(tmp_path_factory) -> Path:
    store = tmp_path_factory.mktemp("grocery")
    printed(indexer, "build", str(GROCERY / "catalog.csv"), "--store", str(store))
    return store


@pytest.fixture(scope="module")
def grocery_server(grocery: Path) -> Iterator[Running]:
    with running(grocery) as server:
        yield server


@pytest.fixture(scope="module")
def fashion(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("fashion")
    for archive in sorted(FASHION.glob("images-*.tar")):
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    (folder / "catalog.csv").write_bytes((FASHION / "catalog.csv").read_bytes())
    printed(indexer, "build", str(folder / "catalog.csv"), "--store", str(folder / "store"))
    return folder / "store"


@pytest.fixture(scope="module")
def fashion_server(fashion: Path) -> Iterator[Running]:
    with running(fashion) as server:
        yield server


def test_every_grocery_product_is_served(grocery):
    """All 81 products have a picture and a text in the served snapshot, and none was rejected."""
    store = Store(grocery)
    manifest = store.manifest(store.current())
    assert manifest.item_count == 81
    assert {block.name: block.item_count for block in manifest.blocks} == {"image": 81, "text": 81}
    assert manifest.catalogue.rejects == 0


def test_a_grocery_product_is_found_by_its_name(grocery_server):
    """Asking for a product by its name finds it among the first five of 81, for nearly all of them."""
    rows = table(GROCERY / "catalog.csv")
    places = [
        [hit["item_id"] for hit in found(grocery_server, "--text", row["title"], "--limit", "5")].count(row["item_id"])
        for row in rows[::4]
    ]
    assert sum(places) >= 0.9 * len(places)


def test_a_shop_photo_and_words_are_one_query(grocery_server):
    """A photo taken in a shop together with a word gives one ranking whose contributions sum to each score."""
    photo = table(GROCERY / "photos.csv")[0]
    hits = found(
        grocery_server, "--image", str(GROCERY / photo["image"]), "--text", "apple", "--explain",
        "--modality", "image=0.7", "--modality", "text=0.3",
    )  # fmt: skip
    assert len(hits) == 10
    assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)
    for hit in hits:
        assert sum(hit["contributions"].values()) == pytest.approx(hit["score"], abs=1e-4)
        assert set(hit["contributions"]) == {"image", "text", "lexical"}


def test_fashion_products_are_served_and_found(fashion, fashion_server):
    """4,500 products are indexed; an item is its own nearest neighbour, and its title finds it among the first ten."""
    store = Store(fashion)
    manifest = store.manifest(store.current())
    assert manifest.item_count == 4500
    assert {block.name: block.item_count for block in manifest.blocks} == {"image": 4500, "text": 4500}
    rows = table(FASHION / "catalog.csv")[::300]
    for row in rows:
        assert found(fashion_server, "--item", row["item_id"], "--limit", "1")[0]["item_id"] == row["item_id"]
    titled = [
        [hit["payload"]["title"] for hit in found(fashion_server, "--text", row["title"], "--modality", "text=1")]
        for row in rows
    ]
    assert sum(row["title"] in titles for row, titles in zip(rows, titled, strict=True)) >= 0.9 * len(rows)
