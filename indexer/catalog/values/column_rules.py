"""Decide the rule of a column from its summary, its name and what it is taken for."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from engine.catalog.coercion import TEXT_COLUMNS
from engine.catalog.column_rule import ColumnRule, ColumnType
from indexer.catalog.values.column_evidence import ColumnEvidence
from indexer.catalog.values.column_notes import misfit_notes, price_notes, rounded_notes, sign_notes
from indexer.catalog.values.column_summary import ColumnSummary
from indexer.catalog.values.name_hints import NameHint, read_name
from indexer.catalog.values.number_evidence import NumberEvidence

_ITEM_ID = "item_id"
# Of a column whose name says number, price or date so many values must be one; the others are dropped.
_MIN_SHARE = 0.5
# Of a column of text whose other values a person should know so many are numbers or dates.
_NEARLY = 0.9
_MIN_CODES = 4
_NUMERIC_NAMES = (NameHint.NUMBER, NameHint.COUNT, NameHint.PRICE, NameHint.QUANTITY)
_NAMED_TYPES = {
    NameHint.NUMBER: ColumnType.NUMBER,
    NameHint.COUNT: ColumnType.NUMBER,
    NameHint.PRICE: ColumnType.PRICE,
    NameHint.DATE: ColumnType.DATE,
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
        decimal_comma: Whether the catalogue's decimal sign is the comma; None to decide by column. Columns other than
            prices keep the sign that their values prove.
        declared: Its type, if the user states it.
    """
    return _Decider(name, summary, role or name, signal, decimal_comma).decide(declared)


class _Decider:
    def __init__(self, name: str, summary: ColumnSummary, role: str, signal: bool, decimal_comma: bool | None) -> None:
        self._summary = summary
        self._role = role
        self._signal = signal
        self._decimal_comma = decimal_comma
        self._hint = read_name(name)
        # A share is text, as "12 kg" is, unless the column is one of numbers.
        self._evidence = ColumnEvidence(summary, takes_percent=signal or self._hint is NameHint.NUMBER)

    def decide(self, declared: ColumnType | None) -> Decision:
        kind = declared or self._find_type()
        if kind in (ColumnType.NUMBER, ColumnType.PRICE):
            return self._decide_numbers(kind)
        if kind is ColumnType.DATE:
            return self._decide_dates(declared is not None)
        if kind is ColumnType.BOOLEAN:
            return Decision(ColumnRule(kind), tuple(misfit_notes(self._evidence, kind)))
        return Decision(ColumnRule(kind, keeps_na=self._keeps_na()), tuple(self._text_notes(kind)))

    def _find_type(self) -> ColumnType:
        """Return the type that the role, the name and the values make most likely."""
        if self._role == _ITEM_ID or self._role in TEXT_COLUMNS:
            return ColumnType.TEXT
        if self._role == "price":
            return ColumnType.PRICE
        for kind in self._candidates():
            if self._fits(kind):
                return kind
        return ColumnType.NUMBER if self._signal else self._find_text_type()

    def _candidates(self) -> Iterator[ColumnType]:
        """Yield the types that the column may have, the most particular first."""
        if self._hint is NameHint.IDENTIFIER and not self._signal:
            return
        if self._hint is not NameHint.REGION:
            yield ColumnType.BOOLEAN
        named = _NAMED_TYPES.get(self._hint, ColumnType.NUMBER)
        yield from dict.fromkeys(
            kind
            for kind in (named, ColumnType.NUMBER, ColumnType.PRICE, ColumnType.DATE)
            if kind is not ColumnType.DATE or not self._signal
        )

    def _fits(self, kind: ColumnType) -> bool:
        """Return whether the values are of a type: at least half of them if the name says so, all of them otherwise."""
        fitting = self._evidence.fitting(kind)
        if not fitting:
            return False
        if _NAMED_TYPES.get(self._hint) is kind:
            return fitting >= _MIN_SHARE * self._evidence.present and not self._has_names(kind)
        if fitting < self._evidence.present:
            return False
        if kind is ColumnType.BOOLEAN:
            return self._hint is NameHint.FLAG or self._evidence.are_words_clear()
        if kind is ColumnType.NUMBER:
            return not self._has_names(kind)
        if kind is ColumnType.PRICE:
            return self._evidence.count(lambda shape: shape.form.has_currency) * 2 > fitting
        return not self._summary.dates.unusual

    def _has_names(self, kind: ColumnType) -> bool:
        """Return whether some numbers are names made of digits, such as 007 and 90.700, or too long to be exact."""
        if self._signal:
            return False
        numbers = self._evidence.numbers(kind)
        if numbers.long or self._summary.has_big_integer:
            return True
        zero_ended = self._summary.zero_ended and numbers.three_decimals and not numbers.small
        return self._hint not in _NUMERIC_NAMES and bool(numbers.leading_zero or zero_ended)

    def _find_text_type(self) -> ColumnType:
        kinds = set(self._summary.kinds)
        if any(issubclass(kind, (list, tuple, dict)) for kind in kinds):
            return ColumnType.MIXED
        is_text = self._hint is NameHint.IDENTIFIER or self._summary.has_big_integer or kinds <= {str}
        return ColumnType.TEXT if is_text else ColumnType.MIXED

    def _keeps_na(self) -> bool:
        """Return whether NA is a value: a code of a country, or one among other codes of two capital letters."""
        if self._hint is NameHint.REGION:
            return True
        texts = [shape.example for shape in self._evidence.shapes]
        return len(texts) >= _MIN_CODES and not self._summary.other_texts and all(map(_is_code, texts))

    def _decide_numbers(self, kind: ColumnType) -> Decision:
        numbers = self._evidence.numbers(kind)
        proved, stated = numbers.decimal_comma, self._decimal_comma
        comma = proved if stated is None or (kind is ColumnType.NUMBER and proved is not None) else stated
        rule = ColumnRule(kind, decimal_comma=bool(comma), thousands=self._has_thousands(kind, numbers, comma))
        notes = list(misfit_notes(self._evidence, kind))
        if kind is ColumnType.PRICE:
            notes += price_notes(self._evidence)
        if comma is None and rule.thousands is not False and self._hint is not NameHint.COUNT:
            notes += sign_notes(rule, numbers)
        return Decision(rule, tuple(notes))

    def _has_thousands(self, kind: ColumnType, numbers: NumberEvidence, comma: bool | None) -> bool | None:
        """Return `ColumnRule.thousands`: prices and counts whose signs are open have no three decimals."""
        if numbers.small:
            return False
        return True if comma is None and (kind is ColumnType.PRICE or self._hint is NameHint.COUNT) else None

    def _decide_dates(self, is_declared: bool) -> Decision:
        dates = self._summary.dates
        rule = ColumnRule(ColumnType.DATE, day_first=bool(dates.day_first))
        misfits = tuple(misfit_notes(self._evidence, ColumnType.DATE))
        if dates.day_first and dates.month_first:
            note = "some dates have the day first and others the month"
        elif dates.undecided and not dates.day_first and not dates.month_first:
            note = f"{dates.example!r} may have the day or the month first"
        else:
            return Decision(rule, misfits)
        if is_declared:
            return Decision(replace(rule, day_first=True), (*misfits, f"{note}: the day is read first"))
        return Decision(ColumnRule(ColumnType.TEXT), (f"{note}: kept as text",))

    def _text_notes(self, kind: ColumnType) -> Iterator[str]:
        """Yield a sentence on rounded identifiers, or on a column that nearly is one of numbers or dates."""
        if self._role == _ITEM_ID or self._hint is NameHint.IDENTIFIER:
            yield from rounded_notes(self._evidence)
        elif self._role not in TEXT_COLUMNS and self._hint is not NameHint.REGION:
            for other in (ColumnType.NUMBER, ColumnType.DATE):
                if self._evidence.fitting(other) >= _NEARLY * self._evidence.present:
                    yield from (f"{note}; the column is {kind}" for note in misfit_notes(self._evidence, other))


def _is_code(text: str) -> bool:
    return len(text) == 2 and text.isalpha() and text.isupper()
