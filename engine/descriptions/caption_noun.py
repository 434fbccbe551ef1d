"""The noun of a caption, for catalogues without a type field."""

import re

from engine.descriptions.claim_vocabulary import QUALITIES, ClaimVocabulary
from engine.descriptions.facts import TYPE

_OPENING = re.compile(
    r"^(?:there (?:is|are)|this is|a (?:close[- ]up|photo|picture|pair|set|couple) of|close[- ]up of|an? |the )\s*",
    re.IGNORECASE,
)
_END = re.compile(
    r"[,;:.!?]|\b(?:with|and|on|in|at|of|next|against|from|for|that|which|is|are|sitting|standing|lying|hanging|placed|"
    r"filled|made)\b",
    re.IGNORECASE,
)
_MAX_WORDS = 3


def find_caption_noun(caption: str, vocabulary: ClaimVocabulary) -> str:
    """Return the noun of a caption without adjectives: "mug" for "red mug with white"."""
    head = caption.strip()
    while (opened := _OPENING.match(head)) is not None:
        head = head[opened.end() :]
    end = _END.search(head)
    head = head[: end.start()] if end is not None else head
    for claim in reversed([claim for claim in vocabulary.claims(head) if claim.role in (*QUALITIES, "brand")]):
        head = head[: claim.start] + " " + head[claim.end :]
    named = vocabulary.claims_of(TYPE, head)
    if named:
        return head[named[0].start : named[0].end].lower()
    return " ".join(head.split()[-_MAX_WORDS:]).lower()
