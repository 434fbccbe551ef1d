"""Drawings of clothing: t-shirt, dress, trousers, cap, sneaker."""

from __future__ import annotations

import numpy as np

from indexer.sample.canvas import Canvas
from indexer.sample.outline import blob, box, curve, ellipse, mirrored, poly
from indexer.sample.palette import dark

SOLE = (240, 238, 230)


def tshirt(c: Canvas) -> None:
    """Draw a t-shirt laid flat; collar and cuffs in the second colour."""
    half = np.concatenate(
        [
            curve((0.5, 0.165), (0.57, 0.15), (0.62, 0.08)),
            poly((0.74, 0.12), (0.985, 0.33), (0.855, 0.475), (0.755, 0.395)),
            curve((0.75, 0.42), (0.745, 0.65), (0.755, 0.93)),
            poly((0.5, 0.945)),
        ]
    )
    c.part(ellipse(0.5, 0.09, 0.13, 0.03), dark(c.look.color, 0.35), "flat")
    c.part(mirrored(half), "body", "folds")
    for side in (1, -1):
        x = [0.5 + side * (v - 0.5) for v in (0.985, 0.855, 0.825, 0.952)]
        c.part(
            poly((x[0], 0.33), (x[1], 0.475), (x[2], 0.45), (x[3], 0.30)), "accent", "flat", material="cotton"
        )
        c.seam(poly((0.5 + side * 0.24, 0.125), (0.5 + side * 0.255, 0.395)))
    c.stroke(
        curve((0.385, 0.085), (0.42, 0.145), (0.5, 0.17), (0.58, 0.145), (0.615, 0.085)),
        "accent",
        0.035,
        material="cotton",
    )


def dress(c: Canvas) -> None:
    """Draw a sleeveless summer dress; belt in the second colour."""
    top = np.concatenate(
        [
            curve((0.5, 0.19), (0.555, 0.17), (0.585, 0.04)),
            poly((0.655, 0.03)),
            curve((0.66, 0.08), (0.645, 0.17), (0.70, 0.24)),
            curve((0.69, 0.30), (0.64, 0.42), (0.64, 0.44)),
        ]
    )
    skirt = np.concatenate(
        [
            poly((0.5, 0.44), (0.64, 0.44)),
            curve((0.72, 0.58), (0.82, 0.78), (0.90, 0.93)),
            curve((0.80, 0.965), (0.70, 0.95), (0.60, 0.97), (0.5, 0.955)),
        ]
    )
    c.part(mirrored(skirt), "body", "folds")
    for x in (-0.22, -0.08, 0.08, 0.22):
        c.seam(curve((0.5 + x * 0.45, 0.50), (0.5 + x * 0.8, 0.70), (0.5 + x * 1.25, 0.92)), 0.25)
    c.part(mirrored(top), "body", "folds")
    c.part(box(0.352, 0.41, 0.648, 0.475, 0.01), "accent", "round", material="cotton")
    c.part(blob((0.5, 0.44), (0.44, 0.40), (0.42, 0.45), (0.44, 0.49), steps=5), "accent", material="cotton")
    c.part(blob((0.5, 0.44), (0.56, 0.40), (0.58, 0.45), (0.56, 0.49), steps=5), "accent", material="cotton")


def trousers(c: Canvas) -> None:
    """Draw trousers; belt and turned-up hems in the second colour."""
    half = np.concatenate(
        [
            poly((0.5, 0.06), (0.705, 0.06)),
            curve((0.73, 0.16), (0.765, 0.34), (0.765, 0.60), (0.755, 0.95)),
            poly((0.555, 0.95)),
            curve((0.555, 0.70), (0.525, 0.40), (0.50, 0.345)),
        ]
    )
    c.part(mirrored(half), "body", "folds")
    for side in (1, -1):
        middle = 0.5 + side * 0.155
        c.part(box(middle - 0.11, 0.885, middle + 0.11, 0.96, 0.01), "accent", "round", material="cotton")
        c.seam(
            curve((0.5 + side * 0.12, 0.125), (0.5 + side * 0.15, 0.20), (0.5 + side * 0.235, 0.235)),
            0.45,
            0.010,
        )
        c.seam(poly((0.5 + side * 0.15, 0.36), (0.5 + side * 0.155, 0.87)), 0.22)
    c.seam(curve((0.5, 0.12), (0.505, 0.25), (0.5, 0.345)), 0.45, 0.010)
    c.part(box(0.29, 0.045, 0.71, 0.115, 0.012), "accent", "round", material="cotton")
    for x in (0.35, 0.62):
        c.part(box(x, 0.035, x + 0.03, 0.125), "plain", "flat")
    c.part(box(0.465, 0.05, 0.535, 0.11, 0.012), (206, 176, 92), "flat", material="")


def cap(c: Canvas) -> None:
    """Draw a baseball cap from the side; peak and button in the second colour."""
    crown = np.concatenate(
        [
            curve(
                (0.03, 0.66),
                (0.045, 0.47),
                (0.17, 0.28),
                (0.38, 0.205),
                (0.57, 0.26),
                (0.675, 0.42),
                (0.70, 0.60),
            ),
            curve((0.50, 0.69), (0.28, 0.71), (0.03, 0.66)),
        ]
    )
    c.part(crown, "body", "ball")
    c.seam(curve((0.38, 0.21), (0.34, 0.42), (0.34, 0.69)), 0.35, 0.010)
    c.seam(curve((0.38, 0.21), (0.57, 0.36), (0.61, 0.60)), 0.35, 0.010)
    c.seam(curve((0.38, 0.21), (0.15, 0.38), (0.11, 0.67)), 0.35, 0.010)
    c.part(ellipse(0.385, 0.20, 0.042, 0.024), "accent", "ball")
    c.part(
        blob(
            (0.40, 0.68),
            (0.54, 0.615),
            (0.70, 0.575),
            (0.86, 0.60),
            (0.995, 0.70),
            (0.985, 0.745),
            (0.84, 0.715),
            (0.66, 0.71),
            (0.50, 0.725),
        ),
        "accent",
        "drop",
    )
    for x, y in ((0.22, 0.36), (0.47, 0.34)):
        c.part(ellipse(x, y, 0.014, 0.014), dark(c.look.color, 0.55), "flat", line=False, material="")


def sneaker(c: Canvas) -> None:
    """Draw a sneaker from the side; laces, tongue and heel in the second colour."""
    c.part(
        blob((0.285, 0.42), (0.33, 0.315), (0.40, 0.32), (0.47, 0.44), (0.36, 0.47), steps=6),
        "accent",
        "flat",
    )
    upper = np.concatenate(
        [
            curve((0.04, 0.74), (0.035, 0.60), (0.055, 0.48), (0.035, 0.375)),
            curve((0.10, 0.37), (0.19, 0.445), (0.31, 0.385)),
            curve((0.42, 0.47), (0.56, 0.54), (0.76, 0.575), (0.92, 0.63), (0.97, 0.74)),
        ]
    )
    c.part(upper, "body", "drop")
    c.part(
        np.concatenate(
            [
                curve((0.04, 0.72), (0.035, 0.60), (0.055, 0.48), (0.035, 0.375)),
                curve((0.10, 0.37), (0.165, 0.52), (0.16, 0.72)),
            ]
        ),
        "accent",
        "round",
    )
    c.part(
        np.concatenate(
            [
                curve((0.76, 0.735), (0.755, 0.65), (0.83, 0.595)),
                curve((0.92, 0.63), (0.955, 0.67), (0.97, 0.735)),
            ]
        ),
        "plain",
        "ball",
    )
    c.seam(curve((0.33, 0.40), (0.39, 0.53), (0.54, 0.64), (0.60, 0.735)), 0.4, 0.010)
    for x, y in ((0.355, 0.405), (0.425, 0.455), (0.50, 0.495), (0.575, 0.525)):
        c.stroke(poly((x, y), (x - 0.012, y + 0.085)), "accent", 0.026, material="cotton")
    sole = np.concatenate(
        [
            poly((0.035, 0.725), (0.5, 0.745), (0.975, 0.725)),
            curve((0.985, 0.78), (0.95, 0.83), (0.86, 0.835)),
            curve((0.5, 0.835), (0.10, 0.835), (0.03, 0.81)),
        ]
    )
    c.part(sole, SOLE, "drop", material="plastic")
    c.thread(curve((0.04, 0.80), (0.5, 0.808), (0.95, 0.80)), (150, 148, 142), 0.010)
