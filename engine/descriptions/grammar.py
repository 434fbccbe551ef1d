"""As much of English as a product description needs: a or an, one or many, lists, sentences and their words."""

import re
from collections.abc import Sequence

# Of one thing that is spoken of as many.
PAIRS = frozenset(
    {
        "trousers",
        "pants",
        "jeans",
        "shorts",
        "leggings",
        "tights",
        "joggers",
        "chinos",
        "pyjamas",
        "pajamas",
        "overalls",
        "dungarees",
        "shades",
        "glasses",
        "sunglasses",
        "goggles",
        "binoculars",
        "headphones",
        "earphones",
        "earbuds",
        "scissors",
        "pliers",
        "tweezers",
        "shoes",
        "sneakers",
        "trainers",
        "boots",
        "sandals",
        "slippers",
        "heels",
        "flats",
        "loafers",
        "clogs",
        "wedges",
        "stockings",
        "socks",
        "gloves",
        "mittens",
        "earrings",
        "cufflinks",
        "curtains",
        "swimming-trunks",
        "trunks",
        "briefs",
        "boxers",
        "capris",
        "flip-flops",
        "flops",
        "clothes",
        "groceries",
    }
)

# Words for many that are no pairs of something.
NO_PAIRS = frozenset(("clothes", "groceries", "overalls", "dungarees", "pyjamas", "pajamas", "shades", "binoculars"))

_END_OF_SENTENCE = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9])")
# What has a dot and goes on: initials, titles, names of firms.
_GOES_ON = re.compile(
    r"\b(?:[A-Z]|Mrs?|Ms|Dr|Prof|St|Mt|Jr|Sr|Bros|etc|e\.g|i\.e|Assn|Co|Corp|Inc|Ltd|vs|approx|incl|excl)\.$"
)
_NUMBERED = re.compile(r"\b[Nn]os?\.$")
_SINGLES = frozenset(("canvas", "gas", "atlas", "christmas", "series", "species", "chess", "means"))
_BEHIND_HEAD = re.compile(r"\s+(?:with|for|of|in|on|to|from|without|w/?)\s+|,\s*", re.IGNORECASE)
_LETTERS_AN = frozenset("AEFHILMNORSX")
_SOUNDS_YOU = re.compile(r"(uni([^nm]|$)|use|usu|uti|eu|ubi|one\b|once\b|ur[aeiou]n)", re.IGNORECASE)
_SILENT_H = re.compile(r"(hour|honest|heir|honou?r)", re.IGNORECASE)


def article(phrase: str) -> str:
    """Return the phrase behind "a" or "an": an aqua bike, a unisex cap, an LED lamp, an hourglass."""
    word = phrase.split(" ", 1)[0].strip("\"'(")
    letters = re.sub(r"[^A-Za-z]", "", word)
    if len(letters) > 1 and letters.isupper():
        vowel = letters[0] in _LETTERS_AN and len(letters) <= 4
        vowel = vowel or (letters[0] in "AEIO" and len(letters) > 4)
    elif letters[:1] in ("8",) or word[:1] == "8":
        vowel = True
    else:
        vowel = word[:1].lower() in "aeiou" and not _SOUNDS_YOU.match(word)
        vowel = vowel or _SILENT_H.match(word) is not None
    return f"{'an' if vowel else 'a'} {phrase}"


def is_plural(noun: str) -> bool:
    """Return whether a noun, or the last word of a phrase, is one of many things, by its looks."""
    last = re.split(r"[ ]", noun.lower())[-1]
    return last in PAIRS or (
        last.endswith("s") and last not in _SINGLES and not last.endswith(("ss", "us", "is", "lens", "os", "'s"))
    )


def head_of(phrase: str) -> str:
    """Return the part of a noun phrase that its number goes by: "crate" of "crate with castors"."""
    return _BEHIND_HEAD.split(phrase, maxsplit=1)[0]


def is_many(phrase: str) -> bool:
    """Return whether a verb behind this noun phrase is in the plural: curtains, a cover and two pillowcases."""
    head = head_of(phrase)
    return is_plural(head) or bool(re.search(r"\sand\s.*s$", head))


def is_pair(noun: str) -> bool:
    """Return whether one such thing is spoken of as many: trousers, headphones."""
    return noun.lower().split(" ")[-1] in PAIRS


def singular(noun: str) -> str:
    """Return a plural noun as one of them: watches → watch, berries → berry, knives stay as they are."""
    if not is_plural(noun) or is_pair(noun):
        return noun
    if noun.endswith("ies") and len(noun) > 4:
        return noun[:-3] + "y"
    if noun.endswith(("ches", "shes", "sses", "xes", "zes", "toes")):
        return noun[:-2]
    return noun[:-1]


def plural(noun: str) -> str:
    """Return a noun as several of them: watch → watches, berry → berries."""
    if is_plural(noun):
        return noun
    if noun.endswith("y") and noun[-2:-1].lower() not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.lower().endswith(("ch", "sh", "ss", "x", "z", "s", "tato", "mato")) else "s")


def capitalise(text: str) -> str:
    """Return the text with its first letter large."""
    return text[:1].upper() + text[1:]


def join_list_words(parts: Sequence[str]) -> str:
    """Return "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def sentences(text: str, names: Sequence[str] = ()) -> list[str]:
    """Return the sentences of a text, each with its end; lines are sentences of their own.

    No sentence ends at an initial, a common abbreviation, or within one of these names.
    """
    return [part for line in text.splitlines() for part in _parts(line.strip(), names) if part]


def _parts(line: str, names: Sequence[str]) -> list[str]:
    whole = [found.span() for name in names if name for found in re.finditer(re.escape(name), line, re.IGNORECASE)]
    parts, start = [], 0
    for gap in _END_OF_SENTENCE.finditer(line):
        before = line[start : gap.start()]
        numbered = _NUMBERED.search(before) and line[gap.end()].isdigit()
        within = any(first < gap.start() and gap.end() < last for first, last in whole)
        if not (numbered or within or _GOES_ON.search(before)):
            parts.append(before)
            start = gap.end()
    return [*parts, line[start:]]


def count_words(text: str) -> int:
    """Return how many words a text has, each what stands between blanks, a bullet's dash too."""
    return len(text.split())


def fold_spelling(phrase: str) -> str:
    """Return a phrase without what titles spell in several ways: T-Shirts and tshirts, sour-cream and sour cream."""
    return re.sub(r"[\W_]+", "", phrase.lower())
