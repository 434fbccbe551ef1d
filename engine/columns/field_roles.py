"""The roles of catalogue fields, chosen by their content, since every shop names its fields differently."""

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
"""A field with such a word in its name holds the kind of product."""

MAKER_WORDS = frozenset({"brand", "brands", "manufacturer", "maker", "vendor", "designer", "author", "publisher"})
"""A field with such a word in its name holds the brand or maker."""

TITLES = ("title", "name", "product_name", "product_title")

# A field with such a word in its name identifies single products.
_OTHER_WORDS = frozenset(
    {"id", "ids", "sku", "ean", "gtin", "upc", "url", "image", "images", "archive", "path", "date"}
)
_MIN_COVERAGE = 0.3
_MIN_ITEMS_PER_VALUE = 3
_MAX_VALUES = 5_000
_MAX_MEAN_LENGTH = 30
_MAX_FIELDS = 12
_DIGIT = re.compile(r"\d")
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class FieldRoles:
    """Descriptive fields of a catalogue, by role. Names are in the form of filters.

    Attributes:
        kinds: Kind of product, coarsest first.
        makers: Brand or maker.
        qualities: Other properties, such as the colour.
        price: The price; empty if there is none.
        title: The title; empty if there is none.
    """

    kinds: tuple[str, ...] = ()
    makers: tuple[str, ...] = ()
    qualities: tuple[str, ...] = ()
    price: str = ""
    title: str = ""

    @property
    def all_fields(self) -> tuple[str, ...]:
        """All fields but price and title."""
        return self.kinds + self.makers + self.qualities

    def to_json(self) -> dict[str, Any]:
        """Return the roles as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the roles that `to_json` returned."""
        return cls(
            tuple(values["kinds"]),
            tuple(values["makers"]),
            tuple(values["qualities"]),
            values["price"],
            values["title"],
        )


def choose_fields(columns: Columns) -> FieldRoles:
    """Return the roles of the fields that many products have, with few and short values.

    Fields whose values mostly contain digits, such as codes, sizes and dates, are skipped.
    Cost: one count per field, a second for a million items.
    """
    everything = np.ones(columns.count, np.bool_)
    found: dict[str, int] = {}
    for name in columns.names():
        if columns.kind(name) is not ValueKind.TEXT or _words(name) & _OTHER_WORDS or name in TITLES:
            continue
        values = columns.facet(name, everything, limit=None)
        texts = [str(value) for value, _ in values if value is not None]
        covered = columns.count - sum(count for value, count in values if value is None)
        if _is_descriptive(texts, covered, columns.count):
            found[name] = len(texts)
    kinds = [name for name in found if _words(name) & KIND_WORDS]
    makers = [name for name in found if _words(name) & MAKER_WORDS and name not in kinds]
    qualities = [name for name in found if name not in kinds and name not in makers]
    return FieldRoles(
        tuple(sorted(kinds, key=lambda name: (found[name], name))[:_MAX_FIELDS]),
        tuple(makers[:_MAX_FIELDS]),
        tuple(sorted(qualities, key=lambda name: (found[name], name))[:_MAX_FIELDS]),
        _price(columns),
        next((name for name in TITLES if name in columns.names()), ""),
    )


def get_texts(payload: Payload, field: str) -> tuple[str, ...]:
    """Return the distinct texts of a field of one product."""
    return tuple(dict.fromkeys(value for value in values_at(payload, parse_path(field)) if isinstance(value, str)))


def get_price(payload: Payload, field: str) -> float:
    """Return the price of one product, NaN if it has none."""
    prices = [value for value in values_at(payload, parse_path(field)) if isinstance(value, float)] if field else []
    return prices[0] if prices else float("nan")


def to_words(field: str) -> str:
    """Return the name of a field for sentences: "base colour" for base_colour, "pattern" for tags.pattern."""
    return parse_path(field)[-1].replace("_", " ").replace("-", " ").lower()


def _is_descriptive(texts: list[str], covered: int, count: int) -> bool:
    has_few_values = 2 <= len(texts) <= min(_MAX_VALUES, covered / _MIN_ITEMS_PER_VALUE)
    if not has_few_values or covered < _MIN_COVERAGE * count:
        return False
    is_short = sum(len(text) for text in texts) <= _MAX_MEAN_LENGTH * len(texts)
    return is_short and 2 * _digits(texts) < len(texts)


def _digits(texts: Iterable[str]) -> int:
    return sum(_DIGIT.search(text) is not None for text in texts)


def _price(columns: Columns) -> str:
    """Return the price field: the shortest name with "price" in it that is not a former or list price."""
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
