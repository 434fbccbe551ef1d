"""The filter language: parsing, binding to the fields of a snapshot, and evaluation on rows and items."""

from engine.filters.expression import Expression
from engine.filters.parser import parse
from engine.filters.predicate import Predicate, bind

__all__ = ["Expression", "Predicate", "bind", "parse"]
