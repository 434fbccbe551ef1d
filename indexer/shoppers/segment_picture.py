"""A picture of the segments: a map of the shoppers, the size of each segment, and what distinguishes it."""

from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

import numpy as np

from engine.profiles.shopper_features import Numbers
from indexer.shoppers.profile_export import SegmentPlacement

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Safe for colour-blind readers, after Okabe and Ito.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#8A6D3B", "#6C6C6C")

_INK, _PALE = "#222222", "#767676"
_MAX_DOTS = 2_000
_MAX_DIFFERENCES = 4
_MIN_DIFFERENCE = 0.25


def draw_segments(placement: SegmentPlacement, path: Path) -> None:
    """Write the picture as PNG, or in another format by the file's extension."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 1.6 + max(4.6, 0.86 * len(placement.segments))), layout="constrained")
    map_axes, bar_axes = figure.subplots(1, 2, width_ratios=(1, 1.05))
    figure.suptitle(
        f"{len(placement.groups):,} shoppers in {len(placement.segments)} segments", fontsize=15, color=_INK
    )
    _draw_map(map_axes, placement)
    _draw_segments(bar_axes, placement)
    figure.savefig(path, dpi=120, facecolor="white")


def to_plane(points: Numbers) -> Numbers:
    """Return (u, 2), shoppers on a plane where similar ones are close, by t-SNE. Cost: some seconds for 2,000."""
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(points) - 1) / 3)
    return np.asarray(TSNE(perplexity=perplexity, init="pca", random_state=7).fit_transform(points), np.float64)


def _draw_map(axes: "Axes", placement: SegmentPlacement) -> None:
    drawn = np.sort(np.random.default_rng(7).permutation(len(placement.points))[:_MAX_DOTS])
    seen, groups = to_plane(placement.points[drawn]), placement.groups[drawn]
    for index in range(len(placement.segments)):
        x, y = seen[groups == index].T
        axes.scatter(x, y, s=18, color=COLOURS[index], alpha=0.7, linewidths=0)
    for index in range(len(placement.segments)):
        if (groups == index).any():
            x, y = np.median(seen[groups == index], axis=0).tolist()
            box = {"boxstyle": "circle,pad=0.3", "facecolor": COLOURS[index], "edgecolor": "white", "linewidth": 1.5}
            axes.text(
                x,
                y,
                str(index + 1),
                ha="center",
                va="center",
                fontsize=11,
                weight="bold",
                color="white",
                bbox=box,
            )
    axes.set(xticks=[], yticks=[])
    axes.set_title("Each dot is a shopper; similar shoppers are close", fontsize=10, color=_PALE, loc="left")
    for side in axes.spines.values():
        side.set_color("#dddddd")


def _draw_segments(axes: "Axes", placement: SegmentPlacement) -> None:
    shares = np.bincount(placement.groups, minlength=len(placement.segments)) / max(1, len(placement.groups))
    positions = np.arange(len(placement.segments))
    axes.barh(positions, shares, height=0.16, color=COLOURS[: len(positions)], align="edge")
    widest = float(shares.max())
    for index, segment in enumerate(placement.segments):
        axes.text(0, index - 0.36, f"{index + 1}  {segment.name}", fontsize=11, weight="bold", color=_INK, va="center")
        axes.text(shares[index] + 0.015 * widest, index + 0.08, f"{shares[index]:.0%}", fontsize=10, va="center")
        apart = ", ".join(
            _describe_difference(words, strength)
            for words, strength in segment.apart[:_MAX_DIFFERENCES]
            if abs(strength) >= _MIN_DIFFERENCE
        )
        text = shorten(apart, 84, placeholder=" …") or "like all shoppers"
        axes.text(0, index - 0.12, text, fontsize=9, color=_PALE, va="center")
    axes.set(xlim=(0, 1.15 * widest), ylim=(len(positions) - 0.4, -0.7), xticks=[], yticks=[])
    axes.set_title("Share of shoppers, and what distinguishes them", fontsize=10, color=_PALE, loc="left")
    for side in axes.spines.values():
        side.set_visible(False)


def _describe_difference(words: str, strength: float) -> str:
    """Return a difference with "less" where the words do not say the direction."""
    return words if strength > 0 or " " in words else f"less {words}"
