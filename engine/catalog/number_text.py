"""Numbers written by people: with separators between thousands, a decimal comma, blanks and other scripts' digits.

Most are clear by themselves: "1.299,00", "1,040,000", "4,5", "0.125". Only one sign before exactly three digits, as in
"1.299" and "1,299", may be either; the column decides, so that its other values are evidence.
"""

import re
import unicodedata
from typing import NamedTuple

_MAX_LENGTH = 64
_BLANKS = "\t\u00a0\u1680\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_APOSTROPHES = "’‘ʼ′＇`´٬"
_DASHES = "−﹣－–—‐‑"
_INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u2060\u2066\u2067\u2068\u2069\ufeff"
_TO_ASCII = (
    dict.fromkeys(map(ord, _BLANKS), " ")
    | dict.fromkeys(map(ord, _APOSTROPHES), "'")
    | dict.fromkeys(map(ord, _DASHES), "-")
    | dict.fromkeys(map(ord, _INVISIBLE), "")
    | {ord("．"): ".", ord("，"): ",", ord("٫"): ".", ord("＋"): "+", ord("％"): "%", ord("٪"): "%"}
)
_ONE_SIGN = re.compile(r"([0-9]*)([.,])([0-9]+)")
_GROUPED = re.compile(r"([1-9][0-9]{0,2}(?:([., '])[0-9]{3})(?:\2[0-9]{3})*)(?:([.,])([0-9]+))?")
_INDIAN = re.compile(r"([1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3})(?:(\.)([0-9]+))?")
_EXPONENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)[eE][+-]?[0-9]{1,3}")
_SIGNED = re.compile(r"([+-]?) ?(.*?)( ?%)?", re.DOTALL)
_NOT_DIGITS = re.compile(r"[^0-9]")


class Digits(NamedTuple):
    """The digits of a number, and the signs that separate them.

    Attributes:
        whole: Digits before the decimal sign.
        decimals: Digits after it; "" if there are none.
        decimal_sign: "." or ","; "" if there is none.
        group_sign: What separates the thousands: ".", ",", " " or "'"; "" if nothing.
    """

    whole: str
    decimals: str = ""
    decimal_sign: str = ""
    group_sign: str = ""

    @property
    def is_ambiguous(self) -> bool:
        """Whether the decimal sign may separate thousands instead: "1.299", never "0.125" and "1299.125"."""
        return bool(
            len(self.decimals) == 3
            and not self.group_sign
            and 1 <= len(self.whole) <= 3
            and not self.whole.startswith("0")
        )

    def count_decimals(self, decimal_comma: bool, thousands: bool) -> int:
        """Return the number of decimals; ambiguous ones are some only after the decimal sign and unless `thousands`."""
        is_group = self.is_ambiguous and (thousands or (self.decimal_sign == ",") != decimal_comma)
        return 0 if is_group else len(self.decimals)

    def to_number(self, decimal_comma: bool, thousands: bool) -> int | float:
        """Return the number; see `count_decimals`. Without decimals it is an int."""
        if self.count_decimals(decimal_comma, thousands):
            return float(f"{self.whole}.{self.decimals}")
        return int(self.whole + self.decimals)


def to_ascii(text: str) -> str:
    """Return a text with ASCII digits, signs, blanks and apostrophes, without invisible and surplus characters."""
    if not text.isascii():
        text = text.translate(_TO_ASCII)
        text = "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in text)
    # A spreadsheet's mark of text: '0012.
    return " ".join(text.split()).removeprefix("'")


def split_digits(text: str) -> Digits | None:
    """Return the digits of an unsigned number in ASCII, None if the text is not one."""
    if text.isdecimal():
        return Digits(text)
    if match := _ONE_SIGN.fullmatch(text):
        return Digits(match[1], match[3], match[2])
    match = _GROUPED.fullmatch(text)
    if match and match[2] != match[3]:
        return Digits(_NOT_DIGITS.sub("", match[1]), match[4] or "", match[3] or "", match[2])
    if match := _INDIAN.fullmatch(text):
        return Digits(_NOT_DIGITS.sub("", match[1]), match[3] or "", match[2] or "", ",")
    return None


class NumberText(NamedTuple):
    """A text that is a number.

    Attributes:
        amounts: Its digits; none for a number with an exponent.
        negative: Whether a minus sign precedes it.
        percent: Whether a percent sign follows it.
        exponent: The unsigned text, if it has an exponent: "1e3".
    """

    amounts: tuple[Digits, ...]
    negative: bool = False
    percent: bool = False
    exponent: str = ""

    def has_thousands(self, thousands: bool | None) -> bool:
        """Return `thousands`; None is False."""
        return bool(thousands)

    def to_number(self, decimal_comma: bool = False, thousands: bool = False) -> int | float:
        """Return the number; see `Digits.count_decimals`. 12% is 12."""
        if self.exponent:
            number: int | float = float(self.exponent)
        else:
            number = self.amounts[0].to_number(decimal_comma, thousands)
        return -number if self.negative else number


def split_number(text: str) -> NumberText | None:
    """Return the parts of a number, None if the text is not one: "12 kg", "1/2", "1.299.00", "inf", "1_000"."""
    if len(text) > _MAX_LENGTH:
        return None
    match = _SIGNED.fullmatch(to_ascii(text))
    if match is None:
        return None
    negative, core, percent = match[1] == "-", match[2], bool(match[3])
    digits = split_digits(core)
    if digits is not None:
        return NumberText((digits,), negative, percent)
    if _EXPONENT.fullmatch(core) and abs(float(core)) != float("inf"):
        return NumberText((), negative, percent, core)
    return None


def parse_number(text: str, decimal_comma: bool = False, thousands: bool = False) -> int | float | None:
    """Return the number that a text is, None if it is none.

    Args:
        text: "1,040", "1 299,5", "−5", "1e3".
        decimal_comma: Whether "1,299" has decimals; "1.299" otherwise.
        thousands: Whether neither has.
    """
    number = split_number(text)
    return None if number is None else number.to_number(decimal_comma, thousands)
