"""When an event happened, in the ways that shops write it."""

import datetime
import math
import re
from decimal import Decimal

from engine.catalog.coercion import BadRow, InvalidValue, is_absent, shown

UTC = datetime.UTC

# Eight digits are a date of ISO 8601, other numbers seconds.
_SECONDS = re.compile(r"(?!\d{8}$)-?\d+(\.\d+)?")
_LAST_S = datetime.datetime(9999, 12, 31, tzinfo=UTC).timestamp()
_FIRST_S = datetime.datetime(1, 1, 2, tzinfo=UTC).timestamp()


def to_time_s(value: object) -> float:
    """Return seconds since 1970, of a number of them or ISO 8601; what names no zone is in UTC. Raises BadRow."""
    if isinstance(value, InvalidValue):
        raise BadRow(value.reason)
    if is_absent(value):
        raise BadRow("no time")
    if isinstance(value, str):
        text = value.strip()
        value = float(text) if _SECONDS.fullmatch(text) else _parsed(text)
    if isinstance(value, datetime.datetime):
        return (value if value.tzinfo is not None else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, datetime.date):
        return datetime.datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp()
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool) and math.isfinite(value):
        if _FIRST_S < value < _LAST_S:
            return float(value)
        raise BadRow(f"time: expected seconds since 1970, got {shown(value)}")
    raise BadRow(f"time: expected ISO 8601 or seconds since 1970, got {shown(value)}")


def _parsed(text: str) -> datetime.datetime:
    try:
        return datetime.datetime.fromisoformat(text)
    except ValueError:
        raise BadRow(f"time: expected ISO 8601 or seconds since 1970, got {shown(text)}") from None
