"""How the values of one column are read: decided once for the whole catalogue, and the same for live updates."""

import datetime
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias, cast

from engine.catalog.absent_words import LONGEST_WORD, is_absent_word
from engine.catalog.boolean_text import read_boolean
from engine.catalog.coercion import JSON, MAX_DEPTH, MAX_FLOAT32, BadRow, InvalidValue, format_value, to_json, to_text
from engine.catalog.date_text import read_date
from engine.catalog.number_text import read_number
from engine.catalog.price_object import read_price_object
from engine.catalog.price_text import read_price

MAX_EXACT_INTEGER = 2**53
"""Beyond it, a number of the payload is no longer exact."""

Value: TypeAlias = "JSON | InvalidValue"


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
        decimal_comma: Whether the comma is the decimal sign; None if the column uses both signs.
        day_first: Whether 03/04/2024 is the 3rd of April.
        keeps_na: Whether NA is a value, as among codes of countries.
    """

    type: ColumnType
    decimal_comma: bool | None = False
    day_first: bool = False
    keeps_na: bool = False

    def convert(self, values: Sequence[object]) -> list[Value]:
        """Return each value as stored in the payload: None if absent, InvalidValue if it does not fit."""
        read = _READERS[self.type]
        if not set(map(type, values)) <= _TEXT_TYPES:
            return [None if value is None else self._convert(value, read) for value in values]
        # Each different text is read once, and most texts need no reading at all.
        texts = cast(set[str | None], set(values))
        if self.type is ColumnType.TEXT and not any(
            text is not None and len(text) <= LONGEST_WORD and self._is_absent(text) for text in texts
        ):
            return cast(list[Value], list(values))
        converted = {text: None if text is None else self._convert(text, read) for text in texts}
        return [converted[text] for text in cast(Sequence[str | None], values)]

    def currencies(self, values: Sequence[object]) -> list[str | None]:
        """Return the currency of each price: an ISO code, or the mark as written if several currencies share it."""
        return [None if type(value) in _PLAIN_NUMBERS else _currency(value) for value in values]

    def _is_absent(self, text: str) -> bool:
        return is_absent_word(text) and not (self.keeps_na and text.strip() == "NA")

    def _convert(self, value: object, read: "_Reader") -> Value:
        if isinstance(value, InvalidValue) or value is None:
            return value
        if isinstance(value, str) and self._is_absent(value):
            return None
        try:
            return read(self, value)
        except BadRow as bad:
            return InvalidValue(str(bad))


# A number that reads the same with either decimal sign.
_SIMPLE = re.compile(r"(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,2})?")

_Reader = Callable[[ColumnRule, object], Value]

_TEXT_TYPES = frozenset({str, type(None)})
_PLAIN_NUMBERS = frozenset({int, float, bool, type(None)})


def exact_integer(value: int) -> JSON:
    """Return an integer as a number, or as text where a number of the payload would not be exact."""
    return value if abs(value) <= MAX_EXACT_INTEGER else str(value)


def _to_text(rule: ColumnRule, value: object) -> Value:
    plain = _to_mixed(rule, value)
    return to_text(plain) if isinstance(plain, bool | int | float) else plain


def _to_number(rule: ColumnRule, value: object) -> Value:
    if isinstance(value, str):
        if _SIMPLE.fullmatch(value):
            return float(value) if "." in value else int(value)
        number = read_number(value).value(rule.decimal_comma)
        if number is None:
            raise BadRow(f"expected a number, got {format_value(value)}")
        return _shortest(number)
    if isinstance(value, bool):
        return int(value)
    if not isinstance(value, int | float | Decimal):
        raise BadRow(f"expected a number, got {format_value(value)}")
    if abs(float(value)) > MAX_FLOAT32:
        raise BadRow(f"expected a finite number, got {format_value(value)}")
    return _to_mixed(rule, value)


def _to_price(rule: ColumnRule, value: object) -> Value:
    amount, _ = (value, "") if isinstance(value, str) else read_price_object(value)
    if isinstance(amount, str):
        if _SIMPLE.fullmatch(amount):
            return float(amount)
        price = read_price(amount)
        amount = None if price is None else price.amount(rule.decimal_comma)
    if isinstance(amount, bool) or not isinstance(amount, int | float | Decimal):
        raise BadRow(f"expected a price, got {format_value(value)}")
    if math.isnan(amount):
        return None
    if abs(float(amount)) > MAX_FLOAT32:
        raise BadRow(f"expected a finite price, got {format_value(value)}")
    return float(amount)


def _to_boolean(rule: ColumnRule, value: object) -> Value:
    truth = value if isinstance(value, bool) else read_boolean(str(value))
    if truth is None and value in (0, 1, "0", "1"):
        truth = value in (1, "1")
    if truth is None:
        raise BadRow(f"expected true or false, got {format_value(value)}")
    return truth


def _to_date(rule: ColumnRule, value: object) -> Value:
    if isinstance(value, datetime.date):
        return value.isoformat()
    read = read_date(value) if isinstance(value, str) else None
    date = None if read is None else read.value(rule.day_first)
    if date is None:
        raise BadRow(f"expected a date, got {format_value(value)}")
    return date


def _to_mixed(rule: ColumnRule, value: object) -> Value:
    return _without_absent(to_json(_exact(value), "value"))


def _exact(value: object, depth: int = 0) -> object:
    """Return a value with the integers that a payload cannot hold as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return exact_integer(value)
    if isinstance(value, list | tuple) and depth < MAX_DEPTH:
        return [_exact(part, depth + 1) for part in value]
    if isinstance(value, Mapping) and depth < MAX_DEPTH:
        return {str(name): _exact(part, depth + 1) for name, part in value.items()}
    return value


def _without_absent(value: JSON) -> JSON:
    """Return a list without the words that stand for a missing value."""
    if isinstance(value, list):
        return [part for part in value if not isinstance(part, str) or not is_absent_word(part)]
    return value


def _shortest(number: float) -> Value:
    return int(number) if number.is_integer() and abs(number) <= MAX_EXACT_INTEGER else number


def _currency(value: object) -> str | None:
    amount, currency = read_price_object(value)
    if not currency and isinstance(amount, str):
        price = read_price(amount)
        currency = "" if price is None else price.currency
    return currency or None


_READERS: Mapping[ColumnType, _Reader] = {
    ColumnType.TEXT: _to_text,
    ColumnType.NUMBER: _to_number,
    ColumnType.PRICE: _to_price,
    ColumnType.BOOLEAN: _to_boolean,
    ColumnType.DATE: _to_date,
    ColumnType.MIXED: _to_mixed,
}
