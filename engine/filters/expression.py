"""What a filter says, as a tree. Equal trees mean the same and have one text, which is a filter again."""

from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from engine.columns.field_path import Path, format_path
from engine.filters.literal import Literal


class Operator(Enum):
    """How a value is compared with a literal; its value is how it is written."""

    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


@dataclass(frozen=True, slots=True)
class Comparison:
    """Any value of the field compares so. `field:value` is `field = value`."""

    path: Path
    operator: Operator
    literal: Literal
    position: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{format_path(self.path)} {self.operator.value} {self.literal}"


@dataclass(frozen=True, slots=True)
class Has:
    """The field, or one in the mapping that it is, has a value."""

    path: Path
    position: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{format_path(self.path)}:*"


@dataclass(frozen=True, slots=True)
class Not:
    """The term does not hold."""

    term: "Expression"
    depth: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", 1 + depth_of(self.term))

    def __str__(self) -> str:
        return f"NOT {_enclosed(self.term, And, Or)}"


@dataclass(frozen=True, slots=True)
class And:
    """All terms hold; with no term, always."""

    terms: tuple["Expression", ...]
    depth: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", 1 + max(map(depth_of, self.terms), default=0))

    def __str__(self) -> str:
        return " AND ".join(_enclosed(term, And, Or) for term in self.terms)


@dataclass(frozen=True, slots=True)
class Or:
    """One term or more holds."""

    terms: tuple["Expression", ...]
    depth: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", 1 + max(map(depth_of, self.terms)))

    def __str__(self) -> str:
        return " OR ".join(_enclosed(term, And, Or) for term in self.terms)


Expression: TypeAlias = Comparison | Has | Not | And | Or


def depth_of(expression: Expression) -> int:
    """Return how many Not, And and Or lie one in the other."""
    return expression.depth if isinstance(expression, Not | And | Or) else 0


def both(terms: list[Expression]) -> Expression:
    """Return what says all of several; And in And is one And."""
    flat = [part for term in terms for part in (term.terms if isinstance(term, And) else (term,))]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def either(terms: list[Expression]) -> Expression:
    """Return what says one of several; Or in Or is one Or."""
    flat = [part for term in terms for part in (term.terms if isinstance(term, Or) else (term,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def _enclosed(term: Expression, *kinds: type) -> str:
    return f"({term})" if isinstance(term, kinds) else str(term)
