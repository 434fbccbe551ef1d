"""Common words of product titles, and what products are for: what a title's capitals hide, and a last sentence.

The words lie in text files beside this one. A purpose is what a thing is by definition ("keep cards and cash together"
of a wallet), so it claims nothing of one product.
"""

import re
from importlib.resources import files

_WORDS = files("engine.descriptions") / "words"


def _lines(name: str) -> list[str]:
    return (_WORDS / name).read_text(encoding="utf-8").splitlines()


def _words(name: str) -> frozenset[str]:
    return frozenset(word for line in _lines(name) for word in line.split())


def _purposes() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in _lines("purposes.txt"):
        nouns, _, sentences = line.partition(": ")
        found |= dict.fromkeys(nouns.split(", "), tuple(sentences.split(" / ")))
    return found


PURPOSES = _purposes()
"""Noun → sentences to choose from, "{it}" standing for the product."""

NOUNS = frozenset(PURPOSES) | _words("nouns.txt")
"""What products are."""

COUNTABLE = _words("countable.txt")
"""Words that "a" stands before and that are no products by themselves."""

COMMON = _words("common.txt")
"""Words that a title writes with a capital and a sentence does not."""

PROPER_WORDS = frozenset(
    (
        "AC",
        "AUX",
        "Alexa",
        "Android",
        "Bluetooth",
        "DVD",
        "GaN",
        "HD",
        "HDMI",
        "India",
        "LCD",
        "LED",
        "Mac",
        "TV",
        "Type-C",
        "USB",
        "USB-C",
        "Wi-Fi",
        "WiFi",
        "Windows",
        "iOS",
    )
)
"""Words of any shop that keep their capitals."""

CLAIM_WORDS = tuple(_lines("promises.txt"))
"""What a text may say of a product only if its facts say so."""

TRAITS = re.compile(
    r"^(?:(?:re|un|non-?|ultra-?|super-?)?\w*(?:able|proof|resistant|less|free|slip|lost)|portable|universal|magnetic|"
    r"washable|ergonomic|lightweight|compact|durable|transparent|flexible|insulated|handmade)$",
    re.IGNORECASE,
)
"""A word that stands alone in a title and tells how a product is."""
