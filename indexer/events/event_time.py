"""Event times in the forms that shops write them."""

import math
import re
from datetime import UTC, date, datetime, time
from decimal import Decimal

from engine.catalog.coercion import BadRow, InvalidValue, format_value, is_absent
from engine.columns.datetimes import parse_datetime

# Eight digits are an ISO 8601 date, other numbers are seconds.
_SECONDS = re.compile(r"(?!\d{8}$)-?\d+(\.\d+)?")
_FIRST_S = datetime(1, 1, 2, tzinfo=UTC).timestamp()
_LAST_S = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


def to_time_s(value: object) -> float:
    """Return seconds since 1970 from a number of seconds, ISO 8601 text, a date or a datetime.

    A value without a time zone is in UTC.

    Raises:
        BadRow: The value is none of these.
    """
    if isinstance(value, InvalidValue):
        raise BadRow(value.reason)
    if is_absent(value):
        raise BadRow("no time")
    if isinstance(value, str):
        text = value.strip()
        value = float(text) if _SECONDS.fullmatch(text) else _parse(text)
    if isinstance(value, date):
        moment = value if isinstance(value, datetime) else datetime.combine(value, time())
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool) and math.isfinite(value):
        if _FIRST_S < value < _LAST_S:
            return float(value)
        raise BadRow(f"time: expected seconds since 1970, got {format_value(value)}")
    raise BadRow(f"time: expected ISO 8601 or seconds since 1970, got {format_value(value)}")


def _parse(text: str) -> datetime:
    try:
        return parse_datetime(text)
    except ValueError:
        raise BadRow(f"time: expected ISO 8601 or seconds since 1970, got {format_value(text)}") from None
