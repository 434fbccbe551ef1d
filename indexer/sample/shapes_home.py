"""Drawings of home goods: table lamp, chair, sofa, vase, wall clock."""

from __future__ import annotations

import math

from indexer.sample.canvas import Canvas
from indexer.sample.outline import blob, box, curve, ellipse, lathe, poly
from indexer.sample.palette import dark, distance

LEAF = (76, 128, 74)
WOOD = (164, 114, 68)


def lamp(c: Canvas) -> None:
    """Draw a table lamp; base and stem in the second colour."""
    c.part(ellipse(0.5, 0.925, 0.21, 0.045), "accent", "round")
    c.part(
        lathe((0.03, 0.47), (0.035, 0.56), (0.10, 0.68), (0.11, 0.78), (0.05, 0.86), (0.10, 0.92)),
        "accent",
        "round",
    )
    c.part(ellipse(0.5, 0.475, 0.36, 0.055), (255, 238, 180), "flat", material="")
    c.part(
        poly(
            (0.335, 0.06),
            (0.665, 0.06),
            (0.86, 0.475),
            (0.70, 0.515),
            (0.5, 0.53),
            (0.30, 0.515),
            (0.14, 0.475),
        ),
        "body",
        "round",
    )
    c.part(ellipse(0.5, 0.06, 0.165, 0.022), dark(c.look.color, 0.3), "flat")
    c.thread(
        curve((0.14, 0.475), (0.30, 0.515), (0.5, 0.53), (0.70, 0.515), (0.86, 0.475)), c.look.accent, 0.022
    )
    c.thread(poly((0.60, 0.53), (0.60, 0.63)), (90, 90, 90), 0.006)
    c.part(ellipse(0.60, 0.64, 0.014, 0.014), (210, 180, 90), "ball", material="")


def chair(c: Canvas) -> None:
    """Draw a dining chair; legs and frame in the second colour."""
    for path in (((0.30, 0.60), (0.33, 0.90)), ((0.80, 0.58), (0.83, 0.88))):
        c.stroke(poly(*path), dark(c.look.accent, 0.25), 0.042)
    c.stroke(poly((0.31, 0.06), (0.27, 0.58)), "accent", 0.045)
    c.stroke(poly((0.79, 0.06), (0.80, 0.58)), "accent", 0.045)
    c.part(
        blob(
            (0.29, 0.08),
            (0.42, 0.045),
            (0.68, 0.045),
            (0.81, 0.08),
            (0.81, 0.22),
            (0.80, 0.38),
            (0.66, 0.405),
            (0.42, 0.405),
            (0.285, 0.38),
            (0.28, 0.22),
            steps=5,
        ),
        "body",
        "folds",
    )
    c.stroke(poly((0.17, 0.66), (0.13, 0.97)), "accent", 0.048)
    c.stroke(poly((0.80, 0.66), (0.84, 0.97)), "accent", 0.048)
    c.stroke(poly((0.16, 0.80), (0.81, 0.80)), "accent", 0.024)
    c.part(poly((0.13, 0.66), (0.845, 0.66), (0.85, 0.72), (0.125, 0.72)), dark(c.look.color, 0.22), "flat")
    c.part(poly((0.265, 0.535), (0.80, 0.535), (0.86, 0.665), (0.115, 0.665)), "body", "drop")


def sofa(c: Canvas) -> None:
    """Draw a two-seat sofa; two cushions in the second colour."""
    for x in (0.12, 0.86):
        c.part(
            poly((x - 0.02, 0.80), (x + 0.05, 0.80), (x + 0.035, 0.91), (x + 0.005, 0.91)),
            WOOD,
            "flat",
            material="wood",
        )
    c.part(box(0.09, 0.27, 0.91, 0.68, 0.09), "body", "drop")
    c.seam(poly((0.5, 0.29), (0.5, 0.58)))
    c.part(box(0.14, 0.55, 0.50, 0.70, 0.04), "body", "drop")
    c.part(box(0.50, 0.55, 0.86, 0.70, 0.04), "body", "drop")
    c.part(box(0.06, 0.68, 0.94, 0.82, 0.03), "body", "flat")
    c.part(
        blob(
            (0.20, 0.37),
            (0.30, 0.40),
            (0.40, 0.38),
            (0.385, 0.48),
            (0.40, 0.58),
            (0.29, 0.56),
            (0.19, 0.58),
            (0.21, 0.48),
            steps=5,
        ),
        "accent",
        "ball",
        material="cotton",
    )
    c.part(
        blob(
            (0.62, 0.37),
            (0.72, 0.40),
            (0.82, 0.38),
            (0.805, 0.48),
            (0.82, 0.58),
            (0.71, 0.56),
            (0.61, 0.58),
            (0.63, 0.48),
            steps=5,
        ),
        "accent",
        "ball",
        material="cotton",
    )
    for x0 in (0.0, 0.855):
        c.part(box(x0, 0.44, x0 + 0.145, 0.83, 0.07), "body", "round")


def vase(c: Canvas) -> None:
    """Draw a vase with green twigs; neck and foot in the second colour."""
    twigs = (
        ((0.5, 0.42), (0.47, 0.22), (0.40, 0.05)),
        ((0.5, 0.42), (0.55, 0.2), (0.60, 0.02)),
        ((0.5, 0.42), (0.60, 0.27), (0.74, 0.13)),
        ((0.5, 0.42), (0.38, 0.28), (0.26, 0.16)),
    )
    for twig in twigs:
        path = curve(*twig)
        c.thread(path, dark(LEAF, 0.3), 0.014)
        for at, side in ((7, 1), (10, -1), (13, 1), (15, -1), (16, 1)):
            x, y = path[at]
            c.part(ellipse(x + side * 0.032, y - 0.008, 0.034, 0.019), LEAF, "flat", line=False, material="")
    c.part(
        lathe((0.12, 0.39), (0.085, 0.46), (0.20, 0.58), (0.245, 0.71), (0.19, 0.86), (0.12, 0.96)),
        "body",
        "round",
    )
    c.part(lathe((0.135, 0.375), (0.115, 0.41), (0.09, 0.455)), "accent", "round")
    c.part(box(0.37, 0.935, 0.63, 0.975, 0.015), "accent", "round")


def clock(c: Canvas) -> None:
    """Draw a wall clock; rim in the second colour."""
    c.part(ellipse(0.5, 0.5, 0.46, 0.46), "accent", "ball")
    c.part(ellipse(0.5, 0.5, 0.385, 0.385), "body", "drop")
    ink = (30, 30, 34) if distance(c.look.color, (30, 30, 34)) > 280 else (250, 250, 250)
    paper = (250, 250, 250) if ink[0] < 100 else (30, 30, 34)
    for hour in range(12):
        x, y = math.sin(hour * math.pi / 6), -math.cos(hour * math.pi / 6)
        long = 0.075 if hour % 3 == 0 else 0.045
        mark = poly((0.5 + x * 0.36, 0.5 + y * 0.36), (0.5 + x * (0.36 - long), 0.5 + y * (0.36 - long)))
        c.stroke(mark, paper, 0.038 if hour % 3 == 0 else 0.026, line=False)
        c.stroke(mark, ink, 0.024 if hour % 3 == 0 else 0.013, line=False)
    for length, width in ((0.19, 0.036), (0.30, 0.024)):
        angle = c.rng.uniform(0, 2 * math.pi)
        hand = poly((0.5, 0.5), (0.5 + math.sin(angle) * length, 0.5 - math.cos(angle) * length))
        c.stroke(hand, paper, width + 0.014, line=False)
        c.stroke(hand, ink, width, line=False)
    c.part(ellipse(0.5, 0.5, 0.032, 0.032), ink, "ball", material="")
