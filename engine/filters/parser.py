"""How a filter's text becomes a tree, or an error that says where it breaks off and what was expected there."""

import re
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path as FilePath
from typing import Any, NoReturn

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from engine.columns.field_path import parse_path
from engine.errors import InvalidQuery
from engine.filters.expression import And, Comparison, Expression, Has, Not, Operator, both, depth_of, either
from engine.filters.literal import Literal, from_string, from_word

FIELD = "filter"
"""The part of a request that errors name."""

LONGEST = 8192
"""Characters of a filter."""
MOST_COMPARISONS = 1024
"""Comparisons in a filter, each value of a list being one."""
DEEPEST = 32
"""Negations, ANDs, ORs and parentheses one in the other."""

_SHOWN = 24
_NAMES = {
    "FIELD": "a field",
    "HAS": "has(",
    "_NOT": "NOT",
    "_MINUS": "-",
    "_OPEN": "(",
    "_CLOSE": ")",
    "_AND": "AND",
    "_OR": "OR",
    "COMPARATOR": "a comparison (= != < <= > >= :)",
    "EQUALS": "a comparison (= != < <= > >= :)",
    "COLON": "a comparison (= != < <= > >= :)",
    "STAR": "*",
    "STRING": "a value",
    "WORD": "a value",
    "TIMESTAMP": "a value",
    "$END": "the end",
}
_ORDER = tuple(dict.fromkeys(_NAMES.values()))
_KEYWORDS = frozenset({"and", "or", "not"})
_QUOTES = ("'", '"')
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""", re.DOTALL)

_Values = list[list[Any]]
"""As `values` in the grammar: all of several, each of which is one of several, which are literals or values again."""


def parse(text: str) -> Expression:
    """Return what a filter says; an empty one, or one of blanks, holds for every item.

    Raises InvalidQuery, field "filter", with the position of the first character, from 1, that cannot stand there.
    """
    if len(text) > LONGEST:
        raise InvalidQuery(f"expected at most {LONGEST} characters of filter, got {len(text)}", FIELD)
    try:
        parsed = _parser().parse(text)
    except UnexpectedInput as error:
        _refuse(error, text)
    # `?start: conjunction?` of nothing is a bare tree.
    expression: Expression = parsed if isinstance(parsed, Expression) else And(())
    count = _count(expression)
    if count > MOST_COMPARISONS:
        raise InvalidQuery(f"expected at most {MOST_COMPARISONS} comparisons in a filter, got {count}", FIELD)
    return expression


class _Tree(Transformer[Token, Expression]):
    """Builds the tree from the leaves up while Lark reads, so that no depth of nesting needs a stack of calls."""

    def conjunction(self, terms: list[Expression]) -> Expression:
        return _shallow(both(terms))

    def disjunction(self, terms: list[Expression]) -> Expression:
        return _shallow(either(terms))

    def negation(self, terms: list[Expression]) -> Expression:
        return _shallow(Not(terms[0]))

    def comparison(self, parts: list[Any]) -> Expression:
        name, operator, literal = parts
        return _compared(name, Operator(str(operator)), literal)

    def membership(self, parts: list[Any]) -> Expression:
        name, _, asked = parts
        if isinstance(asked, Literal):
            return _compared(name, Operator.EQ, asked)
        return _spread(asked, lambda literal: _compared(name, Operator.EQ, literal))

    def presence(self, parts: list[Token]) -> Expression:
        name = next(part for part in parts if part.type == "FIELD")
        return Has(parse_path(name), _position(name))

    def value(self, parts: list[Token]) -> Literal:
        token = parts[0]
        make = from_string if token.type == "STRING" else from_word
        return make(token, _position(token))

    def values(self, parts: list[list[Any]]) -> tuple[int, _Values]:
        depth = 1 + max((part[0] for some in parts for part in some if isinstance(part, tuple)), default=0)
        if depth > DEEPEST:
            raise _too_deep()
        return depth, parts

    def alternatives(self, parts: list[Any]) -> list[Any]:
        return parts


def _compared(name: Token, operator: Operator, literal: Literal) -> Comparison:
    if literal.pattern and operator not in (Operator.EQ, Operator.NE):
        raise InvalidQuery(
            f"position {literal.position}: expected a value without a star for {operator.value}, got {literal}", FIELD
        )
    return Comparison(parse_path(name), operator, literal, _position(name))


def _spread(asked: tuple[int, _Values], leaf: Callable[[Literal], Expression]) -> Expression:
    """Return the tree of values in parentheses; it is no deeper than DEEPEST, which `values` saw to."""
    _, parts = asked
    terms = [
        either([leaf(member) if isinstance(member, Literal) else _spread(member, leaf) for member in some])
        for some in parts
    ]
    return _shallow(both(terms))


def _shallow(expression: Expression) -> Expression:
    if depth_of(expression) > DEEPEST:
        raise _too_deep()
    return expression


def _too_deep() -> InvalidQuery:
    return InvalidQuery(f"expected a filter nested at most {DEEPEST} deep, got a deeper one", FIELD)


def _count(expression: Expression) -> int:
    if isinstance(expression, Not):
        return _count(expression.term)
    return 1 if isinstance(expression, Comparison | Has) else sum(map(_count, expression.terms))


@cache
def _parser() -> Lark:
    grammar = FilePath(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", transformer=_Tree(), propagate_positions=False)


def _position(token: Token) -> int:
    return (token.start_pos or 0) + 1


def _refuse(error: UnexpectedInput, text: str) -> NoReturn:
    place, came = len(text), "the end"
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        place = error.token.start_pos or 0
    elif isinstance(error, UnexpectedCharacters):
        place = error.pos_in_stream or 0
    if place < len(text):
        rest = text[place:]
        came = repr(rest if len(rest) <= _SHOWN else rest[:_SHOWN] + "...")
    told = f"expected {_told(_wanted(text))}, got {came}{_hint(text, place)}"
    raise InvalidQuery(f"position {place + 1}: {told}", FIELD) from None


def _wanted(text: str) -> set[str]:
    """Return what could stand where a text cannot be read on; the error itself knows only what similar places take."""
    reading = _parser().parse_interactive(text)
    with suppress(UnexpectedInput):
        reading.exhaust_lexer()
    return set(reading.accepts())  # type: ignore[no-untyped-call]


def _told(terminals: set[str]) -> str:
    if "FIELD" in terminals:
        terminals = terminals - {"HAS", "_NOT", "_MINUS", "_OPEN"}
    names = {_NAMES[terminal] for terminal in terminals}
    told = [name for name in _ORDER if name in names]
    return " or ".join(filter(None, (", ".join(told[:-1]), told[-1])))


def _hint(text: str, place: int) -> str:
    """Return what a person probably meant: an operator in small letters, a quote that was not closed."""
    for word in (*text[:place].split()[-1:], *text[place:].split(maxsplit=1)[:1]):
        if word in _KEYWORDS:
            return f"; {word.upper()} is written in capitals"
    return "; a quote is not closed" if text[place : place + 1] in _QUOTES and not _QUOTED.match(text, place) else ""
