"""The fact check: contradictions between a text and its product's facts are corrected or dropped, or reject the text.

A colour, material, pattern, type or brand that differs from the product's own is a contradiction, and so is a number
that no field contains. An unknown attribute contradicts nothing, except for brands and numbers, which must be known.
Stricter rules for chat models are in `engine.descriptions.claim_support`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from engine.descriptions.claim_support import find_unsupported, remove_unsupported
from engine.descriptions.claim_vocabulary import NUMBER, QUALITIES, Claim, ClaimVocabulary
from engine.descriptions.facts import ACCENT, BRAND, CATEGORY, COLOUR, TYPE, Facts
from engine.descriptions.grammar import capitalise, correct_articles, sentences

BULLET = "- "

_TRIES = 3
# "red mug with a white handle": only words before the break describe the mug.
_BREAK = re.compile(r"[,;:.!?\n]|\b(?:with|and|or|in|on|of|for|to|from|by|beside|against)\b", re.IGNORECASE)
_MAX_DISTANCE = 40


@dataclass(frozen=True, slots=True)
class CheckedText:
    """A text without contradictions, "" if nothing is left, and the fields that the original contradicted."""

    text: str
    corrected_fields: tuple[str, ...] = ()


def check(text: str, facts: Facts, vocabulary: ClaimVocabulary, strict: bool = False) -> CheckedText:
    """Return the text with every contradiction corrected; drop sentences or lines that cannot be corrected.

    The rest depends on the first sentence, so a text that loses it is rejected.

    Args:
        strict: Whether to drop claims that no field supports, with their sentence if they are more than an adjective.
    """
    bullets = any(line.startswith(BULLET) for line in text.splitlines())
    pieces = [line for line in text.splitlines() if line.strip()] if bullets else sentences(text, facts.names)
    kept: list[str] = []
    wrong: dict[str, None] = {}
    for position, piece in enumerate(pieces):
        found = contradictions(piece, facts, vocabulary)
        wrong |= dict.fromkeys(_field(claim, facts) for claim in found)
        piece = _repair(piece, found, facts, vocabulary, lead=position == 0) if found else piece
        if strict and piece:
            wrong |= dict.fromkeys(_field(claim, facts) for claim in find_unsupported(piece, facts, vocabulary))
            piece = remove_unsupported(piece, facts, vocabulary)
        if not piece and position == 0:
            return CheckedText("", tuple(wrong))
        if piece:
            kept.append(piece)
    return CheckedText(("\n" if bullets else " ").join(kept), tuple(wrong))


def contradictions(text: str, facts: Facts, vocabulary: ClaimVocabulary) -> list[Claim]:
    """Return the claims of a text that the facts contradict, in order."""
    own = _own_spans(text, facts)
    wrong = []
    for _, same in groupby(vocabulary.claims(text), key=lambda claim: (claim.start, claim.end)):
        claims = list(same)
        if any(start <= claims[0].start and claims[0].end <= end for start, end in own):
            continue
        verdicts = [_agrees(claim, text, facts, vocabulary) for claim in claims]
        if False in verdicts and True not in verdicts:
            wrong.append(claims[verdicts.index(False)])
    return wrong


def _agrees(claim: Claim, text: str, facts: Facts, vocabulary: ClaimVocabulary) -> bool | None:
    """Return whether the facts support a claim, None if they neither support nor contradict it."""
    if claim.role == NUMBER:
        return claim.meanings <= facts.numbers
    if claim.role == TYPE and _is_named(claim, text, facts):
        return None
    if claim.role == BRAND:
        return bool(claim.meanings & {brand.lower() for brand in facts.values.get(BRAND, ())})
    known = _known(claim.role, facts, vocabulary)
    if not known or vocabulary.is_multicolour(known):
        return None
    if claim.role == CATEGORY:
        # A category has many wordings ("for home and garden"), so it can be remove_unsupported but not contradicted.
        return True if claim.meanings & known else None
    if claim.role == COLOUR and _belongs_to_noun(claim, text, facts, vocabulary):
        known = vocabulary.meanings(COLOUR, facts.first(COLOUR))
    return bool(claim.meanings & known)


def _known(role: str, facts: Facts, vocabulary: ClaimVocabulary) -> frozenset[str]:
    if role == COLOUR and COLOUR not in facts.values:
        return frozenset()
    roles = {COLOUR: (COLOUR, ACCENT), TYPE: (TYPE, CATEGORY)}.get(role, (role,))
    if role == TYPE and TYPE not in facts.values:
        roles = (TYPE,)
    return frozenset().union(
        *(vocabulary.meanings(name, value) for name in roles for value in facts.values.get(name, ()))
    )


def _belongs_to_noun(claim: Claim, text: str, facts: Facts, vocabulary: ClaimVocabulary) -> bool:
    """Return whether a colour directly qualifies the product's own noun, with no break between them."""
    for noun in vocabulary.nouns(facts.first(TYPE)) if facts.first(TYPE) else ():
        start = text.lower().find(noun.lower(), claim.end, claim.end + _MAX_DISTANCE)
        if start >= 0:
            return _BREAK.search(text, claim.end, start) is None
    return False


def _own_spans(text: str, facts: Facts) -> list[tuple[int, int]]:
    """Return the spans of a text that quote the product's own title, values or sentences."""
    lower = text.lower()
    spans = []
    names = [facts.title, *(value for role in (TYPE, CATEGORY, BRAND) for value in facts.values.get(role, ()))]
    names += sentences(facts.description, facts.names)
    for name in {name.lower() for name in names if name}:
        spans += [match.span() for match in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", lower)]
    return spans


def _is_named(claim: Claim, text: str, facts: Facts) -> bool:
    """Return whether the title or a value contains the same word: in "clear glass", glass is no drinking glass."""
    words = re.escape(text[claim.start : claim.end].lower())
    values = [value for found in facts.values.values() for value in found]
    return any(re.search(rf"(?<!\w){words}(?!\w)", name.lower()) for name in (facts.title, *values))


def _repair(piece: str, found: Sequence[Claim], facts: Facts, vocabulary: ClaimVocabulary, lead: bool) -> str:
    """Return a sentence with its wrong words replaced, "" if a replacement is unknown."""
    for _ in range(_TRIES):
        for claim in reversed(found):
            words = _replacement(claim, piece, facts, vocabulary, lead)
            if not words:
                return ""
            piece = _replace(piece, claim, words)
        found = contradictions(piece, facts, vocabulary)
        if not found:
            return piece
    return ""


def _replacement(claim: Claim, piece: str, facts: Facts, vocabulary: ClaimVocabulary, lead: bool) -> str:
    if claim.role == COLOUR and is_accent(claim, piece):
        return facts.first(ACCENT).lower()
    if claim.role in QUALITIES:
        return facts.first(claim.role).lower()
    if claim.role == BRAND:
        return facts.first(BRAND)
    if claim.role == TYPE and lead and facts.first(TYPE):
        return vocabulary.nouns(facts.first(TYPE))[0].lower()
    return ""


def is_accent(claim: Claim, piece: str) -> bool:
    """Return whether a colour describes a part of the product: "with a white handle", "its lid is white"."""
    if claim.role != COLOUR:
        return False
    before = list(re.finditer(r"\b(with|and|its|the)\b|[,;:]", piece[: claim.start], re.IGNORECASE))
    return bool(before) and before[-1][0].lower() in {"with", "and", "its", "the"} and before[-1].start() > 0


def _replace(piece: str, claim: Claim, words: str) -> str:
    words = capitalise(words) if piece[claim.start].isupper() and claim.start <= len(BULLET) else words
    replaced = piece[: claim.start] + words + piece[claim.end :]
    replaced = re.sub(rf"\b({re.escape(words)})(?: {re.escape(words)})+\b", r"\1", replaced, flags=re.IGNORECASE)
    return correct_articles(replaced)


def _field(claim: Claim, facts: Facts) -> str:
    return NUMBER if claim.role == NUMBER else facts.field_of(claim.role)
