"""The look of a material: grain, shine and transparency.

Grain is a pair of tiles, darkness and brightness, generated once per process and cropped at a position of the item's
own. Shades are small maps of light, stretched over a part. Both become two veils, one black and one white.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

TILE = 1024
Gray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Finish:
    """grain: tile name or empty. depth: strength of shades. gloss: highlight 0..1. opacity: 0..1.

    banded: highlights are bands, as on polished metal.
    """

    grain: str = ""
    depth: float = 1.0
    gloss: float = 0.0
    opacity: float = 1.0
    stitched: bool = False
    banded: bool = False


FINISHES: dict[str, Finish] = {
    "ceramic": Finish("", 0.9, 0.75),
    "glass": Finish("", 0.8, 1.0, opacity=0.66),
    "wood": Finish("wood", 0.7, 0.1),
    "metal": Finish("brushed", 1.3, 0.8, banded=True),
    "leather": Finish("pebble", 1.0, 0.25, stitched=True),
    "cotton": Finish("weave", 0.8),
    "wool": Finish("knit", 0.7),
    "canvas": Finish("canvas", 0.7),
    "velvet": Finish("nap", 1.5, 0.15),
    "silk": Finish("sheen", 1.2, 0.5),
    "plastic": Finish("", 0.8, 0.5),
    "paper": Finish("fibre", 0.5),
}


def _noise(rng: np.random.Generator, blur_x: float, blur_y: float) -> Gray:
    """Return smooth noise with standard deviation 1; blurs in pixels."""
    raw = rng.standard_normal((max(4, int(TILE / blur_y)), max(4, int(TILE / blur_x))))
    low, high = raw.min(), raw.max()
    small = Image.fromarray(np.uint8((raw - low) / (high - low) * 255))
    grown = np.asarray(small.resize((TILE, TILE), Image.Resampling.BICUBIC), dtype=np.float64)
    return np.asarray((grown - grown.mean()) / grown.std(), dtype=np.float64)


@cache
def grain(name: str) -> tuple[Image.Image, Image.Image]:
    """Return the (TILE, TILE) darkness and brightness of a grain; the same in every process."""
    rng = np.random.default_rng([ord(c) for c in name])
    y, x = np.mgrid[0:TILE, 0:TILE].astype(np.float64)
    if name == "wood":
        bend = _noise(rng, 300, 90) * 9
        rings = np.sin((y + bend) / 6.5 + _noise(rng, 400, 60) * 2.2)
        tile = rings * 17 + _noise(rng, 60, 3) * 9
    elif name == "brushed":
        tile = _noise(rng, 160, 2) * 9
    elif name == "pebble":
        tile = np.clip(_noise(rng, 7, 7) * 12, -28, 16) + _noise(rng, 60, 60) * 5
    elif name == "weave":
        tile = _noise(rng, 3, 3) * 5 + _noise(rng, 90, 90) * 4
    elif name == "knit":
        column = np.abs((x % 18) - 9)
        tile = np.sin((y + column * 1.1) * 2 * np.pi / 13) * 17 - (column > 7.5) * 24 + 6
    elif name == "canvas":
        tile = np.sign(np.sin(x * np.pi / 5) * np.sin(y * np.pi / 5)) * 11 + _noise(rng, 4, 4) * 5
    elif name == "nap":
        tile = _noise(rng, 70, 50) * 15 + _noise(rng, 3, 3) * 6
    elif name == "sheen":
        tile = np.sin((x * 0.8 + y * 0.45) / 26 + _noise(rng, 160, 160) * 1.5) * 21
    elif name == "fibre":
        tile = _noise(rng, 5, 2) * 4
    else:
        raise KeyError(f"expected a known grain, got {name!r}")
    # Black is more visible than white, since the eye sees ratios.
    return (
        Image.fromarray(np.uint8(np.clip(-tile * 2.2, 0, 255))),
        Image.fromarray(np.uint8(np.clip(tile * 1.7, 0, 255))),
    )


@cache
def veils(shade: str, finish: Finish) -> tuple[Image.Image, Image.Image]:
    """Return the (darkness, brightness) of a material in a shade: 64 x 64, 0..255, shade and shine combined."""
    dark, bright = (level * finish.depth for level in _shade(shade))
    if finish.gloss:
        shine_dark, shine = (level * finish.gloss for level in _shade("bands" if finish.banded else "gloss"))
        dark = 1 - (1 - np.clip(dark, 0, 1)) * (1 - shine_dark)
        bright = 1 - (1 - np.clip(bright, 0, 1)) * (1 - np.clip(shine, 0, 1))
    return (
        Image.fromarray(np.uint8(np.clip(dark, 0, 1) * 255)),
        Image.fromarray(np.uint8(np.clip(bright, 0, 1) * 255)),
    )


def _shade(name: str) -> tuple[Gray, Gray]:
    y, x = (np.mgrid[0:64, 0:64] + 0.5) / 64
    if name == "flat":
        dark = (x + y) / 2 * 0.24
        bright = np.clip(1 - (x + y), 0, 1) * 0.16
    elif name == "round":
        dark = np.clip((x - 0.32) / 0.68, 0, 1) ** 1.6 * 0.50 + np.clip((0.16 - x) / 0.16, 0, 1) * 0.22
        bright = np.exp(-(((x - 0.30) / 0.12) ** 2)) * 0.34
    elif name == "ball":
        away = np.hypot(x - 0.36, y - 0.32)
        dark = np.clip(away - 0.22, 0, 1) ** 1.4 * 0.85
        bright = np.exp(-((away / 0.24) ** 2)) * 0.38
    elif name == "drop":
        dark, bright = y**1.5 * 0.36, np.clip(0.4 - y, 0, 1) * 0.4
    elif name == "folds":
        wave = np.sin(x * 17 + y * 3 + np.sin(y * 7) * 0.8)
        dark = np.clip(wave, 0, 1) * 0.16 * (0.25 + y) + x * 0.14
        bright = np.clip(-wave, 0, 1) * 0.12 * (0.25 + y)
    elif name == "gloss":
        streak = np.exp(-(((x - 0.27) / 0.055) ** 2)) * np.exp(-(((y - 0.36) / 0.24) ** 2))
        dark, bright = np.zeros_like(x), streak + np.exp(-(((x - 0.82) / 0.04) ** 2)) * (y < 0.8) * 0.22
    elif name == "bands":
        dark = np.clip(np.sin(x * 14 + 0.6), 0, 1) * 0.30
        bright = np.clip(np.sin(x * 14 + 3.7), 0, 1) * 0.42
    else:
        raise KeyError(f"expected a known shade, got {name!r}")
    return dark, bright


def light(
    coat: Image.Image, finish: Finish, shade: str | None = None, grain_at: tuple[int, int] = (0, 0)
) -> None:
    """Apply the grain, shade and shine of a material to paint, in place; grain_at wraps around."""
    size = coat.size
    layers = [veil.resize(size, Image.Resampling.BILINEAR) for veil in veils(shade, finish)] if shade else []
    if finish.grain:
        left, top = (at % max(1, TILE - side) for at, side in zip(grain_at, size, strict=True))
        tiles = [tile.crop((left, top, left + size[0], top + size[1])) for tile in grain(finish.grain)]
        layers = [ImageChops.add(*pair) for pair in zip(layers, tiles, strict=True)] if layers else tiles
    for tone, veil in zip(("black", "white"), layers, strict=True):
        coat.paste(tone, (0, 0, *size), veil)


def blurred(image: Image.Image, radius: float) -> Image.Image:
    """Return the image blurred with three box passes, several times faster than a true Gaussian."""
    return image.filter(ImageFilter.GaussianBlur(radius))
