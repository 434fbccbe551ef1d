"""Prices as nested feeds write them: {"amount": "12.00", "currency": "EUR"}, {"EUR": 12}, [12]."""

from collections.abc import Mapping

from engine.catalog.price_text import to_currency

_AMOUNTS = ("amount", "value", "price", "#text")
_CURRENCIES = ("currency", "currencycode", "currency_code", "pricecurrency", "unit")


def read_price_object(value: object) -> tuple[object, str]:
    """Return the one amount inside a value, unparsed, and its currency, "" if it names none.

    A value without exactly one amount is returned as it is.
    """
    if isinstance(value, list | tuple) and len(value) == 1:
        return read_price_object(value[0])
    if not isinstance(value, Mapping):
        return value, ""
    parts = {str(name).replace(" ", "").lower(): part for name, part in value.items()}
    currency = next((str(parts[name]) for name in _CURRENCIES if parts.get(name)), "")
    amounts = [parts[name] for name in _AMOUNTS if parts.get(name) is not None]
    if len(amounts) == 1:
        return amounts[0], to_currency(currency) or currency
    if len(value) == 1:
        ((name, amount),) = value.items()
        if code := to_currency(str(name)):
            return amount, code
    return value, ""
