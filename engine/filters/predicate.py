"""A filter bound to the fields of a snapshot: checked against their kinds, then evaluated on rows or items."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from engine.catalog.coercion import shorten
from engine.columns.column import Column, Mask, ValueKind
from engine.columns.column_reader import Columns
from engine.columns.field_path import Path, format_path
from engine.columns.field_values import Payload, has_at, values_at
from engine.errors import InvalidQuery, UnknownField
from engine.filters.comparison import find_codes, make_test
from engine.filters.expression import And, Comparison, Expression, Has, Not, Operator, Or
from engine.filters.parser import FIELD

_SAMPLES = 3
_LONGEST_SAMPLE = 24

_Test: TypeAlias = Callable[[Payload], bool]

_EXPECTED = {
    ValueKind.BOOL: "true or false",
    ValueKind.NUMBER: "a number",
    ValueKind.TIMESTAMP: "a date or time such as 2024-05-31 or 2024-05-31T12:00:00Z",
}


class Predicate:
    """Evaluates a filter on stored rows and on live items, with the same result for the same payload."""

    def __init__(self, expression: Expression, columns: Columns) -> None:
        self.expression = expression
        self._columns = columns
        self._bound = _bound(expression, columns)
        self._test = _test(self._bound)

    def __str__(self) -> str:
        return str(self.expression)

    def mask(self) -> Mask:
        """Return which rows match: (n,), a new array. Cost: a comparison of n small integers per field."""
        return self._mask(self._bound)

    def matches(self, payload: Payload) -> bool:
        """Return whether an item matches. Cost: a microsecond or two per comparison."""
        return self._test(payload)

    def _mask(self, expression: Expression) -> Mask:
        match expression:
            case Comparison(path, operator, literal):
                column = self._columns.column(path)
                return column.mask(find_codes(column, operator, literal))
            case Has(path):
                mask = np.zeros(self._columns.count, np.bool_)
                for inner in (path, *self._columns.fields_below(path)):
                    self._columns.column(inner).mark(mask)
                return mask
            case Not(term):
                mask = self._mask(term)
                return np.logical_not(mask, out=mask)
            case And(terms):
                mask = self._mask(terms[0]) if terms else np.ones(self._columns.count, np.bool_)
                for term in terms[1:]:
                    np.logical_and(mask, self._mask(term), out=mask)
                return mask
            case Or(terms):
                return self._any(terms)

    def _any(self, terms: tuple[Expression, ...]) -> Mask:
        """Return which rows match any term; comparisons of the same field share one pass over its column."""
        fields: dict[Path, list[Comparison]] = {}
        masks = []
        for term in terms:
            if isinstance(term, Comparison):
                fields.setdefault(term.path, []).append(term)
            else:
                masks.append(self._mask(term))
        for path, comparisons in fields.items():
            column = self._columns.column(path)
            ranges = [find_codes(column, comparison.operator, comparison.literal) for comparison in comparisons]
            masks.append(column.mask(np.concatenate(ranges)))
        mask = masks[0]
        for other in masks[1:]:
            np.logical_or(mask, other, out=mask)
        return mask


def bind(expression: Expression, columns: Columns) -> Predicate:
    """Bind a filter to columns. `columns.with_fields(names)` adds fields that only live items have.

    Raises:
        UnknownField: No row has the field.
        InvalidQuery: The field has no values of the literal's kind. Both give the position, from 1.
    """
    predicate = Predicate(expression, columns)
    _check(predicate._bound, columns)
    _check_texts(expression, columns)
    return predicate


def _check_texts(expression: Expression, columns: Columns) -> None:
    """Raise InvalidQuery where a bare number or truth is compared with texts as if they were numbers or truths."""
    match expression:
        case Comparison(path, operator, literal) if literal.bare:
            column = columns.column(path)
            is_ordered = operator not in (Operator.EQ, Operator.NE)
            is_truth = literal.truth is not None and not column.code(literal.text)
            if column.kinds == (ValueKind.TEXT,) and (is_ordered or is_truth):
                name = format_path(path)
                raise InvalidQuery(
                    f"position {literal.position}: expected text for {name}, got {literal}: its values are texts such "
                    f"as {_samples(column)}; quote the value to compare it as text",
                    FIELD,
                )
        case Not(term):
            _check_texts(term, columns)
        case And(terms) | Or(terms):
            for term in terms:
                _check_texts(term, columns)


def _samples(column: Column) -> str:
    """Return a few values of a column of texts, evenly from the whole of it."""
    step = max(1, len(column.texts) // _SAMPLES)
    texts = [column.texts[index] for index in range(0, len(column.texts), step)][:_SAMPLES]
    return ", ".join(f'"{shorten(text, _LONGEST_SAMPLE)}"' for text in texts)


def _check(expression: Expression, columns: Columns) -> None:
    match expression:
        case Comparison(path):
            if not columns.knows(path):
                raise _unknown(path, expression.position, columns)
            _check_kind(expression, columns.column(path))
        case Has(path):
            if not columns.knows(path) and not columns.fields_below(path):
                raise _unknown(path, expression.position, columns)
        case Not(term):
            _check(term, columns)
        case And(terms) | Or(terms):
            for term in terms:
                _check(term, columns)


def _unknown(path: Path, position: int, columns: Columns) -> UnknownField:
    name = format_path(path)
    return UnknownField(name, columns.nearest(name), FIELD, f"position {position}: ")


def _check_kind(comparison: Comparison, column: Column) -> None:
    literal = comparison.literal
    possible = {
        ValueKind.BOOL: literal.truth is not None,
        ValueKind.NUMBER: literal.number is not None,
        ValueKind.TEXT: not literal.bare,
        ValueKind.TIMESTAMP: literal.pattern or literal.timestamp_us is not None,
    }
    if column.kinds and not any(possible[kind] for kind in column.kinds):
        expected = " or ".join(_EXPECTED[kind] for kind in column.kinds)
        raise InvalidQuery(
            f"position {literal.position}: expected {expected} for {format_path(comparison.path)}, got {literal}", FIELD
        )


def _bound(expression: Expression, columns: Columns) -> Expression:
    """Return the expression with each literal as it reads for its field."""
    match expression:
        case Comparison(path, operator, literal, position):
            column = columns.column(path)
            bound = literal.for_field(bool(len(column.numbers)), bool(column.bools), bool(len(column.texts)))
            return expression if bound is literal else Comparison(path, operator, bound, position)
        case Has():
            return expression
        case Not(term):
            return Not(_bound(term, columns))
        case And(terms):
            return And(tuple(_bound(term, columns) for term in terms))
        case Or(terms):
            return Or(tuple(_bound(term, columns) for term in terms))


def _test(expression: Expression) -> _Test:
    match expression:
        case Comparison(path, operator, literal):
            accept = make_test(operator, literal)
            return lambda payload: any(map(accept, values_at(payload, path)))
        case Has(path):
            return lambda payload: has_at(payload, path)
        case Not(term):
            inner = _test(term)
            return lambda payload: not inner(payload)
        case And(terms):
            tests = [_test(term) for term in terms]
            return lambda payload: all(test(payload) for test in tests)
        case Or(terms):
            tests = [_test(term) for term in terms]
            return lambda payload: any(test(payload) for test in tests)
