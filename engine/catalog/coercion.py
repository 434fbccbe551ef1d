"""What one value of an item means, so that a number, a text and a gap are the same in every format, and live too."""

import datetime
import math
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

TEXT_COLUMNS = frozenset({"title", "description", "category", "brand"})
"""Columns whose values are always text."""

_LARGEST_EXACT = 2**53
_LARGEST_FLOAT32 = 3.4028234663852886e38
_SHOWN = 60
_DEEPEST = 16
_LONGEST_ID_BYTES = 512
# "$1,250.00", "12.50 €", "USD 7": one currency, commas between thousands only, so that "1,25" is not 125.
_PRICE = re.compile(
    r"(?:[^\W\d_]{3}|[$€£¥₹])?\s?([0-9]{1,3}(?:,[0-9]{3})*|[0-9]+)(\.[0-9]+)?\s?(?:[^\W\d_]{3}|[$€£¥₹])?"
)


class BadRow(Exception):
    """A row that cannot become a product; its message is the reason a person reads. Whoever reads rows catches it."""


@dataclass(frozen=True, slots=True)
class InvalidValue:
    """Stands in a row for a value that could not be read; the row is rejected for `reason`."""

    reason: str


def is_absent(value: object) -> bool:
    """Tell whether a value stands for nothing: null, or a text of blanks."""
    return value is None or (isinstance(value, str) and (not value or value.isspace()))


def shown(value: object) -> str:
    """Return a value as an error message shows it, cut to a line."""
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def to_item_id(value: object) -> str:
    """Return the id of an item, as `to_id` does."""
    return to_id(value, "item_id")


def to_id(value: object, column: str) -> str:
    """Return an id as text without blanks around it: numbers as they would be written, 12.0 as "12".

    Raises BadRow if it cannot be one, or is longer than 512 bytes of UTF-8.
    """
    text = _id_text(value, column).strip()
    size = len(to_utf8(text, column).encode())
    if size > _LONGEST_ID_BYTES:
        raise BadRow(f"{column}: expected at most {_LONGEST_ID_BYTES} bytes, got {size}")
    return text


def to_utf8(text: str, column: str) -> str:
    """Return the text itself. Raises BadRow if it holds what UTF-8 cannot, as undecodable file names do."""
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
        if abs(value) >= _LARGEST_EXACT:
            raise BadRow(f"{column} {value!r} is too large for a number to be exact: write it as text")
        return number_text(value)
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return str(value)
    raise BadRow(f"{column}: expected text or a number, got {shown(value)}")


def number_text(value: float) -> str:
    """Return a number as a person writes it: 12.0 is "12"."""
    return str(int(value)) if value.is_integer() and abs(value) < _LARGEST_EXACT else repr(value)


def to_text(value: JSON) -> str:
    """Return a payload value as words of a text: lists with commas, objects as "name: value"."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, list):
        return ", ".join(filter(None, map(to_text, value)))
    if isinstance(value, dict):
        return ", ".join(f"{name}: {text}" for name, part in value.items() if (text := to_text(part)))
    return str(value)


def to_number(value: object, column: str) -> float:
    """Return a number, or a text that is one, as a float that float32 can hold; NaN stays. Raises BadRow."""
    if isinstance(value, InvalidValue):
        raise BadRow(value.reason)
    number: float | None = None
    if isinstance(value, int):
        # An int of 400 digits has no float.
        number = float(value) if abs(value) < _LARGEST_FLOAT32 else math.inf
    elif isinstance(value, (float, Decimal)):
        number = float(value)
    elif isinstance(value, str) and "_" not in value:
        try:
            number = float(value)
        except ValueError:
            number = None
    if number is None:
        raise BadRow(f"{column}: expected a number, got {shown(value)}")
    if abs(number) > _LARGEST_FLOAT32:
        raise BadRow(f"{column}: expected a finite number, got {shown(value)}")
    return number


def to_price(value: object) -> float:
    """Return a price; a text may name a currency and group its thousands with commas. Raises BadRow."""
    match = _PRICE.fullmatch(value.strip()) if isinstance(value, str) else None
    number = to_number(match[1].replace(",", "") + (match[2] or "") if match else value, "price")
    if math.isnan(number):
        raise BadRow(f"price: expected a finite number, got {shown(value)}")
    return number


def to_json(value: object, column: str, depth: int = 0) -> JSON:
    """Return a value as plain JSON.

    NaN is null, dates are ISO 8601, integers beyond 64 bits are floats, bytes have no place in JSON and are null.
    Raises BadRow for infinities, for what has no JSON form, and for what is nested deeper than 16.
    """
    if depth > _DEEPEST:
        raise BadRow(f"{column}: nested too deeply")
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        if -(2**63) <= value < 2**63:
            return value
        if abs(value) > sys.float_info.max:
            raise BadRow(f"{column}: expected a finite number, got an integer of {value.bit_length()} bits")
        return float(value)
    if isinstance(value, (float, Decimal)):
        number = float(value)
        if math.isinf(number):
            raise BadRow(f"{column}: expected a finite number, got {shown(value)}")
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
    raise BadRow(f"{column}: expected a JSON value, got {shown(value)}")


def to_plain(value: object, column: str) -> JSON:
    """Return what a payload keeps of a column's value, None for nothing: JSON, a price a number, a title text.

    Raises BadRow.
    """
    if is_absent(value):
        return None
    if column == "price":
        return to_price(value)
    plain = to_json(value, column)
    if plain is None or column not in TEXT_COLUMNS or isinstance(plain, (list, dict)):
        return plain
    return to_text(plain)


def to_signal(value: object, column: str) -> float:
    """Return a business signal, NaN where the row has none. Raises BadRow."""
    return math.nan if is_absent(value) else to_number(value, column)
