"""One rule for the values of a column, decided by all of them: numbers, prices, truth values, dates and names."""

import csv
import datetime
import json
import math
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog.coercion import InvalidValue
from engine.catalog.column_rule import ColumnRule, ColumnType
from engine.catalog.number_text import parse_number
from indexer.catalog.values.column_rules import Decision, decide
from indexer.catalog.values.column_summary import ColumnSummary

CASES = Path(__file__).parents[2] / "shared/cases/feeds"
TEXT, NUMBER, PRICE = ColumnType.TEXT, ColumnType.NUMBER, ColumnType.PRICE
BOOLEAN, DATE, MIXED = ColumnType.BOOLEAN, ColumnType.DATE, ColumnType.MIXED


def decided(name: str, values: Sequence[object], **options: Any) -> Decision:
    """Return the decision on a column, summarised in batches of three."""
    summary = ColumnSummary()
    for start in range(0, len(values), 3):
        summary.add(values[start : start + 3])
    return decide(name, summary, **options)


def converted(name: str, values: Sequence[object], **options: Any) -> list[object]:
    """Return a column's values as its rule reads them, the invalid ones as "!"."""
    found = decided(name, values, **options).rule.convert(values)
    return ["!" if isinstance(value, InvalidValue) else value for value in found]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5),
        ("+5", 5),
        ("-5", -5),
        ("−5", -5),
        ("－5", -5),
        ("1,040", 1040),
        ("1,040,000", 1040000),
        ("1.040.000", 1040000),
        ("1.040,5", 1040.5),
        ("1,040.5", 1040.5),
        ("4,5", 4.5),
        (".5", 0.5),
        (",5", 0.5),
        ("0.125", 0.125),
        ("0,125", 0.125),
        ("1234.567", 1234.567),
        ("1234,567", 1234.567),
        ("3,14159", 3.14159),
        ("1'299.00", 1299),
        ("1’299", 1299),
        ("1 299,00", 1299),
        ("1 299", 1299),
        ("1\u00a0299,5", 1299.5),
        ("1\u202f299\u202f000", 1299000),
        ("1\u2009299", 1299),
        ("1,29,999", 129999),
        ("12,34,567.5", 1234567.5),
        ("1e3", 1000),
        ("1.5E-2", 0.015),
        ("１２００", 1200),
        ("１，２００．５", 1200.5),
        ("١٢٣٤", 1234),
        ("१२३", 123),
        ("12%", 12),
        ("12 %", 12),
        ("007", 7),
        ("'12.50", 12.5),
        ("1  299", 1299),
        ("\ufeff12", 12),
    ],
)
def test_numbers(text: str, number: float) -> None:
    """Numbers as people write them, without a column to decide by."""
    assert parse_number(text) == number


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "-", "1,2,3", "1.2.3", "1,040.000,5", "1.299.00", "12 kg", "1/2", "½", "1½", "²", "12-15", "1_000"),
        *(
            "nan",
            "inf",
            "Infinity",
            "0x1F",
            "1e",
            "1e9999",
            "12 34",
            "1 29 99",
            "0,125,000",
            "12.",
            "--5",
            "5-",
            "9" * 99,
        ),
        *("1, 2", "1. 5", "10:30", "1,29,99", "#5", "€5"),
    ],
)
def test_texts_that_are_no_number(text: str) -> None:
    """Fractions, units, lists, versions and words."""
    assert parse_number(text) is None


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        # The column's clear numbers decide what its others are.
        ("a", ["1.299", "4,5"], [1299, 4.5]),
        ("a", ["1.299", "1.299.000"], [1299, 1299000]),
        ("a", ["1,299", "4.5"], [1299, 4.5]),
        ("a", ["1.299", "4.5"], [1.299, 4.5]),
        ("a", ["1,299", "4,5"], [1.299, 4.5]),
        ("a", ["1,299", "0,125"], [1.299, 0.125]),
        ("a", ["1,299", "12"], [1299, 12]),
        ("a", ["1.299", "12"], [1.299, 12]),
        ("weight", ["1.250", "0.500", "2.125"], [1.25, 0.5, 2.125]),
        ("ratio", ["1.250", "0.500", "2.125"], [1.25, 0.5, 2.125]),
        ("weight_kg", ["1,250", "0,500"], [1.25, 0.5]),
        ("rating", ["4,5", "3,0", "5"], [4.5, 3, 5]),
        ("review_count", ["130", "980", "1.040", "2.340"], [130, 980, 1040, 2340]),
        ("Anzahl", ["12", "1.040"], [12, 1040]),
        ("review_count", ["130", "1,040", "N/A", ""], [130, 1040, None, None]),
        ("rating", ["4.1", "N/A", "3.9"], [4.1, None, 3.9]),
        ("rating", ["4.1", "good", "3.9"], [4.1, "!", 3.9]),
        ("rating", ["good", "better", "3.9"], ["good", "better", "3.9"]),
        ("stock", [10, "9", "1,000", None], [10, 9, 1000, None]),
        ("x", [1.5, "2.5", 3], [1.5, 2.5, 3]),
        ("discount", ["10%", "20 %"], [10, 20]),
        ("cotton", ["10%", "20 %"], ["10%", "20 %"]),
        ("x", ["1", "2", "x"], ["1", "2", "x"]),
        ("x", ["12 kg", "5 kg"], ["12 kg", "5 kg"]),
        ("x", [True, False, None], [True, False, None]),
        ("x", [1, True], [1, True]),
        ("x", [Decimal("12.34"), None], [12.34, None]),
        ("x", [math.nan, 1.5], [None, 1.5]),
        ("x", [1.5, math.inf], [1.5, "!"]),
        ("year", ["2023", "2024"], [2023, 2024]),
        ("promo", ["0", "1"], [0, 1]),
        ("size", ["38", "40", "42"], [38, 40, 42]),
        ("size", ["S", "38"], ["S", "38"]),
        ("temperature", ["−5", "12", "+3"], [-5, 12, 3]),
    ],
)
def test_columns_of_numbers(name: str, values: list[object], expected: list[object]) -> None:
    """A column is one of numbers if all its values are, or at least half of them where its name says so."""
    assert converted(name, values) == expected


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("sku", ["12", "13"]),
        ("gtin", ["5901234123450", "5901234123467"]),
        ("EAN", ["5901234123450"]),
        ("Variant Barcode", ["590", "591"]),
        ("product_id", ["1", "2"]),
        ("Product Code", ["1", "2"]),
        ("Part Number", ["10", "20"]),
        ("modelNumber", ["10", "20"]),
        ("Model", ["3310", "6230"]),
        ("zip", ["10115", "80331"]),
        ("Postal Code", ["10115", "80331"]),
        ("phone", ["493012345", "493054321"]),
        ("hs_code", ["6109", "6110"]),
        ("Artikelnummer", ["100", "200"]),
        ("isbn13", ["9783161484100"]),
        ("variantId", ["61749429862703105"]),
        ("anything", ["61749429862703105", "5"]),
        ("anything", ["007", "8"]),
        ("contact", ["+4930123456", "+4989654321"]),
        ("anything", ["90.700", "90.710"]),
        ("anything", ["12", "12a"]),
    ],
)
def test_names_made_of_digits_stay_text(name: str, values: list[str]) -> None:
    """Identifiers by their column's name; numbers too long to be exact, with leading zeros, or with written zeros."""
    decision = decided(name, values)
    assert decision.rule.type is TEXT
    assert decision.rule.convert(values) == values


@pytest.mark.parametrize(
    "name", ["price_count", "review_count", "model_year", "phone_rating", "in_stock", "Image Position"]
)
def test_names_of_numbers(name: str) -> None:
    """They contain words of identifiers, and name numbers."""
    assert decided(name, ["12", "13"]).rule.type is NUMBER


def test_identifiers_of_json_and_parquet_are_text_as_in_csv() -> None:
    """Integers that a float does not hold become text digit by digit; those of an identifier as well."""
    big = [61749429862703105, 61749429862703106]
    assert converted("anything", big) == ["61749429862703105", "61749429862703106"]
    assert converted("anything", [2**53 + 1, 5]) == ["9007199254740993", "5"]
    assert converted("anything", [2**53, 5]) == [2**53, 5]
    assert converted("anything", [[2**53 + 1], {"n": 2**60}]) == [["9007199254740993"], {"n": "1152921504606846976"}]
    assert converted("anything", [Decimal("12345678901234567890"), 5]) == ["12345678901234567890", "5"]
    assert converted("gtin", [5901234123450, None, 12.0]) == ["5901234123450", None, "12"]


def test_spreadsheets_mark_digits_as_text() -> None:
    """'0012 and ="0012" are 0012; other apostrophes stay."""
    assert converted("sku", ["'0012", '="0012"', "'90s", "'tis"]) == ["0012", "0012", "'90s", "'tis"]


def test_identifiers_that_a_spreadsheet_rounded_are_reported() -> None:
    """5.9E+12 is no barcode any more."""
    (note,) = decided("ean", ["5.90123E+12", "5901234123450"]).odd
    assert note == "1 of 2 identifiers lack digits, as a spreadsheet writes them: '5.90123E+12'"


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("price", ["1.299 €", "12,50 €"], [1299, 12.5]),
        ("price", ["1.299", "12,50"], [1299, 12.5]),
        ("price", ["1.299", "12.50"], [1.299, 12.5]),
        ("price", ["19.990", "5.490"], [19990, 5490]),
        ("price", ["1.299 €", "12.50 €"], [1299, 12.5]),
        ("price", ["1,299", "12.50"], [1299, 12.5]),
        ("price", ["0.125", "1.299"], [0.125, 1.299]),
        ("price", ["KWD 1.299", "KWD 0.500"], [1.299, 0.5]),
        ("price", ["cheap", "Free"], ["!", "!"]),
        ("price", [12, "1.299,00 €", None, "n/a"], [12, 1299, None, None]),
        ("sale_price", ["10.00 USD", "11.00 USD"], [10, 11]),
        ("Variant Price", ["20.00", "21.00"], [20, 21]),
        ("Regular price", ["20", "sold out", "21"], [20, "!", 21]),
        ("Verkaufspreis", ["1.299,00", "12,5"], [1299, 12.5]),
        ("msrp", ["12", "13"], [12, 13]),
        ("list_price_inr", ["₹1,29,999"], [129999]),
        ("価格", ["1,200円", "900円"], [1200, 900]),
        ("sale_price", [{"amount": "12.00", "currency": "EUR"}, None], [12, None]),
        ("shipping", ["5.00 EUR", "0.00 EUR"], [5, 0]),
        ("shipping", ["$5", "free"], ["$5", "free"]),
        ("price_currency", ["EUR", "USD"], ["EUR", "USD"]),
        ("price_range", ["$", "$$"], ["$", "$$"]),
        ("rim", ["R17", "R18"], ["R17", "R18"]),
        ("chart", ["TOP 10", "TOP 100"], ["TOP 10", "TOP 100"]),
        ("length", ["12 ft", "13 ft"], ["12 ft", "13 ft"]),
    ],
)
def test_columns_of_prices(name: str, values: list[object], expected: list[object]) -> None:
    """The price, columns whose name says price, and columns of which most values name a currency."""
    assert converted(name, values) == expected


@pytest.mark.parametrize(
    ("name", "is_price"),
    [
        *(("unit_price", True), ("Compare At Price", True), ("salePrice", True), ("price_eur", True), ("PRICE", True)),
        *(("precio_venta", True), ("Einkaufspreis netto", True), ("prix TTC", True), ("UVP", True), ("cost", True)),
        *(("price_unit", False), ("price_valid_until", False), ("Preis Währung", False), ("price_group", False)),
        *(("priced", False), ("enterprise", False), ("currency", False), ("spread", False)),
    ],
)
def test_names_of_prices(name: str, is_price: bool) -> None:
    """One word of the name says price, and none after it that something else is meant."""
    assert (decided(name, ["12", "13"]).rule.type is PRICE) == is_price


@pytest.mark.parametrize(
    ("name", "values", "decimal_comma", "expected"),
    [
        ("price", ["19.990"], None, [19990]),
        ("price", ["19.990"], True, [19990]),
        ("price", ["19.990"], False, [19.99]),
        ("price", ["1,299"], None, [1299]),
        ("price", ["1,299"], True, [1.299]),
        ("price", ["1.299 €"], False, [1299]),
        ("x", ["1.299"], None, [1.299]),
        ("x", ["1.299"], True, [1299]),
        ("x", ["1,299"], True, [1.299]),
        # A catalogue's option does not change what the values prove.
        ("weight", ["1.250", "0.500"], True, [1.25, 0.5]),
        ("rating", ["4.5", "3.9"], True, [4.5, 3.9]),
    ],
)
def test_the_decimal_sign_of_a_catalogue(
    name: str, values: list[str], decimal_comma: bool | None, expected: list[object]
) -> None:
    """It decides where the values leave it open."""
    assert converted(name, values, decimal_comma=decimal_comma) == expected


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("in_stock", ["yes", "no"], [True, False]),
        ("featured", ["FALSE", "TRUE"], [False, True]),
        ("x", ["True", "False", "N/A"], [True, False, None]),
        ("x", ["no", "no", None], [False, False, None]),
        ("x", ["Y", "N"], [True, False]),
        ("x", ["N", "N"], ["N", "N"]),
        ("is_new", ["N", "N"], [False, False]),
        ("x", ["on", "off"], [True, False]),
        ("x", ["ja", "nein"], [True, False]),
        ("x", ["oui", "non"], [True, False]),
        ("x", ["sí", "no"], [True, False]),
        ("x", ["si", "no"], [True, False]),
        ("x", ["WAHR", "FALSCH"], [True, False]),
        ("x", ["да", "нет"], [True, False]),
        ("x", [True, "false"], [True, False]),
        ("x", ["in stock", "out of stock"], ["in stock", "out of stock"]),
        ("x", ["yes", "no", "maybe"], ["yes", "no", "maybe"]),
        ("element", ["si", "si"], ["si", "si"]),
        ("country", ["NO", "NO"], ["NO", "NO"]),
        ("language", ["ja", "no"], ["ja", "no"]),
        ("brand", ["Yes", "No"], ["Yes", "No"]),
    ],
)
def test_columns_of_truth_values(name: str, values: list[object], expected: list[object]) -> None:
    """Words for yes and no in all values; single letters and short words only where both occur."""
    assert converted(name, values) == expected


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("x", ["2024-12-31", "2024-01-02T10:30:00Z"], ["2024-12-31", "2024-01-02T10:30:00Z"]),
        ("x", ["2024-12-31 10:30:00"], ["2024-12-31 10:30:00"]),
        (
            "x",
            ["2024-12-31T10:30", "2024-12-31T10:30:15.5+0100"],
            ["2024-12-31T10:30:00", "2024-12-31T10:30:15.5+01:00"],
        ),
        ("x", ["31.12.2024", "01.02.2024"], ["2024-12-31", "2024-02-01"]),
        ("x", ["03.04.2024"], ["2024-04-03"]),
        ("x", ["12/31/2024", "03/04/2024"], ["2024-12-31", "2024-03-04"]),
        ("x", ["31/12/2024", "03/04/2024"], ["2024-12-31", "2024-04-03"]),
        ("x", ["03/04/2024", "05/06/2024"], ["03/04/2024", "05/06/2024"]),
        ("x", ["05/05/2024"], ["2024-05-05"]),
        ("x", ["13/01/2024", "01/13/2024"], ["13/01/2024", "01/13/2024"]),
        ("x", ["2024/12/31", "2024/1/2"], ["2024-12-31", "2024-01-02"]),
        ("x", ["31-Dec-2024", "1-Jan-2025"], ["2024-12-31", "2025-01-01"]),
        ("x", ["Dec 31, 2024", "January 1 2025"], ["2024-12-31", "2025-01-01"]),
        ("x", ["31. Dezember 2024", "1. März 2025"], ["2024-12-31", "2025-03-01"]),
        ("x", ["31 décembre 2024"], ["2024-12-31"]),
        ("x", ["31 de diciembre de 2024"], ["2024-12-31"]),
        ("x", ["Tue, 31 Dec 2024 12:00:00 +0100"], ["2024-12-31T12:00:00+01:00"]),
        ("x", ["12/31/2024 2:30 PM"], ["2024-12-31T14:30:00"]),
        ("x", ["31.12.2024 00:05"], ["2024-12-31T00:05:00"]),
        ("release_date", ["20240131", "20241231"], ["2024-01-31", "2024-12-31"]),
        ("x", ["20240131", "20241231"], [20240131, 20241231]),
        ("release_date", ["31.12.24", "01.02.24"], ["2024-12-31", "2024-02-01"]),
        ("x", ["31.12.24", "01.02.24"], ["31.12.24", "01.02.24"]),
        (
            "release_date",
            ["2024-12-31", "0000-00-00", "2024-02-30", "2023-02-28"],
            ["2024-12-31", "!", "!", "2023-02-28"],
        ),
        ("x", ["2024-12-31", "2024-02-30"], ["2024-12-31", "2024-02-30"]),
        ("x", ["2024", "2023"], [2024, 2023]),
        ("x", ["2024-W05"], ["2024-W05"]),
        ("x", ["1.2.3", "1.2.4"], ["1.2.3", "1.2.4"]),
        ("x", [datetime.date(2024, 12, 31)], ["2024-12-31"]),
        ("x", [datetime.datetime(2024, 12, 31, 10, 30), "2024-01-01"], ["2024-12-31T10:30:00", "2024-01-01"]),
        ("updated_at", ["2024-12-31T25:00:00", "2024-12-31T23:00:00"], ["!", "2024-12-31T23:00:00"]),
    ],
)
def test_columns_of_dates(name: str, values: list[object], expected: list[object]) -> None:
    """Dates become RFC 3339 text, day and month in the order that the column proves; otherwise they stay text."""
    assert converted(name, values) == expected


@pytest.mark.parametrize(
    "word", ["N/A", "NA", "n.a.", "NaN", "null", "None", "NONE", "nil", "-", "--", "#N/A", "(null)"]
)
@pytest.mark.parametrize("name", ["colour", "title", "brand", "rating", "price", "in_stock", "released"])
def test_words_for_a_missing_value(name: str, word: str) -> None:
    """They are absent in every column, and do not count as values."""
    texts = {"rating": "4.5", "price": "5", "in_stock": "yes", "released": "2024-12-31"}
    values = [texts.get(name, "red"), word, f" {word.upper()} ", f"\u00a0{word}\t"]
    assert converted(name, values)[1:] == [None, None, None]


@pytest.mark.parametrize("word", ["unknown", "N/A sized", "Nana", "none left", "no", "x", "0"])
def test_words_that_are_values(word: str) -> None:
    """Only whole cells of the known words are absent."""
    assert converted("colour", [word, "red"]) == [word, "red"]


def test_na_is_a_code_among_codes() -> None:
    """Namibia, North America; elsewhere NA is a missing value."""
    assert converted("country", ["DE", "NA", "N/A"]) == ["DE", "NA", None]
    assert converted("ships_to", ["DE", "US", "FR", "GB", "NA"]) == ["DE", "US", "FR", "GB", "NA"]
    assert converted("size", ["XL", "S", "NA"]) == ["XL", "S", None]


def test_texts_are_stripped_and_lists_kept() -> None:
    """Surrounding blanks are no part of a text; sizes in lists stay text."""
    assert converted("colour", [" red ", "\u00a0dark blue of the sea\u00a0", ""]) == [
        "red",
        "dark blue of the sea",
        None,
    ]
    assert converted("sizes", [["38", "40"], ["S", "N/A"], [1.5, math.nan]]) == [["38", "40"], ["S"], [1.5, None]]
    assert converted("size", [{"w": 1.5, "h": None}]) == [{"w": 1.5, "h": None}]
    assert converted("x", [38, "M", True]) == [38, "M", True]
    assert converted("title", [1984, "1984", 12.0, True]) == ["1984", "1984", "12", "true"]


def test_unreadable_values_stay_so() -> None:
    """A format's own reason is the cell's reason."""
    bad = InvalidValue("not UTF-8")
    decision = decided("x", ["red", bad])
    assert decision.rule.convert(["red", bad]) == ["red", bad]


@pytest.mark.parametrize(
    ("name", "values", "options", "kind"),
    [
        ("in_stock", ["1", "0"], {"declared": BOOLEAN}, BOOLEAN),
        ("gtin", ["1", "2"], {"declared": NUMBER}, NUMBER),
        ("x", ["1", "2"], {"declared": TEXT}, TEXT),
        ("x", ["03/04/2024"], {"declared": DATE}, DATE),
        ("gtin", ["1", "2"], {"signal": True}, NUMBER),
        ("x", ["a", "b", "1"], {"signal": True}, NUMBER),
        ("x", ["61749429862703105"], {"signal": True}, NUMBER),
        ("x", ["yes", "no"], {"signal": True}, BOOLEAN),
        ("x", ["2024-12-31"], {"signal": True}, NUMBER),
        ("Kosten", ["1", "2"], {"role": "price"}, PRICE),
        ("Name", ["1984", "2001"], {"role": "title"}, TEXT),
        ("Handle", ["1", "2"], {"role": "item_id"}, TEXT),
        ("x", [], {}, TEXT),
        ("x", [None, "N/A"], {}, TEXT),
    ],
)
def test_what_is_known_of_a_column_decides_first(
    name: str, values: list[object], options: dict[str, Any], kind: ColumnType
) -> None:
    """A declared type, a role, and being a signal."""
    assert decided(name, values, **options).rule.type is kind


def test_declared_truth_values_and_dates_are_read() -> None:
    """0 and 1 are truth values, and an open order has the day first."""
    assert converted("x", ["1", "0", 1, 0, "x"], declared=BOOLEAN) == [True, False, True, False, "!"]
    assert converted("x", ["03/04/2024", "20240131", "x"], declared=DATE) == ["2024-04-03", "2024-01-31", "!"]


@pytest.mark.parametrize(
    ("name", "values", "notes"),
    [
        ("price", ["12", "Free", "1.299.00"], ["2 of 3 values are not prices: 'Free', '1.299.00'"]),
        ("price", ["12", "-5"], ["1 of 2 values are below 0: '-5'"]),
        ("price", ["12", "5 - 9"], ["1 of 2 values are ranges, of which the lowest price is taken: '5 - 9'"]),
        ("price", ["19.990"], ["'19.990' is read as 19990; pass --no-decimal-comma if it has decimals"]),
        ("price", ["1,299"], ["'1,299' is read as 1299; pass --decimal-comma if it has decimals"]),
        ("x", ["1.299"], ["'1.299' is read as 1.299; pass --decimal-comma if the dot separates thousands"]),
        ("review_count", ["1,040"], []),
        ("price", ["1.299 €", "$5"], []),
        ("x", ["03/04/2024"], ["'03/04/2024' may have the day or the month first: kept as text"]),
        ("x", ["13/01/2024", "01/13/2024"], ["some dates have the day first and others the month: kept as text"]),
        ("rating", ["4", "5", "good"], ["1 of 3 values are not numbers: 'good'"]),
        ("x", ["1"] * 19 + ["x"], ["1 of 20 values are not numbers: 'x'; the column is text"]),
        ("release_date", ["2024-12-31", "2024-02-30"], ["1 of 2 values are not dates: '2024-02-30'"]),
        ("title", ["1984", "x"], []),
        ("colour", ["red", "N/A"], []),
    ],
)
def test_what_a_person_should_know(name: str, values: list[str], notes: list[str]) -> None:
    """Values that do not fit, and signs that could be read otherwise."""
    assert list(decided(name, values).odd) == notes


def test_reasons_quote_the_value_and_say_what_was_expected() -> None:
    """A bad cell is found again by its reason."""
    for kind, expected in [(NUMBER, "a number"), (PRICE, "a price"), (BOOLEAN, "true or false"), (DATE, "a date")]:
        assert ColumnRule(kind).convert(["good"]) == [InvalidValue(f"expected {expected}, got 'good'")]


@pytest.mark.parametrize(
    "rule",
    [
        ColumnRule(TEXT, keeps_na=True),
        ColumnRule(PRICE, thousands=False),
        ColumnRule(NUMBER, decimal_comma=True, thousands=True),
        ColumnRule(DATE, day_first=True),
    ],
)
def test_a_rule_is_json(rule: ColumnRule) -> None:
    """It comes back from JSON."""
    assert ColumnRule.from_json(json.loads(json.dumps(rule.to_json()))) == rule


def test_a_late_value_decides_too() -> None:
    """The rule is that of the whole file, however long its columns are."""
    values: list[object] = [str(number) for number in range(30_000)]
    summary = ColumnSummary()
    for start in range(0, len(values), 4096):
        summary.add(values[start : start + 4096])
    assert decide("x", summary).rule.type is NUMBER
    summary.add(["x"])
    assert decide("x", summary).rule.type is TEXT


def test_a_long_column_of_words_is_sampled() -> None:
    """Everything is counted, and memory is bounded."""
    summary = ColumnSummary()
    for batch in range(30):
        summary.add([f"colour {batch} {number} of the sea" for number in range(4096)] + ["N/A", None, "", "<b>x</b>"])
    assert (summary.count, summary.absent_words, summary.blank) == (30 * 4100, 30, 30)
    assert summary.present == 30 * 4097
    assert summary.examined < 80_000
    assert len(summary.shapes) < 1000
    assert summary.distinct == 10_000
    assert decide("x", summary).rule.type is TEXT


def test_a_summary_for_a_report() -> None:
    """Counts, examples, the longest text and the share of HTML."""
    summary = ColumnSummary(absent=2)
    summary.add(["<p>Red mug</p>", "blue", None, "n/a", InvalidValue("bad"), 5, {"a": 1}])
    assert (summary.count, summary.present, summary.absent_words, summary.invalid) == (9, 4, 1, 1)
    assert summary.longest == 14
    assert summary.html_share == pytest.approx(1 / 3)
    assert summary.examples == ["<p>Red mug</p>", "blue", "5", "{'a': 1}"]
    assert summary.is_prose


NUMBERS = st.decimals(min_value=-(10**9), max_value=10**9, places=2)
STYLES = [(",", "."), (".", ","), (" ", ","), ("\u202f", ","), ("'", "."), ("", "."), ("", ","), ("’", ".")]


def written(number: Decimal, group: str, decimal: str) -> str:
    """Return a number as a locale writes it."""
    return f"{number:,.2f}".replace(",", "_").replace(".", decimal).replace("_", group)


@given(
    numbers=st.lists(NUMBERS, min_size=1, max_size=30),
    style=st.sampled_from(STYLES),
    currency=st.sampled_from(["", " €", " USD"]),
)
def test_numbers_of_any_locale_come_back(numbers: list[Decimal], style: tuple[str, str], currency: str) -> None:
    """Whatever separates thousands and decimals, as numbers and as prices."""
    texts: list[object] = [written(number, *style) + currency for number in numbers]
    assert converted("price", texts) == [float(number) for number in numbers]
    if not currency:
        assert converted("rating", texts) == [float(number) for number in numbers]


@given(numbers=st.lists(st.integers(0, 10**9), min_size=1, max_size=30), group=st.sampled_from([",", ".", " ", "'"]))
def test_counts_of_any_locale_come_back(numbers: list[int], group: str) -> None:
    """A column of whole numbers has no decimals."""
    assert converted("review_count", [f"{number:,}".replace(",", group) for number in numbers]) == numbers


@given(
    st.lists(
        st.sampled_from(
            ["1,040", "1.5", "x", "N/A", " 7", "1.299,5", "$5", "-3", "12%", "0.250", "٣", "", None, "5\n"]
        ),
        max_size=40,
    )
)
def test_a_batch_is_read_as_its_values_one_by_one(values: list[object]) -> None:
    """The short ways for many values do not change what they are."""
    for kind in ColumnType:
        rule = ColumnRule(kind)
        assert rule.convert(values) == [rule.convert([value])[0] for value in values]
        assert rule.currencies(values) == [rule.currencies([value])[0] for value in values]


@given(st.lists(st.text(max_size=12) | st.integers() | st.floats() | st.booleans() | st.none(), max_size=10))
def test_any_column_has_a_rule(values: list[object]) -> None:
    """No values, however odd, are an error."""
    decision = decided("x", values)
    assert len(decision.rule.convert(values)) == len(values)
    assert len(decided("price", values, role="price").rule.currencies(values)) == len(values)


needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not beside this checkout")


def case_columns(path: str) -> dict[str, list[object]]:
    """Return the columns of a file."""
    with (CASES / path).open(encoding="utf-8", newline="") as file:
        rows: list[dict[str, Any]]
        rows = list(csv.DictReader(file)) if path.endswith(".csv") else [json.loads(line) for line in file]
    return {name: [row[name] if row[name] != "" else None for row in rows] for name in rows[0]}


@pytest.mark.real
@needs_cases
def test_case_prices() -> None:
    """Spellings of prices in one column."""
    values = case_columns("price_forms/B01_prices__catalog.csv")["price"]
    prices = converted("price", values)
    right = {5: 1299, 6: 1299, 7: 12.5, 9: 1299, 11: 1299, 12: 1299.9, 13: 129999, 15: 499, 16: 1299, 17: 12.99}
    right |= {20: 499, 23: 1200, 24: 1200, 0: 1299, 1: 1299, 10: 1299, 19: 12.99, 25: None, 28: None, 37: 19990}
    assert {row: prices[row] for row in right} == right
    assert [values[row] for row, price in enumerate(prices) if price == "!"] == ["Free", "1.299.00"]


@pytest.mark.real
@needs_cases
def test_case_numbers_as_text() -> None:
    """Ratings with N/A, counts with commas, prices with a currency."""
    ratings = converted("rating", case_columns("numbers_as_text_filter/B02_na_rating_one__catalog.csv")["rating"])
    assert [index for index, rating in enumerate(ratings) if isinstance(rating, float) and rating > 4] == [
        22,
        23,
        24,
    ]
    assert ratings[7] is None
    counts = case_columns("signal_bad_value/B06_thousands_signal__catalog.csv")["review_count"]
    assert converted("review_count", counts, signal=True) == [130 * index for index in range(25)]
    stock = case_columns("numbers_as_text_filter/B05_string_numbers__catalog.jsonl")
    assert converted("stock", stock["stock"]) == [10, 9, 100, 25]
    assert converted("in_stock", stock["in_stock"]) == [True, False, True, False]
    sale = case_columns("numbers_as_text_filter/B01_other_price_cols__catalog.csv")["sale_price"]
    assert converted("sale_price", sale) == [10, 11, 12, 13, 14]


@pytest.mark.real
@needs_cases
def test_case_truth_values() -> None:
    """yes and no, TRUE and FALSE; 0 and 1 are numbers."""
    columns = case_columns("booleans_yes_no/B04_bools__catalog.csv")
    for name in ("in_stock", "featured", "Published"):
        assert converted(name, columns[name]) == [False, True] * 3
    assert converted("promo", columns["promo"]) == [0, 1] * 3


@pytest.mark.real
@needs_cases
def test_case_identifiers() -> None:
    """Digits come back as written."""
    columns = case_columns("big_integers/B08_bigints__catalog.csv")
    for name in ("variant_id", "gtin", "sku"):
        assert converted(name, columns[name]) == columns[name]


@pytest.mark.real
@needs_cases
@pytest.mark.parametrize("form", ["object", "list"])
def test_case_price_objects(form: str) -> None:
    """An amount in an object or a list."""
    values = case_columns(f"price_object/B13_price_{form}__catalog.jsonl")["price"]
    assert converted("price", values) == [12, 13, 14, 15]
