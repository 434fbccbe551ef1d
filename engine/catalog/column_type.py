"""The types of columns."""

from enum import StrEnum


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
