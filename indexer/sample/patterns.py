"""Printed patterns, drawn through the product's matrix so that they turn and tilt with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image, ImageDraw

from indexer.sample.outline import Points, box, ellipse, star
from indexer.sample.palette import RGB, distance, mix

Project = Callable[[Points], Points]
Ink = Iterator[tuple[Points, RGB]]

LOW, HIGH = -0.12, 1.12


def draw_pattern(sheet: Image.Image, name: str, ink: RGB, period: float, project: Project) -> None:
    """Print the pattern over the whole canvas. period: repeat length in units of the unit square."""
    pen = ImageDraw.Draw(sheet)
    base = sheet.getpixel((0, 0))
    if not isinstance(base, tuple):
        raise TypeError(f"expected an RGB sheet, got mode {sheet.mode}")
    prints = list(PATTERNS[name](ink, (int(base[0]), int(base[1]), int(base[2])), period))
    if not prints:
        return
    # One projection of all points: a hundred times fewer numpy calls.
    xy = project(np.concatenate([outline for outline, _ in prints])).ravel().tolist()
    at = 0
    for outline, color in prints:
        pen.polygon(xy[at : at + outline.size], fill=color)
        at += outline.size


def _plain(ink: RGB, base: RGB, period: float) -> Ink:
    yield from ()


def _striped(ink: RGB, base: RGB, period: float) -> Ink:
    for y in np.arange(LOW, HIGH, period):
        yield box(LOW, y, HIGH, y + period * 0.45), ink


def _checked(ink: RGB, base: RGB, period: float) -> Ink:
    half = mix(base, ink, 0.5)
    starts = np.arange(LOW, HIGH, period)
    for at in starts:
        yield box(LOW, at, HIGH, at + period / 2), half
        yield box(at, LOW, at + period / 2, HIGH), half
    for y in starts:
        for x in starts:
            yield box(x, y, x + period / 2, y + period / 2), ink


def _grid(step: float) -> Iterator[Points]:
    for row, y in enumerate(np.arange(LOW, HIGH, step * 0.87)):
        for x in np.arange(LOW + (row % 2) * step / 2, HIGH, step):
            yield np.array([x, y])


def _dotted(ink: RGB, base: RGB, period: float) -> Ink:
    dot = ellipse(0, 0, period * 0.27, period * 0.27)
    for at in _grid(period):
        yield dot + at, ink


def _starred(ink: RGB, base: RGB, period: float) -> Ink:
    shape = star(0, 0, period * 0.5)
    for at in _grid(period * 1.25):
        yield shape + at, ink


def _zigzag(ink: RGB, base: RGB, period: float) -> Ink:
    x = np.arange(LOW, HIGH + period, period / 2)
    tooth = np.where(np.arange(len(x)) % 2 == 0, 0.0, period * 0.5)
    for y in np.arange(LOW, HIGH, period * 0.9):
        upper = np.stack([x, y + tooth], axis=1)
        lower = np.stack([x, y + tooth + period * 0.38], axis=1)[::-1]
        yield np.concatenate([upper, lower]), ink


def _floral(ink: RGB, base: RGB, period: float) -> Ink:
    heart = (250, 214, 70) if distance(ink, (250, 214, 70)) > 200 else (250, 250, 246)
    leaf = (58, 140, 70) if distance(base, (58, 140, 70)) > 150 else (190, 224, 150)
    size = period * 0.27
    petal = ellipse(0, 0, size * 0.66, size * 0.66)
    for number, at in enumerate(_grid(period * 1.5)):
        turn = number * 31
        yield ellipse(size * 1.7, size * 1.6, size * 0.75, size * 0.34) + at, leaf
        for fifth in range(5):
            angle = np.radians(turn + fifth * 72)
            yield petal + at + np.array([np.cos(angle), np.sin(angle)]) * size, ink
        yield ellipse(0, 0, size * 0.55, size * 0.55) + at, heart


PATTERNS: dict[str, Callable[[RGB, RGB, float], Ink]] = {
    "plain": _plain,
    "striped": _striped,
    "dotted": _dotted,
    "checked": _checked,
    "zigzag": _zigzag,
    "starred": _starred,
    "floral": _floral,
}
