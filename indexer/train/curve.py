"""The picture of a run: its losses and held-out numbers over the steps."""

from collections.abc import Sequence
from pathlib import Path


def draw(history: Sequence[dict[str, float]], path: Path) -> None:
    """Write a PNG with the losses left and success@k right; an empty history gives empty axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    losses, numbers = figure.subplots(1, 2)
    steps = [entry["step"] for entry in history]
    for name in dict.fromkeys(name for entry in history for name in entry if name != "step"):
        axes = numbers if "@" in name else losses
        axes.plot(steps, [entry.get(name, float("nan")) for entry in history], label=name)
    for axes, title in ((losses, "loss"), (numbers, "held out: success@k")):
        axes.set_title(title)
        axes.set_xlabel("step")
        if axes.lines:
            axes.legend(fontsize=7)
    figure.savefig(path, dpi=110)
