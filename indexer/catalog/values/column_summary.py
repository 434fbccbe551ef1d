"""What the values of one column are, gathered batch by batch, in memory that does not grow with the catalogue."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import date

from engine.catalog.absent_words import is_absent_word
from engine.catalog.boolean_text import read_boolean
from engine.catalog.coercion import InvalidValue
from engine.catalog.column_rule import MAX_EXACT_INTEGER
from engine.catalog.date_text import read_date
from engine.catalog.number_text import read_number
from engine.catalog.price_text import read_price

MAX_EXAMPLES = 5
MAX_FAILURES = 3

# After so many different texts of which hardly any is a value of another type, a column is text.
_ENOUGH_TEXTS = 2000
_FEW = 0.1

_SIMPLE = re.compile(r"(0|[1-9][0-9]{0,15})(\.[0-9]+)?")
_LEADING_ZERO = re.compile(r"[+-]?0[0-9]+(?:\.[0-9]+)?")
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>|&[a-zA-Z]+;")
_URL = re.compile(r"(?:https?:)?//\S+", re.IGNORECASE)
_LETTERS = re.compile(r"[^\W\d_]{2,}")


_SHOWN = (str, int, float, list, dict, date)


class ColumnSummary:
    """The values of one column.

    Attributes:
        count: Number of rows.
        absent_words: Number of values that only say that there is none, such as N/A.
        invalid: Number of values that could not be read from the file.
        kinds: Number of values of each Python type.
        texts: Number of different texts looked at; all below count these.
        numbers, prices, booleans, dates: Texts that can be read so.
        currencies: Prices that name a currency.
        dots, commas: Numbers that can be read only with this decimal sign.
        lone_dots, lone_commas: Numbers of one separator and three digits after it, such as 1.299.
        short_dots: Numbers with a decimal dot and other than three digits after it, or a zero before it.
        leading_zeros, written_zeros, big_integers: Numbers such as 007, 90.700, and those beyond 2^53.
        day_first, month_first: Dates that can be read only in this order.
        both_orders: Dates that can be read in both.
        bad_dates: Texts in the form of a date that no calendar has.
        markup, urls, words: Texts with HTML, texts that are URLs, and texts with words.
        examples: The first few different values.
        failures, price_failures: The first few texts that are not numbers, and those that are not prices.
    """

    def __init__(self, absent: int = 0) -> None:
        self.count = absent
        self.absent_words = self.invalid = 0
        self.kinds: Counter[type] = Counter()
        self.texts = self.numbers = self.prices = self.booleans = self.dates = 0
        self.currencies = self.dots = self.commas = self.lone_dots = self.lone_commas = self.short_dots = 0
        self.leading_zeros = self.written_zeros = self.big_integers = 0
        self.day_first = self.month_first = self.both_orders = self.bad_dates = 0
        self.markup = self.urls = self.words = 0
        self.letters: set[str] = set()
        self.examples: list[object] = []
        self.failures: list[str] = []
        self.price_failures: list[str] = []
        self._is_text = False

    @property
    def present(self) -> int:
        """Number of values that say something."""
        return sum(self.kinds.values()) - self.absent_words

    @property
    def is_text(self) -> bool:
        """Whether the column is text beyond doubt, so that its values are no longer looked at."""
        return self._is_text

    @property
    def is_prose(self) -> bool:
        """Whether most values are words for people, and not codes or addresses."""
        return self.words > self.texts / 2 and self.urls < self.texts / 2

    def add(self, values: Sequence[object]) -> None:
        """Add the values of consecutive rows, None where absent."""
        self.count += len(values)
        kinds = Counter(map(type, values))
        kinds.pop(type(None), None)
        self.invalid += kinds.pop(InvalidValue, 0)
        self.kinds.update(kinds)
        if str in kinds:
            self._add_texts(values)
        if kinds.keys() - {str}:
            self._add_others(values)

    def _add_texts(self, values: Sequence[object]) -> None:
        distinct = {value for value in values if type(value) is str}
        for text in [text for text in distinct if len(text) < 12 and is_absent_word(text)]:
            self.absent_words += values.count(text)
            distinct.discard(text)
        if len(self.examples) < MAX_EXAMPLES:
            self._add_examples(values)
        if self._is_text:
            return
        for text in distinct:
            self._look_at(text)
        self.texts += len(distinct)
        special = max(self.numbers, self.prices, self.booleans, self.dates)
        self._is_text = self.texts >= _ENOUGH_TEXTS and special < _FEW * self.texts

    def _add_others(self, values: Sequence[object]) -> None:
        for value in values:
            if type(value) is int and abs(value) > MAX_EXACT_INTEGER:
                self.big_integers += 1
        if len(self.examples) < MAX_EXAMPLES:
            self._add_examples(values)

    def _add_examples(self, values: Sequence[object]) -> None:
        for value in values:
            if not isinstance(value, _SHOWN) or value in self.examples:
                continue
            if isinstance(value, str) and is_absent_word(value):
                continue
            self.examples.append(value)
            if len(self.examples) == MAX_EXAMPLES:
                return

    def _look_at(self, text: str) -> None:
        simple = _SIMPLE.fullmatch(text)
        if simple is not None:
            self._add_simple(simple[1], simple[2] or "")
        elif text[:1].isalpha() and len(text) > 40:
            self._add_words(text)
        else:
            self._add_other_text(text)

    def _add_simple(self, whole: str, fraction: str) -> None:
        """Add a number without sign, groups and leading zeros, as most are."""
        self.numbers += 1
        self.prices += 1
        if len(whole) == 16 and int(whole) > MAX_EXACT_INTEGER:
            self.big_integers += 1
        if fraction:
            if len(fraction) == 4 and whole != "0" and len(whole) <= 3:
                self.lone_dots += 1
            else:
                self.dots += 1
                self.short_dots += 1
            self.written_zeros += len(fraction) > 3 and fraction[-1] == "0"

    def _add_other_text(self, text: str) -> None:
        number = read_number(text)
        price = read_price(text)
        if price is not None:
            self.prices += 1
            self.currencies += bool(price.currency)
            self._add_decimal_sign(price.number.dot, price.number.comma, text, price.is_thousands)
        elif len(self.price_failures) < MAX_FAILURES:
            self.price_failures.append(text)
        if number.dot is not None or number.comma is not None:
            self.numbers += 1
            self.leading_zeros += bool(_LEADING_ZERO.fullmatch(text))
            self.big_integers += max(abs(number.dot or 0), abs(number.comma or 0)) > MAX_EXACT_INTEGER
            return
        if len(self.failures) < MAX_FAILURES:
            self.failures.append(text)
        truth = read_boolean(text)
        if truth is not None:
            self.booleans += 1
            self.letters.add(text.strip().lower()[:1] if len(text.strip()) == 1 else "")
        self._add_date(text)
        self._add_words(text)

    def _add_decimal_sign(self, dot: float | None, comma: float | None, text: str, is_thousands: bool) -> None:
        if dot is not None and comma is not None:
            if dot != comma and not is_thousands:
                self.lone_dots += dot < comma
                self.lone_commas += comma < dot
        elif "," in text or "." in text:
            self.dots += comma is None
            self.commas += dot is None

    def _add_date(self, text: str) -> None:
        if not any(map(str.isdigit, text[:12])):
            return
        date = read_date(text)
        if date is None:
            return
        if date.day_first is None and date.month_first is None:
            self.bad_dates += 1
            return
        self.dates += 1
        self.day_first += date.month_first is None
        self.month_first += date.day_first is None
        self.both_orders += date.day_first != date.month_first and None not in date

    def _add_words(self, text: str) -> None:
        self.words += _LETTERS.search(text) is not None
        self.urls += _URL.fullmatch(text) is not None
        self.markup += "<" in text and _MARKUP.search(text) is not None
