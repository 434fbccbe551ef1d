"""Numbers as people write them: thousands in groups, a decimal dot or comma, digits of other scripts."""

import re
import unicodedata
from typing import NamedTuple

_SPACES = "\u0020\u00a0\u2009\u202f"
_APOSTROPHES = "'\u2019"
_PLAIN = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_GROUPED = re.compile(rf"(?P<sign>[+-]?)(?P<body>[0-9](?:[0-9.,{_SPACES}{_APOSTROPHES}]*[0-9])?)")
# Thousands in threes, or as in India: the last group has three digits, those before it two.
_GROUPS = re.compile(r"[0-9]{1,3}(?:S[0-9]{3})+|[0-9]{1,2}(?:S[0-9]{2})+S[0-9]{3}")
_ASCII_DIGITS = {ord("\u2212"): "-", ord("\uff0e"): ".", ord("\uff0c"): ",", ord("\uff0b"): "+", ord("\uff0d"): "-"}


class NumberText(NamedTuple):
    """A number as written.

    Attributes:
        dot: Its value if the dot is the decimal sign, None if it cannot be read so.
        comma: Its value if the comma is the decimal sign, None if it cannot be read so.
    """

    dot: float | None
    comma: float | None

    @property
    def is_ambiguous(self) -> bool:
        """Whether the two readings differ."""
        return self.dot is not None and self.comma is not None and self.dot != self.comma

    def value(self, decimal_comma: bool | None) -> float | None:
        """Return the value by the column's decimal sign, or the only one that there is.

        decimal_comma: None if the column uses both signs; then "1,299" and "1.299" are 1299.
        """
        if decimal_comma is None and self.dot is not None and self.comma is not None:
            return max(self.dot, self.comma, key=abs)
        first, second = (self.comma, self.dot) if decimal_comma else (self.dot, self.comma)
        return second if first is None else first


NOT_A_NUMBER = NumberText(None, None)


def read_number(text: str) -> NumberText:
    """Return both readings of a text; neither if it is not a number. "1,299" is 1299 or 1.299, "12,50" only 12.5."""
    if not text.isascii():
        text = normalize_digits(text)
    text = text.strip()
    match = _GROUPED.fullmatch(text)
    if match is None:
        return NumberText(*(float(text),) * 2) if _PLAIN.fullmatch(text) else NOT_A_NUMBER
    sign = -1.0 if match["sign"] == "-" else 1.0
    body = match["body"]
    return NumberText(*(_read(body, sign, thousands, decimal) for thousands, decimal in ((",", "."), (".", ","))))


def normalize_digits(text: str) -> str:
    """Return a text with the digits of other scripts, full-width signs and the minus sign in ASCII."""
    text = text.translate(_ASCII_DIGITS)
    return "".join(str(unicodedata.decimal(letter)) if letter.isdecimal() else letter for letter in text)


def _read(body: str, sign: float, thousands: str, decimal: str) -> float | None:
    """Return the value of digits with one decimal sign, None if they cannot be read so."""
    whole, mark, fraction = body.partition(decimal)
    if mark and not fraction.isdigit():
        return None
    separators = {letter for letter in whole if not letter.isdigit()}
    if not separators <= {thousands, *_SPACES, *_APOSTROPHES} or len(separators) > 1:
        return None
    if separators:
        if whole.startswith("0"):
            return None
        (separator,) = separators
        if _GROUPS.fullmatch(whole.replace(separator, "S")) is None:
            return None
        whole = whole.replace(separator, "")
    return sign * float(f"{whole}.{fraction or 0}")
