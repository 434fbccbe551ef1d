"""`engine sheet`: what is drawn of queries and hits, where pictures are, and where there are none."""

from pathlib import Path

from google.protobuf.json_format import ParseDict
from PIL import Image, ImageFont

from engine.cli.sheet_command import to_tile
from engine.cli.sheet_drawing import TILE, Tile, draw, open_picture, wrap
from engine.v1 import search_pb2
from tests.support.cli import engine
from tests.support.servers import Running


def _hit(**payload: object) -> search_pb2.Hit:
    hit = search_pb2.Hit(item_id="i1", score=1.5)
    ParseDict(payload, hit.payload)
    return hit


def test_a_long_title_is_wrapped_and_cut() -> None:
    """At blanks where there are any, within the width; what does not fit ends in an ellipsis."""
    font = ImageFont.load_default(12)
    lines = wrap("blue  kettle with a very long name indeed", font, 80, 2)
    assert len(lines) == 2
    assert lines[0] == "blue kettle"
    assert lines[1].endswith("…")
    assert all(font.getlength(line) <= 80 for line in lines)
    assert "".join(wrap("x" * 60, font, 80, 20)) == "x" * 60
    assert wrap("", font, 80, 2) == []


def test_a_tile_shows_the_first_picture_that_the_payload_names(tmp_path: Path) -> None:
    """One name, or a list of them, from the folder given; with rank, score and title."""
    Image.new("RGB", (40, 80), "red").save(tmp_path / "a.png")
    for named in ("a.png", ["a.png", "b.png"]):
        tile = to_tile(3, _hit(image=named, title="Red mug"), tmp_path)
        assert tile.picture is not None
        assert tile.picture.getpixel((0, 0)) == (255, 0, 0)
        assert (tile.heading, tile.caption) == ("3   1.50", "Red mug")


def test_a_tile_without_a_picture_says_why(tmp_path: Path) -> None:
    """None named, no such file, or no picture in it; an item without a title is called by its id."""
    (tmp_path / "b.png").write_text("no picture")
    assert to_tile(1, _hit(), tmp_path).reason == "its payload names no picture"
    assert to_tile(1, _hit(), tmp_path).caption == "i1"
    assert to_tile(1, _hit(image="c.png"), tmp_path).reason == f"no file {tmp_path / 'c.png'}"
    assert "none of them" in to_tile(1, _hit(image="b.png"), tmp_path).reason


def test_large_pictures_are_scaled_and_small_ones_left(tmp_path: Path) -> None:
    """A picture fits into a tile, its shape kept."""
    Image.new("RGB", (1600, 800)).save(tmp_path / "large.png")
    Image.new("RGB", (30, 20)).save(tmp_path / "small.png")
    sizes = [picture.size for picture, _ in map(open_picture, sorted(tmp_path.iterdir())) if picture is not None]
    assert sizes == [(TILE, TILE // 2), (30, 20)]


def test_the_sheet_has_a_row_for_each_query() -> None:
    """Pictures stand in the middle of their tile, missing ones are grey, and shorter rows end earlier."""
    red = Tile(Image.new("RGB", (TILE, TILE), "red"), "", "query", "a")
    none = Tile(None, "no picture", "1", "b")
    one, two = draw([[red, none]]), draw([[red, none], [red]])
    assert two.size == (one.width, 2 * one.height)
    assert two.getpixel((10 + TILE // 2, 10 + TILE // 2)) == (255, 0, 0)
    assert two.getpixel((10 + TILE // 2, one.height + 10 + TILE // 2)) == (255, 0, 0)
    assert one.getpixel((one.width - 13, 10 + TILE - 3)) == (217, 217, 217)


def test_the_command_asks_a_store_for_photos_and_texts(goods: Path, tmp_path: Path) -> None:
    """A row for each photo of a folder and each text, as many hits as asked for; what is missing is told."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in sorted(goods.parent.glob("*.png"))[:2]:
        (photos / name.name).write_bytes(name.read_bytes())
    (photos / "broken.jpg").write_text("no picture")
    out = tmp_path / "sheet.png"
    ran = engine(
        "sheet", photos, "--text", "mug", "--store", goods, "--pictures", goods.parent, "--limit", 3, "--out", out
    )
    assert ran.code == 0, ran.err
    assert f"{out}: 4 queries, 9 hits" in ran.err
    with Image.open(out) as sheet:
        assert sheet.width == 4 * (TILE + 10) + 30
    elsewhere = engine("sheet", "--text", "mug", "--store", goods, "--pictures", tmp_path, "--limit", 3, "--out", out)
    assert elsewhere.code == 0
    assert "hits have no picture, such as: " in elsewhere.err


def test_the_command_asks_a_server(goods_server: Running, goods: Path, tmp_path: Path) -> None:
    """The pictures lie here, the items come from there."""
    out = tmp_path / "sheet.jpg"
    ran = engine("sheet", "--text", "mug", "--address", goods_server.target, "--pictures", goods.parent, "--out", out)
    assert ran.code == 0, ran.err
    assert "1 queries, 10 hits" in ran.err
    assert out.is_file()


def test_nothing_to_ask_or_nowhere_to_draw_is_wrong_usage(goods: Path, tmp_path: Path) -> None:
    """No query, a photo that is not there, and a file of no known kind."""
    for arguments in ([], [tmp_path / "none.jpg"], ["--text", "mug", "--out", tmp_path / "sheet.txt"]):
        assert engine("sheet", *arguments, "--store", goods).code == 2
