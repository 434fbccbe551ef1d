"""Colours of the demo catalogue: the RGB values of each name, and which pairs are easy to distinguish.

Names and pixels are in one table, so the words of an item cannot contradict its picture.
"""

from __future__ import annotations

import colorsys
import random

RGB = tuple[int, int, int]

COLORS: dict[str, RGB] = {
    "red": (206, 38, 42),
    "orange": (240, 130, 30),
    "yellow": (246, 205, 48),
    "green": (44, 142, 68),
    "turquoise": (52, 190, 184),
    "blue": (38, 88, 196),
    "purple": (122, 56, 160),
    "pink": (244, 138, 178),
    "brown": (124, 76, 44),
    "black": (40, 40, 44),
    "white": (244, 243, 238),
    "grey": (146, 149, 154),
}

SYNONYMS: dict[str, tuple[str, ...]] = {
    "red": ("red", "scarlet", "cherry red"),
    "orange": ("orange", "tangerine", "bright orange"),
    "yellow": ("yellow", "lemon yellow", "sunny yellow"),
    "green": ("green", "leaf green", "emerald"),
    "turquoise": ("turquoise", "aqua", "turquoise"),
    "blue": ("blue", "cobalt blue", "royal blue"),
    "purple": ("purple", "violet", "plum purple"),
    "pink": ("pink", "rose pink", "candy pink"),
    "brown": ("brown", "chestnut brown", "chocolate brown"),
    "black": ("black", "jet black", "charcoal black"),
    "white": ("white", "off-white", "snow white"),
    "grey": ("grey", "slate grey", "ash grey"),
}

BACKDROPS: dict[str, RGB] = {
    "pale blue": (196, 216, 236),
    "pale pink": (244, 212, 218),
    "mint": (200, 230, 212),
    "cream": (246, 234, 206),
    "lavender": (218, 208, 238),
    "light grey": (216, 218, 222),
}


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """Return a mixed with b; share 0 is a, 1 is b."""
    return (
        round(a[0] + (b[0] - a[0]) * share),
        round(a[1] + (b[1] - a[1]) * share),
        round(a[2] + (b[2] - a[2]) * share),
    )


def dark(color: RGB, share: float = 0.5) -> RGB:
    """Return the colour mixed with black."""
    return mix(color, (0, 0, 0), share)


def light(color: RGB, share: float = 0.4) -> RGB:
    """Return the colour mixed with white."""
    return mix(color, (255, 255, 255), share)


def distance(a: RGB, b: RGB) -> float:
    """Return the "redmean" distance of two colours: 0 for equal ones, about 765 for black and white."""
    red = (a[0] + b[0]) / 2
    dr, dg, db = a[0] - b[0], a[1] - b[1], a[2] - b[2]
    squared = (2 + red / 256) * dr * dr + 4 * dg * dg + (2 + (255 - red) / 256) * db * db
    return float(squared**0.5)


def partners(name: str) -> list[str]:
    """Return the colours that contrast clearly with the named one, in table order."""
    return [other for other, rgb in COLORS.items() if distance(rgb, COLORS[name]) > 225]


def batch(name: str, rng: random.Random) -> RGB:
    """Return a dye batch of the colour: slightly different hue and brightness, but still the same name."""
    r, g, b = (channel / 255 for channel in COLORS[name])
    hue, saturation, value = colorsys.rgb_to_hsv(r, g, b)
    hue = (hue + rng.uniform(-0.012, 0.012)) % 1
    saturation = min(1.0, saturation * rng.uniform(0.9, 1.06))
    value = min(1.0, value * rng.uniform(0.93, 1.06))
    r, g, b = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(r * 255), round(g * 255), round(b * 255)
