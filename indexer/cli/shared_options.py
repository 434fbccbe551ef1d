"""Options that several verbs share, and how their texts are read."""

from pathlib import Path
from typing import Annotated

import typer

Stored = Annotated[Path, typer.Option("--store", help="Folder of the store.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program instead of text for a person.")]


def to_share(text: str, option: str) -> float:
    """Return "5%" or "0.05" as .05. Raises BadParameter for anything that is not from 0 to 1."""
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise typer.BadParameter(f"expected a share such as 5% or 0.05, got {text!r}", param_hint=option)
    return share


def to_weights(text: str, option: str) -> dict[str, float]:
    """Return "image=0.3,text=1" by name, nothing for "". Raises BadParameter for what is not NAME=NUMBER."""
    weights: dict[str, float] = {}
    for pair in filter(None, text.split(",")):
        name, _, number = pair.partition("=")
        try:
            weights[name.strip()] = float(number)
        except ValueError:
            raise typer.BadParameter(
                f"expected NAME=NUMBER with commas between, got {text!r}", param_hint=option
            ) from None
    return weights
