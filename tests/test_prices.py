"""Prices as shops write them, each with its right amount and currency, and texts that are no price."""

import pytest

from engine.catalog.coercion import BadRow, InvalidValue, to_plain, to_price, to_signal
from engine.catalog.column_rule import ColumnRule, ColumnType
from engine.catalog.price_text import parse_price

PRICES: list[tuple[object, float, str | None]] = [
    ("1299.00", 1299, None),
    ("12", 12, None),
    (" 12.5 ", 12.5, None),
    ("+12.50", 12.5, None),
    ("0", 0, None),
    ("0,00", 0, None),
    ("1e3", 1000, None),
    ("$1,299.00", 1299, "$"),
    ("$ 5", 5, "$"),
    ("$.99", 0.99, "$"),
    ("USD 12.00", 12, "USD"),
    ("usd 12.00", 12, "USD"),
    ("12.00 EUR", 12, "EUR"),
    ("12.00EUR", 12, "EUR"),
    ("$12.99 USD", 12.99, "USD"),
    ("US$12.99", 12.99, "USD"),
    ("U.S.$ 5", 5, "USD"),
    ("A$10", 10, "AUD"),
    ("AU$ 1,299", 1299, "AUD"),
    ("CA$5.50", 5.5, "CAD"),
    ("NZ$5", 5, "NZD"),
    ("HK$ 1,299.5", 1299.5, "HKD"),
    ("S$12", 12, "SGD"),
    ("NT$ 1,290", 1290, "TWD"),
    ("MX$1,299.00", 1299, "MXN"),
    ("R$ 1.299,90", 1299.9, "BRL"),
    ("£12.99", 12.99, "GBP"),
    ("1.299,00 €", 1299, "EUR"),
    ("1.299 €", 1299, "EUR"),
    ("€1,299", 1299, "EUR"),
    ("€ 1.299,-", 1299, "EUR"),
    ("12,50", 12.5, None),
    ("12,50 €", 12.5, "EUR"),
    ("12,5 €", 12.5, "EUR"),
    ("12€50", 12.5, "EUR"),
    ("12.50 Euro", 12.5, "EUR"),
    ("12,50 EUR.", 12.5, "EUR"),
    ("12,50\n €", 12.5, "EUR"),
    ("12,50&nbsp;&euro;", 12.5, "EUR"),
    ("&#8364;12.50", 12.5, "EUR"),
    ("0,999 €", 0.999, "EUR"),
    ("1234.567 EUR", 1234.567, "EUR"),
    ("1 299,00 €", 1299, "EUR"),
    ("1\u00a0299,00\u00a0€", 1299, "EUR"),
    ("1\u202f299,00\u202f€", 1299, "EUR"),
    ("1\u2009299 €", 1299, "EUR"),
    ("1 299 000 ₽", 1299000, "RUB"),
    ("CHF 1'299.00", 1299, "CHF"),
    ("CHF 1’299.–", 1299, "CHF"),
    ("Fr. 12.50", 12.5, "CHF"),
    ("SFr. 5.-", 5, "CHF"),
    ("12.-", 12, None),
    ("12,-- €", 12, "EUR"),
    ("499:-", 499, None),
    ("499 kr", 499, "kr"),
    ("kr 1.299,00", 1299, "kr"),
    ("499 SEK", 499, "SEK"),
    ("1 299,00 kr.", 1299, "kr"),
    ("₹1,29,999", 129999, "INR"),
    ("₹ 12,34,567.50", 1234567.5, "INR"),
    ("Rs. 499", 499, "INR"),
    ("Rs.1,299", 1299, "INR"),
    ("Rs 499/-", 499, "INR"),
    ("INR 1,299.00", 1299, "INR"),
    ("¥1,200", 1200, "¥"),
    ("￥1200", 1200, "¥"),
    ("1,200円", 1200, "JPY"),
    ("１，２００円", 1200, "JPY"),
    ("128元", 128, "CNY"),
    ("₩12,000", 12000, "KRW"),
    ("12,000원", 12000, "KRW"),
    ("1.299.000 ₫", 1299000, "VND"),
    ("19.990đ", 19990, "VND"),
    ("Rp 1.299.000", 1299000, "IDR"),
    ("RM 12.90", 12.9, "MYR"),
    ("₱1,299.75", 1299.75, "PHP"),
    ("฿1,290", 1290, "THB"),
    ("zł 49,99", 49.99, "PLN"),
    ("1 299,99 zł", 1299.99, "PLN"),
    ("1 299 Kč", 1299, "CZK"),
    ("12 990 Ft", 12990, "HUF"),
    ("129,90 lei", 129.9, "RON"),
    ("₺1.299,90", 1299.9, "TRY"),
    ("1.299,90 TL", 1299.9, "TRY"),
    ("1299 руб.", 1299, "RUB"),
    ("₴499", 499, "UAH"),
    ("₪ 12.90", 12.9, "ILS"),
    ("\u200f12.90 ₪", 12.9, "ILS"),
    ("١٢٫٥٠ د.إ", 12.5, "AED"),
    ("R 1 299.00", 1299, "ZAR"),
    ("R499", 499, "ZAR"),
    ("KWD 1.299", 1.299, "KWD"),
    ("1,299.500 BHD", 1299.5, "BHD"),
    ("$19.990", 19990, "$"),
    ("1,299", 1299, None),
    ("19.990", 19990, None),
    ("-5", -5, None),
    ("−5", -5, None),
    ("-$5.00", -5, "$"),
    ("$-5.00", -5, "$"),
    ("from $5", 5, "$"),
    ("ab 12,50 €", 12.5, "EUR"),
    ("à partir de 12,50 €", 12.5, "EUR"),
    ("Starting at $1,299.00", 1299, "$"),
    ("MRP: ₹499", 499, "INR"),
    ("Price: $5", 5, "$"),
    ("12.99/kg", 12.99, None),
    ("€12.99 / 100 g", 12.99, "EUR"),
    ("$5 each", 5, "$"),
    ("£12.99 per item", 12.99, "GBP"),
    ("12,50 € inkl. MwSt.", 12.5, "EUR"),
    ("12,50 € (inkl. 19 % MwSt.)", 12.5, "EUR"),
    ("£10 + VAT", 10, "GBP"),
    ("12,50 € TTC", 12.5, "EUR"),
    ("£12.99 - £15.99", 12.99, "GBP"),
    ("£12.99–£15.99", 12.99, "GBP"),
    ("$10 to $20", 10, "$"),
    ("10 - 20 €", 10, "EUR"),
    ("10 € bis 20 €", 10, "EUR"),
    (12, 12, None),
    (12.5, 12.5, None),
    ([12], 12, None),
    (["12,50 €"], 12.5, "EUR"),
    ({"amount": "12.00", "currency": "EUR"}, 12, "EUR"),
    ({"value": 1299, "currencyCode": "usd"}, 1299, "USD"),
    ({"price": "1.299,00", "currency_code": "EUR"}, 1299, "EUR"),
    ({"@type": "Offer", "price": "12.50", "priceCurrency": "GBP"}, 12.5, "GBP"),
    ({"amount": "12.50", "currency": None}, 12.5, None),
    ({"EUR": 12.0}, 12, "EUR"),
    ({"gross": 12.0, "currency": "EUR"}, 12, "EUR"),
    ([{"amount": 12, "currency": "$"}], 12, "$"),
]


@pytest.mark.parametrize(("written", "amount", "currency"), PRICES, ids=[str(price[0]) for price in PRICES])
def test_prices(written: object, amount: float, currency: str | None) -> None:
    """The amount is a number, and the currency its ISO code, or its sign where several currencies have it."""
    assert parse_price(written) == (amount, currency)
    assert to_price(written) == amount
    assert ColumnRule(ColumnType.PRICE, thousands=True).currencies([written]) == [currency]


NOT_PRICES: list[object] = [
    "1.299.00",
    "12.50,00",
    "1,2,3",
    "12..50",
    "1_000",
    "nan",
    "inf",
    "free",
    "sold out",
    "price on request",
    "$",
    "€ EUR",
    "2 for 5",
    "2 for $5",
    "3 x 5 €",
    "5 pieces",
    "12 kg",
    "12.99 15 kg",
    "$20.00 $15.00",
    "20,00 € 15,00 €",
    "was $20 now $15",
    "€12 USD",
    "$20 - $10",
    "10-20-30",
    "1/2",
    "50%",
    "-50%",
    "2024-12-31",
    "12:30",
    "1,299.00.00",
    "0.1.2",
    "1'29'9",
    "12 34",
    "5 stars",
    "XYZ 12",
    "r499",
    "12 abc €",
    "call +49 30 12345",
    "9" * 80,
    True,
    float("nan"),
    float("-inf"),
    [12, 15],
    [],
    {},
    {"amount": 12, "value": 15},
    {"amount": "n/a"},
    {"centAmount": 1299, "currencyCode": "EUR"},
    {"amountMicros": 1299, "currency": "EUR"},
    {"units": "12", "nanos": 500},
    {"min": 10, "max": 20},
    {"currency": "EUR"},
    {"amount": "12 USD", "currency": "EUR"},
]


@pytest.mark.parametrize("written", NOT_PRICES, ids=str)
def test_what_is_no_price(written: object) -> None:
    """What may mean two things, or nothing, is refused, and the message quotes it."""
    assert parse_price(written) is None
    with pytest.raises(BadRow, match="price: expected a price, got "):
        to_price(written)


@pytest.mark.parametrize(
    ("text", "decimal_comma", "thousands", "amount"),
    [
        ("1.299", False, None, 1.299),
        ("1.299", True, None, 1299),
        ("1,299", False, None, 1299),
        ("1,299", True, None, 1.299),
        ("1.299 €", False, None, 1299),
        ("1.299 €", False, False, 1.299),
        ("1,299 €", True, None, 1299),
        ("KWD 1.299", False, None, 1.299),
        ("KWD 1.299", True, None, 1299),
        ("KWD 1,299", False, None, 1299),
        ("0.125 €", False, True, 0.125),
        ("1.2990 €", False, True, 1.299),
        ("12.50", True, True, 12.5),
        ("12,50", False, True, 12.5),
    ],
)
def test_the_column_decides_what_three_digits_are(
    text: str, decimal_comma: bool, thousands: bool | None, amount: float
) -> None:
    """Only one sign before three digits is open; beside a currency they are thousands unless the column says no."""
    price = parse_price(text, decimal_comma, thousands)
    assert price is not None
    assert price.amount == amount


@pytest.mark.parametrize("word", ["N/A", "n/a", "NaN", "null", "None", "-", "--", "#N/A", "(null)", "\\N", " nil ", ""])
def test_a_live_update_takes_words_for_a_missing_value(word: str) -> None:
    """They are absent in prices, signals and texts."""
    assert to_plain(word, "price") is None
    assert to_plain(word, "colour") is None
    assert to_plain(word, "title") is None
    assert str(to_signal(word, "rating")) == "nan"


@pytest.mark.parametrize(
    ("value", "signal"), [("1,040", 1040), ("4,5", 4.5), ("12%", 12), ("1.299,00 €", 1299), (True, 1), ("1e3", 1000)]
)
def test_a_live_update_reads_signals(value: object, signal: float) -> None:
    """Numbers as a catalogue writes them."""
    assert to_signal(value, "x") == signal


def test_a_live_update_reads_prices() -> None:
    """The payload holds the number."""
    assert to_plain("1.299,00 €", "price") == 1299
    with pytest.raises(BadRow, match="bad cell"):
        to_plain(InvalidValue("bad cell"), "price")
