"""An item's text field by field, so that a word of its title can count for more than one deep in its attributes.

The title is the first column of the text template, the text its other columns, and the third field is all other text of
the payload: brand, category, colour, compatible models. Builds and live updates share this code.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from engine.catalog.coercion import JSON
from engine.catalog.html_text import to_plain_text, to_words
from engine.catalog.text_template import Template

_EXCLUDED_COLUMNS = frozenset({"image", "images", "generated"})
_ADDRESS = re.compile(r"\S+://|\d{4}-\d\d-\d\d(?:T|$)")


class ItemFields(NamedTuple):
    """The texts of an item's fields, "" if missing."""

    title: str = ""
    text: str = ""
    other: str = ""


class ItemFieldReader:
    """Reads the fields of items by a text template. Raises InvalidSetting if it cannot be parsed."""

    def __init__(self, text_template: str) -> None:
        columns = Template(text_template).fields
        self._title, self._text = columns[:1], columns[1:]
        self._excluded = _EXCLUDED_COLUMNS.union(columns)

    def read(self, item_id: str, payload: Mapping[str, JSON]) -> ItemFields:
        """Return the fields of one item. Excludes numbers outside the template, URLs and dates."""

        def join(columns: tuple[str, ...]) -> str:
            texts = (item_id if name == "item_id" else to_words(payload.get(name)) for name in columns)
            return ". ".join(filter(None, texts))

        others = (text for name, value in payload.items() if name not in self._excluded for text in _strings(value))
        return ItemFields(join(self._title), join(self._text), ", ".join(others))


def _strings(value: JSON) -> Iterator[str]:
    if isinstance(value, str):
        text = to_plain_text(value).strip()
        if text and not _ADDRESS.match(text):
            yield text
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
