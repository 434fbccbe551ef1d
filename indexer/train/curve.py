"""The picture of a run: its losses and held-out numbers over the steps."""

from collections.abc import Sequence
from pathlib import Path


def draw(history: Sequence[dict[str, float]], path: Path) -> None:
    """Write a PNG with the losses left and what is held out right: success@k, and recall of captions' words."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 4.2), layout="constrained")
    losses, numbers = figure.subplots(1, 2)
    for name in dict.fromkeys(name for entry in history for name in entry if name != "step"):
        axes = numbers if "@" in name or name.endswith("recall") else losses
        told = [(entry["step"], entry[name]) for entry in history if name in entry]
        axes.plot(*zip(*told, strict=True), label=name)
    for axes, title in ((losses, "loss"), (numbers, "held out")):
        axes.set_title(title)
        axes.set_xlabel("step")
        if axes.lines:
            axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(path, dpi=110)
