"""Instants as payloads and filters write them: dates and date-times of RFC 3339."""

import re
from datetime import date

_MOMENT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))?)?"
)
PATTERN = f"^(?:{_MOMENT.pattern})$"
"""What every text that may be an instant fits, as RE2 reads it."""

_EPOCH = date(1970, 1, 1).toordinal()


def moment_of(text: str) -> int | None:
    """Return the microseconds since 1970 in UTC that a text stands for, None if it is no date or date-time.

    A date is its midnight, a time without an offset is UTC, digits behind the sixth of a second are cut off, and
    the 60th second is the next minute's first.
    """
    if not text[:4].isdigit() or (match := _MOMENT.fullmatch(text)) is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = match.groups()
    try:
        days = date(int(year), int(month), int(day)).toordinal() - _EPOCH
    except ValueError:
        return None
    if hour is None:
        return days * 86_400_000_000
    h, m, s = int(hour), int(minute), int(second)
    if h > 23 or m > 59 or s > 60 or (sign and (int(hours) > 23 or int(minutes) > 59)):
        return None
    offset = (int(hours) * 60 + int(minutes)) * (-1 if sign == "-" else 1) if sign else 0
    micros = int(fraction[:6].ljust(6, "0")) if fraction else 0
    return (days * 86_400 + (h * 60 + m - offset) * 60 + s) * 1_000_000 + micros
