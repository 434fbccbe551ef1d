"""Filters as trees. Equal trees are equivalent and render as the same text, which parses to the same tree."""

from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from engine.columns.field_path import Path, format_path
from engine.filters.literal import Literal


class Operator(Enum):
    """A comparison operator; the values are its spelling."""

    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


@dataclass(frozen=True, slots=True)
class Comparison:
    """Any value of the field satisfies the comparison. `field:value` means `field = value`."""

    path: Path
    operator: Operator
    literal: Literal
    position: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{format_path(self.path)} {self.operator.value} {self.literal}"


@dataclass(frozen=True, slots=True)
class Has:
    """The field, or a field below it, has a value."""

    path: Path
    position: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{format_path(self.path)}:*"


@dataclass(frozen=True, slots=True)
class Not:
    """The term is false."""

    term: "Expression"
    depth: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", 1 + get_depth(self.term))

    def __str__(self) -> str:
        return f"NOT {_parenthesize(self.term, And, Or)}"


@dataclass(frozen=True, slots=True)
class And:
    """All terms are true; without terms, always true."""

    terms: tuple["Expression", ...]
    depth: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", 1 + max(map(get_depth, self.terms), default=0))

    def __str__(self) -> str:
        return " AND ".join(_parenthesize(term, And, Or) for term in self.terms)


@dataclass(frozen=True, slots=True)
class Or:
    """At least one term is true."""

    terms: tuple["Expression", ...]
    depth: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", 1 + max(map(get_depth, self.terms)))

    def __str__(self) -> str:
        return " OR ".join(_parenthesize(term, And, Or) for term in self.terms)


Expression: TypeAlias = Comparison | Has | Not | And | Or


def get_depth(expression: Expression) -> int:
    """Return the nesting depth of Not, And and Or."""
    return expression.depth if isinstance(expression, Not | And | Or) else 0


def join_and(terms: list[Expression]) -> Expression:
    """Return the conjunction of terms, with nested Ands flattened."""
    flat = [part for term in terms for part in (term.terms if isinstance(term, And) else (term,))]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def join_or(terms: list[Expression]) -> Expression:
    """Return the disjunction of terms, with nested Ors flattened."""
    flat = [part for term in terms for part in (term.terms if isinstance(term, Or) else (term,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def _parenthesize(term: Expression, *kinds: type) -> str:
    return f"({term})" if isinstance(term, kinds) else str(term)
