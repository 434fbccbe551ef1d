"""The language that says which items may answer: parsed, bound to a snapshot's fields, asked of rows and of items."""

from engine.filters.expression import Expression
from engine.filters.parser import parse
from engine.filters.predicate import Predicate, bind

__all__ = ["Expression", "Predicate", "bind", "parse"]
