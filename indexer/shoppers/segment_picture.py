"""A picture of the segments: where the shoppers are, how many are in each, and what sets them apart."""

from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

import numpy as np

from engine.profiles.shopper_features import Numbers
from indexer.shoppers.profile_export import SegmentPlacement

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Told apart by eyes that see few colours, too; after Okabe and Ito.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#8A6D3B", "#6C6C6C")

_INK, _PALE = "#222222", "#767676"
_SHOWN = 2_000
_APART_TOLD = 4
_LEAST_APART = 0.25


def draw_segments(placed: SegmentPlacement, path: Path) -> None:
    """Write the picture, a PNG or whatever else the file's name asks for."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 1.6 + max(4.6, 0.86 * len(placed.segments))), layout="constrained")
    seen, told = figure.subplots(1, 2, width_ratios=(1, 1.05))
    figure.suptitle(f"{len(placed.groups):,} shoppers in {len(placed.segments)} segments", fontsize=15, color=_INK)
    _draw_map(seen, placed)
    _draw_segments(told, placed)
    figure.savefig(path, dpi=120, facecolor="white")


def flat(points: Numbers) -> Numbers:
    """Return (u, 2), shoppers on a plane where near ones are alike, by t-SNE. Cost: some seconds for 2,000."""
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(points) - 1) / 3)
    return np.asarray(TSNE(perplexity=perplexity, init="pca", random_state=7).fit_transform(points), np.float64)


def _draw_map(axes: "Axes", placed: SegmentPlacement) -> None:
    drawn = np.sort(np.random.default_rng(7).permutation(len(placed.points))[:_SHOWN])
    seen, groups = flat(placed.points[drawn]), placed.groups[drawn]
    for place in range(len(placed.segments)):
        across, up = seen[groups == place].T
        axes.scatter(across, up, s=18, color=COLOURS[place], alpha=0.7, linewidths=0)
    for place in range(len(placed.segments)):
        if (groups == place).any():
            across, up = np.median(seen[groups == place], axis=0).tolist()
            box = {"boxstyle": "circle,pad=0.3", "facecolor": COLOURS[place], "edgecolor": "white", "linewidth": 1.5}
            axes.text(
                across,
                up,
                str(place + 1),
                ha="center",
                va="center",
                fontsize=11,
                weight="bold",
                color="white",
                bbox=box,
            )
    axes.set(xticks=[], yticks=[])
    axes.set_title("Each dot is a shopper; near ones are alike", fontsize=10, color=_PALE, loc="left")
    for side in axes.spines.values():
        side.set_color("#dddddd")


def _draw_segments(axes: "Axes", placed: SegmentPlacement) -> None:
    shares = np.bincount(placed.groups, minlength=len(placed.segments)) / max(1, len(placed.groups))
    places = np.arange(len(placed.segments))
    axes.barh(places, shares, height=0.16, color=COLOURS[: len(places)], align="edge")
    widest = float(shares.max())
    for place, segment in enumerate(placed.segments):
        axes.text(0, place - 0.36, f"{place + 1}  {segment.name}", fontsize=11, weight="bold", color=_INK, va="center")
        axes.text(shares[place] + 0.015 * widest, place + 0.08, f"{shares[place]:.0%}", fontsize=10, va="center")
        apart = ", ".join(
            _signed(words, strength) for words, strength in segment.apart[:_APART_TOLD] if abs(strength) >= _LEAST_APART
        )
        told = shorten(apart, 84, placeholder=" …") or "like all shoppers"
        axes.text(0, place - 0.12, told, fontsize=9, color=_PALE, va="center")
    axes.set(xlim=(0, 1.15 * widest), ylim=(len(places) - 0.4, -0.7), xticks=[], yticks=[])
    axes.set_title("Share of shoppers, and what sets them apart from all", fontsize=10, color=_PALE, loc="left")
    for side in axes.spines.values():
        side.set_visible(False)


def _signed(words: str, strength: float) -> str:
    """Return what sets a segment apart, with the sign that tells whether it is more or less where words do not."""
    return words if strength > 0 or " " in words else f"less {words}"
