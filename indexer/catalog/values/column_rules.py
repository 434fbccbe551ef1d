"""Decide the rule of a column from its summary, its name and what it is taken for."""

import datetime
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from engine.catalog.boolean_text import CLEAR_WORDS
from engine.catalog.coercion import TEXT_COLUMNS, format_number
from engine.catalog.column_rule import ColumnRule, ColumnType
from indexer.catalog.values.column_names import NameHint, read_name
from indexer.catalog.values.column_summary import ColumnSummary, Shape
from indexer.catalog.values.number_evidence import NumberEvidence
from indexer.catalog.values.text_form import TextForm

_ITEM_ID = "item_id"
_MIN_SHARE = 0.5
_NEARLY = 0.9
_MAX_EXAMPLES = 3
_MIN_CODES = 4
_NUMBERS = (int, float, Decimal)
_NOUNS = {
    ColumnType.NUMBER: "numbers",
    ColumnType.PRICE: "prices",
    ColumnType.BOOLEAN: "true or false",
    ColumnType.DATE: "dates",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """The rule of one column.

    Attributes:
        rule: How its values are read.
        odd: Sentences about what a person should look at: values that do not fit, signs that could be read otherwise.
    """

    rule: ColumnRule
    odd: tuple[str, ...] = ()


def decide(
    name: str,
    summary: ColumnSummary,
    *,
    role: str | None = None,
    signal: bool = False,
    decimal_comma: bool | None = None,
    declared: ColumnType | None = None,
) -> Decision:
    """Return the rule of a column.

    Args:
        name: The column as the catalogue calls it.
        summary: Its values.
        role: What it is taken for, such as "title" or "price"; None for any other column.
        signal: Whether it is a signal, so that its values must be numbers.
        decimal_comma: Whether the catalogue's decimal sign is the comma; None to decide by column.
        declared: Its type, if the user states it.
    """
    return _ColumnDecision(name, summary, role or name, signal, decimal_comma).decide(declared)


class _ColumnDecision:
    def __init__(self, name: str, summary: ColumnSummary, role: str, signal: bool, decimal_comma: bool | None) -> None:
        self._summary = summary
        self._role = role
        self._signal = signal
        self._decimal_comma = decimal_comma
        self._hint = read_name(name)
        self._shapes = [(shape, shape.form) for shape in summary.shapes.values()]
        self._texts = sum(shape.count for shape, form in self._shapes if not form.absent) + summary.other_texts

    def decide(self, declared: ColumnType | None) -> Decision:
        kind = declared or self._type()
        if kind in (ColumnType.NUMBER, ColumnType.PRICE):
            return self._decide_numbers(kind)
        if kind is ColumnType.DATE:
            return self._decide_dates(declared is not None)
        if kind is ColumnType.BOOLEAN:
            return Decision(ColumnRule(kind), self._misfits(kind))
        return Decision(ColumnRule(kind, keeps_na=self._keeps_na()), self._text_notes(kind))

    def _type(self) -> ColumnType:
        """Return the type that the role, the name and the values make most likely."""
        if self._role == _ITEM_ID or self._role in TEXT_COLUMNS:
            return ColumnType.TEXT
        if self._role == "price":
            return ColumnType.PRICE
        for kind in self._candidates():
            if self._fits(kind):
                return kind
        return ColumnType.NUMBER if self._signal else self._text_type()

    def _candidates(self) -> Iterable[ColumnType]:
        """Yield the types that the name allows, the most particular first."""
        if self._hint is NameHint.IDENTIFIER and not self._signal:
            return
        if self._hint is not NameHint.REGION:
            yield ColumnType.BOOLEAN
        if self._hint is NameHint.DATE and not self._signal:
            yield ColumnType.DATE
        if self._hint is NameHint.PRICE:
            yield ColumnType.PRICE
        yield ColumnType.NUMBER
        yield ColumnType.PRICE
        if not self._signal:
            yield ColumnType.DATE

    def _fits(self, kind: ColumnType) -> bool:
        """Return whether the values are of a type: at least half of them if the name says so, all of them otherwise."""
        fitting = self._fitting(kind)
        if not fitting:
            return False
        named = {
            ColumnType.NUMBER: (NameHint.NUMBER, NameHint.COUNT),
            ColumnType.PRICE: (NameHint.PRICE,),
            ColumnType.DATE: (NameHint.DATE,),
        }.get(kind, ())
        if self._hint in named:
            return fitting >= _MIN_SHARE * self._summary.present and not self._has_names(kind)
        if fitting < self._present():
            return False
        if kind is ColumnType.BOOLEAN:
            return self._are_booleans()
        if kind is ColumnType.NUMBER:
            return not self._has_names(kind)
        if kind is ColumnType.PRICE:
            return self._count(lambda form: form.has_currency) * 2 > fitting
        return not self._summary.dates.unusual

    def _present(self) -> int:
        """Return the number of present values, of those examined."""
        natives = sum(count for kind, count in self._summary.kinds.items() if kind is not str)
        return self._texts + natives

    def _fitting(self, kind: ColumnType) -> int:
        """Return how many of the examined values can be read as a type."""
        kinds = self._summary.kinds
        numbers = sum(count for native, count in kinds.items() if issubclass(native, _NUMBERS) and native is not bool)
        if kind is ColumnType.NUMBER:
            # A share is text as "12 kg" is, unless the column is one of numbers.
            takes_percent = self._signal or self._hint is NameHint.NUMBER
            return numbers + self._count(lambda form: bool(form.number and (takes_percent or not form.number.percent)))
        if kind is ColumnType.PRICE:
            return numbers + self._summary.price_objects + self._count(_is_price)
        if kind is ColumnType.BOOLEAN:
            return kinds[bool] + self._count(lambda form: form.boolean is not None)
        dates = sum(count for native, count in kinds.items() if issubclass(native, datetime.date))
        return dates + sum(shape.count for shape, _ in self._shapes if shape.is_date) - self._summary.dates.invalid

    def _count(self, accepts: Callable[[TextForm], bool]) -> int:
        return sum(shape.count for shape, form in self._shapes if not form.absent and accepts(form))

    def _are_booleans(self) -> bool:
        """Return whether words are truth values: both occur, or they are words for nothing else."""
        words = {shape.example.lower(): form.boolean for shape, form in self._shapes if form.boolean is not None}
        if not words or words.keys() <= CLEAR_WORDS or self._hint is NameHint.FLAG:
            return True
        return len(set(words.values())) == 2

    def _has_names(self, kind: ColumnType) -> bool:
        """Return whether some numbers are names made of digits, such as 007 and 90.700, or too long to be exact."""
        evidence = self._numbers(kind)
        if evidence.long or self._summary.has_big_integer:
            return not self._signal
        if self._hint in (NameHint.NUMBER, NameHint.COUNT, NameHint.PRICE, NameHint.QUANTITY) or self._signal:
            return False
        zero_ended = self._summary.zero_ended and evidence.three_decimals and not evidence.small
        return bool(evidence.leading_zero or zero_ended)

    def _numbers(self, kind: ColumnType) -> NumberEvidence:
        evidence = NumberEvidence()
        for shape, form in self._shapes:
            parts = form.price if kind is ColumnType.PRICE else form.number
            for digits in parts.amounts if parts else ():
                has_currency = kind is ColumnType.PRICE and form.price is not None and form.price.currency is not None
                evidence.add(digits, shape.example, shape.count, has_currency)
        return evidence

    def _text_type(self) -> ColumnType:
        kinds = set(self._summary.kinds)
        if any(issubclass(kind, (list, tuple, dict)) for kind in kinds):
            return ColumnType.MIXED
        is_text = self._hint is NameHint.IDENTIFIER or self._summary.has_big_integer or kinds <= {str}
        return ColumnType.TEXT if is_text else ColumnType.MIXED

    def _keeps_na(self) -> bool:
        """Return whether NA is a value: a code of a country, or among other codes of two capital letters."""
        if self._hint is NameHint.REGION:
            return True
        texts = [shape.example for shape, form in self._shapes if form.is_text]
        return len(texts) >= _MIN_CODES and not self._summary.other_texts and all(map(_is_code, texts))

    def _decide_numbers(self, kind: ColumnType) -> Decision:
        evidence = self._numbers(kind)
        proved = evidence.decimal_comma
        stated = self._decimal_comma
        comma = proved if stated is None or (kind is ColumnType.NUMBER and proved is not None) else stated
        rule = ColumnRule(kind, decimal_comma=bool(comma), thousands=self._thousands(kind, evidence, comma))
        notes = (*self._misfits(kind), *self._price_notes(kind), *self._sign_notes(rule, evidence, comma))
        return Decision(rule, notes)

    def _thousands(self, kind: ColumnType, evidence: NumberEvidence, comma: bool | None) -> bool | None:
        if evidence.small:
            return False
        if comma is None and (kind is ColumnType.PRICE or self._hint is NameHint.COUNT):
            return True
        return None

    def _price_notes(self, kind: ColumnType) -> Iterable[str]:
        """Yield a sentence on prices that are ranges, and on those below 0."""
        if kind is not ColumnType.PRICE:
            return
        prices = [(shape, form.price) for shape, form in self._shapes if form.price is not None]
        ranges = [shape for shape, price in prices if len(price.amounts) > 1]
        if ranges:
            count = f"{_count(ranges)} of {self._present()}"
            yield f"{count} values are ranges, of which the lowest price is taken: {_quote(ranges)}"
        negative = [shape for shape, price in prices if price.negative]
        if negative:
            yield f"{_count(negative)} of {self._present()} values are below 0: {_quote(negative)}"

    def _sign_notes(self, rule: ColumnRule, evidence: NumberEvidence, comma: bool | None) -> Iterable[str]:
        """Yield a sentence on numbers whose only sign no other value explains."""
        if comma is not None or rule.thousands is False or self._hint is NameHint.COUNT:
            return
        for sign, example in evidence.undecided.items():
            value = rule.convert([example])[0]
            number = format_number(value) if isinstance(value, float) else value
            if sign == "." and rule.thousands is None:
                yield f"{example!r} is read as {number}; pass --decimal-comma if the dot separates thousands"
            else:
                option = "--no-decimal-comma" if sign == "." else "--decimal-comma"
                yield f"{example!r} is read as {number}; pass {option} if it has decimals"

    def _decide_dates(self, is_declared: bool) -> Decision:
        dates = self._summary.dates
        rule = ColumnRule(ColumnType.DATE, day_first=bool(dates.day_first))
        if dates.day_first and dates.month_first:
            note = "some dates have the day first and others the month"
        elif dates.undecided and not dates.day_first and not dates.month_first:
            note = f"{dates.example!r} may have the day or the month first"
        else:
            return Decision(rule, self._misfits(ColumnType.DATE))
        if is_declared:
            misfits = self._misfits(ColumnType.DATE)
            return Decision(replace(rule, day_first=True), (*misfits, f"{note}: the day is read first"))
        return Decision(ColumnRule(ColumnType.TEXT), (f"{note}: kept as text",))

    def _misfits(self, kind: ColumnType) -> tuple[str, ...]:
        """Return a sentence on the values that are not of the column's type."""
        count = self._present() - self._fitting(kind)
        if count <= 0:
            return ()
        examples = list(self._summary.dates.invalid_examples) if kind is ColumnType.DATE else []
        examples += [shape.example for shape, form in self._shapes if not form.absent and not _fits(kind, shape, form)]
        examples += [example for example in self._summary.examples if not examples]
        quoted = ", ".join(map(repr, examples[:_MAX_EXAMPLES]))
        return (f"{count} of {self._present()} values are not {_NOUNS[kind]}: {quoted}",)

    def _text_notes(self, kind: ColumnType) -> tuple[str, ...]:
        """Return a sentence on identifiers that a spreadsheet rounded, or on a column that is nearly one of numbers."""
        if self._role == _ITEM_ID or self._hint is NameHint.IDENTIFIER:
            rounded = [shape for shape, form in self._shapes if form.number and form.number.exponent]
            text = f"{_count(rounded)} of {self._present()} identifiers lack digits, as a spreadsheet writes them: "
            return (text + _quote(rounded),) if rounded else ()
        for number_kind in (ColumnType.NUMBER, ColumnType.DATE):
            if self._role in TEXT_COLUMNS or self._hint is NameHint.REGION:
                continue
            if _NEARLY * self._present() <= self._fitting(number_kind) < self._present():
                return tuple(f"{note}; the column is {kind}" for note in self._misfits(number_kind))
        return ()


def _count(shapes: Iterable[Shape]) -> int:
    return sum(shape.count for shape in shapes)


def _quote(shapes: Sequence[Shape]) -> str:
    return ", ".join(repr(shape.example) for shape in shapes[:_MAX_EXAMPLES])


def _is_code(text: str) -> bool:
    return len(text) == 2 and text.isalpha() and text.isupper()


def _is_price(form: TextForm) -> bool:
    return form.price is not None or bool(form.number and form.number.exponent)


def _fits(kind: ColumnType, shape: Shape, form: TextForm) -> bool:
    return {
        ColumnType.NUMBER: form.number is not None,
        ColumnType.PRICE: _is_price(form),
        ColumnType.BOOLEAN: form.boolean is not None,
        ColumnType.DATE: shape.is_date,
    }[kind]
