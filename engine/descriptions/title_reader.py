"""Parses product titles: brand, name, type, features, compatibility and pack size.

Titles are lists rather than sentences ("Carlton London Women Maroon Shoes", "USB Cable | 2 m, Black"). Which words are
names and which are common is learnt from the other titles of the catalogue.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.descriptions.claim_vocabulary import QUALITIES, ClaimVocabulary
from engine.descriptions.facts import BRAND, COLOUR, MATERIAL, SEASON, SERIES, TYPE, USE, Facts
from engine.descriptions.grammar import PAIRS, fold_spelling, plural, singular
from engine.descriptions.lexicon import COMMON, TRAITS
from engine.descriptions.title_segments import (
    EDGE,
    PROMOTION,
    cut_title,
    join_list,
    join_slashes,
    remove_noun,
    split_segment,
    split_tails,
)
from engine.descriptions.title_words import (
    AMOUNT,
    TARGET_GROUP,
    TitleWords,
    find_target_group,
    forms,
    is_noun,
    lower_first,
    type_forms,
)

_CODE = re.compile(r"^(?=.*\d)(?=.*[A-Za-z])[\w./+-]{5,}$")
_TOKEN = re.compile(r"\S+")
_MATERIAL_ADJECTIVES = frozenset(
    (
        "woven",
        "knitted",
        "pure",
        "soft",
        "solid",
        "real",
        "pressed",
        "light",
        "shiny",
        "brushed",
        "genuine",
        "full",
        "fine",
        "stitched",
        "heavy",
        "raw",
    )
)
_FUNCTION_WORDS = frozenset(("and", "or", "with", "in", "of", "a", "an", "the", "plus", "colour", "color"))
_MAX_TRIED = 3
_MAX_FEATURE_WORDS, _MAX_FIT_WORDS, _MAX_NAME_WORDS = 9, 10, 5


@dataclass(frozen=True, slots=True)
class TitleReading:
    """A parsed title; parts that it does not state are empty.

    Attributes:
        name: The product's own name, including the brand.
        noun: The product noun with qualifiers but without colour ("slim fit shirt").
        head: The noun alone.
        target_group: Such as "men and women".
        fits: What the product is for or compatible with.
        compatible: Whether the title says "compatible with" before `fits`.
        pack: The pack size.
        traits: Adjectives that form a segment of their own ("foldable").
        core: The first words, before "with" or "for".
    """

    brand: str = ""
    name: str = ""
    noun: str = ""
    head: str = ""
    target_group: str = ""
    fits: str = ""
    compatible: bool = False
    pack: str = ""
    features: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()
    core: str = ""


class TitleReader:
    """Parses the titles of one catalogue; immutable and thread-safe."""

    def __init__(self, payloads: Sequence[Mapping[str, Any]], vocabulary: ClaimVocabulary) -> None:
        """Learn from the titles of a sample of payloads. Cost: about 20 µs per title."""
        self._vocabulary = vocabulary
        self._words = TitleWords(payloads, vocabulary)

    def read(self, facts: Facts) -> TitleReading:
        """Parse a product's title, given the facts from its fields."""
        title = facts.title
        series, kind = facts.first(SERIES), facts.first(TYPE)
        if series and title.lower() == f"{series} {kind}".lower():
            # Just a name and a type: nothing to parse.
            return TitleReading(facts.first(BRAND), series, lower_first(kind), kind, find_target_group(title))
        cut = cut_title(title)
        if not cut.core:
            return TitleReading()
        brand = facts.first(BRAND) or self._words.brand(cut.core)
        name, noun, head = self._split(cut.core, brand, facts)
        tails, rest = list(cut.tails), list(cut.rest)
        for index, part in enumerate(rest[:_MAX_TRIED] if not (noun or tails) else []):
            base, more = split_tails(part)
            _, noun, head = self._split(base, "", facts)
            if noun:
                # Words before the noun qualify it, as the name came first.
                found_at = base.lower().rfind(head.lower())
                noun = self._words.tidy(base[: found_at + len(head)], loose=True) if found_at >= 0 else noun
                rest, tails, name = [*rest[:index], *rest[index + 1 :]], more, cut.core
                break
        tails, rest = join_list(tails, rest)
        traits = tuple(dict.fromkeys(part.lower() for part in rest if TRAITS.match(part)))
        features: list[str] = []
        fits, compatible = "", False
        for word, piece in [*tails, *(tail for part in rest if not TRAITS.match(part) for tail in split_segment(part))]:
            if word == "for" or word.startswith(("compatible", "suitable", "designed")):
                found = self._fit(remove_noun(piece, noun or head))
                fits, compatible = (fits, compatible) if fits else (found, word.startswith("compatible"))
            elif piece.lower() != brand.lower() and self._is_feature(piece, cut.core, noun, word in ("with", "w/")):
                features.append(self._words.tidy(piece, loose=True))
        fits = "" if TARGET_GROUP.search(fits) else fits
        found_features = tuple(dict.fromkeys(feature for feature in features if feature))
        return TitleReading(
            brand,
            name,
            noun,
            head,
            find_target_group(title),
            fits,
            compatible,
            cut.pack,
            found_features,
            traits,
            cut.core,
        )

    def _fit(self, piece: str) -> str:
        """Return what a product is for as it appears in a sentence, "" if uninformative."""
        empty = piece[:1].isupper() and piece.isalpha() and piece.lower() in COMMON
        if empty or len(piece.split()) > _MAX_FIT_WORDS or TARGET_GROUP.fullmatch(piece):
            return ""
        plain = len(piece.split()) < 2 or "," in piece or " & " in piece
        fits = self._words.tidy(piece, loose=True) if plain else piece.strip(EDGE)
        return join_slashes(fits.replace(" & ", " and "))

    def _split(self, core: str, brand: str, facts: Facts) -> tuple[str, str, str]:
        """Return the name, the noun with its qualifiers, and the noun alone in the first words of a title."""
        series = facts.first(SERIES)
        start = 0
        if series and core.lower().startswith(series.lower()):
            start = len(series)
        elif brand and core.lower().startswith(brand.lower()):
            start = len(brand)
        lead, body = core[:start].strip(), core[start:]
        found = list(_TOKEN.finditer(body))
        tokens = [token[0].strip(",") for token in found]
        end = self._head(tokens, facts, bool(series) and start == len(series))
        if end is None:
            # If the type is known from a field, words with a colour or material are a description, not a name.
            described = TYPE in facts.values and bool(
                self._known_spans(core, facts) or len(core.split()) > _MAX_NAME_WORDS
            )
            return "" if described else " ".join(core.split()), "", ""
        first, last = end
        head = " ".join(tokens[first : last + 1])
        known = self._known_spans(body, facts)
        if MATERIAL not in self._vocabulary.fields:
            known = [span for span in known if span[2] != MATERIAL]
        runs: list[list[str]] = [[]]
        for token, match in zip(tokens[:first], found[:first], strict=True):
            role = next((role for begin, stop, role in known if begin < match.end() and match.start() < stop), "")
            if not role and not self._is_known(token, facts):
                runs[-1].append(token)
                continue
            if role == MATERIAL and runs[-1] and runs[-1][-1].lower() in _MATERIAL_ADJECTIVES:
                runs[-1].pop()
            runs.append([])
        names: list[str] = []
        qualities: list[str] = []
        for run in runs:
            cut = len(run)
            while cut and self._words.may_describe(run[cut - 1]):
                cut -= 1
            # A number without a unit belongs to the name before it: "Superstar 2".
            while 0 < cut < len(run) and run[cut].isdigit():
                cut += 1
            names += run[:cut]
            qualities += run[cut:]
        while qualities and qualities[0].lower() in ("and", "or", "with", "in", "of", "&"):
            qualities = qualities[1:]
        head = _number_form(lower_first(head) if self._is_type(head, facts) else self._words.tidy(head), facts)
        noun = " ".join([self._words.tidy(" ".join(qualities)), head]).strip()
        name = " ".join([lead, *names]).strip()
        return (name if names or (series and lead) else ""), noun, head

    def _head(self, tokens: list[str], facts: Facts, series: bool) -> tuple[int, int] | None:
        """Return the first and last token of the noun: a word for its type, the last known noun, or the end."""
        nouns = {fold_spelling(form) for value in facts.values.get(TYPE, ()) for form in type_forms(value)}
        lower = [token.lower() for token in tokens]
        for length in range(min(5, len(lower)), 0, -1):
            for first in range(len(lower) - length, -1, -1):
                if fold_spelling(" ".join(lower[first : first + length])) in nouns:
                    return first, first + length - 1
        if series and tokens:
            return 0, len(tokens) - 1
        # If a field gives the type, only the last word of a title may override it.
        reach = 1 if TYPE in facts.values else 4
        for last in range(len(lower) - 1, max(-1, len(lower) - 1 - reach), -1):
            word = lower[last].strip(EDGE)
            # A noun before an uncommon word is part of a name: "Watch SE".
            if any(not self._words.may_describe(token) and not _CODE.match(token) for token in tokens[last + 1 :]):
                return None
            pair = f"{lower[last - 1]} {word}" if last else ""
            for noun, first in ((pair, last - 1), (word, last)):
                if noun and is_noun(noun) and not (tokens[last].isupper() and last == 0):
                    return first, last
        return None

    def _known_spans(self, body: str, facts: Facts) -> list[tuple[int, int, str]]:
        """Return the (start, end, role) of attributes such as the colour, which a description states separately."""
        known = {
            role: frozenset().union(*(self._vocabulary.meanings(role, value) for value in facts.values.get(role, ())))
            for role in (*QUALITIES, BRAND)
        }
        return [
            (claim.start, claim.end, claim.role)
            for claim in self._vocabulary.claims(body)
            if claim.role in known and (claim.meanings & known[claim.role] or claim.role in self._vocabulary.fields)
        ]

    def _is_known(self, token: str, facts: Facts) -> bool:
        known = {value.lower() for role in (USE, SEASON) for value in facts.values.get(role, ())}
        return TARGET_GROUP.fullmatch(token) is not None or token.lower() in known

    def _is_type(self, head: str, facts: Facts) -> bool:
        return any(fold_spelling(head) in map(fold_spelling, type_forms(value)) for value in facts.values.get(TYPE, ()))

    def _is_feature(self, piece: str, core: str, noun: str, alone: bool) -> bool:
        words = [word.strip(EDGE + "()").lower() for word in piece.split()]
        words = [word for word in words if word]
        if not words or len(words) > _MAX_FEATURE_WORDS or PROMOTION.search(piece) or len(piece) < 3:
            return False
        single = len(words) == 1 and not (alone and is_noun(words[0]))
        if single or all(_CODE.match(word) or word.isdigit() for word in words):
            return False
        # Require some text, not only a list of models or a number.
        if not re.search(r"[a-z]{3}", piece) or re.search(r"\d/\d+/|,\S", piece) or AMOUNT.match(piece):
            return False
        used = {form for word in f"{core} {noun}".lower().split() for form in forms(word.strip(EDGE))}
        if sum(word in used for word in words) > len(words) / 2:
            return False
        rest = piece.lower()
        if (
            any(claim.role == COLOUR and claim.end == len(piece) for claim in self._vocabulary.claims(piece))
            and len(words) < 4
        ):
            return False
        for claim in reversed([claim for claim in self._vocabulary.claims(piece) if claim.role in QUALITIES]):
            rest = rest[: claim.start] + rest[claim.end :]
        # Colours, materials and patterns have sentences of their own.
        return bool(set(re.findall(r"\w+", rest)) - _FUNCTION_WORDS - _MATERIAL_ADJECTIVES)


def _number_form(head: str, facts: Facts) -> str:
    """Return the noun in singular, or in plural for pairs: "kurtas" → "kurta", "shoe" → "shoes"."""
    last = plural(head).split(" ")[-1].lower()
    if last in PAIRS and last != "glasses":
        return plural(head)
    types = {fold_spelling(form) for value in facts.values.get(TYPE, ()) for form in type_forms(value)}
    return singular(head) if fold_spelling(head) in types else head
