"""Prices as shops write them: "1.299,00 €", "Rs. 499", "from $5", "12.-", and objects with an amount and a currency.

Strict, since a price that is read wrongly is worse than one that is missing: every word beside it must be known.
"""

import html
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from engine.catalog.currencies import CODES, THREE_DECIMALS, find_currency
from engine.catalog.number_text import Digits, split_digits, split_number, to_ascii

_MAX_LENGTH = 64
_AMOUNT = re.compile(r"[0-9](?:[0-9.,' ]*[0-9])?|(?:^|(?<=[$€£¥₹]))[.,][0-9]+")
_LABEL = re.compile(
    r"(?:starting (?:from|at)|as low as|[aà] partir de|dès|desde|from|ab|da|vanaf|från|fra|od|от|only|nur|now|price|"
    r"preis|prix|precio|prezzo|(?:our|sale|special|regular) price|m\.?s?\.?r\.?p\.?|rrp|srp|uvp|ca\.?|approx\.?)"
    r"(?:\s*:\s*|\.?\s+)",
    re.IGNORECASE,
)
_UNIT = (
    r"(?:kg|g|mg|lbs?|oz|l|ml|cl|dl|m|m2|m²|cm|ft|yd|sqm|unit|item|pcs?|piece|pair|pack|set|box|stk?|stück|stueck|pièce|"
    r"pieza|pezzo|bottle|person|month|mo|year|yr)"
)
_TAX = r"(?:(?:sales )?tax(?:es)?|vat|gst|mwst|ust|btw|moms|iva|tva)"
_TAIL = re.compile(
    rf"\s*(?:(?:/|\b(?:per|pro|je|par|la|por|al|the)\b)\s*(?:[0-9]{{1,4}}\s*)?{_UNIT}\b\.?"
    r"|\b(?:each|ea|only|onwards|und up|and up|ttc|ht)\b\.?"
    r"|\(?(?:\+|\b(?:incl?|inkl|excl?|exkl|zzgl|plus|ex|inclusive|includes|including|excluding)\b)\.?\s*(?:of\s+)?"
    rf"(?:[0-9]{{1,2}}\s*%\s*)?{_TAX}\b\.?\)?"
    r"|\*+)$",
    re.IGNORECASE,
)
_RANGE = re.compile(r"([^-~〜～]*?)(?:\s(?:to|bis|à|a|tot|til)\s|\s?[-~〜～]\s?)([^-~〜～]*)", re.IGNORECASE)
# 12.- and 1.299,-- in German, 499:- in Swedish, 499/- in India.
_NO_CENTS = re.compile(r"(?<=[0-9])\s?(?:[.,]\s?-{1,2}|:-|/-|\s-{2}|,—)(?![0-9])")
_EURO_CENTS = re.compile(r"(?<=[0-9])\s?€\s?([0-9]{2})$")
_AMOUNT_KEYS = ("amount", "value", "price")
_CURRENCY_KEYS = ("currency", "currencycode", "currencyiso", "pricecurrency", "currencyid", "currencysymbol")
_NOT_AMOUNTS = re.compile(r"cent|minor|micro|nano|unit|scale|digits|precision|divisor|exponent|quantity|count|id$")


class Price(NamedTuple):
    """An amount and its currency: an ISO 4217 code, a sign that several currencies have, or None."""

    amount: float
    currency: str | None = None


class PriceText(NamedTuple):
    """A text that is a price, before the signs between its digits are decided.

    Attributes:
        amounts: Digits of the amount; of both amounts of a range.
        negative: Whether a minus sign precedes it.
        currency: As in `Price`.
    """

    amounts: tuple[Digits, ...]
    negative: bool
    currency: str | None

    def has_thousands(self, thousands: bool | None) -> bool:
        """Return `thousands`, or whether there is a currency if it is None; False for a currency with thousandths."""
        if self.currency in THREE_DECIMALS:
            return False
        return self.currency is not None if thousands is None else thousands

    def to_price(self, decimal_comma: bool = False, thousands: bool | None = None) -> Price | None:
        """Return the price, the lowest of a range; None if a range does not ascend.

        thousands: Whether three digits after the only sign are thousands, if the currency has no thousandths; None for
        yes if there is a currency.
        """
        grouped = self.has_thousands(thousands)
        amounts = [float(digits.to_number(decimal_comma, grouped)) for digits in self.amounts]
        if amounts != sorted(amounts) or not math.isfinite(amounts[0]):
            return None
        return Price(-amounts[0] if self.negative else amounts[0], self.currency)


def split_price(text: str) -> PriceText | None:
    """Return the parts of a price, None if the text is not one: "2 for 5", "$20.00 $15.00", "1.299.00", "free"."""
    if len(text) > _MAX_LENGTH:
        return None
    text = _strip_words(to_ascii(html.unescape(text) if "&" in text else text))
    text = _EURO_CENTS.sub(r",\1 €", _NO_CENTS.sub(" ", text).strip())
    found = list(_AMOUNT.finditer(text))
    if len(found) == 1:
        return _to_price_text(found[0], text[: found[0].start()], text[found[0].end() :])
    return _split_range(text, found) if len(found) == 2 else None


def _strip_words(text: str) -> str:
    shorter = _TAIL.sub("", text)
    while shorter != text:
        text, shorter = shorter, _TAIL.sub("", shorter)
    return text[match.end() :] if (match := _LABEL.match(text)) else text


def _to_price_text(found: "re.Match[str]", before: str, after: str) -> PriceText | None:
    digits = split_digits(found[0])
    before = before.strip()
    # "-5", "- €5" and "€-5" alike.
    negative = before.startswith("-") or before.endswith("-")
    known, currency = _merge_currencies(before.strip("+- ").rstrip(":"), after.strip())
    return PriceText((digits,), negative, currency) if digits and known else None


def _split_range(text: str, found: list["re.Match[str]"]) -> PriceText | None:
    """Return the parts of "£12.99 - £15.99", "10 to 20 USD"."""
    first, second = found
    between = _RANGE.fullmatch(text[first.end() : second.start()])
    if between is None:
        return None
    low = _to_price_text(first, text[: first.start()], between[1])
    high = _to_price_text(second, between[2], text[second.end() :])
    if low is None or high is None or low.negative or high.negative:
        return None
    known, currency = _merge(low.currency, high.currency)
    return PriceText(low.amounts + high.amounts, False, currency) if known else None


def _merge_currencies(before: str, after: str) -> tuple[bool, str | None]:
    """Return whether both texts are currencies or empty, and the currency."""
    first, second = find_currency(before), find_currency(after)
    if (before and first is None) or (after and second is None):
        return False, None
    return _merge(first, second)


def _merge(first: str | None, second: str | None) -> tuple[bool, str | None]:
    """Return whether two currencies can be the same, and which: "$" and "USD" is USD."""
    if first is None or second is None or first == second:
        return True, first or second
    if first in CODES and second in CODES:
        return False, None
    return True, first if first in CODES else second


def parse_price(value: object, decimal_comma: bool = False, thousands: bool | None = True) -> Price | None:
    """Return the price that a text, number, object or list of one is; None if it is none. See `PriceText.to_price`."""
    if isinstance(value, str):
        text = split_price(value)
        if text is not None:
            return text.to_price(decimal_comma, thousands)
        number = split_number(value)
        return Price(number.to_number(False, False)) if number is not None and number.exponent else None
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return _to_finite(value)
    if isinstance(value, Mapping):
        return _parse_object(value, decimal_comma, thousands)
    if isinstance(value, (list, tuple)) and len(value) == 1:
        return parse_price(value[0], decimal_comma, thousands)
    return None


def _to_finite(value: int | float | Decimal) -> Price | None:
    try:
        amount = float(value)
    except OverflowError:
        return None
    return Price(amount) if math.isfinite(amount) else None


def _parse_object(value: Mapping[object, object], decimal_comma: bool, thousands: bool | None) -> Price | None:
    """Return the price of {"amount": "12.00", "currency": "EUR"} or {"EUR": 12}."""
    names = {str(name).lower().replace("_", "").replace("-", ""): part for name, part in value.items()}
    stated = next((names[key] for key in _CURRENCY_KEYS if isinstance(names.get(key), str)), None)
    amounts = {name: part for name, part in names.items() if parse_price(part) is not None}
    keys = [key for key in _AMOUNT_KEYS if key in amounts] or list(amounts)
    if len(keys) != 1 or (keys[0] not in _AMOUNT_KEYS and _NOT_AMOUNTS.search(keys[0])):
        return None
    price = parse_price(amounts[keys[0]], decimal_comma, thousands)
    if price is None:
        return None
    known, currency = _merge(price.currency, find_currency(str(stated).strip()) if stated else None)
    known, currency = _merge(currency, find_currency(keys[0].upper())) if known else (False, None)
    return Price(price.amount, currency) if known else None
