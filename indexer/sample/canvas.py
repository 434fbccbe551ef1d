"""A transparent canvas on which a product is drawn part by part.

Parts are outlines in the unit square; a 3x3 matrix maps them to the canvas, so turning and tilting cost nothing and
stay sharp. Each part is paint, then the grain, shade and shine of its material, then a contour.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from indexer.sample.finish import FINISHES, TILE, Finish, light
from indexer.sample.outline import Points
from indexer.sample.palette import RGB, dark
from indexer.sample.patterns import draw_pattern

Box = tuple[int, int, int, int]
NEUTRAL = Finish("", 0.8, 0.2)


@dataclass(frozen=True, slots=True)
class Paints:
    """The paints of an item: its colour, second colour, pattern and material."""

    color: RGB
    accent: RGB
    pattern: str
    material: str
    period: float


class Canvas:
    """Draws outlines in the unit square with the paints "body", "plain", "accent" or any RGB colour."""

    def __init__(self, size: int, matrix: NDArray[np.float64], look: Paints, rng: random.Random) -> None:
        self.sheet = Image.new("RGBA", (size, size))
        self.size = size
        self.look = look
        self.finish = FINISHES[look.material]
        self.rng = rng
        self._matrix = matrix
        corners = self.project(np.array([[0.0, 0.0], [1.0, 0.0]]))
        self.scale = float(np.hypot(*(corners[1] - corners[0])))
        self._grain_at = (rng.randrange(TILE), rng.randrange(TILE))
        self._body: Image.Image | None = None

    def project(self, points: Points) -> Points:
        """Map points of the unit square to pixels."""
        homogeneous = points @ self._matrix[:, :2].T + self._matrix[:, 2]
        return np.asarray(homogeneous[:, :2] / homogeneous[:, 2:], dtype=np.float64)

    def part(
        self, outline: Points, paint: str | RGB = "body", shade: str = "flat", line: bool = True, **kind: str
    ) -> None:
        """Draw a closed outline. shade: see finish.veils. material: a material other than the item's."""
        xy = self.project(outline)
        frame = self._frame(xy, 2)
        if frame is None:
            return
        mask = Image.new("L", (frame[2] - frame[0], frame[3] - frame[1]))
        shifted = (xy - frame[:2]).ravel().tolist()
        ImageDraw.Draw(mask).polygon(shifted, fill=255)
        finish = self._finish(paint, kind)
        self._lay(mask, frame, paint, shade, finish)
        if line:
            self._contour(xy, self._line_color(paint), 0.009)
        if finish.stitched and line and len(outline) > 3:
            self._stitch(xy)

    def stroke(
        self,
        path: Points,
        paint: str | RGB,
        width: float,
        shade: str = "flat",
        line: bool = True,
        **kind: str,
    ) -> None:
        """Draw a line of constant width (in units of the unit square) with round ends."""
        xy = self.project(path)
        pixels = max(1.0, width * self.scale)
        frame = self._frame(xy, int(pixels) + 4)
        if frame is None:
            return
        size = (frame[2] - frame[0], frame[3] - frame[1])
        local = [(float(x - frame[0]), float(y - frame[1])) for x, y in xy]
        if line:
            rim = Image.new("L", size)
            _thick(ImageDraw.Draw(rim), local, pixels + 0.018 * self.scale)
            self.sheet.paste((*self._line_color(paint), 255), frame, rim)
        mask = Image.new("L", size)
        _thick(ImageDraw.Draw(mask), local, pixels)
        self._lay(mask, frame, paint, shade, self._finish(paint, kind))

    def thread(self, path: Points, color: RGB, width: float = 0.008, opacity: int = 255) -> None:
        """Draw a thin unpainted line: seams, spokes, strings."""
        self._contour(self.project(path), color, width, closed=False, opacity=opacity)

    def seam(self, path: Points, share: float = 0.38, width: float = 0.008) -> None:
        """Draw a line in a darker shade of the item's colour."""
        self.thread(path, dark(self.look.color, share), width)

    def _finish(self, paint: str | RGB, kind: dict[str, str]) -> Finish:
        if "material" in kind:
            return FINISHES[kind["material"]] if kind["material"] else NEUTRAL
        if isinstance(paint, str):
            return self.finish if paint != "accent" else replace(self.finish, opacity=1.0)
        return NEUTRAL

    def _line_color(self, paint: str | RGB) -> RGB:
        return dark(self._color(paint), 0.45)

    def _color(self, paint: str | RGB) -> RGB:
        if isinstance(paint, str):
            return self.look.accent if paint == "accent" else self.look.color
        return paint

    def _frame(self, xy: Points, pad: int) -> Box | None:
        low, high = np.floor(xy.min(axis=0)) - pad, np.ceil(xy.max(axis=0)) + pad
        left, top = max(0, int(low[0])), max(0, int(low[1]))
        right, bottom = min(self.size, int(high[0])), min(self.size, int(high[1]))
        return (left, top, right, bottom) if right > left and bottom > top else None

    def _body_paint(self) -> Image.Image:
        if self._body is None:
            self._body = Image.new("RGBA", (self.size, self.size), (*self.look.color, 255))
            draw_pattern(self._body, self.look.pattern, self.look.accent, self.look.period, self.project)
        return self._body

    def _lay(self, mask: Image.Image, frame: Box, paint: str | RGB, shade: str, finish: Finish) -> None:
        size = mask.size
        if paint == "body":
            coat = self._body_paint().crop(frame)
        else:
            coat = Image.new("RGBA", size, (*self._color(paint), 255))
        at = (frame[0] + self._grain_at[0], frame[1] + self._grain_at[1])
        light(coat, finish, shade, at)
        if finish.opacity < 1:
            coat.putalpha(mask.point([round(v * finish.opacity) for v in range(256)]))
            self.sheet.alpha_composite(coat, frame[:2])
        else:
            self.sheet.paste(coat, frame, mask)

    def _contour(self, xy: Points, color: RGB, width: float, closed: bool = True, opacity: int = 255) -> None:
        points = [(float(x), float(y)) for x, y in xy]
        if closed:
            points += points[:2]
        pen = ImageDraw.Draw(self.sheet)
        pen.line(points, fill=(*color, opacity), width=max(1, round(width * self.scale)), joint="curve")

    def _stitch(self, xy: Points) -> None:
        inner = xy + (xy.mean(axis=0) - xy) * 0.09
        closed = np.concatenate([inner, inner[:1]])
        lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
        if lengths[-1] < 0.4 * self.scale:
            return
        color = (*dark(self.look.color, 0.4), 255)
        if sum(self.look.color) < 240:
            color = (150, 140, 125, 255)
        pen = ImageDraw.Draw(self.sheet)
        stops = np.arange(0, lengths[-1], 0.034 * self.scale)
        for start in stops:
            ends = np.array([start, start + 0.019 * self.scale])
            x, y = np.interp(ends, lengths, closed[:, 0]), np.interp(ends, lengths, closed[:, 1])
            pen.line([(x[0], y[0]), (x[1], y[1])], fill=color, width=max(2, round(0.007 * self.scale)))


def _thick(pen: ImageDraw.ImageDraw, points: list[tuple[float, float]], width: float) -> None:
    pen.line(points, fill=255, width=round(width), joint="curve")
    for x, y in (points[0], points[-1]):
        pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
