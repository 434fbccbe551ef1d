"""DescribeItem over gRPC, and the commands that describe: real servers, stores and pictures."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from engine.catalog.payload import from_bytes
from engine.errors import InvalidSetting
from engine.search.store_searcher import open_searcher
from engine.server.settings import load, render
from engine.v1 import catalog_pb2
from indexer.sample import sample_catalog, sample_item, write
from tests.support.cli import engine, indexer
from tests.support.servers import Running, refusal, running

pytestmark = pytest.mark.long

ITEMS = 24
Request = catalog_pb2.DescribeItemRequest


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a generated catalogue whose every third row lacks a description, and a store built of it."""
    folder = tmp_path_factory.mktemp("shop")
    write(folder, ITEMS, 11)
    rows = [json.loads(line) for line in (folder / "catalog.jsonl").read_text().splitlines()]
    for row in rows[::3]:
        del row["description"]
    (folder / "catalog.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    catalogue = folder / "catalog.jsonl"
    built = indexer("build", catalogue, "--store", folder / "store", "--model", "mini", "--describe-missing")
    assert built.code == 0, built.err
    return folder


@pytest.fixture(scope="module")
def rows(shop: Path) -> list[dict[str, Any]]:
    return [dict(sample_catalog.row(sample_item.item(11, number))) for number in range(ITEMS)]


@pytest.fixture(scope="module")
def server(shop: Path) -> Iterator[Running]:
    with running(shop / "store") as server:
        yield server


def picture(shop: Path, row: dict[str, Any]) -> bytes:
    return (shop / row["image"]).read_bytes()


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_items_are_described_from_what_is_known(server: Running, rows: list[dict[str, Any]]) -> None:
    """Type and colour of every item, who wrote it, and how well it fits the picture."""
    for row in rows[:12]:
        found = server.catalog.DescribeItem(Request(item_id=row["item_id"]), timeout=60)
        assert row["product_type"] in found.description.lower()
        assert row["color"] in found.description.lower()
        assert found.model
        assert not found.corrected_fields
        assert found.agreement > 0


def test_styles_audience_and_length_are_kept_to(server: Running, rows: list[dict[str, Any]]) -> None:
    item_id = rows[0]["item_id"]
    bullets = server.catalog.DescribeItem(Request(item_id=item_id, style=Request.STYLE_BULLETS), timeout=60)
    assert all(line.startswith("- ") for line in bullets.description.splitlines())
    short = Request(item_id=item_id, style=Request.STYLE_SHORT, audience="parents", max_words=30)
    assert "parents" in server.catalog.DescribeItem(short, timeout=60).description
    tiny = server.catalog.DescribeItem(Request(item_id=item_id, max_words=3), timeout=60)
    assert 0 < len(tiny.description.split()) <= 3


def test_an_items_own_picture_is_that_item(server: Running, shop: Path, rows: list[dict[str, Any]]) -> None:
    """A picture that the catalogue has tells all that the catalogue knows."""
    for row in rows[:4]:
        found = server.catalog.DescribeItem(Request(image=picture(shop, row)), timeout=120)
        assert row["product_type"] in found.description.lower()
        assert row["color"] in found.description.lower()
        assert found.model.startswith("coca:")


def test_what_is_not_there_or_no_picture_is_refused(server: Running) -> None:
    call = server.catalog.DescribeItem
    assert refusal(call, Request(item_id="nothing")).code is grpc.StatusCode.NOT_FOUND
    assert refusal(call, Request()).code is grpc.StatusCode.INVALID_ARGUMENT
    broken = refusal(call, Request(image=b"no picture"))
    assert broken.code is grpc.StatusCode.INVALID_ARGUMENT
    assert broken.fields == ["image"]


def test_a_chat_that_is_away_makes_the_call_unavailable(shop: Path, rows: list[dict[str, Any]]) -> None:
    chat = {"writer": "chat", "writer_url": "http://127.0.0.1:9/v1", "writer_model": "tiny"}
    with running(shop / "store", **chat) as server:
        found = refusal(server.catalog.DescribeItem, Request(item_id=rows[0]["item_id"]))
    assert found.code is grpc.StatusCode.UNAVAILABLE
    assert "127.0.0.1:9" in found.message


def test_the_key_is_never_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by --print-config nor by an error, from wherever it comes; what is printed is read back."""
    monkeypatch.setenv("DIPTYCH_WRITER_KEY", "secret-1")
    settings = load({"store": tmp_path, "writer": "chat", "writer_url": "http://host/v1", "writer_model": "m"})
    assert settings.writer_options.key == "secret-1"
    assert "secret-1" not in render(settings) + repr(settings)
    (tmp_path / "written.toml").write_text(render(settings))
    assert load({}, tmp_path / "written.toml").writer_model == "m"
    with pytest.raises(InvalidSetting, match="^writer_url: .* writer_key$"):
        load({"store": tmp_path, "writer_url": "http://me:secret-2@host/v1"})


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"writer": "nobody"}, "^writer: .*expected coca, chat or module:Class, got 'nobody'"),
        ({"writer": "chat", "writer_model": "m"}, "^writer_url: .*expected a value for the chat writer"),
        ({"writer": "chat", "writer_url": "http://host/v1"}, "^writer_model: .*expected a value for the chat writer"),
    ],
)
def test_a_writer_that_lacks_something_is_a_wrong_setting(tmp_path: Path, flags: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidSetting, match=message):
        load({"store": tmp_path, **flags})


def test_a_build_fills_missing_descriptions(shop: Path, rows: list[dict[str, Any]]) -> None:
    """They are marked, say what the item is, and are embedded; those that people wrote are left alone."""
    view = open_searcher(shop / "store").view
    for number, row in enumerate(rows):
        payload = from_bytes(view.payload(view.get_row(row["item_id"])))
        if number % 3:
            assert payload["description"] == row["description"]
            assert "generated" not in payload
        else:
            assert payload["generated"] == ["description"]
            assert row["product_type"] in payload["description"].lower()
            assert row["color"] in payload["description"].lower()


def test_the_command_describes_rows_items_and_pictures(shop: Path, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    """One JSON line each; --missing passes over rows that have a description; --out appears when it is whole."""
    out = tmp_path / "texts.jsonl"
    asked = ("describe", shop / "catalog.jsonl", "--missing", "--store", shop / "store", "--style", "short")
    assert indexer(*asked, "--out", out).code == 0
    found = lines(out.read_text())
    assert [line["item_id"] for line in found] == [row["item_id"] for row in rows[::3]]
    assert all(line["generated"] is True and line["model"] and line["description"] for line in found)
    image = shop / rows[1]["image"]
    both = indexer("describe", rows[2]["item_id"], "--image", image, "--store", shop / "store", "--max-words", 12)
    assert [line.get("item_id") or line["image"] for line in lines(both.out)] == [rows[2]["item_id"], str(image)]
    assert indexer("describe", "--store", shop / "store").code == 2
    assert indexer("describe", "nothing-such", "--store", shop / "store").code == 1


def test_engine_describes_over_a_store_and_a_server(server: Running, shop: Path, rows: list[dict[str, Any]]) -> None:
    """Both give the same text."""
    item_id = rows[0]["item_id"]
    here = engine("describe", item_id, "--store", shop / "store", "--json")
    there = engine("describe", item_id, "--address", server.target, "--json")
    assert json.loads(here.out)["description"] == json.loads(there.out)["description"]
    assert engine("describe", "--store", shop / "store").code == 2


def test_descriptions_are_measured(shop: Path) -> None:
    """Told the attributes nothing is wrong; not told, the numbers are there for a program to read."""
    store, measure = shop / "store", ("evaluate", "describe", shop / "catalog.jsonl", "--most", 8, "--json")
    told = json.loads(indexer(*measure, "--store", store, "--told").out)
    assert (told["texts"], told["right_type"], told["right_colour"], told["contradicting"]) == (8, 1.0, 1.0, 0.0)
    alone = json.loads(indexer(*measure).out)
    assert alone["texts"] == 8
    assert 0 <= alone["right_colour"] <= 1
