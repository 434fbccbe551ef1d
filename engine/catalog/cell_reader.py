"""Reads one value of a column by its rule."""

import datetime
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import TypeAlias

from engine.catalog.absent_words import ABSENT_WORDS, is_absent_word
from engine.catalog.boolean_text import parse_boolean
from engine.catalog.coercion import (
    JSON,
    MAX_EXACT_INTEGER,
    MAX_FLOAT32,
    BadRow,
    InvalidValue,
    format_value,
    to_json,
    to_text,
)
from engine.catalog.column_type import ColumnType, ReadSettings
from engine.catalog.date_text import parse_date
from engine.catalog.number_text import parse_number
from engine.catalog.price_text import parse_price

Converted: TypeAlias = "JSON | InvalidValue"
"""A value as stored in the payload: None if absent, InvalidValue if it does not fit its column."""


# How spreadsheets keep digits from becoming a number: '0012 and ="0012".
_SPREADSHEET_TEXT = re.compile(r"'([0-9][0-9. -]{2,})|=\"([^\"]*)\"")

MARKED = frozenset({*" \t\r\n\u00a0'=", "", *(char for word in ABSENT_WORDS for char in (word[0], word[0].upper()))})
"""What texts begin with that stand for a missing value or are marked as text by a spreadsheet."""


class CellReader:
    """Reads values by the rule of their column."""

    def __init__(self, rule: ReadSettings) -> None:
        self._rule = rule
        self._read_type: Callable[[object], Converted] = {
            ColumnType.TEXT: self._read_as_text,
            ColumnType.NUMBER: self._read_number,
            ColumnType.PRICE: self._read_price,
            ColumnType.BOOLEAN: self._read_boolean,
            ColumnType.DATE: self._read_date,
            ColumnType.MIXED: self._read_json,
        }[rule.type]

    def read(self, value: object) -> Converted:
        """Return a value as stored in the payload: None if absent, InvalidValue if it does not fit."""
        if value is None or isinstance(value, InvalidValue):
            return value
        if isinstance(value, str):
            value = self.read_text(value)
        if value is None or (isinstance(value, (float, Decimal)) and math.isnan(value)):
            return None
        try:
            return self._read_type(value)
        except BadRow as bad:
            return InvalidValue(str(bad).removeprefix(": "))

    def read_text(self, text: str) -> str | None:
        """Return a text without surrounding blanks and a spreadsheet's marks, None if it stands for a missing value."""
        text = text.strip()
        if is_absent_word(text) and not (self._rule.keeps_na and text == "NA"):
            return None
        match = _SPREADSHEET_TEXT.fullmatch(text) if text[0] in "'=" else None
        return text if match is None else (match[1] or match[2]).strip() or None

    def read_currency(self, value: object) -> str | None:
        """Return the currency of a price, None if it has none."""
        price = parse_price(value, self._rule.decimal_comma, self._rule.thousands)
        return price.currency if price else None

    def _read_json(self, value: object) -> Converted:
        plain = to_json(value, "")
        if isinstance(plain, list):
            return [part for part in plain if not isinstance(part, str) or not is_absent_word(part)]
        return plain

    def _read_as_text(self, value: object) -> Converted:
        plain = self._read_json(value)
        return plain if isinstance(plain, (list, dict, InvalidValue)) else to_text(plain)

    def _read_number(self, value: object) -> Converted:
        if isinstance(value, str):
            number = parse_number(value, self._rule.decimal_comma, bool(self._rule.thousands))
        elif isinstance(value, (int, float, Decimal)):
            number = value if isinstance(value, int) else float(value)
        else:
            number = None
        if number is None:
            return _invalid("a number", value)
        if abs(number) <= MAX_EXACT_INTEGER:
            return number
        # Beyond 2**53 a payload holds the nearest number; an int of 400 digits has none.
        return _invalid("a finite number", value) if abs(number) > 1e308 else float(number)

    def _read_price(self, value: object) -> Converted:
        price = parse_price(value, self._rule.decimal_comma, self._rule.thousands)
        if (price is not None and abs(price.amount) > MAX_FLOAT32) or value in (math.inf, -math.inf):
            return _invalid("a finite number", value)
        return _invalid("a price", value) if price is None else price.amount

    def _read_boolean(self, value: object) -> Converted:
        truth = {"1": True, "0": False}.get(value, parse_boolean(value)) if isinstance(value, str) else value
        # 1 and 0 equal True and False.
        return bool(truth) if truth in (True, False) else _invalid("true or false", value)

    def _read_date(self, value: object) -> Converted:
        if isinstance(value, datetime.date):
            return value.isoformat()
        text = str(value) if isinstance(value, (str, int)) else ""
        return parse_date(text, self._rule.day_first) or _invalid("a date", value)


def _invalid(expected: str, value: object) -> InvalidValue:
    return InvalidValue(f"expected {expected}, got {format_value(value)}")
