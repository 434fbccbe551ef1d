"""The words of a catalogue: which of them claim what of a product, learnt from the values of its own fields.

A claim is a place in a text and what it says there: the colour red, the type mug, the brand Nordvik. Colours,
materials and patterns have families of words that mean the same; what a thing is called besides its type is learnt
from titles, where a word that nearly only mugs have and many of them do is a word for mugs.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from engine.descriptions.facts import (
    BRAND,
    CATEGORY,
    COLOUR,
    MATERIAL,
    NAMES,
    PATTERN,
    TITLE,
    TYPE,
    numbers_in,
    texts_at,
)
from engine.descriptions.grammar import is_pair, is_plural, plural, singular
from engine.descriptions.synonyms import FAMILIES

NUMBER = "number"
QUALITIES = (COLOUR, MATERIAL, PATTERN)

# A word of the titles of at least so many items of a type, of so large a share of them, and hardly of others'.
_LEAST_TITLES, _LEAST_SHARE, _LEAST_PRECISION = 3, 0.2, 0.95
_MOST_VALUES = 3_000
_MULTI = "multi"
_WORD = re.compile(r"[^\W\d_][\w'-]*")
_JOINING = frozenset(("and", "or", "with", "in", "of", "for", "the", "a", "an", "by", "from", "to", "on", "at"))


@dataclass(frozen=True, slots=True)
class Claim:
    """What a text says at a place: text[start:end] means any of `meanings` of a role."""

    role: str
    meanings: frozenset[str]
    start: int
    end: int


class ClaimVocabulary:
    """The words of one catalogue; never changes, so any number of threads may read it."""

    def __init__(self, payloads: Sequence[Mapping[str, Any]], fields: Mapping[str, str]) -> None:
        """Learn from some of the catalogue's payloads. fields: role → field. Cost: some 30 µs a payload."""
        self.fields = dict(fields)
        self.values: dict[str, tuple[str, ...]] = {
            role: _commonest(payloads, name) for role, name in fields.items() if role in NAMES
        }
        self._meanings: dict[str, dict[str, frozenset[str]]] = defaultdict(dict)
        for role in QUALITIES:
            for family, words in FAMILIES[role].items():
                for word in words:
                    self._add(role, word, frozenset({family}))
        self._brands = _brands(self.values.get(BRAND, ()))
        self._compile()
        for role in QUALITIES:
            for value in self.values.get(role, ()):
                self._add(role, value, self.meanings(role, value))
        for value in self.values.get("accent", ()):
            self._add(COLOUR, value, self.meanings(COLOUR, value))
        for role in (CATEGORY, TYPE):
            for value in self.values.get(role, ()):
                # "Passion-Fruit" is written with a blank as well.
                for form in (*_forms(value), *_forms(value.replace("-", " "))):
                    self._add(role, form, frozenset({value.lower()}))
        self._compile()
        self._nouns = self._learn_nouns(payloads)
        for value, nouns in self._nouns.items():
            for noun in nouns:
                for form in _forms(noun):
                    self._add(TYPE, form, frozenset({value.lower()}))
        self._compile()

    def claims(self, text: str) -> list[Claim]:
        """Return what a text claims of a product, in order; the longest words win, numbers are those in digits."""
        found = []
        for match in self._pattern.finditer(text):
            words = match[0].lower()
            found += [
                Claim(role, table[words], match.start(), match.end())
                for role, table in self._meanings.items()
                if words in table
            ]
        for match in self._brands.finditer(text):
            found.append(Claim(BRAND, frozenset({match[0].lower()}), match.start(), match.end()))
        for match in re.finditer(r"\d+(?:[.,]\d+)*", text):
            found.append(Claim(NUMBER, frozenset(numbers_in(match[0])), match.start(), match.end()))
        return sorted(found, key=lambda claim: (claim.start, -claim.end))

    def meanings(self, role: str, value: str) -> frozenset[str]:
        """Return what a value of a field means: the families of its words, itself if it has none."""
        if role == "accent":
            role = COLOUR
        if role in QUALITIES:
            found = [claim.meanings for claim in self.claims_of(role, value)]
            if found:
                return frozenset().union(*found)
        return frozenset({value.lower()})

    def claims_of(self, role: str, text: str) -> list[Claim]:
        """Return the claims of one role."""
        return [claim for claim in self.claims(text) if claim.role == role] if role in self._meanings else []

    def nouns(self, value: str) -> tuple[str, ...]:
        """Return what the catalogue calls things of a type, its own word first and in the form that titles have."""
        return self._nouns.get(value, (_default_noun(value),))

    def value_of(self, role: str, meanings: Iterable[str]) -> str:
        """Return the commonest value of the catalogue that means one of these; of a quality without one, its family."""
        wanted = frozenset(meanings)
        for value in self.values.get(role, ()):
            if self.meanings(role, value) & wanted:
                return value
        return min(wanted) if role in QUALITIES and role not in self.values else ""

    def is_nothing(self, meanings: Iterable[str]) -> bool:
        """Return whether a colour says nothing of which one: several."""
        return _MULTI in meanings

    def _add(self, role: str, words: str, meanings: frozenset[str]) -> None:
        words = words.lower()
        if len(words) > 1:
            self._meanings[role][words] = self._meanings[role].get(words, frozenset()) | meanings

    def _compile(self) -> None:
        phrases = sorted({words for table in self._meanings.values() for words in table}, key=len, reverse=True)
        either = "|".join(map(re.escape, phrases))
        self._pattern = re.compile(rf"(?<![\w-])(?:{either})(?!\w)", re.IGNORECASE)

    def _learn_nouns(self, payloads: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
        """Return type → the words for it, its value first."""
        name = self.fields.get(TYPE)
        if name is None:
            return {}
        titles: Counter[str] = Counter()
        within: dict[str, Counter[str]] = defaultdict(Counter)
        everywhere: Counter[str] = Counter()
        for payload in payloads:
            types, title = texts_at(payload, name), payload.get(TITLE)
            if not types or not isinstance(title, str):
                continue
            titles[types[0]] += 1
            # What stands behind "with" is a part of the thing.
            terms = self._terms(title.partition(" with ")[0])
            within[types[0]].update(terms)
            everywhere.update(terms)
        found = {}
        for value in self.values.get(TYPE, ()):
            least = max(_LEAST_TITLES, _LEAST_SHARE * titles[value])
            named = [
                term
                for term, count in within[value].most_common()
                if count >= least and count >= _LEAST_PRECISION * everywhere[term]
            ]
            # "coffee" is no mug where it stands before "mug" each time.
            ahead = Counter(term.split(" ")[0] for term in named for _ in range(within[value][term]) if " " in term)
            named = [term for term in named if " " in term or 2 * ahead[term] < within[value][term]]
            forms = [form for form in _forms(value) if within[value][form.lower()]]
            own = max(forms, key=lambda form: within[value][form.lower()], default=_default_noun(value))
            found[value] = (own, *(term for term in named if term not in _forms(own.lower())))
        return found

    def _terms(self, title: str) -> set[str]:
        """Return the words and pairs of words of a title that claim no colour, brand and the like."""
        taken = [(claim.start, claim.end) for claim in self.claims(title) if claim.role not in (TYPE, CATEGORY)]
        words = [
            match[0].lower()
            if not any(start < match.end() and match.start() < end for start, end in taken)
            and match[0].lower() not in _JOINING
            else ""
            for match in _WORD.finditer(title)
        ]
        pairs = {f"{one} {other}" for one, other in pairwise(words) if one and other}
        return {word for word in words if len(word) > 1} | pairs


def _commonest(payloads: Sequence[Mapping[str, Any]], name: str) -> tuple[str, ...]:
    counts = Counter(text for payload in payloads for text in texts_at(payload, name))
    return tuple(text for text, _ in counts.most_common(_MOST_VALUES))


def _forms(value: str) -> list[str]:
    return list(dict.fromkeys((value, singular(value), plural(singular(value)))))


def _default_noun(value: str) -> str:
    return value if is_pair(value) or not is_plural(value) else singular(value)


def _brands(values: Iterable[str]) -> re.Pattern[str]:
    """Return what finds brands, as they are written; one of two letters may be any word."""
    names = sorted({value for value in values if len(value) > 2}, key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, names))})(?!\w)") if names else re.compile("(?!)")
