"""How the values of one column are read: decided once for the whole catalogue, and the same for live updates."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine.catalog.coercion import JSON, InvalidValue


class ColumnType(StrEnum):
    """What the values of a column are."""

    TEXT = "text"
    """Text as written, also identifiers such as 007 and 90.700."""
    NUMBER = "number"
    """Numbers, also written as text: "1,040"."""
    PRICE = "price"
    """Amounts, with or without a currency: "1.299,00 €"."""
    BOOLEAN = "boolean"
    """true and false, also written as yes and no."""
    DATE = "date"
    """Dates and times."""
    MIXED = "mixed"
    """JSON as it came: lists, objects, or values of several kinds."""


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """The rule of one column.

    Attributes:
        type: What its values are.
        decimal_comma: Whether the comma is the decimal sign; the dot otherwise.
        day_first: Whether 03/04/2024 is the 3rd of April.
    """

    type: ColumnType
    decimal_comma: bool = False
    day_first: bool = False

    def convert(self, values: Sequence[object]) -> list[JSON | InvalidValue]:
        """Return each value as stored in the payload: None if absent, InvalidValue if it does not fit."""
        raise NotImplementedError
