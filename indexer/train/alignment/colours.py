"""The colour of the product in an image, named from its pixels, so that a head learns which images are red."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.sample.palette import COLORS

Array = NDArray[np.float64]

SIDE = 48
NAMES = (*COLORS, "beige")
# How a colour looks in the light and shade of a photo, in addition to how a catalogue shows it.
_SHADES = ((1.0, 0.0), (0.72, 0.0), (0.5, 0.0), (1.0, 0.35))
_LEAD = 0.15


def to_lab(rgb: Array) -> Array:
    """Return CIE L*a*b* under D65 of sRGB values from 0 to 255, (…, 3)."""
    c = rgb / 255
    c = np.where(c > 0.04045, ((c + 0.055) / 1.055) ** 2.4, c / 12.92)
    xyz = c @ np.array([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]])
    xyz = xyz / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def name_colour(image: Image.Image) -> str | None:
    """Return the most frequent of NAMES in the foreground, None if its lead is less than .15 of the foreground.

    The foreground is what differs from a plain border, weighted towards the centre; an image without a plain border is
    all foreground.
    """
    lab = to_lab(np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR), np.float64))
    border = np.concatenate([lab[0], lab[-1], lab[:, 0], lab[:, -1]])
    background = np.median(border, axis=0)
    spread = float(np.median(np.linalg.norm(border - background, axis=1)))
    contrast = np.linalg.norm(lab - background, axis=2)
    foreground = 1 / (1 + np.exp(-(contrast - max(8.0, 1.5 * spread)) / 3)) if spread < 14 else np.ones_like(contrast)
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    weight = (foreground * np.exp(-(x**2 + y**2) / 0.8)).ravel()
    distance = np.linalg.norm((lab.reshape(-1, 1, 3) - _ANCHORS) * (0.7, 1.0, 1.0), axis=2)
    near = np.exp(-distance / 6)
    near /= near.sum(axis=1, keepdims=True)
    shares = np.zeros(len(NAMES))
    np.add.at(shares, _OWNERS, (weight / max(weight.sum(), 1e-9)) @ near)
    first, second = np.sort(shares)[:-3:-1]
    return NAMES[int(shares.argmax())] if first - second > _LEAD else None


def recolour(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return the image with shifted hues or a tinted light, so that a product occurs in many colours."""
    if rng.random() < 0.5:
        hsv = np.asarray(image.convert("HSV")).astype(np.float64)
        hsv[..., 0] = (hsv[..., 0] + rng.integers(0, 256)) % 256
        hsv[..., 1] = np.clip(hsv[..., 1] * rng.uniform(0.5, 2.0) + rng.choice([0, 25]), 0, 255)
        hsv[..., 2] = np.clip(hsv[..., 2] * rng.uniform(0.6, 1.25), 0, 255)
        return Image.merge("HSV", [Image.fromarray(c.astype(np.uint8)) for c in np.moveaxis(hsv, 2, 0)]).convert("RGB")
    tinted = np.asarray(image, np.float64) * rng.uniform(0.25, 1.15, 3)
    return Image.fromarray(np.clip(tinted, 0, 255).astype(np.uint8))


def _anchors() -> tuple[Array, NDArray[np.int64]]:
    rows, owners = [], []
    table = {**COLORS, "beige": (222, 202, 172)}
    for owner, name in enumerate(NAMES):
        plain = name in ("black", "white", "grey")
        for dark, pale in ((1.0, 0.0),) if plain else _SHADES:
            rows.append([value * dark * (1 - pale) + 255 * pale for value in table[name]])
            owners.append(owner)
    rows += [[228, 228, 226], [18, 18, 20], [95, 96, 100], [175, 176, 178], [28, 34, 74]]
    owners += [NAMES.index(name) for name in ("white", "black", "grey", "grey", "blue")]
    return to_lab(np.array(rows, np.float64)), np.array(owners)


_ANCHORS, _OWNERS = _anchors()
