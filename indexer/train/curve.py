"""The chart of a training run: losses and held-out metrics over the steps."""

from collections.abc import Sequence
from pathlib import Path


def draw(history: Sequence[dict[str, float]], path: Path) -> None:
    """Write a PNG with the losses on the left, and success@k and caption recall of held-out images on the right."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 4.2), layout="constrained")
    losses, metrics = figure.subplots(1, 2)
    for name in dict.fromkeys(name for entry in history for name in entry if name != "step"):
        axes = metrics if "@" in name or name.endswith("recall") else losses
        points = [(entry["step"], entry[name]) for entry in history if name in entry]
        axes.plot(*zip(*points, strict=True), label=name)
    for axes, title in ((losses, "loss"), (metrics, "held out")):
        axes.set_title(title)
        axes.set_xlabel("step")
        if axes.lines:
            axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(path, dpi=110)
