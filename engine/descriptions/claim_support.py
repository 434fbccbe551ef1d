"""Claims that no field of the product supports: guesses, promises and negations.

A text without contradictions may still be wrong: a chat model may call a shirt of unknown colour blue, promise that it
is waterproof, or state that it is not. An unsupported colour, material or pattern is removed from its sentence; a
sentence with any other unsupported claim is dropped.
"""

import re
from collections.abc import Iterator

from engine.descriptions.claim_vocabulary import QUALITIES, Claim, ClaimVocabulary
from engine.descriptions.facts import Facts
from engine.descriptions.grammar import correct_articles
from engine.descriptions.lexicon import CLAIM_WORDS

_NEGATION = re.compile(
    r"\b(?:no|not|never|without|cannot|free (?:of|from)|"
    r"(?:is|are|do|does|will|can|has|have)n['’]t|can['’]t|won['’]t)\s+"
    r"(?:a |an |the |any )?([\w-]+)|\b([\w]+)-free\b|\bnon-([\w]+)\b",
    re.IGNORECASE,
)
_DENIED = re.compile(r"\b(?:no|not|never|without|non|cannot|isn['’]t|aren['’]t)[ -]+(?:\w+[ -]+){0,2}$", re.IGNORECASE)
_PROMISE = re.compile(
    rf"(?<![\w-])(?:{'|'.join(map(re.escape, sorted(CLAIM_WORDS, key=len, reverse=True)))})(?!\w)", re.I
)
_NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_COUNTS = {word: str(number) for number, word in enumerate(_NUMBERS, 2)}
_COUNT = re.compile(rf"\b(?:{'|'.join(_COUNTS)})\b", re.IGNORECASE)
_NAME = re.compile(r"(?<=[a-z,;:] )[A-Z][\w&'’-]+(?: [A-Z][\w&'’-]+)*")


def find_unsupported(piece: str, facts: Facts, vocabulary: ClaimVocabulary) -> list[Claim]:
    """Return the colours, materials and patterns of a sentence that no field supports, in order."""
    return [
        claim
        for claim in vocabulary.claims(piece)
        if claim.role in QUALITIES
        and not facts.values.get(claim.role)
        and not _says(facts.words, piece[claim.start : claim.end])
    ]


def remove_unsupported(piece: str, facts: Facts, vocabulary: ClaimVocabulary) -> str:
    """Return a sentence without unsupported adjectives, "" if any other claim is unsupported."""
    if any(True for _ in _unsupported_phrases(piece, facts)):
        return ""
    for claim in reversed(find_unsupported(piece, facts, vocabulary)):
        # "This blue mug" reads well without its colour; "it comes in blue" does not.
        if not re.match(r"\s+[a-z]", piece[claim.end :]) or re.search(
            r"\b(?:in|of|from|is|are)\s+$", piece[: claim.start]
        ):
            return ""
        piece = piece[: claim.start] + piece[claim.end :].lstrip()
    return correct_articles(piece)


def _unsupported_phrases(piece: str, facts: Facts) -> Iterator[str]:
    """Yield the promises, counts, names and negations of a sentence that no field contains."""
    words = facts.words
    for found in _NEGATION.finditer(piece):
        if not _says(words, " ".join(found[0].split())):
            yield found[0]
    for found in _PROMISE.finditer(piece):
        mentions = list(re.finditer(rf"(?<![\w-]){re.escape(found[0].lower())}", words))
        denied = bool(mentions) and all(_DENIED.search(words[: match.start()]) for match in mentions)
        if not mentions or (denied and not _DENIED.search(piece[: found.start()])):
            yield found[0]
    for found in _COUNT.finditer(piece):
        if _COUNTS[found[0].lower()] not in facts.numbers and not _says(words, found[0]):
            yield found[0]
    for found in _NAME.finditer(piece):
        if not all(_says(words, word) for word in found[0].split()):
            yield found[0]


def _says(words: str, phrase: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(phrase.lower())}(?!\w)", words) is not None
