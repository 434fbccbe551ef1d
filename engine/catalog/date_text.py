"""Dates and times as people write them, returned as RFC 3339 text: "31.12.2024", "Dec 31, 2024 2:30 pm".

Only 03/04/2024 and 03-04-2024 leave open which part is the day; the column decides. 03.04.2024 is the 3rd of April.
"""

import datetime
import re
from typing import NamedTuple

_MONTHS = """
    jan january januar jänner janvier enero gennaio januari janeiro ene gen janv
    feb february februar février febrero febbraio februari fevereiro fevr févr fev fév
    mar march märz mars marzo maart março mrz maerz mrt mär
    apr april avril abril aprile avr abr
    may mai mayo maggio mei maio mag
    jun june juni juin junio giugno junho giu
    jul july juli juillet julio luglio julho lug juil
    aug august août agosto augustus aout ago
    sep september septembre septiembre settembre setembro sept set
    oct october oktober octobre octubre ottobre outubro okt ott out
    nov november novembre noviembre novembro
    dec december dezember décembre diciembre dicembre dezembro dez dic déc
"""
_MONTH_NUMBERS = {
    name: number for number, line in enumerate(_MONTHS.strip().splitlines(), start=1) for name in line.split()
}
_TIME = (
    r"(?:(?:T|,?\s+(?:at\s+)?)(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?P<fraction>\.[0-9]{1,9})?)?"
    r"(?:\s?(?P<half>[ap])\.?m\.?)?\s?(?P<offset>Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
_WEEKDAY = r"(?:[^\W\d_]{2,10}\.?,?\s+)?"
_YEAR_FIRST = re.compile(
    r"(?P<year>[0-9]{4})(?P<sign>[-/.])(?P<month>[0-9]{1,2})(?P=sign)(?P<day>[0-9]{1,2})" + _TIME, re.I
)
_YEAR_LAST = re.compile(
    r"(?P<first>[0-9]{1,2})(?P<sign>[-/.])(?P<second_part>[0-9]{1,2})(?P=sign)(?P<year>[0-9]{4}|[0-9]{2})" + _TIME, re.I
)
_DAY_NAMED = re.compile(
    _WEEKDAY + r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th|\.|º)?[\s-]?(?:de\s|of\s)?(?P<name>[^\W\d_]{3,10})\.?,?[\s-]?"
    r"(?:de\s|of\s)?(?P<year>[0-9]{4})" + _TIME,
    re.I,
)
_NAMED_DAY = re.compile(
    _WEEKDAY + r"(?P<name>[^\W\d_]{3,10})\.?[\s-](?P<day>[0-9]{1,2})(?:st|nd|rd|th)?,?[\s-](?P<year>[0-9]{4})" + _TIME,
    re.I,
)
_COMPACT = re.compile(r"(?P<year>[12][0-9]{3})(?P<month>[0-9]{2})(?P<day>[0-9]{2})")
_MAX_LENGTH = 48
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?)?"
)


class DateText(NamedTuple):
    """A text that looks like a date.

    Attributes:
        parts: Year, month and day; or year, first and second part.
        sign: What separates the first and second part where their order is open ("/" or "-"); "" where it is not.
        time: Time of day as RFC 3339 has it, with the T; "" for a date, None if there is no such time.
        short_year: Whether the year has two digits, as few texts do that are dates.
        compact: Whether it is eight digits, as few texts are that are dates.
    """

    parts: tuple[int, int, int]
    sign: str = ""
    time: str | None = ""
    short_year: bool = False
    compact: bool = False

    @property
    def order(self) -> bool | None:
        """Whether the day must come first; None if both orders are dates, or the order is not open."""
        first, second = self.parts[1:]
        return None if not self.sign or (first <= 12) == (second <= 12) else first > 12

    def to_rfc_3339(self, day_first: bool) -> str | None:
        """Return the date or time as RFC 3339 text, None if no calendar has it."""
        year, month, day = self.parts
        if self.sign and (day_first if self.order is None else self.order):
            month, day = day, month
        try:
            date = datetime.date(year, month, day)
        except ValueError:
            return None
        return None if self.time is None else date.isoformat() + self.time


def split_date(text: str) -> DateText | None:
    """Return the parts of a date, None if the text does not look like one: "2024", "2024-W05", "1.5.2"."""
    if len(text) > _MAX_LENGTH:
        return None
    if match := _YEAR_FIRST.fullmatch(text):
        return DateText((int(match["year"]), int(match["month"]), int(match["day"])), time=_to_time(match))
    if match := _YEAR_LAST.fullmatch(text):
        return _to_year_last(match)
    if match := _COMPACT.fullmatch(text):
        return DateText((int(match["year"]), int(match["month"]), int(match["day"])), compact=True)
    match = _DAY_NAMED.fullmatch(text) or _NAMED_DAY.fullmatch(text)
    month = _MONTH_NUMBERS.get(match["name"].lower()) if match else None
    if match and month:
        return DateText((int(match["year"]), month, int(match["day"])), time=_to_time(match))
    return None


def parse_date(text: str, day_first: bool = False) -> str | None:
    """Return a date or time as RFC 3339 text, None if the text is none; RFC 3339 text is returned as it is."""
    date = split_date(text)
    plain = None if date is None else date.to_rfc_3339(day_first)
    return text if plain is not None and _RFC_3339.fullmatch(text) else plain


def _to_year_last(match: "re.Match[str]") -> DateText:
    year, short = int(match["year"]), len(match["year"]) == 2
    if short:
        year += 2000 if year < 69 else 1900
    first, second = int(match["first"]), int(match["second_part"])
    if match["sign"] == ".":
        return DateText((year, second, first), "", _to_time(match), short)
    return DateText((year, first, second), match["sign"], _to_time(match), short)


def _to_time(match: "re.Match[str]") -> str | None:
    """Return the time of day with its T and offset, "" if there is none; None for 25:00."""
    if match["hour"] is None:
        return ""
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
    if match["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match["half"].lower() == "p" else 0)
    if hour > 23 or minute > 59 or second > 60:
        return None
    return f"T{hour:02}:{minute:02}:{second:02}{match['fraction'] or ''}{_to_offset(match['offset'] or '')}"


def _to_offset(offset: str) -> str:
    if not offset or offset.upper() in ("Z", "UTC", "GMT"):
        return "Z" if offset else ""
    digits = offset[1:].replace(":", "").ljust(4, "0")
    return f"{offset[0]}{digits[:2]}:{digits[2:]}"
