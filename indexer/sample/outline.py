"""Outlines in the unit square, y down, which the drawings consist of.

Every function returns points as (n, 2) float64, so one matrix turns, mirrors and tilts a whole product.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


def poly(*corners: tuple[float, float]) -> Points:
    """Return straight-edged corners unchanged."""
    return np.array(corners, dtype=np.float64)


@lru_cache(maxsize=4096)
def ellipse(cx: float, cy: float, rx: float, ry: float, start: float = 0, stop: float = 360) -> Points:
    """Return an ellipse or an arc of one, in degrees clockwise on screen from three o'clock."""
    n = max(12, int(abs(stop - start) / 7))
    angle = np.radians(np.linspace(start, stop, n, endpoint=stop - start < 360))
    points = np.stack([cx + rx * np.cos(angle), cy + ry * np.sin(angle)], axis=1)
    points.flags.writeable = False  # shared by every caller
    return points


def box(x0: float, y0: float, x1: float, y1: float, radius: float = 0.0) -> Points:
    """Return a rectangle with rounded corners."""
    if radius <= 0:
        return poly((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    r = min(radius, (x1 - x0) / 2, (y1 - y0) / 2)
    corners = ((x1 - r, y0 + r, 270), (x1 - r, y1 - r, 0), (x0 + r, y1 - r, 90), (x0 + r, y0 + r, 180))
    return np.concatenate([ellipse(x, y, r, r, a, a + 90) for x, y, a in corners])


def curve(*knots: tuple[float, float], steps: int = 8) -> Points:
    """Return an open smooth (Catmull-Rom) line through the knots."""
    p = np.array(knots, dtype=np.float64)
    padded = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    return np.concatenate([_spline(padded, steps), p[-1:]])


def blob(*knots: tuple[float, float], steps: int = 8) -> Points:
    """Return a closed smooth (Catmull-Rom) outline through the knots."""
    p = np.array(knots, dtype=np.float64)
    return _spline(np.concatenate([p[-1:], p, p[:2]]), steps)


def _spline(padded: Points, steps: int) -> Points:
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    a, b, c, d = (padded[i : len(padded) - 3 + i, None] for i in range(4))
    points = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return np.asarray(points.reshape(-1, 2), dtype=np.float64)


def mirrored(half: Points, axis: float = 0.5) -> Points:
    """Return a closed outline: the right half, top to bottom, and its mirror image about x = axis."""
    other = half[::-1].copy()
    other[:, 0] = 2 * axis - other[:, 0]
    return np.concatenate([half, other])


def lathe(*knots: tuple[float, float], steps: int = 8) -> Points:
    """Return a shape turned on a potter's wheel: smooth knots (radius, y) about x = 0.5."""
    return mirrored(curve(*((0.5 + r, y) for r, y in knots), steps=steps))


def star(cx: float, cy: float, r: float, points: int = 5, inner: float = 0.45, turn: float = 0.0) -> Points:
    """Return a star; turn in degrees."""
    angle = np.radians(np.arange(2 * points) * 180 / points - 90 + turn)
    radius = np.where(np.arange(2 * points) % 2 == 0, r, r * inner)
    return np.stack([cx + radius * np.cos(angle), cy + radius * np.sin(angle)], axis=1)
