"""Many texts of one column read together, ten times as fast as one by one and with the same results."""

import re
from collections.abc import Sequence

from engine.catalog.cell_reader import CellReader, Converted
from engine.catalog.column_type import ColumnType, ReadSettings
from engine.catalog.number_text import split_number
from engine.catalog.price_text import split_price
from engine.catalog.text_shape import group_by_shape, to_integers, to_shapes

# Shapes that float() reads as they are meant: no three digits that may be thousands.
_PLAIN = re.compile(r"-?[09]9{0,14}(?:\.[09](?:9|9{3,14})?)?|-?(?:0|[09]9{3,11})\.[09]99")
_RFC_3339 = re.compile(
    r"(?:[12][0-9]{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    r"(?:[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?)?"
    r"(?:\n|$))+"
)
# For fewer texts of one shape, reading each is faster.
_MIN_GROUP = 4


class NumberBatch:
    """Texts of a column of numbers or prices. texts: At least one."""

    def __init__(self, rule: ReadSettings, texts: Sequence[str]) -> None:
        self._rule = rule
        self._texts = texts
        self._shapes = to_shapes(texts)
        self._reader = CellReader(rule)

    def read(self) -> list[Converted]:
        """Return the value of each text: None if absent, InvalidValue if it does not fit."""
        if len(self._shapes) != len(self._texts):
            # A line feed in a text.
            return list(map(self._reader.read, self._texts))
        shapes = set(self._shapes)
        if all(map(_PLAIN.fullmatch, shapes)):
            return self._read_plain(any("." in shape for shape in shapes))
        result: list[Converted] = [None] * len(self._texts)
        for shape, indexes in group_by_shape(self._shapes).items():
            values = self._read_shape(shape, [self._texts[index] for index in indexes])
            for index, value in zip(indexes, values, strict=True):
                result[index] = value
        return result

    def read_currencies(self) -> list[str | None]:
        """Return the currency of each text, which all texts of a shape have in common, unless they are ranges."""
        examples = dict(zip(self._shapes, self._texts, strict=True))
        prices = {shape: split_price(text) for shape, text in examples.items()}
        ranges = {shape for shape, price in prices.items() if price is not None and len(price.amounts) > 1}
        currencies = {shape: price.currency if price else None for shape, price in prices.items()}
        return [
            self._reader.read_currency(text) if shape in ranges else currencies[shape]
            for shape, text in zip(self._shapes, self._texts, strict=True)
        ]

    def _read_plain(self, has_decimals: bool) -> list[Converted]:
        is_float = has_decimals or self._rule.type is ColumnType.PRICE
        return list(map(float if is_float else int, self._texts))

    def _read_shape(self, shape: str, texts: list[str]) -> Sequence[Converted]:
        """Return the values of texts of one shape: the first says where all of them have their decimals."""
        divisor = self._find_divisor(texts[0].strip()) if len(texts) >= _MIN_GROUP else None
        if divisor is None:
            return list(map(self._reader.read, texts))
        integers = to_integers(texts, shape)
        if self._rule.type is ColumnType.NUMBER and abs(divisor) == 1:
            return [integer * divisor for integer in integers]
        # A quotient of integers is rounded correctly: 1299 / 100 is float("12.99").
        return [integer / divisor for integer in integers]

    def _find_divisor(self, text: str) -> int | None:
        """Return what the digits of a text, as one integer, are divided by to give its number.

        Negative for a negative number; None if the text is absent, no number, or has other digits too.
        """
        parts = split_price(text) if self._rule.type is ColumnType.PRICE else split_number(text)
        if parts is None or len(parts.amounts) != 1:
            return None
        digits = parts.amounts[0]
        if "".join(filter(str.isdecimal, text)) != digits.whole + digits.decimals or len(digits.whole) > 15:
            return None
        thousands = parts.has_thousands(self._rule.thousands)
        divisor: int = 10 ** digits.count_decimals(self._rule.decimal_comma, thousands)
        return -divisor if parts.negative else divisor


def read_dates(rule: ReadSettings, texts: Sequence[str]) -> list[Converted]:
    """Return dates as RFC 3339 text; None if absent, InvalidValue if a text is no date."""
    if _RFC_3339.fullmatch("\n".join(texts)):
        return list(texts)
    return list(map(CellReader(rule).read, texts))
