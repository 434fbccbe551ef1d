"""Prices as shops write them: an amount with or without a currency, as in "1.299,00 €", "CHF 1'299.-" and "Rs. 499"."""

import re
from typing import NamedTuple

from engine.catalog.number_text import NOT_A_NUMBER, NumberText, read_number

# Marks that name one currency; a mark shared by several, such as "$" and "kr", is kept as written.
_CODES = {
    "€": "EUR", "euro": "EUR", "euros": "EUR", "eur": "EUR", "£": "GBP", "₹": "INR", "rs": "INR", "inr": "INR",
    "us$": "USD", "usd$": "USD", "a$": "AUD", "au$": "AUD", "c$": "CAD", "ca$": "CAD", "nz$": "NZD", "hk$": "HKD",
    "s$": "SGD", "mx$": "MXN", "nt$": "TWD", "r$": "BRL", "zł": "PLN", "zl": "PLN", "₫": "VND", "đ": "VND", "₩": "KRW",
    "원": "KRW", "₽": "RUB", "руб": "RUB", "₺": "TRY", "tl": "TRY", "₴": "UAH", "грн": "UAH", "₪": "ILS", "฿": "THB",
    "₱": "PHP", "₦": "NGN", "₵": "GHS", "kč": "CZK", "ft": "HUF", "lei": "RON", "лв": "BGN", "rp": "IDR", "rm": "MYR",
    "円": "JPY", "元": "CNY", "人民币": "CNY", "rmb": "CNY", "fr": "CHF", "sfr": "CHF", "د.إ": "AED", "ر.س": "SAR",
}  # fmt: skip
_SHARED = frozenset({"$", "¥", "￥", "kr", "dollar", "dollars", "pesos", "₨"})
_ISO = frozenset(
    {"AED", "ARS", "AUD", "BDT", "BGN", "BHD", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CZK", "DKK", "EGP"}
    | {"EUR", "GBP", "GHS", "HKD", "HRK", "HUF", "IDR", "ILS", "INR", "IQD", "ISK", "JOD", "JPY", "KES", "KRW"}
    | {"KWD", "KZT", "LKR", "LYD", "MAD", "MXN", "MYR", "NGN", "NOK", "NZD", "OMR", "PEN", "PHP", "PKR", "PLN"}
    | {"QAR", "RON", "RSD", "RUB", "SAR", "SEK", "SGD", "THB", "TND", "TRY", "TWD", "UAH", "USD", "UYU", "VND"}
    | {"ZAR"}
)
# Currencies of a thousand parts, in which 1.299 is less than two.
_THREE_DECIMALS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})

_AMOUNT = re.compile(r"[+\-\u2212]?[\d](?:[\d.,'\u2019 \u00a0\u2009\u202f]*\d)?")
_PREFIXES = re.compile(r"(?:from|ab|starting at|à partir de|desde|now|only|nur|vanaf|od)\s+", re.IGNORECASE)
_NO_CENTS = re.compile(r"(?<=\d)[.,][-–—=]{1,2}")
_THREE_DIGITS = re.compile(r"[+\-]?[0-9]{1,3}[.,][0-9]{3}")


class Price(NamedTuple):
    """A price as written: its amount in both readings, and its currency.

    Attributes:
        number: The amount.
        currency: ISO 4217 code where the mark names one currency, otherwise the mark as written; empty without one.
        is_thousands: Whether a lone separator with three digits after it can only separate thousands.
    """

    number: NumberText
    currency: str
    is_thousands: bool

    def amount(self, decimal_comma: bool | None) -> float | None:
        """Return the amount by the column's decimal sign, as `NumberText.value` does."""
        return self.number.value(None if self.is_thousands else decimal_comma)


def read_price(text: str) -> Price | None:
    """Return a price; None if the text is not exactly one amount with at most one currency."""
    text = _PREFIXES.sub("", _NO_CENTS.sub("", text.strip()), count=1)
    match = _AMOUNT.search(text)
    if match is None:
        return None
    number = read_number(match[0])
    before, after = text[: match.start()].strip(), text[match.end() :].strip()
    marks = [mark for mark in (before, after) if mark]
    currencies = {currency for mark in marks if (currency := to_currency(mark))}
    if (len(marks) > 1 and len(currencies) > 1) or not all(to_currency(mark) for mark in marks):
        return None
    if number == NOT_A_NUMBER:
        return None
    currency = currencies.pop() if currencies else ""
    is_thousands = bool(currency) and currency not in _THREE_DECIMALS and bool(_THREE_DIGITS.fullmatch(match[0]))
    return Price(number, currency, is_thousands)


def to_currency(mark: str) -> str:
    """Return the ISO code of a currency mark, the mark itself if several currencies share it, "" if it is none."""
    folded = mark.casefold().rstrip(". ").strip("()")
    if mark.upper() in _ISO:
        return mark.upper()
    if folded in _CODES:
        return _CODES[folded]
    if folded in _SHARED:
        return mark
    # "EUR €" and "$ USD" name it twice.
    parts = mark.split()
    if len(parts) == 2:
        first, second = map(to_currency, parts)
        return (first if first in _ISO else second) if first and second else ""
    return ""
