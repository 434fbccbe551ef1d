"""The known facts about a product by role (colour, type, brand …), independent of the catalogue's field names."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from engine.columns import value_at
from engine.descriptions.grammar import fold_spelling

TYPE, CATEGORY, COLOUR, ACCENT = "type", "category", "colour", "accent"
PATTERN, MATERIAL, BRAND, FOR = "pattern", "material", "brand", "for"
SERIES, SIZE, USE, SEASON, YEAR, ORIGIN = "series", "size", "use", "season", "year", "origin"

NAMES: dict[str, tuple[str, ...]] = {
    TYPE: ("product_type", "article_type", "item_type", "type", "sub_category", "subcategory"),
    CATEGORY: ("category", "department", "product_category", "master_category"),
    COLOUR: ("color", "colour", "base_colour", "base_color", "main_color", "main_colour"),
    ACCENT: ("accent_color", "accent_colour", "second_color", "second_colour", "secondary_color", "secondary_colour"),
    PATTERN: ("pattern", "print", "design"),
    MATERIAL: ("material", "fabric", "materials"),
    BRAND: ("brand", "manufacturer", "maker", "vendor"),
    FOR: ("gender", "target_group"),
    SERIES: ("series", "name", "product_line", "model_name"),
    SIZE: ("size", "dimensions", "measurements", "capacity", "volume", "package_size", "net_weight", "weight"),
    USE: ("usage", "occasion", "use"),
    SEASON: ("season",),
    YEAR: ("year",),
    ORIGIN: ("country_of_origin", "origin", "country", "made_in"),
}
"""Role → field names in catalogues, the most likely first."""

ROLES = tuple(NAMES)
DESCRIPTION, TITLE = "description", "title"
GENERATED = "generated"
"""The payload field that lists which other fields were generated."""

_EMPTY_VALUES = frozenset(
    {"", "na", "n/a", "none", "null", "unknown", "-", "other", "others", "misc", "nan", "not specified"}
)
_LABELLED = re.compile(r"^([A-Za-z][A-Za-z /,]{1,40}):\s*(\S.*)$")
_LABELS = {
    "country": ORIGIN,
    "country of origin": ORIGIN,
    "origin": ORIGIN,
    "volume": SIZE,
    "weight": SIZE,
    "net weight": SIZE,
    "size": SIZE,
    "manufacturer": BRAND,
    "brand": BRAND,
}
_MAX_LABELLED_WORDS = 6
# Internal fields that tell a shopper nothing about the product.
_INTERNAL = re.compile(
    r"(^|[_.])(id|ids|url|link|image\w*|images|photo\w*|picture\w*|rooms?|file|rating\w*|count|price\w*|stock|popularity|"
    r"ean|gtin|sku|asin|upc|code|date\w*|archive|generated|slug|language|currency|created|updated|(?:sub_?|master_?)?"
    r"category|categories|department|class_name|tags|keywords|item_id|year|season|views|sales|margin|cost|supplier)"
    r"($|[_.])",
    re.IGNORECASE,
)
_FILE = re.compile(r"https?:|\.(?:jpe?g|png|webp|gif|pdf)\b|^[\w-]{24,}$", re.IGNORECASE)
_COMMA = re.compile(r"(?<=[a-z]),(?=[a-z])")
_LINK = re.compile(r"\b(?:view|see|read) more(?: product)? information\b\s*", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts about one product.

    Attributes:
        values: Role → texts from the catalogue, the main one first.
        fields: Role → field name.
        numbers: All numbers in any field.
        others: Labels and values of further fields.
        words: The text of all fields, in lower case.
    """

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    description: str = ""
    numbers: frozenset[str] = frozenset()
    others: tuple[tuple[str, str], ...] = ()
    words: str = ""

    @classmethod
    def of(cls, payload: Mapping[str, Any], fields: Mapping[str, str]) -> Self:
        """Return the facts in a payload. fields: role → field name in the payload's catalogue."""
        values = {role: found for role, name in fields.items() if (found := texts_at(payload, name))}
        everything = _join_values(payload)
        return cls(
            {**find_labelled_values(payload), **values},
            dict(fields),
            _text(payload.get(TITLE)),
            _COMMA.sub(", ", _LINK.sub("", _text(own_description(payload)))),
            # "35,43x37 cm" has two or three numbers.
            frozenset(
                (*numbers_in(everything), *(n for size in values.get(SIZE, ()) for n in re.findall(r"\d+", size)))
            ),
            _others(payload, set(fields.values())),
            everything.lower(),
        )

    def first(self, role: str) -> str:
        """Return the main value of a role, "" if unknown."""
        return self.values.get(role, ("",))[0]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the product and its brands."""
        return (self.title, *self.values.get(BRAND, ()))

    def field_of(self, role: str) -> str:
        """Return the field name of a role; the most common name if the catalogue has no such field."""
        return self.fields.get(role, NAMES[role][0])

    def with_values(self, values: Mapping[str, str]) -> Self:
        """Return a copy with these values added for roles that have none."""
        return replace(self, values={**{role: (value,) for role, value in values.items()}, **self.values})


def find_labelled_values(payload: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the origin, size and brand in labelled lines such as "Country and volume: Italy, 1 l"."""
    found: dict[str, tuple[str, ...]] = {}
    for value in payload.values():
        if not isinstance(value, str) or value.count("\n") < 1:
            continue
        for line in value.splitlines():
            match = _LABELLED.match(line.strip())
            if match is None:
                continue
            labels = [label.strip().lower() for label in re.split(r"\band\b|/|,", match[1])]
            parts = [part.strip() for part in match[2].replace("\xa0", " ").split(",", len(labels) - 1)]
            for label, part in zip(labels, parts, strict=False):
                role = _LABELS.get(label)
                if role and part and len(part.split()) <= _MAX_LABELLED_WORDS and part.isascii():
                    found.setdefault(role, (part.strip(" ,"),))
    return found


def _others(payload: Mapping[str, Any], known: set[str]) -> tuple[tuple[str, str], ...]:
    """Return labels and values of further fields that are useful to a shopper."""
    nested = payload.get("attributes")
    fields = {**{name: value for name, value in payload.items() if isinstance(value, str)}}
    fields |= {f"attributes.{name}": value for name, value in nested.items()} if isinstance(nested, Mapping) else {}
    title = fold_spelling(_text(payload.get(TITLE)))
    found = []
    for name, value in fields.items():
        if name in known or name in (TITLE, DESCRIPTION) or isinstance(value, bool):
            continue
        if not isinstance(value, str | int | float) or _INTERNAL.search(name):
            continue
        text, label = _text(_format(value)), re.sub(r"[_.]+", " ", name.rpartition(".")[2]).strip()
        short = 0 < len(text.split()) <= _MAX_LABELLED_WORDS and "\n" not in str(value)
        if short and text.lower() not in _EMPTY_VALUES and not _FILE.search(text) and fold_spelling(text) != title:
            found.append((label, text))
    return tuple(found)


def find_fields(names: Iterable[str]) -> dict[str, str]:
    """Return role → field for a catalogue with these fields, including nested ones such as `attributes.color`.

    Without a type field the first category field takes its place, and the second becomes the category.
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
    """Return the shop's own description of a product, "" if it has none or a generated one."""
    written, by_machine = payload.get(DESCRIPTION), payload.get(GENERATED)
    own = not (isinstance(by_machine, list) and DESCRIPTION in by_machine)
    return written if isinstance(written, str) and own else ""


def texts_at(payload: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return the distinct meaningful texts of a field."""
    value = value_at(payload, name)
    values = value if isinstance(value, list) else [value]
    texts = [_format(text).strip() for text in values if isinstance(text, str | int | float)]
    return tuple(dict.fromkeys(text for text in texts if text.lower() not in _EMPTY_VALUES))


def numbers_in(text: str) -> list[str]:
    """Return the numbers in digits of a text, normalised: 1,299.00 is 1299."""
    return [_plain(found) for found in _NUMBER.findall(text)]


def _plain(number: str) -> str:
    number = re.sub(r",(?=\d{3}(\D|$))", "", number).replace(",", ".")
    return number.rstrip("0").rstrip(".") if "." in number else number


def _format(value: str | float) -> str:
    if isinstance(value, bool):
        return ""
    return value if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)


def _join_values(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ; ".join(_join_values(part) for part in value.values())
    if isinstance(value, list | tuple):
        return " ; ".join(_join_values(part) for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _text(value: Any) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""
