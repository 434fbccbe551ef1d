"""Queries and their hits drawn as one picture: a row a query, a tile a hit, what cannot be shown a grey tile."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from engine.encoders.images import decode
from engine.errors import BadImage

TILE = 160
"""Pixels of a tile's side."""

_GAP = 10
_LINE = 15
_FONT_SIZE = 12
_LINES = 3
_BACKGROUND, _EMPTY, _INK, _RULE = "white", "#d9d9d9", "#202020", "#8a8a8a"

# Of matplotlib, a dependency: unlike the font in Pillow it has Greek and Cyrillic letters.
_FONT = "fonts/ttf/DejaVuSans.ttf"


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture, or the reason why there is none, and what is written below it, the first line apart."""

    picture: Image.Image | None
    reason: str
    heading: str
    caption: str


def draw(rows: Sequence[Sequence[Tile]]) -> Image.Image:
    """Return the sheet. The first tile of each row is the query, and stands a little apart."""
    font = _font()
    columns = max((len(row) for row in rows), default=1)
    height = TILE + _LINES * _LINE + 2 * _GAP
    sheet = Image.new("RGB", (columns * (TILE + _GAP) + 3 * _GAP, max(1, len(rows)) * height), _BACKGROUND)
    pen = ImageDraw.Draw(sheet)
    for number, row in enumerate(rows):
        top = number * height + _GAP
        for column, tile in enumerate(row):
            left = _GAP + column * (TILE + _GAP) + (2 * _GAP if column else 0)
            _draw_tile(sheet, pen, font, tile, (left, top))
        pen.line((TILE + 2 * _GAP + _GAP // 2, top, TILE + 2 * _GAP + _GAP // 2, top + TILE), fill=_RULE)
    return sheet


def open_picture(path: Path) -> tuple[Image.Image | None, str]:
    """Return a file's picture, no larger than a tile, and ""; or None and the reason."""
    try:
        picture = decode(path.read_bytes())
    except FileNotFoundError:
        return None, f"no file {path}"
    except OSError as error:
        return None, f"{path}: {error.strerror}"
    except BadImage as error:
        return None, f"{path}: {error}"
    picture.thumbnail((TILE, TILE), Image.Resampling.LANCZOS)
    return picture, ""


def wrap(text: str, font: Any, width: int, lines: int) -> list[str]:
    """Return a text in at most so many lines of so many pixels, cut with "…"; a word too long is broken."""
    wrapped: list[str] = []
    left = " ".join(text.split())
    while left and len(wrapped) < lines:
        end = len(left)
        while end > 1 and font.getlength(left[:end]) > width:
            space = left.rfind(" ", 1, end)
            end = space if space > 0 else end - 1
        wrapped.append(left[:end].rstrip())
        left = left[end:].lstrip()
    if left:
        last = wrapped[-1]
        while last and font.getlength(last + "…") > width:
            last = last[:-1]
        wrapped[-1] = last.rstrip() + "…"
    return wrapped


def _draw_tile(sheet: Image.Image, pen: ImageDraw.ImageDraw, font: Any, tile: Tile, corner: tuple[int, int]) -> None:
    left, top = corner
    if tile.picture is None:
        pen.rectangle((left, top, left + TILE - 1, top + TILE - 1), fill=_EMPTY)
        for line, text in enumerate(wrap(tile.reason, font, TILE - 2 * _GAP, (TILE - 2 * _GAP) // _LINE)):
            pen.text((left + _GAP, top + _GAP + line * _LINE), text, fill=_INK, font=font)
    else:
        width, height = tile.picture.size
        sheet.paste(tile.picture, (left + (TILE - width) // 2, top + (TILE - height) // 2))
    texts = wrap(tile.heading, font, TILE, 1) + wrap(tile.caption, font, TILE, _LINES - 1)
    for line, text in enumerate(texts):
        pen.text((left, top + TILE + 2 + line * _LINE), text, fill=_INK, font=font)


def _font() -> Any:
    import matplotlib

    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), _FONT)), _FONT_SIZE)
