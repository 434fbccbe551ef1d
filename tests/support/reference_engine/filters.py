"""Filters as trees: what each says of an item, one item at a time, and how a person may write it.

A filter is drawn as a tree and only then written down, so nothing here reads the grammar that is under test.
"""

import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any

Item = Mapping[str, Any]
Literal = bool | float | str | datetime

OPERATORS = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_BARE = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_KEYWORDS = {"and", "or", "not", "true", "false", "has", "null"}


def value_of(item: Item, field: str) -> Any:
    """Return what stands at a dotted path, None if nothing does."""
    value: Any = item
    for name in field.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def elements(value: Any) -> Sequence[Any]:
    """Return the values to look at: a list's elements, else the value itself, none if there is none."""
    if isinstance(value, list):
        return [element for element in value if element is not None]
    return [] if value is None else [value]


def to_time(text: str) -> datetime:
    """Return the instant that a date or a date-time of RFC 3339 names; a date is its midnight in UTC."""
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def satisfies(value: Any, sign: str, literal: Literal) -> bool:
    """Tell whether one value compares so; one of another type than the literal's never does."""
    if isinstance(literal, datetime):
        return isinstance(value, str) and bool(OPERATORS[sign](to_time(value), literal))
    if isinstance(value, str) and isinstance(literal, str) and sign in ("=", "!="):
        return matches(value, literal) == (sign == "=")
    return kind_of(value) == kind_of(literal) and bool(OPERATORS[sign](value, literal))


def kind_of(value: Any) -> str:
    """Return "bool", "number" or "text"; true is no number."""
    if isinstance(value, bool):
        return "bool"
    return "text" if isinstance(value, str) else "number"


def matches(value: str, pattern: str) -> bool:
    """Tell whether a text is the pattern, or fits it where it begins or ends with a star."""
    core = pattern.removeprefix("*").removesuffix("*") if pattern != "*" else ""
    if pattern.startswith("*") and pattern.endswith("*"):
        return core in value
    if pattern.startswith("*"):
        return value.endswith(core)
    return value.startswith(core) if pattern.endswith("*") else value == core


@dataclass(frozen=True, slots=True)
class Compare:
    """`field sign literal`."""

    field: str
    sign: str
    literal: Literal

    def holds(self, values: Sequence[Any]) -> bool:
        """Tell whether any value of the field compares so."""
        return any(satisfies(value, self.sign, self.literal) for value in values)

    def text(self, rng: Random) -> str:
        """Write it down."""
        space = rng.choice(("", " "))
        return f"{self.field}{space}{self.sign}{space}{literal_text(self.literal, rng)}"


@dataclass(frozen=True, slots=True)
class Member:
    """`field:literal` or `field:(literal OR literal)`."""

    field: str
    literals: tuple[Literal, ...]

    def holds(self, values: Sequence[Any]) -> bool:
        """Tell whether the field is, or its list contains, any of them."""
        return any(satisfies(value, "=", literal) for value in values for literal in self.literals)

    def text(self, rng: Random) -> str:
        """Write it down."""
        texts = [literal_text(literal, rng) for literal in self.literals]
        if len(texts) == 1 and rng.random() < 0.8:
            return f"{self.field}:{texts[0]}"
        return f"{self.field}:({' OR '.join(texts)})"


@dataclass(frozen=True, slots=True)
class Has:
    """`has(field)` or `field:*`."""

    field: str

    def holds(self, values: Sequence[Any]) -> bool:
        """Tell whether the item has the field."""
        return len(values) > 0

    def text(self, rng: Random) -> str:
        """Write it down."""
        return rng.choice((f"has({self.field})", f"{self.field}:*"))


@dataclass(frozen=True, slots=True)
class And:
    """Both and all."""

    terms: tuple["Node", ...]

    def text(self, rng: Random) -> str:
        """Write it down. OR binds tighter, so that an Or may stand in it bare."""
        texts = [_term(term, rng, bare=(Or,)) for term in self.terms]
        written = texts[0]
        for text in texts[1:]:
            written += rng.choice((" AND ", " AND ", " ", "  AND\t")) + text
        return written


@dataclass(frozen=True, slots=True)
class Or:
    """One or more."""

    terms: tuple["Node", ...]

    def text(self, rng: Random) -> str:
        """Write it down."""
        return " OR ".join(_term(term, rng) for term in self.terms)


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    term: "Node"

    def text(self, rng: Random) -> str:
        """Write it down. NOT binds tightest, and what it negates is no negation itself but in parentheses."""
        text = self.term.text(rng)
        inner = isinstance(self.term, And | Or | Not) or rng.random() < 0.1
        return rng.choice(("NOT ", "-")) + (f"({text})" if inner else text)


Leaf = Compare | Member | Has
Node = Leaf | And | Or | Not


def _term(node: Node, rng: Random, bare: tuple[type, ...] = ()) -> str:
    text = node.text(rng)
    needed = isinstance(node, And | Or) and not isinstance(node, bare)
    return f"({text})" if needed or rng.random() < 0.1 else text


def literal_text(literal: Literal, rng: Random) -> str:
    """Write a literal: text in either quote, bare if it is a plain word; times quoted."""
    if isinstance(literal, datetime):
        midnight = (literal.hour, literal.minute, literal.second, literal.microsecond) == (0, 0, 0, 0)
        if midnight and rng.random() < 0.5:
            return f'"{literal:%Y-%m-%d}"'
        return f'"{literal.isoformat().replace("+00:00", "Z")}"'
    if isinstance(literal, str):
        if _BARE.fullmatch(literal) and literal.lower() not in _KEYWORDS and rng.random() < 0.5:
            return literal
        quote = rng.choice("\"'")
        escaped = literal.replace("\\", "\\\\").replace(quote, f"\\{quote}")
        return f"{quote}{escaped}{quote}"
    if isinstance(literal, bool):
        return "true" if literal else "false"
    return repr(int(literal)) if float(literal).is_integer() and literal % 3 else repr(literal)
