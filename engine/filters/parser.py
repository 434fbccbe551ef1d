"""Parses filters, with errors that say where parsing failed and what was expected there."""

import re
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path as FilePath
from typing import Any, NoReturn

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from engine.columns.field_path import parse_path
from engine.errors import InvalidQuery
from engine.filters.expression import And, Comparison, Expression, Has, Not, Operator, get_depth, join_and, join_or
from engine.filters.literal import Literal, from_string, from_word

FIELD = "filter"
"""Request field that errors name."""

MAX_CHARACTERS = 8192
"""Maximum length of a filter."""
MAX_COMPARISONS = 1024
"""Maximum number of comparisons; each value of a list counts as one."""
MAX_DEPTH = 32
"""Maximum nesting depth of negations, ANDs, ORs and parentheses."""

_MAX_QUOTED = 24
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
"""`values` of the grammar: a conjunction of disjunctions of literals or nested values."""


def parse(text: str) -> Expression:
    """Parse a filter; an empty or blank one matches every item.

    Raises:
        InvalidQuery: With the position, from 1, of the first unexpected character.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidQuery(f"expected at most {MAX_CHARACTERS} characters of filter, got {len(text)}", FIELD)
    try:
        parsed = _parser().parse(text)
    except UnexpectedInput as error:
        _raise_invalid(error, text)
    # `?start: conjunction?` parses an empty text to a bare tree.
    expression: Expression = parsed if isinstance(parsed, Expression) else And(())
    count = _count(expression)
    if count > MAX_COMPARISONS:
        raise InvalidQuery(f"expected at most {MAX_COMPARISONS} comparisons in a filter, got {count}", FIELD)
    return expression


class _Tree(Transformer[Token, Expression]):
    """Builds the tree bottom-up while Lark parses, so that nesting needs no call stack."""

    def conjunction(self, terms: list[Expression]) -> Expression:
        return _check_depth(join_and(terms))

    def disjunction(self, terms: list[Expression]) -> Expression:
        return _check_depth(join_or(terms))

    def negation(self, terms: list[Expression]) -> Expression:
        return _check_depth(Not(terms[0]))

    def comparison(self, parts: list[Any]) -> Expression:
        name, operator, literal = parts
        return _to_comparison(name, Operator(str(operator)), literal)

    def membership(self, parts: list[Any]) -> Expression:
        name, _, values = parts
        if isinstance(values, Literal):
            return _to_comparison(name, Operator.EQ, values)
        return _expand(values, lambda literal: _to_comparison(name, Operator.EQ, literal))

    def presence(self, parts: list[Token]) -> Expression:
        name = next(part for part in parts if part.type == "FIELD")
        return Has(parse_path(name), _position(name))

    def value(self, parts: list[Token]) -> Literal:
        token = parts[0]
        make = from_string if token.type == "STRING" else from_word
        return make(token, _position(token))

    def values(self, parts: list[list[Any]]) -> tuple[int, _Values]:
        depth = 1 + max((part[0] for group in parts for part in group if isinstance(part, tuple)), default=0)
        if depth > MAX_DEPTH:
            raise _too_deep()
        return depth, parts

    def alternatives(self, parts: list[Any]) -> list[Any]:
        return parts


def _to_comparison(name: Token, operator: Operator, literal: Literal) -> Comparison:
    if literal.pattern and operator not in (Operator.EQ, Operator.NE):
        raise InvalidQuery(
            f"position {literal.position}: expected a value without a star for {operator.value}, got {literal}", FIELD
        )
    return Comparison(parse_path(name), operator, literal, _position(name))


def _expand(values: tuple[int, _Values], leaf: Callable[[Literal], Expression]) -> Expression:
    """Return the tree of parenthesised values, which `values` has limited to MAX_DEPTH."""
    _, parts = values
    terms = [
        join_or([leaf(member) if isinstance(member, Literal) else _expand(member, leaf) for member in group])
        for group in parts
    ]
    return _check_depth(join_and(terms))


def _check_depth(expression: Expression) -> Expression:
    if get_depth(expression) > MAX_DEPTH:
        raise _too_deep()
    return expression


def _too_deep() -> InvalidQuery:
    return InvalidQuery(f"expected a filter nested at most {MAX_DEPTH} deep, got a deeper one", FIELD)


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


def _raise_invalid(error: UnexpectedInput, text: str) -> NoReturn:
    offset, found = len(text), "the end"
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        offset = error.token.start_pos or 0
    elif isinstance(error, UnexpectedCharacters):
        offset = error.pos_in_stream or 0
    if offset < len(text):
        rest = text[offset:]
        found = repr(rest if len(rest) <= _MAX_QUOTED else rest[:_MAX_QUOTED] + "...")
    message = f"expected {_name_all(_find_expected(text))}, got {found}{_hint(text, offset)}"
    raise InvalidQuery(f"position {offset + 1}: {message}", FIELD) from None


def _find_expected(text: str) -> set[str]:
    """Return the terminals accepted where parsing failed; the error's own set is that of a merged LALR state."""
    parser = _parser().parse_interactive(text)
    with suppress(UnexpectedInput):
        parser.exhaust_lexer()
    return set(parser.accepts())  # type: ignore[no-untyped-call]


def _name_all(terminals: set[str]) -> str:
    if "FIELD" in terminals:
        terminals = terminals - {"HAS", "_NOT", "_MINUS", "_OPEN"}
    names = {_NAMES[terminal] for terminal in terminals}
    ordered = [name for name in _ORDER if name in names]
    return " or ".join(filter(None, (", ".join(ordered[:-1]), ordered[-1])))


def _hint(text: str, offset: int) -> str:
    """Return a hint at common mistakes: a lower-case operator, an unclosed quote."""
    for word in (*text[:offset].split()[-1:], *text[offset:].split(maxsplit=1)[:1]):
        if word in _KEYWORDS:
            return f"; operators are upper case: {word.upper()}"
    return "; missing closing quote" if text[offset : offset + 1] in _QUOTES and not _QUOTED.match(text, offset) else ""
