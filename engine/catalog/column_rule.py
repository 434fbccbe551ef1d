"""How the values of one column are read: decided once for the whole catalogue, and the same for live updates."""

import datetime
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeAlias

from engine.catalog.absent_words import is_absent_word
from engine.catalog.boolean_text import parse_boolean
from engine.catalog.coercion import JSON, BadRow, InvalidValue, format_value, to_json, to_text
from engine.catalog.date_text import parse_date
from engine.catalog.number_text import parse_number
from engine.catalog.price_text import parse_price

Converted: TypeAlias = "JSON | InvalidValue"
"""A value as stored in the payload: None if absent, InvalidValue if it does not fit its column."""

_NONE = type(None)
_MAX_EXACT_INTEGER = 2**53
# A line that float() would read otherwise than parse_number, or not at all.
_NOT_PLAIN = re.compile(r"^(?!-?[0-9]{1,15}(?:\.(?:[0-9]{1,2}|[0-9]{4,15}))?$)", re.MULTILINE)
_NOT_RFC_3339 = re.compile(
    r"^(?![12][0-9]{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    r"(?:[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?)?$)",
    re.MULTILINE,
)


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
        thousands: Whether three digits after the only sign of a number are thousands, so that 1.299 is 1299; None for
            yes in a price with a currency that has no thousandths, and no elsewhere.
        values: Words such as NA that are values of this column, although they stand for a missing value in others.
    """

    type: ColumnType
    decimal_comma: bool = False
    day_first: bool = False
    thousands: bool | None = None
    values: tuple[str, ...] = ()

    def convert(self, values: Sequence[object]) -> list[Converted]:
        """Return each value as stored in the payload: None if absent, InvalidValue if it does not fit.

        values: Raw values of one batch; a batch of texts is converted faster than its values one by one.
        """
        kinds = set(map(type, values))
        if kinds <= {str, _NONE}:
            if self.type in (ColumnType.TEXT, ColumnType.MIXED):
                return self._convert_texts(values)  # type: ignore[arg-type]
            return self._convert_distinct(values)  # type: ignore[arg-type]
        if kinds <= {float, int, _NONE} and self.type is ColumnType.NUMBER:
            return [
                value if value is None or -_MAX_EXACT_INTEGER < value < _MAX_EXACT_INTEGER else self._convert(value)
                for value in values
            ]  # type: ignore
        return list(map(self._convert, values))

    def currencies(self, values: Sequence[object]) -> list[str | None]:
        """Return the currency of each price: ISO code, or sign if several currencies have it; None if it has none."""
        found: dict[str, str | None] = {}
        result: list[str | None] = []
        for value in values:
            if isinstance(value, str):
                if value not in found:
                    found[value] = self._currency(value)
                result.append(found[value])
            else:
                result.append(self._currency(value) if isinstance(value, (dict, list)) else None)
        return result

    def to_json(self) -> dict[str, JSON]:
        """Return the rule as JSON, without defaults."""
        fields: dict[str, Any] = asdict(self)
        return {
            name: list(value) if name == "values" else value
            for name, value in fields.items()
            if value or (name == "thousands" and value is False)
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "ColumnRule":
        """Return the rule that `to_json` wrote. Raises ValueError for an unknown type, TypeError for an unknown field."""
        return cls(**{**fields, "type": ColumnType(fields["type"]), "values": tuple(fields.get("values", ()))})

    def _currency(self, value: object) -> str | None:
        price = parse_price(value, self.decimal_comma, self.thousands)
        return price.currency if price else None

    def _is_absent(self, text: str) -> bool:
        """Return whether a stripped text is absent."""
        return is_absent_word(text) and (not text or text not in self.values)

    def _convert_texts(self, values: Sequence[str | None]) -> list[Converted]:
        return [
            None if text is None or (len(text) < 10 and self._is_absent(text.strip())) else text.strip()
            for text in values
        ]

    def _convert_distinct(self, values: Sequence[str | None]) -> list[Converted]:
        """Return the values of a batch of texts, parsing equal ones once and plain numbers all together."""
        distinct = set(values)
        distinct.discard(None)
        texts: list[str] = list(distinct)  # type: ignore[arg-type]
        read = self._read_plainly(texts)
        parsed: dict[str | None, Converted] = dict(zip(texts, read if read else map(self._convert, texts)))
        parsed[None] = None
        return list(map(parsed.__getitem__, values))

    def _read_plainly(self, texts: list[str]) -> Iterable[JSON] | None:
        """Return the values of texts that are all clear; None if one is not."""
        joined = "\n".join(texts)
        if joined.count("\n") != len(texts) - 1:
            return None
        if self.type is ColumnType.DATE:
            return None if _NOT_RFC_3339.search(joined) else texts  # type: ignore[return-value]
        if self.type not in (ColumnType.NUMBER, ColumnType.PRICE) or _NOT_PLAIN.search(joined):
            return None
        if self.type is ColumnType.PRICE:
            return list(map(float, texts))
        return (
            list(map(int, texts))
            if "." not in joined
            else [float(text) if "." in text else int(text) for text in texts]
        )

    def _convert(self, value: object) -> Converted:
        if value is None or isinstance(value, InvalidValue):
            return value
        if isinstance(value, float) and math.isnan(value):
            return None
        if isinstance(value, str):
            value = value.strip()
            if self._is_absent(value):
                return None
        try:
            return _CONVERTERS[self.type](self, value)
        except BadRow as bad:
            return InvalidValue(str(bad).partition(": ")[2])


def _to_text(rule: ColumnRule, value: object) -> JSON:
    plain = to_json(value, "value")
    return plain if isinstance(plain, (list, dict)) else to_text(plain)


def _to_number(rule: ColumnRule, value: object) -> Converted:
    if isinstance(value, str):
        number = parse_number(value, rule.decimal_comma, bool(rule.thousands))
        return InvalidValue(f"expected a number, got {format_value(value)}") if number is None else number
    if isinstance(value, (bool, int, float, Decimal)):
        return to_json(value, "value")
    return InvalidValue(f"expected a number, got {format_value(value)}")


def _to_price(rule: ColumnRule, value: object) -> Converted:
    if isinstance(value, (list, tuple)) and len(value) > 1:
        prices = [_to_price(rule, part) for part in value]
        return next((price for price in prices if isinstance(price, InvalidValue)), prices)  # type: ignore
    price = parse_price(value, rule.decimal_comma, rule.thousands)
    return InvalidValue(f"expected a price, got {format_value(value)}") if price is None else price.amount


def _to_boolean(rule: ColumnRule, value: object) -> Converted:
    truth = value if isinstance(value, bool) else None
    if isinstance(value, str):
        truth = {"1": True, "0": False}.get(value, parse_boolean(value))
    elif value in (0, 1):
        truth = bool(value)
    return InvalidValue(f"expected true or false, got {format_value(value)}") if truth is None else truth


def _to_date(rule: ColumnRule, value: object) -> Converted:
    if isinstance(value, datetime.date):
        return value.isoformat()
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    date = parse_date(text, rule.day_first)
    return InvalidValue(f"expected a date, got {format_value(value)}") if date is None else date


def _to_mixed(rule: ColumnRule, value: object) -> JSON:
    return to_json(value, "value")


_CONVERTERS: dict[ColumnType, Callable[[ColumnRule, object], Converted]] = {
    ColumnType.TEXT: _to_text,
    ColumnType.NUMBER: _to_number,
    ColumnType.PRICE: _to_price,
    ColumnType.BOOLEAN: _to_boolean,
    ColumnType.DATE: _to_date,
    ColumnType.MIXED: _to_mixed,
}
