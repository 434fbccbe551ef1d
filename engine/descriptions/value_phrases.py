"""Catalogue values as words of a sentence: nouns, colours and adjectives."""

import re

from engine.descriptions.facts import COLOUR
from engine.descriptions.grammar import (
    count_words,
    is_plural,
    plural,
)
from engine.descriptions.writer import Brief

_MULTI = ("multi", "multicolour", "multicolor", "assorted", "assorted colours")
_ODD = re.compile(r"[\d,;/%()]")
_LONGEST_ADJECTIVE = 3


def render_values(brief: Brief) -> tuple[str, ...]:
    """Return the product's own values as this writer says them, which a check need not compare with the values."""
    title, colours = brief.title, brief.facts.values.get(COLOUR, ())
    shades = [lower_colour(part) for value in colours for part in (value, *value.split(","))]
    said = (title.brand, title.name, title.noun, title.fits, title.core, reorder_noun(brief.noun), "a natural colour")
    return tuple(text for text in (*said, *title.features, *shades) if text)


def reorder_noun(noun: str) -> str:
    """Return a noun as it stands in a sentence: "rug, high pile" is a high pile rug, "vase, set of 2" two vases."""
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
    """Join the parts that are not empty with blanks."""
    return " ".join(part for part in parts if part)


def lower_colour(colour: str) -> str:
    """Return a colour in lower case; the many names for several colours become one."""
    colour = " ".join(colour.split())
    low = colour.lower()
    if low in _MULTI:
        return "assorted colours" if low.startswith("assorted") else "multicoloured"
    return low


def to_adjective(value: str) -> str:
    """Return a value as a word before a noun, "" if it is none: a list, a share, a thing of many."""
    low = value.lower()
    return "" if _ODD.search(low) or is_plural(low) or count_words(low) > _LONGEST_ADJECTIVE else low
