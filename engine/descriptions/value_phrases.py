"""Catalogue values rendered as words of a sentence: nouns, colours and adjectives."""

import re

from engine.descriptions.facts import COLOUR
from engine.descriptions.grammar import (
    count_words,
    is_plural,
    plural,
)
from engine.descriptions.writer import Brief

_MULTI = ("multi", "multicolour", "multicolor", "assorted", "assorted colours")
_NOT_ADJECTIVE = re.compile(r"[\d,;/%()]")
_MAX_ADJECTIVE_WORDS = 3


def render_values(brief: Brief) -> tuple[str, ...]:
    """Return the product's own values as the composer renders them; the fact check accepts these verbatim."""
    title, colours = brief.title, brief.facts.values.get(COLOUR, ())
    shades = [lower_colour(part) for value in colours for part in (value, *value.split(","))]
    rendered = (
        title.brand,
        title.name,
        title.noun,
        title.fits,
        title.core,
        reorder_noun(brief.noun),
        "a natural colour",
    )
    return tuple(text for text in (*rendered, *title.features, *shades) if text)


def reorder_noun(noun: str) -> str:
    """Return a noun as it appears in a sentence: "rug, high pile" → "high pile rug"."""
    noun = re.sub(r"(?<=\w),(?=\w)", " and ", noun)
    noun = re.sub(r"\bt-?shirt", "T-shirt", noun, flags=re.IGNORECASE)
    noun = re.sub(r"\bw/?\s", "with ", noun)
    head, _, rest = noun.partition(", ")
    if not rest:
        return noun
    if re.fullmatch(r"1 pair", rest):
        return head
    if re.fullmatch(r"set of \d+", rest):
        return f"{rest} {plural(head)}"
    return f"{head} with {rest}" if re.search(r"\d", rest) else f"{rest} {head}"


def join_words(*parts: str) -> str:
    """Join the non-empty parts with spaces."""
    return " ".join(part for part in parts if part)


def lower_colour(colour: str) -> str:
    """Return a colour in lower case; all names for several colours become "multicoloured" or "assorted colours"."""
    colour = " ".join(colour.split())
    lower = colour.lower()
    if lower in _MULTI:
        return "assorted colours" if lower.startswith("assorted") else "multicoloured"
    return lower


def to_adjective(value: str) -> str:
    """Return a value as an adjective before a noun, "" if it cannot be one: a list, a percentage, a plural."""
    lower = value.lower()
    unusable = _NOT_ADJECTIVE.search(lower) or is_plural(lower) or count_words(lower) > _MAX_ADJECTIVE_WORDS
    return "" if unusable else lower
