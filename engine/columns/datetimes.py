"""Dates and times as text: ISO 8601 in events, and its profile RFC 3339 in payloads and filters.

Payloads and filters keep to RFC 3339, so that "20240131" and "2024-W05" stay ordinary text there.
"""

import re
from datetime import UTC, datetime

PATTERN = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?)?$"
)
"""Matches every RFC 3339 date and time, and some that no calendar has; RE2 can read it."""

_RFC_3339 = re.compile(PATTERN)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_datetime(text: str) -> datetime:
    """Parse an ISO 8601 date or time: a date is its midnight, a time without an offset is UTC, and digits after the
    sixth of a second are dropped.

    Raises:
        ValueError: The text is neither.
    """
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)


def to_timestamp_us(text: str) -> int | None:
    """Return an RFC 3339 date or time as microseconds since 1970 in UTC, None if the text is neither.

    Second 60, a leap second, is the first second of the next minute.
    """
    # Most texts are neither: a look at four characters is cheaper than the pattern.
    if not text[:4].isdigit() or _RFC_3339.fullmatch(text) is None:
        return None
    leap_us = 0
    if text[17:19] == "60":
        text, leap_us = f"{text[:17]}59{text[19:]}", 1_000_000
    try:
        since = parse_datetime(text.upper()) - _EPOCH
    except ValueError:
        return None
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds + leap_us
