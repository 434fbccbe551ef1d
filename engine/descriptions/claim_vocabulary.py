"""The attribute vocabulary of a catalogue, learnt from the values of its own fields.

A claim is a span of text that states an attribute: the colour red, the type mug, the brand Nordvik. Colours, materials
and patterns have families of synonyms. Synonyms of a type are learnt from titles: a word that is frequent in the titles
of mugs and rare elsewhere is a word for mugs.
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

# A synonym of a type needs this many titles, this share of the type's titles, and this precision.
_MIN_TITLES, _MIN_SHARE, _MIN_PRECISION = 3, 0.2, 0.95
_MAX_VALUES = 3_000
_MULTI = "multi"
_WORD = re.compile(r"[^\W\d_][\w'-]*")
_JOINING = frozenset(("and", "or", "with", "in", "of", "for", "the", "a", "an", "by", "from", "to", "on", "at"))


@dataclass(frozen=True, slots=True)
class Claim:
    """An attribute that a text states: text[start:end] means any of `meanings` of a role."""

    role: str
    meanings: frozenset[str]
    start: int
    end: int


class ClaimVocabulary:
    """The attribute vocabulary of one catalogue; immutable and thread-safe."""

    def __init__(self, payloads: Sequence[Mapping[str, Any]], fields: Mapping[str, str]) -> None:
        """Learn from a sample of payloads. fields: role → field. Cost: about 30 µs per payload."""
        self.fields = dict(fields)
        self.values: dict[str, tuple[str, ...]] = {
            role: _most_common(payloads, name) for role, name in fields.items() if role in NAMES
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
                # "Passion-Fruit" is also written with a space.
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
        """Return the claims of a text, in order; the longest phrase wins. Only numbers in digits count."""
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
        """Return the synonym families of a field value, or the value itself if it has none."""
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
        """Return the catalogue's nouns for a type; the type itself comes first, singular or plural as in titles."""
        return self._nouns.get(value, (_default_noun(value),))

    def value_of(self, role: str, meanings: Iterable[str]) -> str:
        """Return the most common catalogue value with one of these meanings; for a quality without one, its family."""
        wanted = frozenset(meanings)
        for value in self.values.get(role, ()):
            if self.meanings(role, value) & wanted:
                return value
        return min(wanted) if role in QUALITIES and role not in self.values else ""

    def is_multicolour(self, meanings: Iterable[str]) -> bool:
        """Return whether a colour means "several colours" and so names none."""
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
        """Return type → its nouns, the type itself first."""
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
            # Words after "with" name a part of the product.
            terms = self._terms(title.partition(" with ")[0])
            within[types[0]].update(terms)
            everywhere.update(terms)
        found = {}
        for value in self.values.get(TYPE, ()):
            min_count = max(_MIN_TITLES, _MIN_SHARE * titles[value])
            named = [
                term
                for term, count in within[value].most_common()
                if count >= min_count and count >= _MIN_PRECISION * everywhere[term]
            ]
            # "coffee" does not mean "mug" if it always precedes "mug".
            ahead = Counter(term.split(" ")[0] for term in named for _ in range(within[value][term]) if " " in term)
            named = [term for term in named if " " in term or 2 * ahead[term] < within[value][term]]
            forms = [form for form in _forms(value) if within[value][form.lower()]]
            own = max(forms, key=lambda form: within[value][form.lower()], default=_default_noun(value))
            found[value] = (own, *(term for term in named if term not in _forms(own.lower())))
        return found

    def _terms(self, title: str) -> set[str]:
        """Return the words and word pairs of a title outside claims of colour, brand and other attributes."""
        taken = [(claim.start, claim.end) for claim in self.claims(title) if claim.role not in (TYPE, CATEGORY)]
        words = [
            match[0].lower()
            if not any(start < match.end() and match.start() < end for start, end in taken)
            and match[0].lower() not in _JOINING
            else ""
            for match in _WORD.finditer(title)
        ]
        pairs = {f"{first} {second}" for first, second in pairwise(words) if first and second}
        return {word for word in words if len(word) > 1} | pairs


def _most_common(payloads: Sequence[Mapping[str, Any]], name: str) -> tuple[str, ...]:
    counts = Counter(text for payload in payloads for text in texts_at(payload, name))
    return tuple(text for text, _ in counts.most_common(_MAX_VALUES))


def _forms(value: str) -> list[str]:
    return list(dict.fromkeys((value, singular(value), plural(singular(value)))))


def _default_noun(value: str) -> str:
    return value if is_pair(value) or not is_plural(value) else singular(value)


def _brands(values: Iterable[str]) -> re.Pattern[str]:
    """Return a case-sensitive pattern of brands; names of two letters are skipped, as they match too much."""
    names = sorted({value for value in values if len(value) > 2}, key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, names))})(?!\w)") if names else re.compile("(?!)")
