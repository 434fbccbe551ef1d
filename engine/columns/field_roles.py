"""Which fields of a catalogue tell what a product is, chosen by what is in them, for no two shops name them alike."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from engine.columns import Columns
from engine.columns.column import ValueKind
from engine.columns.field_path import parse_path
from engine.columns.field_values import Payload, values_at

KIND_WORDS = frozenset({"category", "categories", "subcategory", "type", "department", "class", "kind", "group"})
"""A field with such a word in its name says what a thing is."""

MAKER_WORDS = frozenset({"brand", "brands", "manufacturer", "maker", "vendor", "designer", "author", "publisher"})
"""A field with such a word in its name says who made it."""

TITLES = ("title", "name", "product_name", "product_title")

# Of a field that tells products apart rather than what they have in common.
_OTHER_WORDS = frozenset(
    {"id", "ids", "sku", "ean", "gtin", "upc", "url", "image", "images", "archive", "path", "date"}
)
_LEAST_COVERED = 0.3
_ITEMS_A_VALUE = 3
_MOST_VALUES = 5_000
_LONGEST = 30
_MOST_FIELDS = 12
_DIGIT = re.compile(r"\d")
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class FieldRoles:
    """The fields that tell, by what they tell. Names are read as a filter reads them.

    kinds: what a thing is, the coarsest first.   makers: whose it is.   qualities: how it is, such as its colour.
    price, title: empty if there is none.
    """

    kinds: tuple[str, ...] = ()
    makers: tuple[str, ...] = ()
    qualities: tuple[str, ...] = ()
    price: str = ""
    title: str = ""

    @property
    def told(self) -> tuple[str, ...]:
        """Every field whose values are counted."""
        return self.kinds + self.makers + self.qualities

    def to_json(self) -> dict[str, Any]:
        """Return it as values that JSON holds."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return what to_json made."""
        return cls(
            tuple(values["kinds"]),
            tuple(values["makers"]),
            tuple(values["qualities"]),
            values["price"],
            values["title"],
        )


def choose_fields(columns: Columns) -> FieldRoles:
    """Return the fields of a catalogue that many products have, with few values and short ones, and how to read them.

    A field of codes, sizes or dates says nothing in words, so values that mostly hold digits leave it out.
    Cost: one count of each field, a second for a million items.
    """
    everything = np.ones(columns.count, np.bool_)
    found: dict[str, int] = {}
    for name in columns.names():
        if columns.kind(name) is not ValueKind.TEXT or _words(name) & _OTHER_WORDS or name in TITLES:
            continue
        values = columns.facet(name, everything, limit=None)
        texts = [str(value) for value, _ in values if value is not None]
        covered = columns.count - sum(count for value, count in values if value is None)
        if _tells(texts, covered, columns.count):
            found[name] = len(texts)
    kinds = [name for name in found if _words(name) & KIND_WORDS]
    makers = [name for name in found if _words(name) & MAKER_WORDS and name not in kinds]
    qualities = [name for name in found if name not in kinds and name not in makers]
    return FieldRoles(
        tuple(sorted(kinds, key=lambda name: (found[name], name))[:_MOST_FIELDS]),
        tuple(makers[:_MOST_FIELDS]),
        tuple(sorted(qualities, key=lambda name: (found[name], name))[:_MOST_FIELDS]),
        _price(columns),
        next((name for name in TITLES if name in columns.names()), ""),
    )


def values_of(payload: Payload, field: str) -> tuple[str, ...]:
    """Return the texts that one product has in a field, each once."""
    return tuple(dict.fromkeys(value for value in values_at(payload, parse_path(field)) if isinstance(value, str)))


def price_of(payload: Payload, field: str) -> float:
    """Return the price of one product, NaN if it has none."""
    prices = [value for value in values_at(payload, parse_path(field)) if isinstance(value, float)] if field else []
    return prices[0] if prices else float("nan")


def words_of(field: str) -> str:
    """Return a field as a sentence names it: "base_colour" is "base colour", "tags.pattern" is "pattern"."""
    return parse_path(field)[-1].replace("_", " ").replace("-", " ").lower()


def _tells(texts: list[str], covered: int, count: int) -> bool:
    few = 2 <= len(texts) <= min(_MOST_VALUES, covered / _ITEMS_A_VALUE)
    if not few or covered < _LEAST_COVERED * count:
        return False
    short = sum(len(text) for text in texts) <= _LONGEST * len(texts)
    return short and 2 * _digits(texts) < len(texts)


def _digits(texts: Iterable[str]) -> int:
    return sum(_DIGIT.search(text) is not None for text in texts)


def _price(columns: Columns) -> str:
    """Return the field of prices: the shortest name with "price" in it that is not one struck out."""
    names = []
    for name in columns.names():
        words = _words(name)
        if "price" in words and not words & {"list", "old", "was", "regular", "cost"} and len(_numbers(columns, name)):
            names.append(name)
    return min(names, key=lambda name: (len(name), name), default="")


def _numbers(columns: Columns, name: str) -> Any:
    return columns.column(columns.check(name)).numbers


def _words(name: str) -> frozenset[str]:
    return frozenset(_WORD.findall(parse_path(name)[-1].lower()))
