"""What a text changes: the values of a catalogue's fields that it names, "red" of base_colour, and those it rules out.

The longest phrases win. A word that is no value itself stands for the values of its family: "crimson" for "red".
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from engine.composition.catalog_attributes import AttributeField, CatalogAttributes
from engine.descriptions.synonyms import FAMILIES
from engine.lexical.tokenizer import to_words

_RULED_OUT = frozenset(("no", "not", "without", "non", "never"))
# Of a change they say nothing themselves, and may stand between "no" and what it rules out.
_PASSED_OVER = frozenset(
    ("a", "an", "and", "any", "as", "but", "for", "in", "instead", "is", "it", "of", "one", "please", "same", "so")
    + ("that", "the", "this", "to", "too", "with")
)
# What a value counts for that a text does not name itself: "navy blue" for "blue"; "red" for "crimson", where there is
# a value "crimson" and where there is none; "burgundy" for "crimson".
_NARROWER, _WIDER, _NEAREST, _SIBLING = 0.6, 0.6, 0.95, 0.4

Phrase = tuple[str, ...]
Family = tuple[Phrase, frozenset[Phrase], str]
"""The name of a family, all phrases of it, and the role that it is of."""


@dataclass(frozen=True, slots=True)
class TextChange:
    """A change once understood.

    wanted: field → value → share, at most 1.   unwanted: field → values ruled out.

    said: what a query may say of it.   phrases: what it replaces in a title, each as the tokenizer cuts it.
    """

    wanted: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    unwanted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    said: str = ""
    phrases: frozenset[Phrase] = frozenset()

    @property
    def fields(self) -> frozenset[str]:
        """The fields that it changes."""
        return frozenset((*self.wanted, *self.unwanted))


class TextChanges:
    """Understands changes of one catalogue's items; any number of threads may ask."""

    def __init__(self, attributes: CatalogAttributes) -> None:
        self._named: dict[Phrase, dict[str, dict[str, float]]] = defaultdict(dict)
        self._weights = {one.name: one.weight for one in attributes.fields}
        self._families = _families()
        self._values: dict[str, frozenset[Phrase]] = {}
        for one in attributes.fields:
            self._learn(one, self._families)
        self._longest = max(map(len, self._named), default=0)

    def understand(self, text: str) -> TextChange:
        """Return what a text names; of a text that names no value, only what it says."""
        words = to_words(text)
        said = [word for word in words if word not in _PASSED_OVER]
        phrases: set[Phrase] = set()
        for size in (1, 2):
            for start in range(len(words) - size + 1):
                _, _, role = self._families.get(tuple(words[start : start + size]), ((), frozenset(), ""))
                phrases |= {phrase for phrase, (_, _, other) in self._families.items() if role and other == role}
        wanted: dict[str, dict[str, float]] = defaultdict(dict)
        unwanted: dict[str, set[str]] = defaultdict(set)
        place = 0
        while place < len(words):
            length = next(
                (size for size in range(self._longest, 0, -1) if tuple(words[place : place + size]) in self._named), 0
            )
            if not length:
                place += 1
                continue
            name, shares = self._field_of(tuple(words[place : place + length]))
            if _is_ruled_out(words[:place]):
                unwanted[name] |= {value for value, share in shares.items() if share == max(shares.values())}
            else:
                for value, share in shares.items():
                    wanted[name][value] = max(share, wanted[name].get(value, 0.0))
            place += length
        for name in (*wanted, *unwanted):
            phrases |= self._values[name]
        ruled_out = {name: frozenset(values) for name, values in unwanted.items()}
        return TextChange(dict(wanted), ruled_out, "" if _RULED_OUT & {*words} else " ".join(said), frozenset(phrases))

    def _field_of(self, phrase: Phrase) -> tuple[str, Mapping[str, float]]:
        """Return the field that a phrase is a value of; of several the one that counts most, of values of its own."""
        fields = self._named[phrase]
        name = max(fields, key=lambda name: (max(fields[name].values()), self._weights[name], name))
        return name, fields[name]

    def _learn(self, one: AttributeField, families: Mapping[Phrase, Family]) -> None:
        phrases = {value: tuple(to_words(value)) for value in one.counts}
        known = self._values[one.name] = frozenset(phrases.values())
        for value, phrase in phrases.items():
            # "No" is a value of many fields, and in a change it denies.
            if not phrase or (_PASSED_OVER | _RULED_OUT).issuperset(phrase):
                continue
            self._name(phrase, one.name, value, 1.0)
            head, others, _ = families.get(phrase, (phrase, frozenset(), ""))
            for other in others - {phrase}:
                if other == head:
                    share = _NARROWER
                elif phrase == head:
                    share = _WIDER if other in known else _NEAREST
                else:
                    share = _SIBLING
                self._name(other, one.name, value, share)

    def _name(self, phrase: Phrase, name: str, value: str, share: float) -> None:
        values = self._named[phrase].setdefault(name, {})
        values[value] = max(share, values.get(value, 0.0))


def _families() -> dict[Phrase, Family]:
    found: dict[Phrase, Family] = {}
    for role, table in FAMILIES.items():
        for name, words in table.items():
            phrases = frozenset(tuple(to_words(word)) for word in words)
            found.update(dict.fromkeys(phrases, (tuple(to_words(name)), phrases, role)))
    return found


def _is_ruled_out(before: Sequence[str]) -> bool:
    for word in reversed(before):
        if word not in _PASSED_OVER:
            return word in _RULED_OUT
    return False


def best_of(shares: Mapping[str, float]) -> str:
    """Return the value of the largest share, "" of none."""
    return max(shares, key=lambda value: (shares[value], value), default="")


def words_for(values: Iterable[str]) -> str:
    """Return values as a query has them, each once."""
    return " ".join(dict.fromkeys(value.lower() for value in values if value))
