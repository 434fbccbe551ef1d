"""Drawings of bags and accessories: backpack, handbag, sunglasses, wristwatch, umbrella."""

from __future__ import annotations

import math

import numpy as np

from indexer.sample.canvas import Canvas
from indexer.sample.outline import blob, box, curve, ellipse, mirrored, poly
from indexer.sample.palette import dark, distance, light

STEEL = (186, 190, 196)


def backpack(c: Canvas) -> None:
    """Draw a backpack from the front; pocket and top loop in the second colour."""
    c.stroke(curve((0.41, 0.13), (0.43, 0.03), (0.57, 0.03), (0.59, 0.13)), "accent", 0.042)
    for side in (1, -1):
        c.stroke(
            curve((0.5 + side * 0.25, 0.25), (0.5 + side * 0.42, 0.45), (0.5 + side * 0.37, 0.86)),
            dark(c.look.color, 0.35),
            0.06,
        )
    half = curve(
        (0.5, 0.10),
        (0.64, 0.12),
        (0.76, 0.23),
        (0.80, 0.45),
        (0.815, 0.70),
        (0.80, 0.90),
        (0.70, 0.955),
        (0.5, 0.96),
    )
    c.part(mirrored(half), "body", "drop")
    c.seam(curve((0.25, 0.52), (0.27, 0.30), (0.5, 0.20), (0.73, 0.30), (0.75, 0.52)), 0.5, 0.014)
    c.part(box(0.722, 0.47, 0.75, 0.56, 0.01), STEEL, "flat", material="")
    c.part(box(0.27, 0.56, 0.73, 0.89, 0.07), "accent", "drop")
    c.thread(curve((0.29, 0.655), (0.5, 0.665), (0.71, 0.655)), dark(c.look.accent, 0.45), 0.012)
    c.part(box(0.485, 0.65, 0.515, 0.735, 0.01), STEEL, "flat", material="")


def handbag(c: Canvas) -> None:
    """Draw a handbag with a clasp; handles and bottom band in the second colour."""
    c.stroke(curve((0.26, 0.44), (0.28, 0.18), (0.5, 0.06), (0.72, 0.18), (0.74, 0.44)), "accent", 0.052)
    c.part(
        blob(
            (0.20, 0.40),
            (0.5, 0.375),
            (0.80, 0.40),
            (0.87, 0.55),
            (0.95, 0.84),
            (0.90, 0.92),
            (0.5, 0.935),
            (0.10, 0.92),
            (0.05, 0.84),
            (0.13, 0.55),
        ),
        "body",
        "drop",
    )
    band = np.concatenate(
        [
            curve((0.065, 0.78), (0.5, 0.80), (0.935, 0.78)),
            curve((0.955, 0.86), (0.90, 0.925), (0.5, 0.94), (0.10, 0.925), (0.045, 0.86)),
        ]
    )
    c.part(band, "accent", "drop")
    c.seam(curve((0.165, 0.475), (0.5, 0.455), (0.835, 0.475)), 0.45, 0.012)
    for x in (0.26, 0.74):
        c.part(ellipse(x, 0.455, 0.035, 0.035), (208, 178, 96), "ball", material="")
    c.part(box(0.44, 0.42, 0.56, 0.53, 0.02), (208, 178, 96), "flat", material="")
    c.part(ellipse(0.5, 0.475, 0.022, 0.022), (150, 120, 50), "ball", material="")


def sunglasses(c: Canvas) -> None:
    """Draw sunglasses from the front; lenses tinted in the second colour."""
    for side in (1, -1):
        arm = curve(
            (0.5 + side * 0.44, 0.41),
            (0.5 + side * 0.455, 0.33),
            (0.5 + side * 0.40, 0.27),
            (0.5 + side * 0.30, 0.255),
        )
        c.stroke(arm, "plain", 0.035)
    c.stroke(curve((0.40, 0.47), (0.5, 0.415), (0.60, 0.47)), "plain", 0.05)
    for side in (1, -1):
        knots = (
            (0.06, 0.40),
            (0.27, 0.365),
            (0.485, 0.38),
            (0.475, 0.53),
            (0.40, 0.68),
            (0.24, 0.71),
            (0.10, 0.62),
            (0.055, 0.50),
        )
        rim = blob(*((0.5 + side * x, y) for x, y in knots))
        centre = rim.mean(axis=0)
        c.part(rim, "body", "drop")
        lens = centre + (rim - centre) * 0.66
        c.part(lens, dark(c.look.accent, 0.12), "drop", material="")
        x, y = centre
        for shift in (0.0, 0.06):
            c.thread(
                poly((x - 0.03 + shift, y - 0.075), (x - 0.09 + shift, y + 0.06)),
                light(c.look.accent, 0.6),
                0.016,
            )


def watch(c: Canvas) -> None:
    """Draw a wristwatch; dial in the second colour."""
    for y0, y1, w in ((0.0, 0.34, 0.115), (0.66, 1.0, 0.115)):
        far, near = (y0, y1) if y0 == 0 else (y1, y0)
        c.part(
            poly((0.5 - w, far), (0.5 + w, far), (0.5 + w + 0.05, near), (0.5 - w - 0.05, near)),
            "body",
            "round",
        )
    for y in (0.86, 0.91, 0.96):
        c.part(ellipse(0.5, y, 0.012, 0.012), dark(c.look.color, 0.6), "flat", line=False, material="")
    c.part(box(0.37, 0.015, 0.63, 0.05, 0.01), STEEL, "flat", material="")
    c.part(box(0.755, 0.465, 0.805, 0.535, 0.012), STEEL, "flat", material="")
    c.part(ellipse(0.5, 0.5, 0.27, 0.27), STEEL, "ball", material="metal")
    c.part(ellipse(0.5, 0.5, 0.215, 0.215), c.look.accent, "drop", material="")
    ink = (30, 30, 34) if distance(c.look.accent, (30, 30, 34)) > 300 else (250, 250, 250)
    for hour in range(12):
        x, y = math.sin(hour * math.pi / 6), -math.cos(hour * math.pi / 6)
        c.thread(poly((0.5 + x * 0.19, 0.5 + y * 0.19), (0.5 + x * 0.155, 0.5 + y * 0.155)), ink, 0.014)
    for angle, length, width in (
        (c.rng.uniform(0, 6.28), 0.10, 0.024),
        (c.rng.uniform(0, 6.28), 0.15, 0.015),
    ):
        c.thread(
            poly((0.5, 0.5), (0.5 + math.sin(angle) * length, 0.5 - math.cos(angle) * length)), ink, width
        )
    c.part(ellipse(0.5, 0.5, 0.015, 0.015), ink, "flat", line=False, material="")


def umbrella(c: Canvas) -> None:
    """Draw an open umbrella; crook handle in the second colour."""
    c.stroke(poly((0.5, 0.03), (0.5, 0.80)), STEEL, 0.022, material="metal")
    c.stroke(
        curve((0.5, 0.74), (0.5, 0.88), (0.555, 0.955), (0.63, 0.93), (0.645, 0.85)),
        "accent",
        0.05,
        material="plastic",
    )
    arc = ellipse(0.5, 0.52, 0.48, 0.43, 180, 360)
    hem = [curve((x + 0.24, 0.52), (x + 0.12, 0.455), (x, 0.52)) for x in (0.74, 0.50, 0.26, 0.02)]
    c.part(np.concatenate([arc, *hem]), "body", "ball")
    for x in (0.26, 0.5, 0.74):
        c.seam(curve((0.5, 0.09), (0.5 + (x - 0.5) * 0.75, 0.25), (x, 0.52)), 0.4, 0.010)
    c.part(ellipse(0.5, 0.085, 0.035, 0.022), "accent", "flat", material="plastic")
