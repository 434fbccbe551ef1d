"""How the values of one column are read: decided once for the whole catalogue, and the same for live updates."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from engine.catalog.cell_reader import MARKED, CellReader, Converted
from engine.catalog.coercion import JSON, MAX_EXACT_INTEGER
from engine.catalog.column_type import ColumnType
from engine.catalog.text_batch import NumberBatch, read_dates

_NONE = type(None)

_MIN, _MAX = -MAX_EXACT_INTEGER, MAX_EXACT_INTEGER
_NUMBERS = (ColumnType.NUMBER, ColumnType.PRICE)

__all__ = ["ColumnRule", "ColumnType", "Converted"]


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """The rule of one column.

    Attributes:
        type: What its values are.
        decimal_comma: Whether the comma is the decimal sign; the dot otherwise.
        day_first: Whether 03/04/2024 is the 3rd of April.
        thousands: Whether three digits after the only sign of a number are thousands, so that 1.299 is 1299; None for
            yes in a price with a currency that has no thousandths, and no elsewhere.
        keeps_na: Whether NA is a value, as among codes of countries.
    """

    type: ColumnType
    decimal_comma: bool = False
    day_first: bool = False
    thousands: bool | None = None
    keeps_na: bool = False

    def convert(self, values: Sequence[object]) -> list[Converted]:
        """Return each value as stored in the payload: None if absent, InvalidValue if it does not fit.

        values: Raw values of one batch. Cost: 0.1 µs for a clear text or number, ten for one that occurs once.
        """
        kinds = set(map(type, values))
        if kinds <= {str, _NONE}:
            return self._convert_texts(cast(Sequence[str | None], values))
        if kinds <= {int, float, _NONE} and self.type in _NUMBERS:
            return self._convert_numbers(cast(Sequence[int | float | None], values))
        if kinds <= {bool, _NONE} and self.type is ColumnType.BOOLEAN:
            return cast(list[Converted], list(values))
        return list(map(self._reader().read, values))

    def currencies(self, values: Sequence[object]) -> list[str | None]:
        """Return the currency of each price: ISO code, or sign if several currencies have it; None if it has none."""
        read = self._reader().read_currency
        texts = [value.replace("\n", " ") for value in values if isinstance(value, str)]
        if not texts:
            return list(map(read, values))
        currencies = iter(NumberBatch(self, texts).read_currencies())
        return [next(currencies) if isinstance(value, str) else read(value) for value in values]

    def to_json(self) -> dict[str, JSON]:
        """Return the rule as JSON, without defaults."""
        defaults = asdict(ColumnRule(self.type))
        return {"type": str(self.type)} | {
            name: value for name, value in asdict(self).items() if value != defaults[name]
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "ColumnRule":
        """Return the rule that `to_json` wrote. Raises ValueError for an unknown type, TypeError for unknown fields."""
        return cls(**{**fields, "type": ColumnType(fields["type"])})

    def _reader(self) -> CellReader:
        return CellReader(self)

    def _convert_numbers(self, values: Sequence[int | float | None]) -> list[Converted]:
        read = self._reader().read
        # Neither NaN nor infinity is between the limits.
        if self.type is ColumnType.PRICE:
            return [
                None if value is None else float(value) if _MIN <= value <= _MAX else read(value) for value in values
            ]
        return [value if value is None or _MIN <= value <= _MAX else read(value) for value in values]

    def _convert_texts(self, values: Sequence[str | None]) -> list[Converted]:
        if self.type in (ColumnType.TEXT, ColumnType.MIXED):
            read = self._reader().read_text
            # The first character tells that most texts are neither N/A nor marked as text by a spreadsheet.
            return [None if text is None else read(text) if text[:1] in MARKED else text.strip() for text in values]
        distinct = set(values)
        has_none = None in distinct
        if not has_none and len(distinct) * 2 > len(values):
            return self._read_texts(cast(Sequence[str], values))
        distinct.discard(None)
        texts = cast(list[str], list(distinct))
        by_text: dict[str | None, Converted] = dict(zip(texts, self._read_texts(texts), strict=True))
        by_text[None] = None
        return list(map(by_text.__getitem__, values))

    def _read_texts(self, texts: Sequence[str]) -> list[Converted]:
        """Return the values of texts of numbers, prices, truth values or dates."""
        if self.type in _NUMBERS and texts:
            return NumberBatch(self, texts).read()
        if self.type is ColumnType.DATE:
            return read_dates(self, texts)
        return list(map(self._reader().read, texts))
