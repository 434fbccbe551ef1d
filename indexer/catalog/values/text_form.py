"""What a text may be: a number, a price, a truth value or a date. One example answers for all texts of its shape."""

import unicodedata
from functools import lru_cache
from typing import NamedTuple

from engine.catalog.absent_words import is_absent_word
from engine.catalog.boolean_text import parse_boolean
from engine.catalog.date_text import DateText, split_date
from engine.catalog.number_text import NumberText, split_number
from engine.catalog.price_text import PriceText, split_price

# The longest prices and dates have 32 letters: "Wednesday, September 30, 2026 at 12:00 PM".
_MAX_LETTERS = 40
# Codes that are hardly ever anything else; "TOP 10" and "ALL 5" are no prices unless the column's name says so.
_MAJOR_CODES = "AED AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF INR JPY KRW MXN NOK NZD PLN SEK SGD USD ZAR"
_MAJOR = frozenset(_MAJOR_CODES.split())


class TextForm(NamedTuple):
    """What a text may be; None for what it cannot be.

    Attributes:
        absent: Whether it stands for a missing value.
        number: Its parts as a number.
        price: Its parts as a price; numbers are prices too.
        boolean: Its truth value.
        date: Its parts as a date, which need not exist.
        has_currency: Whether it is a price with a currency that is nothing else: not "R17".
    """

    absent: bool
    number: NumberText | None
    price: PriceText | None
    boolean: bool | None
    date: DateText | None
    has_currency: bool

    @property
    def is_text(self) -> bool:
        """Whether it can only be text."""
        return not self.absent and all(form is None for form in (self.number, self.price, self.boolean, self.date))


@lru_cache(16384)
def read_form(text: str) -> TextForm:
    """Return what a stripped text may be."""
    if not any(map(str.isdecimal, text)) or sum(map(str.isalpha, text)) > _MAX_LETTERS:
        return TextForm(is_absent_word(text), None, None, parse_boolean(text), None, False)
    price = split_price(text)
    currency = price.currency if price else None
    has_currency = currency is not None and _is_clear(text, currency)
    return TextForm(False, split_number(text), price, None, split_date(text), has_currency)


def _is_clear(text: str, currency: str) -> bool:
    return (currency in _MAJOR and currency in text) or any(unicodedata.category(char) == "Sc" for char in text)
