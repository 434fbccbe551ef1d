"""One item on a page: its picture, its title, and a few of its fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.catalog.coercion import shorten, to_text

_SHOWN = ("price", "category", "brand")
_LONGEST_FIELD = 60


@dataclass(frozen=True, slots=True)
class ItemCard:
    """An item as a page shows it.

    Attributes:
        item_id: Its id.
        title: Its title; its id if it has none.
        fields: Names and values of a few other fields.
        picture: A data: URI; empty if there is no picture.
        note: Shown where the picture would be, if there is none.
        score: Its score as text; empty for none.
        contributions: What each block adds to the score, by block.
    """

    item_id: str
    title: str
    fields: tuple[tuple[str, str], ...] = ()
    picture: str = ""
    note: str = ""
    score: str = ""
    contributions: tuple[tuple[str, str], ...] = ()


def to_fields(payload: Mapping[str, Any], names: Sequence[str] = ()) -> tuple[tuple[str, str], ...]:
    """Return names and shortened texts of the fields of a payload; of price, category and brand if none are named."""
    texts = ((name, to_text(payload.get(name))) for name in names or _SHOWN)
    return tuple((name, shorten(text, _LONGEST_FIELD)) for name, text in texts if text)


def to_title(item_id: str, payload: Mapping[str, Any]) -> str:
    """Return the title of an item, or its id if it has none."""
    return to_text(payload.get("title")) or item_id
