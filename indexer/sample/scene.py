"""The scene of a product: backdrop, light, angle, shadow. Turns an item into its picture."""

from __future__ import annotations

import random
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw

from indexer.sample.canvas import Canvas, Paints
from indexer.sample.finish import FINISHES, TILE, blurred
from indexer.sample.finish import light as lit
from indexer.sample.palette import BACKDROPS, RGB, batch, dark, light, mix
from indexer.sample.sample_item import SampleItem

SIDE = 224
OVERSAMPLING = 3

TABLE = (178, 126, 78)
FLOOR = (150, 106, 70)


def render(item: SampleItem) -> Image.Image:
    """Return the item's picture: (SIDE, SIDE) RGB."""
    rng = item.stream("picture")
    product = _product(item, rng)
    ground = rng.randint(round(SIDE * 0.83), round(SIDE * 0.90))
    picture = backdrop(item.scene, BACKDROPS[item.backdrop], ground, rng)
    left, top, right, bottom = product.getbbox() or (0, 0, SIDE, SIDE)
    x = (SIDE - left - right) // 2 + rng.randint(-12, 12)
    if _stands(item):
        y = ground - bottom
        _contact_shadow(picture, (left + x, right + x), ground)
    else:
        y = (SIDE - top - bottom) // 2 + rng.randint(-9, 9)
        _cast_shadow(picture, product, (x + 4, y + 6))
    picture.paste(product, (x, y), product)
    return ImageChops.multiply(picture, _daylight(rng.random() < 0.5))


def view(stands: bool, size: int, rng: random.Random) -> NDArray[np.float64]:
    """Return a random 3x3 matrix from the unit square to a canvas of that size: scale, turn, mirror, tilt."""
    scale = rng.uniform(0.66, 0.80) * size
    turn = np.radians(rng.uniform(-3, 3) if stands else rng.uniform(-16, 16))
    stretch, shear = rng.uniform(0.93, 1.07), rng.uniform(-0.07, 0.07)
    mirror = rng.choice((1.0, -1.0))
    centre = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
    flat = np.array([[mirror * scale * stretch, scale * shear, 0], [0, scale / stretch, 0], [0, 0, 1]])
    turned = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    tilt = np.array(
        [[1, 0, 0], [0, 1, 0], [rng.uniform(-0.12, 0.12) / size, rng.uniform(-0.12, 0.12) / size, 1]]
    )
    move = np.array([[1, 0, size / 2], [0, 1, size / 2], [0, 0, 1]])
    return np.asarray(move @ tilt @ turned @ flat @ centre, dtype=np.float64)


def _stands(item: SampleItem) -> bool:
    return item.kind.place in ("table", "floor")


def _product(item: SampleItem, rng: random.Random) -> Image.Image:
    size = SIDE * OVERSAMPLING
    look = Paints(
        batch(item.color, rng),
        batch(item.accent, rng),
        item.pattern,
        item.material,
        item.kind.period * rng.uniform(0.9, 1.15),
    )
    canvas = Canvas(size, view(_stands(item), size, rng), look, rng)
    item.kind.draw(canvas)
    return canvas.sheet.reduce(OVERSAMPLING)


def backdrop(scene: str, tint: RGB, ground: int, rng: random.Random) -> Image.Image:
    """Return the background of a product. ground: the pixel row that a standing product's foot is on."""
    if scene == "white":
        return Image.new("RGB", (SIDE, SIDE), (252, 252, 252))
    if scene == "backdrop":
        return Image.new("RGB", (SIDE, SIDE), tint)
    if scene == "gradient":
        return _gradient(light(tint, 0.65), dark(tint, 0.18)).copy()
    if scene == "planks":
        return _planks(SIDE, rng)
    picture = Image.new("RGB", (SIDE, SIDE), tint)
    pen = ImageDraw.Draw(picture)
    if scene == "wall":
        _wallpaper(pen, tint)
    elif scene == "table":
        edge = ground - rng.randint(26, 40)
        picture.paste(_planks(SIDE, rng).resize((SIDE, SIDE - edge)), (0, edge))
        pen.line([(0, edge), (SIDE, edge)], fill=dark(TABLE, 0.35), width=2)
    elif scene == "room":
        edge = ground - rng.randint(30, 46)
        _window(pen, rng)
        picture.paste(_boards(SIDE - edge), (0, edge))
        pen.rectangle((0, edge - 9, SIDE, edge), fill=(246, 244, 240), outline=dark(tint, 0.25))
    elif scene == "shelf":
        _wallpaper(pen, tint)
        picture.paste(_planks(SIDE, rng).resize((SIDE, 13)), (0, ground - 4))
        pen.rectangle((0, ground + 9, SIDE, ground + 17), fill=dark(tint, 0.3))
        pen.line([(0, ground + 9), (SIDE, ground + 9)], fill=dark(TABLE, 0.5), width=2)
    else:
        raise KeyError(f"expected a known scene, got {scene!r}")
    return picture


@cache
def _gradient(top: RGB, bottom: RGB) -> Image.Image:
    column = Image.new("RGB", (1, SIDE))
    for y in range(SIDE):
        column.putpixel((0, y), mix(top, bottom, y / SIDE))
    return column.resize((SIDE, SIDE))


def _planks(height: int, rng: random.Random) -> Image.Image:
    wood = Image.new("RGB", (SIDE, height), TABLE)
    lit(wood, FINISHES["wood"], grain_at=(rng.randrange(TILE), rng.randrange(TILE)))
    pen = ImageDraw.Draw(wood)
    for y in range(rng.randint(0, 20), height, 56):
        pen.line([(0, y), (SIDE, y)], fill=dark(TABLE, 0.45), width=2)
    return wood


@cache
def _boards(height: int) -> Image.Image:
    floor = Image.new("RGB", (SIDE, height), FLOOR)
    pen = ImageDraw.Draw(floor)
    for x in range(-6, 15):
        pen.line(
            [(x * 28, 0), ((x * 28 - SIDE / 2) * 1.7 + SIDE / 2, height)], fill=dark(FLOOR, 0.25), width=1
        )
    return floor


def _wallpaper(pen: ImageDraw.ImageDraw, tint: RGB) -> None:
    for x in range(8, SIDE, 32):
        pen.rectangle((x, 0, x + 15, SIDE), fill=mix(tint, (255, 255, 255), 0.28))


def _window(pen: ImageDraw.ImageDraw, rng: random.Random) -> None:
    left = rng.choice((10, 134))
    pen.rectangle((left, 12, left + 80, 108), fill=(250, 250, 248), outline=(170, 170, 170))
    for x in (left + 6, left + 43):
        for y in (18, 63):
            pen.rectangle((x, y, x + 31, y + 39), fill=(206, 230, 246))


def _contact_shadow(picture: Image.Image, span: tuple[int, int], ground: int) -> None:
    middle, half = (span[0] + span[1]) / 2, (span[1] - span[0]) / 2
    veil = Image.new("L", (SIDE, 60))
    ImageDraw.Draw(veil).ellipse((middle - half * 0.92, 22, middle + half * 1.08, 38), fill=130)
    picture.paste((30, 26, 30), (0, ground - 32), blurred(veil, 5))


def _cast_shadow(picture: Image.Image, product: Image.Image, at: tuple[int, int]) -> None:
    veil = blurred(product.getchannel("A").point([v * 2 // 5 for v in range(256)]), 5)
    picture.paste((30, 26, 30), at, veil)


@cache
def _daylight(from_left: bool) -> Image.Image:
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    away = np.hypot((x if from_left else 1 - x) - 0.25, y - 0.15)
    level = np.uint8(np.clip(255 - np.clip(away - 0.3, 0, 1) * 58, 0, 255))
    return Image.fromarray(np.stack([level] * 3, axis=2))
