"""Drawings of electronics and leisure: headphones, camera, phone case, guitar, bicycle, book."""

from __future__ import annotations

import math

import numpy as np

from indexer.sample.canvas import Canvas
from indexer.sample.outline import blob, box, curve, ellipse, poly
from indexer.sample.palette import dark, light, mix

STEEL = (190, 194, 200)
INK = (34, 36, 40)
FRETBOARD = (70, 46, 34)


def headphones(c: Canvas) -> None:
    """Draw headphones; ear cushions and the inside of the band in the second colour."""
    c.stroke(ellipse(0.5, 0.52, 0.385, 0.43, 185, 355), "plain", 0.085, "drop")
    c.stroke(ellipse(0.5, 0.52, 0.325, 0.365, 215, 325), "accent", 0.035)
    for side in (1, -1):
        c.stroke(poly((0.5 + side * 0.385, 0.44), (0.5 + side * 0.385, 0.58)), STEEL, 0.035, material="metal")
        x = 0.5 + side * 0.285
        c.part(
            box(min(x, x + side * 0.07), 0.49, max(x, x + side * 0.07), 0.92, 0.045),
            "accent",
            "round",
            material="leather",
        )
        cup = [
            (0.345, 0.48),
            (0.435, 0.51),
            (0.495, 0.62),
            (0.50, 0.74),
            (0.47, 0.87),
            (0.40, 0.945),
            (0.345, 0.93),
            (0.335, 0.70),
        ]
        c.part(blob(*((0.5 + side * dx, y) for dx, y in cup)), "body", "ball")


def camera(c: Canvas) -> None:
    """Draw a camera from the front; the ring around the lens in the second colour."""
    c.part(box(0.15, 0.21, 0.29, 0.30, 0.02), STEEL, "round", material="metal")
    c.part(box(0.75, 0.235, 0.87, 0.30, 0.015), "accent", "round", material="plastic")
    c.part(poly((0.35, 0.30), (0.41, 0.17), (0.63, 0.17), (0.69, 0.30)), STEEL, "drop", material="metal")
    c.part(box(0.03, 0.28, 0.97, 0.86, 0.07), STEEL, "drop", material="metal")
    c.part(box(0.03, 0.385, 0.97, 0.785, 0.01), "body", "flat")
    c.part(ellipse(0.52, 0.57, 0.265, 0.265), "accent", "ball", material="plastic")
    c.part(ellipse(0.52, 0.57, 0.205, 0.205), INK, "flat", material="")
    c.part(ellipse(0.52, 0.57, 0.15, 0.15), (44, 58, 92), "ball", material="")
    c.part(ellipse(0.52, 0.57, 0.085, 0.085), (20, 24, 44), "flat", line=False, material="")
    c.part(ellipse(0.475, 0.52, 0.038, 0.030), (214, 226, 250), "flat", line=False, material="")
    c.part(box(0.44, 0.20, 0.60, 0.265, 0.012), (60, 66, 78), "flat", material="")
    c.part(box(0.82, 0.315, 0.90, 0.36, 0.008), (255, 244, 200), "flat", material="")


def phone_case(c: Canvas) -> None:
    """Draw a phone in its case from behind; bumper and wrist loop in the second colour."""
    c.stroke(
        curve((0.70, 0.93), (0.84, 0.90), (0.88, 0.74), (0.83, 0.58), (0.79, 0.74), (0.72, 0.86)),
        "accent",
        0.022,
    )
    c.part(box(0.235, 0.015, 0.765, 0.985, 0.10), "accent", "flat")
    c.part(box(0.268, 0.045, 0.732, 0.955, 0.075), "body", "flat")
    c.part(box(0.30, 0.075, 0.52, 0.295, 0.06), mix(INK, STEEL, 0.25), "drop", material="")
    for x, y in ((0.36, 0.135), (0.46, 0.135), (0.36, 0.235)):
        c.part(ellipse(x, y, 0.042, 0.042), (14, 14, 18), "ball", material="")
        c.part(ellipse(x - 0.012, y - 0.012, 0.012, 0.012), (150, 170, 220), "flat", line=False, material="")
    c.part(ellipse(0.46, 0.235, 0.02, 0.02), (255, 244, 200), "flat", line=False, material="")


def guitar(c: Canvas) -> None:
    """Draw a guitar; pick guard and headstock in the second colour."""
    c.part(poly((0.445, 0.0), (0.555, 0.0), (0.545, 0.13), (0.455, 0.13)), "accent", "flat")
    for y in (0.03, 0.065, 0.10):
        for x in (0.43, 0.57):
            c.part(ellipse(x, y, 0.018, 0.012), STEEL, "flat", material="")
    half = (
        (0.5, 0.43),
        (0.60, 0.425),
        (0.685, 0.48),
        (0.68, 0.57),
        (0.645, 0.635),
        (0.70, 0.71),
        (0.765, 0.81),
        (0.725, 0.925),
        (0.60, 0.985),
        (0.5, 0.985),
    )
    other = tuple((1 - x, y) for x, y in half[-2:0:-1])
    c.part(blob(*half, *other, steps=6), "body", "ball")
    c.part(
        blob((0.555, 0.57), (0.63, 0.60), (0.64, 0.72), (0.59, 0.80), (0.545, 0.74), steps=6),
        "accent",
        "flat",
    )
    c.part(ellipse(0.5, 0.635, 0.082, 0.082), light(FRETBOARD, 0.45), "flat", material="")
    c.part(ellipse(0.5, 0.635, 0.065, 0.065), (30, 20, 16), "flat", line=False, material="")
    c.part(
        poly((0.468, 0.12), (0.532, 0.12), (0.537, 0.575), (0.463, 0.575)), FRETBOARD, "flat", material="wood"
    )
    for y in np.linspace(0.16, 0.54, 9):
        c.thread(poly((0.468, y), (0.532, y)), (200, 190, 160), 0.006)
    c.part(box(0.41, 0.815, 0.59, 0.85, 0.01), FRETBOARD, "flat", material="wood")
    for x in (0.482, 0.494, 0.506, 0.518):
        c.thread(poly((x, 0.06), (x, 0.83)), (232, 232, 226), 0.004)


def _wheel(c: Canvas, x: float, y: float) -> None:
    for spoke in range(0, 180, 20):
        dx, dy = 0.185 * math.cos(math.radians(spoke)), 0.185 * math.sin(math.radians(spoke))
        c.thread(poly((x - dx, y - dy), (x + dx, y + dy)), (150, 152, 158), 0.004)
    c.stroke(ellipse(x, y, 0.205, 0.205), "accent", 0.032, material="plastic")
    c.stroke(ellipse(x, y, 0.180, 0.180), STEEL, 0.010, line=False)
    c.part(ellipse(x, y, 0.022, 0.022), STEEL, "ball", material="")


def bicycle(c: Canvas) -> None:
    """Draw a bicycle from the side; tyres and saddle in the second colour."""
    rear, front = (0.225, 0.655), (0.775, 0.655)
    crank, seat, head = (0.455, 0.665), (0.375, 0.345), (0.685, 0.335)
    _wheel(c, *rear)
    _wheel(c, *front)
    for path in ((rear, crank), (rear, seat)):
        c.stroke(poly(*path), "plain", 0.030)
    c.stroke(curve(head, (0.715, 0.47), front), "plain", 0.034)
    for path in ((seat, head), (crank, (0.70, 0.40)), (crank, (0.355, 0.285))):
        c.stroke(poly(*path), "body", 0.046)
    c.stroke(poly((0.70, 0.41), (0.665, 0.235)), "plain", 0.036)
    c.stroke(curve((0.60, 0.215), (0.665, 0.225), (0.735, 0.20), (0.785, 0.235), (0.775, 0.29)), INK, 0.028)
    c.part(
        blob((0.265, 0.245), (0.36, 0.26), (0.455, 0.265), (0.44, 0.295), (0.35, 0.30), (0.28, 0.29)),
        "accent",
        "drop",
        material="leather",
    )
    c.part(ellipse(*crank, 0.058, 0.058), STEEL, "flat", material="metal")
    c.part(ellipse(*crank, 0.028, 0.028), INK, "flat", material="")
    c.stroke(poly(crank, (0.50, 0.775)), INK, 0.018)
    c.stroke(poly((0.465, 0.785), (0.54, 0.785)), INK, 0.026)


def book(c: Canvas) -> None:
    """Draw a closed book at an angle; spine, ribbon and title plate in the second colour."""
    c.stroke(curve((0.62, 0.86), (0.63, 0.95), (0.60, 1.0)), "accent", 0.03)
    c.part(poly((0.17, 0.93), (0.80, 0.93), (0.86, 0.985), (0.23, 0.985)), dark(c.look.color, 0.3), "flat")
    c.part(
        poly((0.20, 0.91), (0.80, 0.91), (0.865, 0.955), (0.24, 0.97)), (244, 238, 220), "flat", material=""
    )
    c.part(
        poly((0.80, 0.04), (0.865, 0.10), (0.865, 0.965), (0.80, 0.91)), (232, 224, 200), "flat", material=""
    )
    for x in (0.82, 0.84):
        c.thread(poly((x, 0.07 + (x - 0.8)), (x, 0.92 + (x - 0.8))), (190, 180, 150), 0.005)
    c.part(box(0.14, 0.03, 0.815, 0.925, 0.018), "body", "flat")
    c.part(box(0.14, 0.03, 0.245, 0.925, 0.015), "accent", "round")
    c.part(box(0.36, 0.17, 0.72, 0.36, 0.012), "accent", "flat")
    ink = dark(c.look.accent, 0.65) if sum(c.look.accent) > 240 else (230, 226, 214)
    for y, x0, x1 in ((0.225, 0.41, 0.67), (0.265, 0.44, 0.64), (0.31, 0.48, 0.60)):
        c.thread(poly((x0, y), (x1, y)), ink, 0.018)
