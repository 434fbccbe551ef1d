"""Which values a comparison accepts: said of one value, and found among all values of a column.

`acceptor` is the definition; `accepted` gives the same set as ranges of the column's ascending values, so that no
value is looked at twice, and most not once.
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


def acceptor(asked: Operator, literal: Literal) -> Callable[[Scalar], bool]:
    """Return what tells whether a value compares so. Values of another kind than the literal's never do.

    Texts that are instants are compared as such with a literal that is one, and as texts with all others.
    """
    compare, number, truth, text = _COMPARE[asked], literal.number, literal.truth, literal.text
    typed = literal.bare
    instant, pattern, wanted = literal.moment, literal.pattern, asked is Operator.EQ

    def accepts(value: Scalar) -> bool:
        if isinstance(value, str):
            if typed:
                return False
            if pattern:
                return literal.fits(value) == wanted
            if instant is not None and (moment := to_timestamp_us(value)) is not None:
                return bool(compare(moment, instant))
            return bool(compare(value, text))
        if isinstance(value, bool):
            return truth is not None and bool(compare(value, truth))
        return number is not None and bool(compare(value, number))

    return accepts


def accepted(column: Column, asked: Operator, literal: Literal) -> Ranges:
    """Return the numbers of the column's values that the acceptor accepts."""
    accepts = acceptor(asked, literal)
    found = [[code, code + 1] for code, value in enumerate(column.bools, 1) if accepts(value)]
    if literal.number is not None and len(column.numbers):
        left, right = (int(np.searchsorted(column.numbers, literal.number, side)) for side in ("left", "right"))
        found += _ranges(left, right, column.first_number, column.first_text, asked)
    ranges = np.array(found, np.int64).reshape(-1, 2) if found else NOTHING
    return ranges if literal.bare or not len(column.texts) else np.concatenate([ranges, _texts(column, asked, literal)])


def _texts(column: Column, asked: Operator, literal: Literal) -> Ranges:
    texts, first = column.texts, column.first_text
    if literal.pattern:
        if not literal.any_before:
            left, right = texts.beginning(literal.text)
            return np.array(_ranges(left, right, first, column.end, asked), np.int64).reshape(-1, 2)
        flags = texts.containing(literal.text) if literal.any_after else texts.ending(literal.text)
        return to_ranges(flags if asked is Operator.EQ else ~flags, first)
    left, right = texts.left(literal.text), texts.right(literal.text)
    ranges = np.array(_ranges(left, right, first, column.end, asked), np.int64).reshape(-1, 2)
    if literal.moment is None or not len(column.times):
        return ranges
    flags = np.zeros(len(texts), np.bool_)
    for low, high in (ranges - first).tolist():
        flags[low:high] = True
    instants: Mask = _COMPARE[asked](column.times, literal.moment)
    return to_ranges(np.where(column.timed, instants, flags), first)


def _ranges(left: int, right: int, first: int, end: int, asked: Operator) -> list[list[int]]:
    """Return the numbers from `first` to `end` that compare so with those from first + left to first + right."""
    low, high = first + left, first + right
    ranges = {
        Operator.EQ: [[low, high]],
        Operator.NE: [[first, low], [high, end]],
        Operator.LT: [[first, low]],
        Operator.LE: [[first, high]],
        Operator.GT: [[high, end]],
        Operator.GE: [[low, end]],
    }
    return [span for span in ranges[asked] if span[0] < span[1]]
