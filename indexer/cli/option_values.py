"""Option texts such as "5%" parsed to values. A malformed text is rejected with the form expected."""

from collections.abc import Iterable

import typer


def to_share(text: str, option: str) -> float:
    """Parse "5%" or "0.05" to 0.05. Raises BadParameter for values outside 0 to 1."""
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise typer.BadParameter(f"expected a share such as 5% or 0.05, got {text!r}", param_hint=option)
    return share


def to_weights(text: str, option: str) -> dict[str, float]:
    """Parse "image=0.3,text=1" to weights by name. Raises BadParameter."""
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


def to_columns(pairs: Iterable[str] | None, option: str) -> dict[str, str]:
    """Parse "user_id=household_id" to columns by field. Raises BadParameter."""
    columns: dict[str, str] = {}
    for pair in pairs or ():
        name, _, column = pair.partition("=")
        if not name or not column:
            raise typer.BadParameter(f"expected FIELD=COLUMN, got {pair!r}", param_hint=option)
        columns[name.strip()] = column.strip()
    return columns
