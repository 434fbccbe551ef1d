"""Parses a text of a change: the field values that it asks for, such as "red" of base_colour, and those it excludes.

Longer phrases win. A word that is not a value itself stands for the values of its family: "crimson" for "red".
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from engine.composition.catalog_attributes import AttributeField, CatalogAttributes
from engine.descriptions.synonyms import FAMILIES
from engine.lexical.tokenizer import to_words

_NEGATIONS = frozenset(("no", "not", "without", "non", "never"))
# They mean nothing in a change, and may stand between "no" and what it excludes.
_FILLERS = frozenset(
    ("a", "an", "and", "any", "as", "but", "for", "in", "instead", "is", "it", "of", "one", "please", "same", "so")
    + ("that", "the", "this", "to", "too", "with")
)
# Shares of values that a text does not name itself: "navy blue" for "blue"; "red" for "crimson", where "crimson" is a
# value and where it is not; "burgundy" for "crimson".
_NARROWER, _WIDER, _NEAREST, _SIBLING = 0.6, 0.6, 0.95, 0.4

Phrase = tuple[str, ...]
Family = tuple[Phrase, frozenset[Phrase], str]
"""The name of a family, all of its phrases, and its role."""


@dataclass(frozen=True, slots=True)
class TextChange:
    """A parsed change.

    Attributes:
        wanted: Field → value → share, at most 1.
        unwanted: Field → excluded values.
        text: The words that a query may contain, "" if the change excludes anything.
        phrases: What it replaces in a title, as words of the tokenizer.
    """

    wanted: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    unwanted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    text: str = ""
    phrases: frozenset[Phrase] = frozenset()

    @property
    def fields(self) -> frozenset[str]:
        """The fields that the change names."""
        return frozenset((*self.wanted, *self.unwanted))


class TextChanges:
    """Parses changes of one catalogue's items; safe to share between threads."""

    def __init__(self, attributes: CatalogAttributes) -> None:
        self._named: dict[Phrase, dict[str, dict[str, float]]] = defaultdict(dict)
        self._weights = {attribute.name: attribute.weight for attribute in attributes.fields}
        self._families = _families()
        self._values: dict[str, frozenset[Phrase]] = {}
        for attribute in attributes.fields:
            self._add_field(attribute, self._families)
        self._longest = max(map(len, self._named), default=0)

    def parse(self, text: str) -> TextChange:
        """Return the change that a text describes; without any value, only its words."""
        words = to_words(text)
        content = [word for word in words if word not in _FILLERS]
        phrases: set[Phrase] = set()
        for size in (1, 2):
            for start in range(len(words) - size + 1):
                _, _, role = self._families.get(tuple(words[start : start + size]), ((), frozenset(), ""))
                phrases |= {phrase for phrase, (_, _, other) in self._families.items() if role and other == role}
        wanted: dict[str, dict[str, float]] = defaultdict(dict)
        unwanted: dict[str, set[str]] = defaultdict(set)
        position = 0
        while position < len(words):
            length = next(
                (
                    size
                    for size in range(self._longest, 0, -1)
                    if tuple(words[position : position + size]) in self._named
                ),
                0,
            )
            if not length:
                position += 1
                continue
            name, shares = self._find_field(tuple(words[position : position + length]))
            if _is_negated(words[:position]):
                unwanted[name] |= {value for value, share in shares.items() if share == max(shares.values())}
            else:
                for value, share in shares.items():
                    wanted[name][value] = max(share, wanted[name].get(value, 0.0))
            position += length
        for name in (*wanted, *unwanted):
            phrases |= self._values[name]
        excluded = {name: frozenset(values) for name, values in unwanted.items()}
        return TextChange(
            dict(wanted), excluded, "" if _NEGATIONS & {*words} else " ".join(content), frozenset(phrases)
        )

    def _find_field(self, phrase: Phrase) -> tuple[str, Mapping[str, float]]:
        """Return the field that has a phrase as a value, with its values; of several the one with the most weight."""
        fields = self._named[phrase]
        name = max(fields, key=lambda name: (max(fields[name].values()), self._weights[name], name))
        return name, fields[name]

    def _add_field(self, attribute: AttributeField, families: Mapping[Phrase, Family]) -> None:
        phrases = {value: tuple(to_words(value)) for value in attribute.counts}
        known = self._values[attribute.name] = frozenset(phrases.values())
        for value, phrase in phrases.items():
            # "No" is a value of many fields, but a negation in a change.
            if not phrase or (_FILLERS | _NEGATIONS).issuperset(phrase):
                continue
            self._add_phrase(phrase, attribute.name, value, 1.0)
            head, others, _ = families.get(phrase, (phrase, frozenset(), ""))
            for other in others - {phrase}:
                if other == head:
                    share = _NARROWER
                elif phrase == head:
                    share = _WIDER if other in known else _NEAREST
                else:
                    share = _SIBLING
                self._add_phrase(other, attribute.name, value, share)

    def _add_phrase(self, phrase: Phrase, name: str, value: str, share: float) -> None:
        values = self._named[phrase].setdefault(name, {})
        values[value] = max(share, values.get(value, 0.0))


def _families() -> dict[Phrase, Family]:
    found: dict[Phrase, Family] = {}
    for role, table in FAMILIES.items():
        for name, words in table.items():
            phrases = frozenset(tuple(to_words(word)) for word in words)
            found.update(dict.fromkeys(phrases, (tuple(to_words(name)), phrases, role)))
    return found


def _is_negated(before: Sequence[str]) -> bool:
    for word in reversed(before):
        if word not in _FILLERS:
            return word in _NEGATIONS
    return False


def best_of(shares: Mapping[str, float]) -> str:
    """Return the value with the largest share, "" if there is none."""
    return max(shares, key=lambda value: (shares[value], value), default="")


def words_for(values: Iterable[str]) -> str:
    """Return values as query text, in lower case and each once."""
    return " ".join(dict.fromkeys(value.lower() for value in values if value))
