"""The benchmark of answers that match nothing, all of it at the size of a few goods."""

import csv
import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from benchmarks.no_match import run
from engine.encoders.encoder import ModelSpec

pytestmark = pytest.mark.long

COLOURS = ("red", "black", "white", "grey")
TYPES = (
    "apron", "belt", "blouse", "boot", "coat", "glove", "hood", "jacket", "jumper", "sandal", "scarf", "shirt", "shoe",
    "skirt", "sock", "vest", "wardrobe", "watch", "wig", "wrap",
)  # fmt: skip
GADGETS = (
    "cable", "charger", "mouse", "keyboard", "speaker", "tripod", "adapter", "remote", "case", "stand", "microphone",
    "router", "webcam", "hub", "camera", "printer", "holder", "lens", "battery", "mount",
)  # fmt: skip


def write_shop(folder: Path, column: str, types: Iterable[str]) -> None:
    folder.mkdir(parents=True)
    with (folder / "catalog.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["item_id", "title", column, "description"])
        writer.writerows(
            [f"{kind}-{colour}", f"Acme {colour} {kind}", kind, "Women like it, in the kitchen and on the phone."]
            for kind in types
            for colour in COLOURS
        )


def test_the_whole_benchmark(tmp_path: Path) -> None:
    """What was taken out is told to match nothing, and what is there is not, in every shop."""
    data = tmp_path / "data"
    write_shop(data / "fashion_products", "article_type", TYPES)
    write_shop(data / "ikea_furniture", "category", TYPES)
    write_shop(data / "electronics_listings", "category", GADGETS)
    (data / "search_queries").mkdir()
    (data / "search_queries" / "wands_queries_en.csv").write_text("query_id,query\n1,coffee table\n2,ottoman\n")
    model = ModelSpec(str(tmp_path / "log"), encoder="tests.support.catalogs:Plain")
    result = run(data, model, 100, json_path=tmp_path / "result.json", folder=tmp_path / "stores")
    assert set(result["shops"]) == {
        "fashion_products", "ikea_furniture", "electronics_listings", "generated sample",
    }  # fmt: skip
    for name in ("fashion_products", "ikea_furniture", "electronics_listings"):
        flagged = result["shops"][name]["flagged"]
        assert flagged["gone"]["flagged"] >= 0.8
        assert max(flagged[kind]["flagged"] for kind in ("there", "titles", "pieces of titles")) <= 0.05
    assert result["shops"]["fashion_products"]["flagged"]["furniture"]["queries"] == 4
    assert json.loads((tmp_path / "result.json").read_text())["shops"] == result["shops"]
    assert "removed types" in (tmp_path / "result.md").read_text()
