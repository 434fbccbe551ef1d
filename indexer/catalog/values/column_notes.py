"""What a person should know about how the values of a column are read: sentences for a table or a notice."""

from collections.abc import Iterator, Sequence

from engine.catalog.coercion import format_number
from engine.catalog.column_rule import ColumnRule, ColumnType
from indexer.catalog.values.column_evidence import ColumnEvidence
from indexer.catalog.values.column_summary import TextShape
from indexer.catalog.values.number_evidence import NumberEvidence

_MAX_EXAMPLES = 3
_NOUNS = {
    ColumnType.NUMBER: "numbers",
    ColumnType.PRICE: "prices",
    ColumnType.BOOLEAN: "true or false",
    ColumnType.DATE: "dates",
}


def misfit_notes(evidence: ColumnEvidence, kind: ColumnType) -> Iterator[str]:
    """Yield a sentence on the values that are not of a type."""
    count = evidence.present - evidence.fitting(kind)
    if count > 0:
        quoted = ", ".join(map(repr, evidence.misfits(kind)[:_MAX_EXAMPLES]))
        yield f"{count} of {evidence.present} values are not {_NOUNS[kind]}: {quoted}"


def price_notes(evidence: ColumnEvidence) -> Iterator[str]:
    """Yield a sentence on prices that are ranges, and on those below 0."""
    prices = [(shape, shape.form.price) for shape in evidence.shapes if shape.form.price is not None]
    if ranges := [shape for shape, price in prices if len(price.amounts) > 1]:
        yield _note(evidence, ranges, "values are ranges, of which the lowest price is taken")
    if negative := [shape for shape, price in prices if price.negative]:
        yield _note(evidence, negative, "values are below 0")


def sign_notes(rule: ColumnRule, numbers: NumberEvidence) -> Iterator[str]:
    """Yield a sentence on numbers whose only sign no other value explains."""
    for sign, example in numbers.undecided.items():
        value = rule.convert([example])[0]
        number = format_number(value) if isinstance(value, float) else value
        if sign == "." and rule.thousands is None:
            yield f"{example!r} is read as {number}; pass --decimal-comma if the dot separates thousands"
        else:
            option = "--no-decimal-comma" if sign == "." else "--decimal-comma"
            yield f"{example!r} is read as {number}; pass {option} if it has decimals"


def rounded_notes(evidence: ColumnEvidence) -> Iterator[str]:
    """Yield a sentence on identifiers such as 5.9E+12, which a spreadsheet rounded."""
    if rounded := [shape for shape in evidence.shapes if shape.form.number and shape.form.number.exponent]:
        yield _note(evidence, rounded, "identifiers lack digits, as a spreadsheet writes them")


def _note(evidence: ColumnEvidence, shapes: Sequence[TextShape], statement: str) -> str:
    quoted = ", ".join(repr(shape.example) for shape in shapes[:_MAX_EXAMPLES])
    return f"{sum(shape.count for shape in shapes)} of {evidence.present} {statement}: {quoted}"
