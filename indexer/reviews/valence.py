"""The valence of an English clause: its words of praise and blame, and what turns, weakens or cancels them.

Denial, degree ("too tight", "a bit tight", "tight enough"), wishes, conditions and comparisons are the contextual
valence shifters of Polanyi and Zaenen (2006). Other writings are judged by their grams alone.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_TOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|[^\w\s]")
_ENDS = frozenset('.,;:()"—–!…')
_TURNS = frozenset({"but", "however", "though", "although", "because"})
# So many words a denial and a degree reach over.
_REACH, _DEGREE_REACH = 5, 2
# So many characters away from its aspect an opinion counts half, and a word of that aspect alone nothing.
_HALF_AT, _FARTHEST = 25.0, 20
# "Not bad" is somewhat less than good, "too tight" worse than bad.
_DENIED, _EXCESS = 0.8, -1.5


class _TermKind(Enum):
    PRAISE = auto()
    BLAME = auto()
    NEUTRAL = auto()
    WISH = auto()
    UNREAL = auto()
    DENIAL = auto()
    TOO = auto()
    SLIGHTLY = auto()


_PHRASE_VALUES = {_TermKind.PRAISE: 1.0, _TermKind.BLAME: -1.0, _TermKind.WISH: -1.0}


class Opinion(NamedTuple):
    """One opinion in a clause. word: what `of_aspect` may mean by it; "" for a phrase or a wish.

    start, end: in the clause.   value: above 0 for praise.   factor: what the shifters make of the word's own value;
    0 if they alone decide.
    """

    start: int
    end: int
    word: str
    value: float
    factor: float


@dataclass(frozen=True, slots=True)
class _Terms:
    words: Mapping[str, float]
    gradable: frozenset[str]
    phrases: Mapping[str, Sequence[tuple[tuple[str, ...], _TermKind]]]
    expectation: frozenset[str]
    fear: frozenset[str]
    statements: frozenset[str]
    likers: frozenset[str]
    aspects: Mapping[str, Mapping[str, float]]
    of_aspects: frozenset[str]


@dataclass(slots=True)
class _Scope:
    """What was said before a word and shifts it: where the last denial and words of degree ended.

    unreal: whether all that follows is wished, supposed or somebody else's.
    """

    denial: int = -100
    too: int = -100
    slightly: int = -100
    unreal: bool = False

    def is_denied(self, at: int) -> bool:
        return at - self.denial <= _REACH

    def shift(self, kind: _TermKind, last: int) -> None:
        """Take in a shifter whose last word stands at `last`."""
        if kind is _TermKind.DENIAL:
            self.denial = last
        elif kind is _TermKind.TOO:
            self.too = last
        elif kind is _TermKind.SLIGHTLY:
            self.slightly = last
        elif kind in (_TermKind.UNREAL, _TermKind.WISH):
            self.unreal = True


def read_valence(folded: str) -> list[Opinion]:
    """Return the opinions of a folded clause, in order. Cost: about a microsecond a word."""
    terms = _terms()
    spans = [(match.start(), match.end()) for match in _TOKEN.finditer(folded)]
    tokens = [folded[start:end].replace("’", "'") for start, end in spans]
    if tokens and tokens[-1] == "?":
        return []
    found: list[Opinion] = []
    scope = _Scope()
    at = 0
    while at < len(tokens):
        length, kind = _phrase(terms, tokens, at)
        span = spans[at][0], spans[at + length - 1][1]
        opinion = None
        if kind is None:
            if tokens[at] in _ENDS:
                scope = _Scope()
            elif _begins_statement(terms, tokens, at):
                scope.denial = -100
            elif _has_value(terms, tokens, at):
                opinion = _word(terms, tokens, at, scope, span)
        elif kind in _PHRASE_VALUES and not (kind is _TermKind.WISH and scope.is_denied(at)):
            opinion = Opinion(*span, "", _shifted(_PHRASE_VALUES[kind], scope.is_denied(at)), 0.0)
        if opinion is not None and not scope.unreal and (opinion.value or opinion.word):
            found.append(opinion)
        if kind is not None:
            scope.shift(kind, at + length - 1)
        at += length
    return found


def of_aspect(opinions: Sequence[Opinion], aspect: str, start: int, end: int) -> float:
    """Return what the opinions of a clause say of an aspect that is named from start to end, from -2 to 2.

    The nearest counts in full, others the less the farther they are. 0: nothing, or as much of either.
    """
    own = _terms().aspects.get(aspect, {})
    weighed: list[tuple[float, float]] = []
    for one in opinions:
        distance = max(0, one.start - end, start - one.end)
        special = one.word in own and one.factor != 0 and distance <= _FARTHEST
        value = own[one.word] * one.factor if special else one.value
        if value:
            weighed.append((2.0 ** -(distance / _HALF_AT), value))
    if not weighed:
        return 0.0
    most = max(weight for weight, _ in weighed)
    return max(-2.0, min(2.0, sum(weight * value for weight, value in weighed) / most))


def _word(terms: _Terms, tokens: Sequence[str], at: int, scope: _Scope, span: tuple[int, int]) -> Opinion:
    """Return the opinion of a word among its shifters."""
    word = tokens[at]
    is_denied = scope.is_denied(at)
    after = tokens[at + 1] if at + 1 < len(tokens) else ""
    if after == "enough":
        return Opinion(*span, "", -1.0 if is_denied else 1.0, 0.0)
    if word in terms.gradable:
        if after == "than":
            compared = tokens[at + 2 : at + 6]
            if not terms.fear.isdisjoint(compared):
                return Opinion(*span, "", 1.0, 0.0)
            if not terms.expectation.isdisjoint(compared):
                return Opinion(*span, "", _shifted(-1.0, is_denied), 0.0)
        # "Not too tight" is as it should be.
        if at - scope.too <= _DEGREE_REACH:
            return Opinion(*span, "", _shifted(_EXCESS, is_denied), 0.0)
        if at - scope.slightly <= _DEGREE_REACH:
            return Opinion(*span, "", _shifted(-1.0, is_denied), 0.0)
    value = terms.words.get(word, 0.0)
    return Opinion(*span, word, _shifted(value, is_denied), -_DENIED if is_denied else 1.0)


def _shifted(value: float, is_denied: bool) -> float:
    """Return a value, turned around if it is denied: no praise is blame, no blame is some praise."""
    if not is_denied or not value:
        return value
    return -1.0 if value > 0 else _DENIED


def _has_value(terms: _Terms, tokens: Sequence[str], at: int) -> bool:
    """Return whether a word may be an opinion; "like" is one only as a verb."""
    token = tokens[at]
    if token == "like" and (at == 0 or tokens[at - 1] not in terms.likers):
        return False
    return token in terms.words or token in terms.gradable or token in terms.of_aspects


def _begins_statement(terms: _Terms, tokens: Sequence[str], at: int) -> bool:
    """Return whether a denial before the word says nothing of what stands behind it."""
    return tokens[at] in _TURNS or (tokens[at] == "and" and not terms.statements.isdisjoint(tokens[at + 1 : at + 3]))


def _phrase(terms: _Terms, tokens: Sequence[str], at: int) -> tuple[int, _TermKind | None]:
    """Return the length and the kind of the longest phrase that begins at a token; 1 and None without one."""
    for phrase, kind in terms.phrases.get(tokens[at], ()):
        if tuple(tokens[at : at + len(phrase)]) == phrase:
            return len(phrase), kind
    return 1, _TermKind.DENIAL if tokens[at].endswith("n't") else None


@cache
def _terms() -> _Terms:
    read = tomllib.loads(files(__package__).joinpath("valence.toml").read_text("utf-8"))
    values = read["values"]
    listed = (
        ("praise_phrases", _TermKind.PRAISE),
        ("blame_phrases", _TermKind.BLAME),
        ("neutral", _TermKind.NEUTRAL),
        ("wishes", _TermKind.WISH),
        ("unreal", _TermKind.UNREAL),
        ("denials", _TermKind.DENIAL),
        ("too", _TermKind.TOO),
        ("slightly", _TermKind.SLIGHTLY),
    )
    phrases: dict[str, list[tuple[tuple[str, ...], _TermKind]]] = {}
    for name, kind in listed:
        for term in values[name]:
            phrase = tuple(_TOKEN.findall(term))
            phrases.setdefault(phrase[0], []).append((phrase, kind))
    for found in phrases.values():
        found.sort(key=lambda entry: -len(entry[0]))
    words = dict.fromkeys(values["praise"], 1.0) | dict.fromkeys(values["blame"], -1.0)
    return _Terms(
        words=words,
        gradable=frozenset(values["gradable"]),
        phrases=phrases,
        expectation=frozenset(values["expectation"]),
        fear=frozenset(values["fear"]),
        statements=frozenset(values["statements"]),
        likers=frozenset(values["likers"]),
        aspects=read["aspects"],
        of_aspects=frozenset(word for own in read["aspects"].values() for word in own),
    )
