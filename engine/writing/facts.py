"""What is known of one product, by what it tells of it, whatever its catalogue calls the field."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from engine.columns import value_at

TYPE, CATEGORY, COLOUR, ACCENT = "type", "category", "colour", "accent"
PATTERN, MATERIAL, BRAND, FOR = "pattern", "material", "brand", "for"

NAMES: dict[str, tuple[str, ...]] = {
    TYPE: ("product_type", "article_type", "item_type", "type", "sub_category", "subcategory"),
    CATEGORY: ("category", "department", "product_category", "master_category"),
    COLOUR: ("color", "colour", "base_colour", "base_color", "main_color", "main_colour"),
    ACCENT: ("accent_color", "accent_colour", "second_color", "second_colour", "secondary_color", "secondary_colour"),
    PATTERN: ("pattern", "print", "design"),
    MATERIAL: ("material", "fabric", "materials"),
    BRAND: ("brand", "manufacturer", "maker", "vendor"),
    FOR: ("gender", "target_group"),
}
"""The names that catalogues give to what they tell, the likeliest first."""

ROLES = tuple(NAMES)
DESCRIPTION, TITLE = "description", "title"
GENERATED = "generated"
"""The field of a payload that lists which of its other fields were written by a machine."""

_NOTHING = frozenset(
    {"", "na", "n/a", "none", "null", "unknown", "-", "other", "others", "misc", "nan", "not specified"}
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known for sure. values: role → the texts of the catalogue, the main one first.

    fields: role → what the catalogue calls it.   numbers: all that any of its fields names.
    """

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    description: str = ""
    numbers: frozenset[str] = frozenset()

    @classmethod
    def of(cls, payload: Mapping[str, Any], fields: Mapping[str, str]) -> Self:
        """Return what a payload tells. fields: role → field, as the catalogue of the payload has them."""
        values = {role: found for role, name in fields.items() if (found := texts_at(payload, name))}
        return cls(
            values,
            dict(fields),
            _text(payload.get(TITLE)),
            _text(own_description(payload)),
            frozenset(numbers_in(_everything(payload))),
        )

    def first(self, role: str) -> str:
        """Return the main value of a role, "" if nothing is known."""
        return self.values.get(role, ("",))[0]

    @property
    def names(self) -> tuple[str, ...]:
        """What the product and its brand are called."""
        return (self.title, *self.values.get(BRAND, ()))

    def field_of(self, role: str) -> str:
        """Return what the catalogue calls a role; the likeliest name if it does not tell it."""
        return self.fields.get(role, NAMES[role][0])

    def knowing(self, values: Mapping[str, str]) -> Self:
        """Return these facts and others, for roles of which nothing was known."""
        return replace(self, values={**{role: (value,) for role, value in values.items()}, **self.values})


def find_fields(names: Iterable[str]) -> dict[str, str]:
    """Return role → field of a catalogue with these fields; mappings such as `attributes` are looked into.

    Without a type the category says what a thing is, and then the other category says where it belongs.
    """
    known = {name.lower(): name for name in names}
    for name in list(known):
        known.setdefault(name.rpartition(".")[2], known[name])
    found: dict[str, str] = {}
    for role, candidates in NAMES.items():
        fields = [known[name] for name in candidates if name in known and known[name] not in found.values()]
        if role == CATEGORY and TYPE not in found and fields:
            found[TYPE] = fields.pop(0)
        if fields:
            found[role] = fields[0]
    return found


def own_description(payload: Mapping[str, Any]) -> str:
    """Return what the shop itself says of a product, "" if nothing; what a machine wrote for it does not count."""
    written, by_machine = payload.get(DESCRIPTION), payload.get(GENERATED)
    own = not (isinstance(by_machine, list) and DESCRIPTION in by_machine)
    return written if isinstance(written, str) and own else ""


def texts_at(payload: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return the texts of a field that say something, each once."""
    value = value_at(payload, name)
    found = [one.strip() for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
    return tuple(dict.fromkeys(one for one in found if one.lower() not in _NOTHING))


def numbers_in(text: str) -> list[str]:
    """Return the numbers that a text names in digits: 1,299.00 is 1299."""
    return [_plain(found) for found in _NUMBER.findall(text)]


def _plain(number: str) -> str:
    number = re.sub(r",(?=\d{3}(\D|$))", "", number).replace(",", ".")
    return number.rstrip("0").rstrip(".") if "." in number else number


def _everything(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ; ".join(_everything(part) for part in value.values())
    if isinstance(value, list | tuple):
        return " ; ".join(_everything(part) for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _text(value: Any) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""
