"""Dates as people write them, as RFC 3339 text: "31.12.2024", "12/31/2024 14:05", "31-Dec-2024", "Dec 31, 2024"."""

import re
from datetime import datetime
from typing import NamedTuple

_CLOCK = r"(?P<time>[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)(?:\s?(?P<half>[AaPp][Mm]))?"
_TIME = rf"(?:[T ,]+{_CLOCK}(?P<zone>Z|[+-][0-9]{{2}}:?[0-9]{{2}})?)?"
_DAYS = re.compile(r"(?P<first>[0-9]{1,2})(?P<sign>[./-])(?P<second>[0-9]{1,2})(?P=sign)(?P<year>[0-9]{4})" + _TIME)
_YEAR_FIRST = re.compile(r"(?P<year>[0-9]{4})(?P<sign>[./-])(?P<month>[0-9]{1,2})(?P=sign)(?P<day>[0-9]{1,2})" + _TIME)
_DAY_NAMED = re.compile(r"(?P<day>[0-9]{1,2})[ -](?P<name>[A-Za-z]{3,9})\.?[ -](?P<year>[0-9]{4})" + _TIME)
_NAMED_DAY = re.compile(r"(?P<name>[A-Za-z]{3,9})\.? (?P<day>[0-9]{1,2})(?:st|nd|rd|th)?,? (?P<year>[0-9]{4})" + _TIME)
_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_NAMES, start=1)}


class DateText(NamedTuple):
    """A date as written, in both orders of day and month; None where no calendar has it."""

    day_first: str | None
    month_first: str | None

    def value(self, day_first: bool) -> str | None:
        """Return the date by the column's order, or the only one that there is."""
        first, second = (self.day_first, self.month_first) if day_first else (self.month_first, self.day_first)
        return second if first is None else first


def read_date(text: str) -> DateText | None:
    """Return a date or time as RFC 3339 text; None if the text does not have the form of one."""
    text = text.strip()
    if match := _DAYS.fullmatch(text):
        first, second = int(match["first"]), int(match["second"])
        return DateText(_to_text(match, second, first), _to_text(match, first, second))
    for pattern in (_YEAR_FIRST, _DAY_NAMED, _NAMED_DAY):
        if match := pattern.fullmatch(text):
            groups = match.groupdict()
            month = int(groups["month"]) if "month" in groups else _MONTHS.get(groups["name"][:3].lower(), 0)
            date = _to_text(match, month, int(match["day"]))
            return DateText(date, date)
    return None


def _to_text(match: re.Match[str], month: int, day: int) -> str | None:
    clock = match["time"] or ""
    form = "%H:%M:%S.%f" if "." in clock else "%H:%M:%S" if clock.count(":") == 2 else "%H:%M"
    try:
        date = datetime(int(match["year"]), month, day)
        time = datetime.strptime(clock, form) if clock else None
    except ValueError:
        return None
    if time is None:
        return date.strftime("%Y-%m-%d") if date.year >= 1000 else f"{date.year:04}-{date.month:02}-{date.day:02}"
    hour = time.hour % 12 + 12 * ((match["half"] or "").lower() == "pm") if match["half"] else time.hour
    moment = date.replace(hour=hour, minute=time.minute, second=time.second, microsecond=time.microsecond)
    zone = match["zone"] or ""
    return moment.isoformat() + (zone if ":" in zone or len(zone) < 2 else f"{zone[:3]}:{zone[3:]}")
