"""Drawing of queries and their hits: a row for each query, a tile for each hit, grey where there is no picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from engine.encoders.images import decode
from engine.errors import BadImage

TILE = 160
"""Side of a tile in pixels."""

_GAP = 10
_LINE = 15
_FONT_SIZE = 12
_LINES = 3
_BACKGROUND, _EMPTY, _INK, _RULE = "white", "#d9d9d9", "#202020", "#8a8a8a"

# From matplotlib, which is a dependency. Unlike the font of Pillow, it has Greek and Cyrillic letters.
_FONT = "fonts/ttf/DejaVuSans.ttf"


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture with text below it.

    Attributes:
        picture: None if there is none.
        reason: Why there is no picture; shown in its place.
        heading: First line of the text.
        caption: Rest of the text.
    """

    picture: Image.Image | None
    reason: str
    heading: str
    caption: str


def draw(rows: Sequence[Sequence[Tile]]) -> Image.Image:
    """Return the image of all rows. The first tile of a row is the query, set apart by a line."""
    font = _font()
    columns = max((len(row) for row in rows), default=1)
    height = TILE + _LINES * _LINE + 2 * _GAP
    sheet = Image.new("RGB", (columns * (TILE + _GAP) + 3 * _GAP, max(1, len(rows)) * height), _BACKGROUND)
    pen = ImageDraw.Draw(sheet)
    for row_index, row in enumerate(rows):
        top = row_index * height + _GAP
        for column, tile in enumerate(row):
            left = _GAP + column * (TILE + _GAP) + (2 * _GAP if column else 0)
            _draw_tile(sheet, pen, font, tile, (left, top))
        pen.line((TILE + 2 * _GAP + _GAP // 2, top, TILE + 2 * _GAP + _GAP // 2, top + TILE), fill=_RULE)
    return sheet


def open_picture(path: Path) -> tuple[Image.Image | None, str]:
    """Return the picture of a file, scaled down to a tile, and ""; or None and the reason."""
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
    """Wrap a text. Overlong words are broken, and a text that does not fit ends in "…".

    Args:
        text: The text.
        font: Font to measure with.
        width: Maximum width of a line in pixels.
        lines: Maximum number of lines.
    """
    wrapped: list[str] = []
    rest = " ".join(text.split())
    while rest and len(wrapped) < lines:
        end = len(rest)
        while end > 1 and font.getlength(rest[:end]) > width:
            space = rest.rfind(" ", 1, end)
            end = space if space > 0 else end - 1
        wrapped.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    if rest:
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
