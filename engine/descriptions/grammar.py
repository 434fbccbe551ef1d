"""English grammar for product descriptions: articles, singular and plural, lists, sentences and words."""

import re
from collections.abc import Mapping, Sequence

# Plural nouns for a single thing or pair.
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

# Plural nouns that do not take "a pair of".
NO_PAIRS = frozenset(("clothes", "groceries", "overalls", "dungarees", "pyjamas", "pajamas", "shades", "binoculars"))

_END_OF_SENTENCE = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9])")
# A full stop after these does not end a sentence: initials, titles, company names.
_ABBREVIATION = re.compile(
    r"\b(?:[A-Z]|Mrs?|Ms|Dr|Prof|St|Mt|Jr|Sr|Bros|etc|e\.g|i\.e|Assn|Co|Corp|Inc|Ltd|vs|approx|incl|excl)\.$"
)
_NUMBERED = re.compile(r"\b[Nn]os?\.$")
_SINGULARS_IN_S = frozenset(("canvas", "gas", "atlas", "christmas", "series", "species", "chess", "means"))
_IRREGULAR_PLURALS = {
    "shelf": "shelves",
    "scarf": "scarves",
    "knife": "knives",
    "loaf": "loaves",
    "leaf": "leaves",
    "half": "halves",
    "mango": "mangoes",
    "sheep": "sheep",
}
_IRREGULAR_SINGULARS = {plural: singular for singular, plural in _IRREGULAR_PLURALS.items()}
_LAST_WORD = re.compile(r"\w+$")
_AFTER_HEAD = re.compile(r"\s+(?:with|for|of|in|on|to|from|without|w/?)\s+|,\s*", re.IGNORECASE)
_LETTERS_AN = frozenset("AEFHILMNORSX")
_STARTS_WITH_YOU = re.compile(r"(uni([^nm]|$)|use|usu|uti|eu|ubi|one\b|once\b|ur[aeiou]n)", re.IGNORECASE)
_ARTICLE = re.compile(r"\b([Aa])n? (\S+)")
_SILENT_H = re.compile(r"(hour|honest|heir|honou?r)", re.IGNORECASE)


def article(phrase: str) -> str:
    """Return the phrase with "a" or "an": an aqua bike, a unisex cap, an LED lamp, an hourglass."""
    word = phrase.split(" ", 1)[0].strip("\"'(")
    letters = re.sub(r"[^A-Za-z]", "", word)
    if len(letters) > 1 and letters.isupper():
        vowel = letters[0] in _LETTERS_AN and len(letters) <= 4
        vowel = vowel or (letters[0] in "AEIO" and len(letters) > 4)
    elif letters[:1] in ("8",) or word[:1] == "8":
        vowel = True
    else:
        vowel = word[:1].lower() in "aeiou" and not _STARTS_WITH_YOU.match(word)
        vowel = vowel or _SILENT_H.match(word) is not None
    return f"{'an' if vowel else 'a'} {phrase}"


def correct_articles(text: str) -> str:
    """Correct "a" and "an" before each word that follows one."""
    return _ARTICLE.sub(lambda found: found[1] + article(found[2])[1:], text)


def is_plural(noun: str) -> bool:
    """Return whether a noun, or the last word of a phrase, looks like a plural."""
    last = re.split(r"[ ]", noun.lower())[-1]
    return last in PAIRS or (
        last.endswith("s") and last not in _SINGULARS_IN_S and not last.endswith(("ss", "us", "is", "lens", "os", "'s"))
    )


def head_of(phrase: str) -> str:
    """Return the head of a noun phrase, which determines its number: "crate" in "crate with castors"."""
    return _AFTER_HEAD.split(phrase, maxsplit=1)[0]


def is_many(phrase: str) -> bool:
    """Return whether a noun phrase takes a plural verb: curtains, a cover and two pillowcases."""
    head = head_of(phrase)
    return is_plural(head) or bool(re.search(r"\sand\s.*s$", head))


def is_pair(noun: str) -> bool:
    """Return whether a noun is plural for a single thing: trousers, headphones."""
    return noun.lower().split(" ")[-1] in PAIRS


def singular(noun: str) -> str:
    """Return the singular of a noun: watches → watch, shelves → shelf; pairs such as trousers are unchanged."""
    if irregular := _replace_last_word(noun, _IRREGULAR_SINGULARS):
        return irregular
    if not is_plural(noun) or is_pair(noun):
        return noun
    if noun.endswith("ies") and len(noun) > 4:
        return noun[:-3] + "y"
    if noun.endswith(("ches", "shes", "sses", "xes", "zes", "toes")):
        return noun[:-2]
    return noun[:-1]


def plural(noun: str) -> str:
    """Return the plural of a noun or phrase: watch → watches, shelf → shelves, box with lid → boxes with lid."""
    if after := _AFTER_HEAD.search(noun):
        return plural(noun[: after.start()]) + noun[after.start() :]
    if irregular := _replace_last_word(noun, _IRREGULAR_PLURALS):
        return irregular
    if is_plural(noun):
        return noun
    if noun.endswith("y") and noun[-2:-1].lower() not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.lower().endswith(("ch", "sh", "ss", "x", "z", "s", "tato", "mato")) else "s")


def _replace_last_word(noun: str, table: Mapping[str, str]) -> str:
    """Return the noun with its last word replaced by the table, "" if the table does not have it."""
    last = _LAST_WORD.search(noun)
    other = table.get(last[0].lower()) if last else None
    if last is None or other is None:
        return ""
    return noun[: last.start()] + (other.capitalize() if last[0][0].isupper() else other)


def capitalise(text: str) -> str:
    """Return the text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def join_list_words(parts: Sequence[str]) -> str:
    """Return "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def sentences(text: str, names: Sequence[str] = ()) -> list[str]:
    """Return the sentences of a text with their punctuation; a line break ends a sentence.

    Initials, common abbreviations and the given names do not end a sentence.
    """
    return [part for line in text.splitlines() for part in _split_line(line.strip(), names) if part]


def _split_line(line: str, names: Sequence[str]) -> list[str]:
    whole = [found.span() for name in names if name for found in re.finditer(re.escape(name), line, re.IGNORECASE)]
    parts, start = [], 0
    for gap in _END_OF_SENTENCE.finditer(line):
        before = line[start : gap.start()]
        numbered = _NUMBERED.search(before) and line[gap.end()].isdigit()
        within = any(first < gap.start() and gap.end() < last for first, last in whole)
        if not (numbered or within or _ABBREVIATION.search(before)):
            parts.append(before)
            start = gap.end()
    return [*parts, line[start:]]


def count_words(text: str) -> int:
    """Return the number of words separated by white space; a bullet's dash counts as a word."""
    return len(text.split())


def fold_spelling(phrase: str) -> str:
    """Return a phrase without case, spaces and punctuation, so that "T-Shirts" equals "tshirts"."""
    return re.sub(r"[\W_]+", "", phrase.lower())
