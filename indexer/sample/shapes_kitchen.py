"""Drawings of kitchenware: mug, teapot, plate, bottle."""

from __future__ import annotations

import numpy as np

from indexer.sample.canvas import Canvas
from indexer.sample.outline import blob, box, curve, ellipse, lathe, mirrored, poly
from indexer.sample.palette import dark, light

STEEL = (192, 196, 202)
COFFEE = (74, 44, 28)


def mug(c: Canvas) -> None:
    """Draw a mug with a handle in the second colour."""
    c.stroke(curve((0.70, 0.34), (0.90, 0.32), (0.95, 0.52), (0.86, 0.70), (0.68, 0.74)), "accent", 0.085)
    bottom = ellipse(0.42, 0.88, 0.28, 0.07, 0, 180)
    c.part(np.concatenate([poly((0.10, 0.20)), poly((0.74, 0.20)), bottom]), "body", "round")
    c.part(ellipse(0.42, 0.20, 0.32, 0.085), "plain", "drop")
    c.part(ellipse(0.42, 0.205, 0.27, 0.060), dark(c.look.color, 0.35), "flat", line=False)
    c.part(ellipse(0.42, 0.222, 0.235, 0.043), COFFEE, "flat", line=False, material="")


def teapot(c: Canvas) -> None:
    """Draw a round teapot; lid and handle in the second colour."""
    c.stroke(curve((0.25, 0.42), (0.07, 0.38), (0.03, 0.58), (0.12, 0.74), (0.27, 0.74)), "accent", 0.062)
    spout = np.concatenate(
        [
            curve((0.70, 0.76), (0.84, 0.66), (0.86, 0.48), (0.93, 0.36)),
            curve((1.00, 0.40), (0.95, 0.60), (0.90, 0.78), (0.70, 0.90)),
        ]
    )
    c.part(spout, "plain", "flat")
    c.part(lathe((0.17, 0.36), (0.29, 0.48), (0.33, 0.66), (0.27, 0.83), (0.17, 0.92)), "body", "ball")
    c.part(box(0.36, 0.905, 0.64, 0.955, 0.02), "plain", "round")
    c.part(mirrored(curve((0.5, 0.24), (0.60, 0.27), (0.68, 0.36))), "accent", "round")
    c.part(ellipse(0.5, 0.365, 0.19, 0.032), "accent", "flat")
    c.part(ellipse(0.5, 0.20, 0.05, 0.05), "accent", "ball")


def plate(c: Canvas) -> None:
    """Draw a plate from above, between fork and knife; rim and inner ring in the second colour."""
    c.stroke(poly((0.045, 0.44), (0.045, 0.88)), STEEL, 0.030, material="metal")
    for x in (0.01, 0.045, 0.08):
        c.stroke(poly((x, 0.16), (x, 0.34)), STEEL, 0.014, material="metal")
    c.part(
        blob((0.0, 0.32), (0.09, 0.32), (0.075, 0.42), (0.045, 0.46), (0.015, 0.42), steps=5),
        STEEL,
        material="metal",
    )
    c.stroke(poly((0.955, 0.52), (0.955, 0.88)), STEEL, 0.034, material="metal")
    c.part(
        blob((0.94, 0.14), (0.985, 0.20), (0.995, 0.38), (0.985, 0.54), (0.935, 0.54), steps=5),
        STEEL,
        material="metal",
    )
    c.part(ellipse(0.5, 0.5, 0.385, 0.385), "accent", "ball")
    c.part(ellipse(0.5, 0.5, 0.350, 0.350), "body", "ball", line=False)
    c.thread(ellipse(0.505, 0.507, 0.245, 0.245), dark(c.look.color, 0.35), 0.014)
    c.thread(ellipse(0.5, 0.5, 0.240, 0.240), c.look.accent, 0.014)
    c.thread(ellipse(0.5, 0.5, 0.30, 0.30, 190, 268), light(c.look.color, 0.75), 0.012)


def bottle(c: Canvas) -> None:
    """Draw a drinking bottle; the cap and its loop in the second colour."""
    c.stroke(curve((0.46, 0.10), (0.50, 0.015), (0.54, 0.10)), "accent", 0.03)
    outline = mirrored(
        curve(
            (0.575, 0.21), (0.58, 0.26), (0.655, 0.33), (0.68, 0.42), (0.68, 0.60), (0.68, 0.90), (0.64, 0.96)
        )
    )
    c.part(outline, "body", "round")
    c.part(box(0.415, 0.165, 0.585, 0.225, 0.01), (176, 180, 186), "round")
    c.part(box(0.395, 0.055, 0.605, 0.175, 0.025), "accent", "round")
    for x in (0.44, 0.48, 0.52, 0.56):
        c.thread(poly((x, 0.085), (x, 0.15)), dark(c.look.accent, 0.3), 0.008)
    c.seam(curve((0.32, 0.87), (0.5, 0.895), (0.68, 0.87)))
