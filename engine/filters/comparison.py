"""The values that satisfy a comparison: a test of one value, and a search among all values of a column.

`make_test` is the definition. `find_codes` returns the same set as ranges of the column's sorted values, so that no
value is examined twice, and most are not examined at all.
"""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.columns.column import NOTHING, Column, Mask, Ranges, to_ranges
from engine.columns.datetimes import to_timestamp_us
from engine.columns.field_values import Scalar
from engine.filters.expression import Operator
from engine.filters.literal import Literal

_COMPARE: dict[Operator, Callable[[Any, Any], Any]] = {
    Operator.EQ: operator.eq,
    Operator.NE: operator.ne,
    Operator.LT: operator.lt,
    Operator.LE: operator.le,
    Operator.GT: operator.gt,
    Operator.GE: operator.ge,
}


def make_test(comparator: Operator, literal: Literal) -> Callable[[Scalar], bool]:
    """Return a function that tests a value. Values of another kind than the literal never pass.

    Texts that are timestamps are compared as such if the literal is one, and as texts otherwise.
    """
    compare, number, truth, text = _COMPARE[comparator], literal.number, literal.truth, literal.text
    is_typed = literal.bare
    timestamp_us, pattern, expected = literal.timestamp_us, literal.pattern, comparator is Operator.EQ

    def test(value: Scalar) -> bool:
        if isinstance(value, str):
            if is_typed:
                return False
            if pattern:
                return literal.matches(value) == expected
            if timestamp_us is not None and (value_us := to_timestamp_us(value)) is not None:
                return bool(compare(value_us, timestamp_us))
            return bool(compare(value, text))
        if isinstance(value, bool):
            return truth is not None and bool(compare(value, truth))
        return number is not None and bool(compare(value, number))

    return test


def find_codes(column: Column, comparator: Operator, literal: Literal) -> Ranges:
    """Return the code ranges of the column's values that satisfy the comparison."""
    test = make_test(comparator, literal)
    found = [[code, code + 1] for code, value in enumerate(column.bools, 1) if test(value)]
    if literal.number is not None and len(column.numbers):
        left, right = (int(np.searchsorted(column.numbers, literal.number, side)) for side in ("left", "right"))
        found += _ranges(left, right, column.first_number, column.first_text, comparator)
    ranges = np.array(found, np.int64).reshape(-1, 2) if found else NOTHING
    if literal.bare or not len(column.texts):
        return ranges
    return np.concatenate([ranges, _texts(column, comparator, literal)])


def _texts(column: Column, comparator: Operator, literal: Literal) -> Ranges:
    texts, first = column.texts, column.first_text
    if literal.pattern:
        if not literal.any_before:
            left, right = texts.with_prefix(literal.text)
            return np.array(_ranges(left, right, first, column.end, comparator), np.int64).reshape(-1, 2)
        flags = texts.containing(literal.text) if literal.any_after else texts.ending(literal.text)
        return to_ranges(flags if comparator is Operator.EQ else ~flags, first)
    left, right = texts.left(literal.text), texts.right(literal.text)
    ranges = np.array(_ranges(left, right, first, column.end, comparator), np.int64).reshape(-1, 2)
    if literal.timestamp_us is None or not len(column.times):
        return ranges
    flags = np.zeros(len(texts), np.bool_)
    for low, high in (ranges - first).tolist():
        flags[low:high] = True
    matches: Mask = _COMPARE[comparator](column.times, literal.timestamp_us)
    return to_ranges(np.where(column.is_timestamp, matches, flags), first)


def _ranges(left: int, right: int, first: int, end: int, comparator: Operator) -> list[list[int]]:
    """Return the codes in [first, end) that compare so with those in [first + left, first + right)."""
    low, high = first + left, first + right
    ranges = {
        Operator.EQ: [[low, high]],
        Operator.NE: [[first, low], [high, end]],
        Operator.LT: [[first, low]],
        Operator.LE: [[first, high]],
        Operator.GT: [[high, end]],
        Operator.GE: [[low, end]],
    }
    return [span for span in ranges[comparator] if span[0] < span[1]]
