"""Word lists for product titles, and the general purposes of product types.

The lists are in text files in this package. A purpose follows from the type itself ("keep cards and cash together" for
a wallet), so it claims nothing about a single product.
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
"""Noun → alternative sentences with "{it}" for the product."""

NOUNS = frozenset(PURPOSES) | _words("nouns.txt")
"""Product nouns."""

COUNTABLE = _words("countable.txt")
"""Nouns that take "a" but are not products."""

COMMON = _words("common.txt")
"""Words that titles capitalise and sentences do not."""

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
"""Words that keep their capitals in sentences."""

CLAIM_WORDS = tuple(_lines("promises.txt"))
"""Promises that a text may only make if the facts contain them."""

TRAITS = re.compile(
    r"^(?:(?:re|un|non-?|ultra-?|super-?)?\w*(?:able|proof|resistant|less|free|slip|lost)|portable|universal|magnetic|"
    r"washable|ergonomic|lightweight|compact|durable|transparent|flexible|insulated|handmade)$",
    re.IGNORECASE,
)
"""Matches adjectives that form a segment of their own in titles."""
