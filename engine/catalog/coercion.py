"""Coerce an item's values, so that numbers, texts and missing values mean the same in all formats and live updates."""

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from engine.catalog.absent_words import is_absent_word
from engine.catalog.number_text import parse_number
from engine.catalog.price_text import parse_price, split_price

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

TEXT_COLUMNS = frozenset({"title", "description", "category", "brand"})
"""Columns whose values are always text."""

MAX_EXACT_INTEGER = 2**53
"""Beyond it a payload, whose numbers are floats, no longer holds every integer."""
MAX_FLOAT32 = 3.4028234663852886e38
_MAX_MESSAGE_LENGTH = 60
MAX_DEPTH = 16
_MAX_ID_BYTES = 512
_MAX_INTEGER_BITS = 1024


class BadRow(Exception):
    """A row that is not a valid product; the message is the reason for the user. Caught by the readers of rows."""


@dataclass(frozen=True, slots=True)
class InvalidValue:
    """Stands in a row for an unreadable value; the row is rejected for `reason`."""

    reason: str


def is_absent(value: object) -> bool:
    """Return whether a value is missing: null, or blank text."""
    return value is None or (isinstance(value, str) and (not value or value.isspace()))


def format_value(value: object) -> str:
    """Return a value for an error message, truncated to one line."""
    text = repr(value)
    return text if len(text) <= _MAX_MESSAGE_LENGTH else text[:_MAX_MESSAGE_LENGTH] + "..."


def shorten(text: str, length: int) -> str:
    """Return a text on one line of at most `length` characters, with an ellipsis if it is cut."""
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1] + "…"


def to_item_id(value: object) -> str:
    """Return an item's id, as `to_id` does."""
    return to_id(value, "item_id")


def to_id(value: object, column: str) -> str:
    """Return an id as stripped text; numbers are written out, 12.0 as "12".

    Raises:
        BadRow: It is not a valid id, or longer than 512 bytes of UTF-8.
    """
    text = _id_text(value, column).strip()
    size = len(to_utf8(text, column).encode())
    if size > _MAX_ID_BYTES:
        raise BadRow(f"{column}: expected at most {_MAX_ID_BYTES} bytes, got {size}")
    return text


def to_utf8(text: str, column: str) -> str:
    """Return the text unchanged. Raises BadRow if UTF-8 cannot encode it, as with undecodable file names."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadRow(f"{column}: not UTF-8") from None
    return text


def _id_text(value: object, column: str) -> str:
    if isinstance(value, InvalidValue):
        raise BadRow(value.reason)
    if is_absent(value):
        raise BadRow(f"no {column}")
    if isinstance(value, str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        if abs(value) >= MAX_EXACT_INTEGER:
            raise BadRow(f"{column} {value!r} is too large for a number to be exact: write it as text")
        return format_number(value)
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return str(value)
    raise BadRow(f"{column}: expected text or a number, got {format_value(value)}")


def format_number(value: float) -> str:
    """Return a number as a person writes it: 12.0 is "12"."""
    return str(int(value)) if value.is_integer() and abs(value) < MAX_EXACT_INTEGER else repr(value)


def to_text(value: JSON) -> str:
    """Return a payload value as text: lists separated by commas, objects as "name: value"."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format_number(value)
    if isinstance(value, list):
        return ", ".join(filter(None, map(to_text, value)))
    if isinstance(value, dict):
        return ", ".join(f"{name}: {text}" for name, part in value.items() if (text := to_text(part)))
    return str(value)


def to_number(value: object, column: str) -> float:
    """Return a number, or text that is one, as a float within float32 range; NaN stays. Raises BadRow."""
    if isinstance(value, InvalidValue):
        raise BadRow(value.reason)
    number: float | None = None
    if isinstance(value, int):
        # An int of 400 digits has no float.
        number = float(value) if abs(value) < MAX_FLOAT32 else math.inf
    elif isinstance(value, (float, Decimal)):
        number = float(value)
    elif isinstance(value, str):
        number = math.nan if value.strip().lower() == "nan" else parse_number(value)
    if number is None:
        raise BadRow(f"{column}: expected a number, got {format_value(value)}")
    if abs(number) > MAX_FLOAT32:
        raise BadRow(f"{column}: expected a finite number, got {format_value(value)}")
    return number


def to_price(value: object) -> float:
    """Return a price: a number, a text such as "1.299,00 €", or an object or list of one. Raises BadRow."""
    if isinstance(value, InvalidValue):
        raise BadRow(value.reason)
    price = parse_price(value)
    if price is None:
        raise BadRow(f"price: expected a price, got {format_value(value)}")
    return price.amount


def to_json(value: object, column: str, depth: int = 0) -> JSON:
    """Return a value as plain JSON.

    NaN becomes null, dates ISO 8601, integers and decimals that a float does not hold text, and bytes null.

    Raises:
        BadRow: Infinity, a value without a JSON form, or nesting deeper than 16.
    """
    if depth > MAX_DEPTH:
        raise BadRow(f"{column}: nested too deeply")
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        return value if abs(value) <= MAX_EXACT_INTEGER else _to_exact_text(value, column)
    if isinstance(value, (float, Decimal)):
        number = float(value)
        if math.isinf(number):
            raise BadRow(f"{column}: expected a finite number, got {format_value(value)}")
        if isinstance(value, Decimal) and abs(number) > MAX_EXACT_INTEGER:
            return f"{value:f}"
        return None if math.isnan(number) else number
    if isinstance(value, (list, tuple)):
        return [to_json(part, column, depth + 1) for part in value]
    if isinstance(value, Mapping):
        return {str(name): to_json(part, column, depth + 1) for name, part in value.items()}
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return None
    if isinstance(value, InvalidValue):
        raise BadRow(value.reason)
    raise BadRow(f"{column}: expected a JSON value, got {format_value(value)}")


def _to_exact_text(value: int, column: str) -> str:
    if value.bit_length() > _MAX_INTEGER_BITS:
        raise BadRow(f"{column}: expected a finite number, got an integer of {value.bit_length()} bits")
    return str(value)


def to_plain(value: object, column: str) -> JSON:
    """Return a column's value as stored in the payload, None if missing: JSON, a price as number, a title as text.

    Raises:
        BadRow: The value is invalid.
    """
    if is_absent(value) or (isinstance(value, str) and is_absent_word(value)):
        return None
    if column == "price":
        return to_price(value)
    plain = to_json(value, column)
    if plain is None or column not in TEXT_COLUMNS or isinstance(plain, (list, dict)):
        return plain
    return to_text(plain)


def to_signal(value: object, column: str) -> float:
    """Return a business signal, NaN if missing: a number, also one written as text or as a price. Raises BadRow."""
    if is_absent(value) or (isinstance(value, str) and is_absent_word(value)):
        return math.nan
    price = split_price(value) if isinstance(value, str) else None
    return to_price(value) if price is not None and price.currency else to_number(value, column)
