"""Splits texts into words, in the same way for items and for queries.

Case, accents and width are folded, an English plural becomes its singular, a decimal number stays one word, and text
without spaces is cut into pairs of characters. An index also holds "T-shirt" as "tshirt". `TOKENIZER` identifies these
rules and Python's Unicode tables, because an index made by other rules would silently find the wrong items. The
previous tokenizer, `WITHOUT_COMPOUNDS`, yields the same words, so its indexes can still be read.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable
from itertools import pairwise

_MARKS = re.compile(r"[™®©℠]|['’][sS]\b")
# Accents only: marks of other scripts distinguish letters.
_ACCENT = re.compile("[\u0300-\u036f]")
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"\d+(?:[.,]\d+)+|[{_UNSPACED}]+|[^\W_{_UNSPACED}]+")
_STARTS_UNSPACED = re.compile(rf"[{_UNSPACED}]")
_PIECE = re.compile(r"[^\W\d]+|\d+")
FUNCTION_WORDS = frozenset((
    "a", "an", "and", "are", "as", "at", "by", "for", "from", "in", "into", "is", "it", "of", "off", "on", "or", "our",
    "over", "per", "that", "the", "their", "this", "to", "under", "with", "without", "your",
))  # fmt: skip
"""English words that name nothing, so an item does not need to have them."""

# Words joined by a hyphen, or a single letter before a word ("t shirt", "v neck").
_JOINED = re.compile(r"(?=\b([^\W_]+)[-\u2010\u2011]([^\W_]+))|(?=\b([^\W\d_]) ([^\W\d_]{2,}))")


def to_words(text: str) -> list[str]:
    """Return the words of a text in order, with repetitions."""
    words: list[str] = []
    for found in _WORD.findall(_fold(_MARKS.sub(" ", text))):
        if _STARTS_UNSPACED.match(found):
            words += [found[start : start + 2] for start in range(max(1, len(found) - 1))]
        else:
            words.append(_singular(found.replace(",", ".")))
    return words


def to_compounds(text: str) -> list[str]:
    """Return the compounds of neighbours that a text joins: "tshirt" for "T-shirt" and for "T shirt"."""
    joined = ("".join(found) for found in _JOINED.findall(_fold(_MARKS.sub(" ", text))))
    return [_singular(compound) for compound in joined]


def has_words(text: str) -> bool:
    """Return whether a text has any word."""
    return _WORD.search(_fold(_MARKS.sub(" ", text))) is not None


def to_terms(text: str, known: Callable[[str], bool]) -> tuple[list[str], list[tuple[str, str]]]:
    """Return what to look up for a query: its words, and pairs of neighbours whose compound is known; each once.

    An unknown word of letters and digits ("27inch") is split, and two words whose compound is known ("smart watch") are
    also looked up as one, so that a query does not need the spelling of the catalogue.
    """
    words = to_words(text)
    terms: list[str] = []
    for word in words:
        pieces = _PIECE.findall(word)
        terms += [_singular(piece) for piece in pieces] if len(pieces) > 1 and not known(word) else [word]
    pairs = [pair for pair in pairwise(words) if known("".join(pair))]
    return list(dict.fromkeys(terms)), list(dict.fromkeys(pairs))


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    plain = _ACCENT.sub("", unicodedata.normalize("NFKD", text))
    return unicodedata.normalize("NFC", plain.casefold())


def _singular(word: str) -> str:
    if len(word) < 4 or word[-1] != "s" or not word.isalpha():
        return word
    if word.endswith("ies"):
        return word[:-3] + "y" if len(word) > 4 else word[:-1]
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    return word if word[-2] in "us" else word[:-1]


_PROBES = (
    "Men's BLUE Dresses, 2 boxes & ties™",
    "Écran 27inch 1,5 m (ＷＩＤＥ) MK-3420",
    "夏のワンピース ガラス ℃ 100% café",
    "naïve Straße İ",
)


def _identity(version: int, cut: Callable[[str], list[str]]) -> str:
    tables = "\n".join(" ".join(cut(probe)) for probe in _PROBES) + f"\n{unicodedata.unidata_version}"
    return f"words-{version}-{hashlib.sha256(tables.encode()).hexdigest()[:8]}"


WITHOUT_COMPOUNDS = _identity(1, to_words)
"""Identity of the rules and tables behind to_words."""

TOKENIZER = _identity(2, lambda text: [*to_words(text), *to_compounds(text)])
"""Identity of the rules and tables behind to_words and to_compounds."""
