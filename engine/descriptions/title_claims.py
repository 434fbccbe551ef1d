"""Claims in a product title, without words that only look like claims."""

import re

from engine.descriptions.claim_vocabulary import Claim, ClaimVocabulary
from engine.descriptions.facts import (
    COLOUR,
    MATERIAL,
    PATTERN,
    TYPE,
)

# Words that describe an appearance, not a material.
_LOOKS = frozenset(("metallic", "silky", "velvety", "wood-grain", "jersey", "satin"))
_PART = re.compile(r"[,|;(]|\s[-–]\s|\b(?:with|for|compatible)\b", re.IGNORECASE)


def find_title_claims(title: str, vocabulary: ClaimVocabulary) -> list[Claim]:
    """Return the claims of a title, without false positives.

    "Solid" is a pattern only before a colour or a type ("solid red shirt", not "solid state"). A material directly
    before a colour, with nothing else around them, is part of the shade ("Ceramic Black").
    """
    claims = vocabulary.claims(title)
    kept = []
    for claim in claims:
        after = [other for other in claims if 0 < other.start - claim.end < 2 and other.role in (COLOUR, TYPE)]
        if claim.role == PATTERN and "plain" in claim.meanings and not after:
            continue
        shade = any(other.role == COLOUR and title[other.end : other.end + 1] in ")" for other in after)
        if claim.role == COLOUR and (
            any(other.role == TYPE and other.start == claim.start for other in claims)
            or (COLOUR not in vocabulary.fields and not _is_last(title, claim))
        ):
            continue
        if claim.role == MATERIAL and not _is_whole(title, claim):
            continue
        look = re.match(r"[ -](?:finish|look|effect|style|print)", title[claim.end :], re.IGNORECASE)
        if claim.role == MATERIAL and (look or title[claim.start : claim.end].lower() in _LOOKS):
            continue
        if claim.role == MATERIAL and shade and title[: claim.start].rstrip()[-1:] in ("(", ",", "|"):
            continue
        kept.append(claim)
    return kept


def _is_whole(title: str, claim: Claim) -> bool:
    """Return whether a material is that of the whole product: in the first words, or alone between commas."""
    before = title[: claim.start]
    alone = before.rstrip()[-1:] in ("(", ",", "|") and title[claim.end :].lstrip()[:1] in (")", ",", "|", "")
    return alone or not _PART.search(before)


def _is_last(title: str, claim: Claim) -> bool:
    """Return whether a claim ends the title, or a section of it between commas or brackets."""
    return title[claim.end :].lstrip()[:1] in (")", ",", "|", "]", "")


def find_shade(title: str, colour: str) -> str:
    """Return the full name of a colour where it stands alone between commas: "Horizon Blue" for blue."""
    found = re.search(rf"[(,|]\s*((?:[A-Z][a-z]+ ){{1,2}}{re.escape(colour)})\s*(?=[),|]|$)", title, re.IGNORECASE)
    return found[1] if found else colour
