"""What the values of a column can be read as, counted from its summary."""

import datetime
from collections.abc import Callable
from decimal import Decimal

from engine.catalog.boolean_text import CLEAR_WORDS
from engine.catalog.column_rule import ColumnType
from indexer.catalog.values.column_summary import ColumnSummary, TextShape
from indexer.catalog.values.number_evidence import NumberEvidence

_NUMBERS = (int, float, Decimal)


class ColumnEvidence:
    """Counts of the examined values of a column. takes_percent: Whether "12%" is a number."""

    def __init__(self, summary: ColumnSummary, takes_percent: bool) -> None:
        self.summary = summary
        self.shapes = [shape for shape in summary.shapes.values() if not shape.form.absent]
        self._takes_percent = takes_percent
        natives = sum(count for kind, count in summary.kinds.items() if kind is not str)
        self.present = sum(shape.count for shape in self.shapes) + summary.other_texts + natives
        """Values that are neither missing nor invalid, of those examined."""

    def count(self, accepts: Callable[[TextShape], bool]) -> int:
        """Return the number of texts whose shapes are accepted."""
        return sum(shape.count for shape in self.shapes if accepts(shape))

    def fits(self, kind: ColumnType, shape: TextShape) -> bool:
        """Return whether the texts of a shape can be read as a type; dates may be in no calendar."""
        form = shape.form
        if kind is ColumnType.NUMBER:
            return form.number is not None and (self._takes_percent or not form.number.percent)
        if kind is ColumnType.PRICE:
            return form.price is not None or bool(form.number and form.number.exponent)
        return form.boolean is not None if kind is ColumnType.BOOLEAN else shape.is_date

    def fitting(self, kind: ColumnType) -> int:
        """Return how many values can be read as a type."""
        texts = self.count(lambda shape: self.fits(kind, shape))
        if kind is ColumnType.BOOLEAN:
            return texts + self.summary.kinds[bool]
        if kind is ColumnType.DATE:
            return texts + self._natives((datetime.date,)) - self.summary.dates.invalid
        numbers = texts + self._natives(_NUMBERS) - self.summary.kinds[bool]
        return numbers + (self.summary.price_objects if kind is ColumnType.PRICE else 0)

    def misfits(self, kind: ColumnType) -> list[str]:
        """Return an example of each shape that cannot be read as a type."""
        dates = list(self.summary.dates.invalid_examples) if kind is ColumnType.DATE else []
        examples = dates + [shape.example for shape in self.shapes if not self.fits(kind, shape)]
        return examples or self.summary.examples

    def numbers(self, kind: ColumnType) -> NumberEvidence:
        """Return what the numbers of the column, or its prices, prove."""
        evidence = NumberEvidence()
        for shape in self.shapes:
            price = shape.form.price if kind is ColumnType.PRICE else None
            parts = price or (shape.form.number if kind is ColumnType.NUMBER else None)
            for digits in parts.amounts if parts else ():
                evidence.add(digits, shape.example, shape.count, has_currency=bool(price and price.currency))
        return evidence

    def are_words_clear(self) -> bool:
        """Return whether words are truth values: both occur, or they are words for nothing else."""
        words = {shape.example.lower(): shape.form.boolean for shape in self.shapes if shape.form.boolean is not None}
        return words.keys() <= CLEAR_WORDS or len(set(words.values())) == 2

    def _natives(self, kinds: tuple[type, ...]) -> int:
        return sum(count for kind, count in self.summary.kinds.items() if issubclass(kind, kinds))
