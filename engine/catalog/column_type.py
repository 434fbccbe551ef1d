"""The types of columns, and what decides how a value of one is read."""

from enum import StrEnum
from typing import Protocol


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


class ReadSettings(Protocol):
    """What decides how a value is read; see `ColumnRule`, which has the same fields."""

    @property
    def type(self) -> ColumnType: ...  # noqa: D102
    @property
    def decimal_comma(self) -> bool: ...  # noqa: D102
    @property
    def day_first(self) -> bool: ...  # noqa: D102
    @property
    def thousands(self) -> bool | None: ...  # noqa: D102
    @property
    def keeps_na(self) -> bool: ...  # noqa: D102
