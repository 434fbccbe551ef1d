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
_DENIED_PRAISE, _DENIED_BLAME, _WISH = -1.0, 0.8, -1.0


class _Kind(Enum):
    PRAISE = auto()
    BLAME = auto()
    NEUTRAL = auto()
    WISH = auto()
    UNREAL = auto()
    DENIAL = auto()
    TOO = auto()
    SLIGHTLY = auto()


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
    phrases: Mapping[str, Sequence[tuple[tuple[str, ...], _Kind]]]
    expectation: frozenset[str]
    fear: frozenset[str]
    statements: frozenset[str]
    likers: frozenset[str]
    aspects: Mapping[str, Mapping[str, float]]


def read_valence(folded: str) -> list[Opinion]:
    """Return the opinions of a folded clause, in order. Cost: about a microsecond a word."""
    terms = _terms()
    spans = [(match.start(), match.end()) for match in _TOKEN.finditer(folded)]
    tokens = [folded[start:end].replace("’", "'") for start, end in spans]
    if tokens and tokens[-1] == "?":
        return []
    found: list[Opinion] = []
    denied = degree = weak = -100
    unreal = False
    at = 0
    while at < len(tokens):
        token = tokens[at]
        length, kind = _phrase(terms, tokens, at)
        start, end = spans[at][0], spans[at + max(length, 1) - 1][1]
        if kind is None and token in _ENDS:
            unreal = False
            denied = degree = weak = -100
        elif kind in (_Kind.PRAISE, _Kind.BLAME):
            value = 1.0 if kind is _Kind.PRAISE else -1.0
            if at - denied <= _REACH:
                value = _DENIED_PRAISE if value > 0 else _DENIED_BLAME
            if not unreal:
                found.append(Opinion(start, end, "", value, 0.0))
        elif kind is _Kind.WISH:
            if not unreal and at - denied > _REACH:
                found.append(Opinion(start, end, "", _WISH, 0.0))
            unreal = True
        elif kind is _Kind.UNREAL:
            unreal = True
        elif kind is _Kind.DENIAL:
            denied = at + length - 1
        elif kind is _Kind.TOO:
            degree = at + length - 1
        elif kind is _Kind.SLIGHTLY:
            weak = at + length - 1
        elif kind is None and (token in terms.words or token in terms.gradable or token in _of_any_aspect()):
            is_verb = token != "like" or (at > 0 and tokens[at - 1] in terms.likers)
            if not unreal and is_verb:
                found.append(_word(terms, tokens, at, denied, degree, weak, (start, end)))
        elif kind is None and (
            token in _TURNS or (token == "and" and not terms.statements.isdisjoint(tokens[at + 1 : at + 3]))
        ):
            denied = -100
        at += max(length, 1)
    return [one for one in found if one.value or one.word]


def of_aspect(opinions: Sequence[Opinion], aspect: str, start: int, end: int) -> float:
    """Return what the opinions of a clause say of an aspect that is named from start to end, from -2 to 2.

    The nearest counts in full, others the less the farther they are. 0: nothing, or as much of either.
    """
    own = _terms().aspects.get(aspect, {})
    weighed = []
    for one in opinions:
        distance = max(0, one.start - end, start - one.end)
        special = one.word in own and one.factor != 0 and distance <= _FARTHEST
        value = own[one.word] * one.factor if special else one.value
        if value:
            weighed.append((0.5 ** (distance / _HALF_AT), value))
    if not weighed:
        return 0.0
    most = max(weight for weight, _ in weighed)
    return max(-2.0, min(2.0, sum(weight * value for weight, value in weighed) / most))


def _word(
    terms: _Terms,
    tokens: Sequence[str],
    at: int,
    denied: int,
    degree: int,
    weak: int,
    span: tuple[int, int],
) -> Opinion:
    """Return the opinion of a word among its shifters."""
    word = tokens[at]
    is_denied = at - denied <= _REACH and denied < at
    excessive = at - degree <= _DEGREE_REACH
    slight = at - weak <= _DEGREE_REACH
    after = tokens[at + 1] if at + 1 < len(tokens) else ""
    if after == "enough":
        return Opinion(*span, "", -1.0 if is_denied else 1.0, 0.0)
    if word in terms.gradable:
        if after == "than":
            compared = tokens[at + 2 : at + 6]
            if not terms.fear.isdisjoint(compared):
                return Opinion(*span, "", 1.0, 0.0)
            if not terms.expectation.isdisjoint(compared):
                return Opinion(*span, "", 0.5 if is_denied else -1.0, 0.0)
        if excessive:
            # "Not too tight" is as it should be.
            return Opinion(*span, "", _DENIED_BLAME if is_denied else -1.5, 0.0)
        if slight:
            return Opinion(*span, "", _DENIED_BLAME if is_denied else -1.0, 0.0)
        if word not in terms.words:
            return Opinion(*span, word, 0.0, -1.0 if is_denied else 1.0)
    value = terms.words.get(word, 0.0)
    if is_denied:
        return Opinion(*span, word, (_DENIED_PRAISE if value > 0 else _DENIED_BLAME * -value), -0.8)
    return Opinion(*span, word, value, 1.0)


def _phrase(terms: _Terms, tokens: Sequence[str], at: int) -> tuple[int, _Kind | None]:
    """Return the length and the kind of the longest phrase that begins at a token; 0 and None without one."""
    for phrase, kind in terms.phrases.get(tokens[at], ()):
        if tuple(tokens[at : at + len(phrase)]) == phrase:
            return len(phrase), kind
    token = tokens[at]
    return (1, _Kind.DENIAL) if token.endswith("n't") else (0, None)


@cache
def _of_any_aspect() -> frozenset[str]:
    return frozenset(word for values in _terms().aspects.values() for word in values)


@cache
def _terms() -> _Terms:
    read = tomllib.loads(files(__package__).joinpath("valence.toml").read_text("utf-8"))
    values = read["values"]
    listed = (
        ("praise_phrases", _Kind.PRAISE),
        ("blame_phrases", _Kind.BLAME),
        ("neutral", _Kind.NEUTRAL),
        ("wishes", _Kind.WISH),
        ("unreal", _Kind.UNREAL),
        ("denials", _Kind.DENIAL),
        ("too", _Kind.TOO),
        ("slightly", _Kind.SLIGHTLY),
    )
    phrases: dict[str, list[tuple[tuple[str, ...], _Kind]]] = {}
    for name, kind in listed:
        for term in values[name]:
            words = tuple(_TOKEN.findall(term))
            phrases.setdefault(words[0], []).append((words, kind))
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
    )
