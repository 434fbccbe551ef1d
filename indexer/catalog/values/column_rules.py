"""Decide how the values of a column are read, from its name, what it is taken for, and all of its values."""

from dataclasses import dataclass

from engine.catalog.coercion import format_value
from engine.catalog.column_rule import ColumnRule, ColumnType
from indexer.catalog.values import column_name_hints as hints
from indexer.catalog.values.column_summary import ColumnSummary

TEXT_ROLES = frozenset({"item_id", "title", "description", "category", "brand"})

# Of a column whose name says number or price, so many values must be one; the others are dropped.
_MIN_SHARE = 0.5
# Of a column whose values say date, so many.
_MIN_DATES = 0.9


@dataclass(frozen=True, slots=True)
class Decision:
    """How a column is read.

    Attributes:
        rule: The rule for its values.
        odd: Sentences about what a person should check.
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
    """Return how a column is read.

    Args:
        name: Its name in the file.
        summary: All its values.
        role: The field that it is taken for.
        signal: Whether queries boost by it, so that it must be a number.
        decimal_comma: Whether the comma is the decimal sign; None to decide it by the values.
        declared: Its type, if a person named it.
    """
    kind = declared or _find_type(name, summary, role, signal)
    comma = _has_decimal_comma(summary, kind) if decimal_comma is None else decimal_comma
    rule = ColumnRule(kind, comma, summary.day_first > summary.month_first, hints.is_place_code(name))
    return Decision(rule, tuple(_find_oddities(summary, rule, decimal_comma is not None)))


def _find_type(name: str, summary: ColumnSummary, role: str | None, signal: bool) -> ColumnType:
    if role in TEXT_ROLES and not summary.kinds.keys() & {list, dict}:
        return ColumnType.TEXT
    if signal:
        return ColumnType.PRICE if summary.currencies else ColumnType.NUMBER
    if role == "price" or (hints.is_price(name) and _share(summary, summary.prices) >= _MIN_SHARE):
        return ColumnType.PRICE
    if summary.kinds.keys() & {list, dict, tuple}:
        return ColumnType.MIXED
    if str not in summary.kinds or not summary.texts:
        return _find_native_type(summary)
    return _find_text_type(name, summary)


def _find_native_type(summary: ColumnSummary) -> ColumnType:
    """Return the type of a column without texts."""
    if summary.big_integers:
        return ColumnType.TEXT
    kinds = {kind for kind in summary.kinds if kind is not str}
    if kinds == {bool}:
        return ColumnType.BOOLEAN
    return ColumnType.NUMBER if kinds and all(issubclass(kind, int | float) for kind in kinds - {bool}) and (
        bool not in kinds
    ) else ColumnType.MIXED  # fmt: skip


def _find_text_type(name: str, summary: ColumnSummary) -> ColumnType:
    natives = {kind for kind in summary.kinds if kind is not str}
    are_numbers = natives <= {int, float}
    is_identifier = hints.is_identifier(name) or bool(summary.leading_zeros or summary.big_integers)
    if is_identifier and are_numbers and not hints.is_number(name):
        return ColumnType.TEXT
    if summary.numbers == summary.texts and are_numbers:
        has_zeros = summary.written_zeros > 0 and not hints.is_number(name) and not hints.is_price(name)
        return ColumnType.TEXT if has_zeros else ColumnType.NUMBER
    if hints.is_number(name) and are_numbers and _share(summary, summary.numbers) >= _MIN_SHARE:
        return ColumnType.NUMBER
    if summary.prices == summary.texts and summary.currencies > summary.texts / 2 and are_numbers:
        return ColumnType.PRICE
    if summary.booleans == summary.texts and natives <= {bool}:
        # A lone Y or N may be a size or an initial.
        return ColumnType.TEXT if summary.letters - {""} and len(summary.letters) == 1 else ColumnType.BOOLEAN
    if not natives and _is_date(summary):
        return ColumnType.DATE
    return ColumnType.MIXED if natives else ColumnType.TEXT


def _is_date(summary: ColumnSummary) -> bool:
    """Return whether the values are dates of one order; dates that can be read in two ways stay text."""
    if summary.dates + summary.bad_dates < summary.texts or summary.dates < _MIN_DATES * summary.texts:
        return False
    if summary.day_first and summary.month_first:
        return False
    return not summary.both_orders or bool(summary.day_first or summary.month_first)


def _share(summary: ColumnSummary, readable: int) -> float:
    """Return the share of the values that are numbers, or texts of which so many are readable."""
    natives = sum(count for kind, count in summary.kinds.items() if kind in (int, float, list, dict))
    return (readable + natives) / max(summary.texts + natives, 1)


def _has_decimal_comma(summary: ColumnSummary, kind: ColumnType) -> bool | None:
    """Return whether the comma is the decimal sign; None if values say both."""
    if summary.dots and summary.commas:
        return None
    if summary.commas:
        return True
    # Prices have no three decimals: a column of nothing but 19.990 and 5.990 is in thousands.
    return kind is ColumnType.PRICE and summary.lone_dots > 0 and not summary.dots


def _find_oddities(summary: ColumnSummary, rule: ColumnRule, is_forced: bool) -> list[str]:
    odd = []
    kind = rule.type
    if kind in (ColumnType.NUMBER, ColumnType.PRICE):
        readable = summary.prices if kind is ColumnType.PRICE else summary.numbers
        if (bad := summary.texts - readable) > 0:
            failures = summary.price_failures if kind is ColumnType.PRICE else summary.failures
            examples = ", ".join(map(format_value, failures))
            odd.append(f"{bad} different values are no {kind.value}, such as {examples}")
        if not is_forced and summary.lone_dots and not (summary.dots or summary.commas):
            example = "1.299 as 1299" if rule.decimal_comma else "1.299 as 1.299"
            odd.append(f"the values do not tell the decimal sign: read {example}; see --decimal-comma")
        if not is_forced and rule.decimal_comma is None:
            odd.append("the values have both decimal signs: 1,299 and 1.299 are read as 1299; see --decimal-comma")
    if kind is ColumnType.TEXT and summary.both_orders and summary.dates == summary.texts:
        odd.append("dates whose day and month cannot be told apart stay text")
    if kind is ColumnType.MIXED and str in summary.kinds and summary.kinds.keys() & {int, float, bool}:
        odd.append("numbers and texts are mixed")
    if summary.bad_dates and kind is ColumnType.DATE:
        odd.append(f"{summary.bad_dates} dates are in no calendar")
    if summary.invalid:
        odd.append(f"{summary.invalid} values cannot be read")
    return odd
