"""Sentences of a product's own description that may be quoted."""

import re
from dataclasses import replace

from engine.descriptions.catalog_model import CatalogModel
from engine.descriptions.claim_vocabulary import QUALITIES
from engine.descriptions.fact_check import contradictions
from engine.descriptions.facts import (
    TYPE,
    Facts,
)
from engine.descriptions.grammar import count_words, sentences
from engine.descriptions.synonyms import FAMILY_NAMES

_MOST_OWN_SENTENCES = 6
_LONGEST_OWN = 40
_LEAST_CLAIMS, _FEW_WORDS = 2, 3
_LITTLE_WORDS = frozenset(
    (
        "a",
        "an",
        "and",
        "are",
        "by",
        "come",
        "comes",
        "finish",
        "for",
        "from",
        "in",
        "is",
        "it",
        "made",
        "makes",
        "no",
        "of",
        "one",
        "pure",
        "s",
        "the",
        "these",
        "they",
        "this",
        "with",
        "all",
        "over",
    )
)
_POINTING = re.compile(r"^(?:it|its|they|their|this|these|that|those|he|she)\b", re.IGNORECASE)


class OwnSentences:
    """Selects the sentences that describe the product, not its photo or the shop."""

    def __init__(self, catalog: CatalogModel) -> None:
        self._catalog = catalog

    def select(self, facts: Facts) -> tuple[str, ...]:
        """Return the sentences of its own description that tell of the product and not of its photo or the shop."""
        found: list[str] = []
        before = True
        for sentence in sentences(facts.description, facts.names):
            sentence = sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
            restated = self._restates(sentence)
            kept = not restated and self._is_own(sentence, facts) and (before or not _POINTING.match(sentence))
            if kept:
                found.append(sentence[0].upper() + sentence[1:])
            before = kept or restated
        return tuple(dict.fromkeys(found))[:_MOST_OWN_SENTENCES]

    def _restates(self, sentence: str) -> bool:
        """Return whether a sentence lists what the fields say and hardly anything else."""
        claims = self._catalog.vocabulary.claims(sentence)
        rest = sentence.lower()
        for claim in sorted(claims, key=lambda claim: -claim.start):
            rest = rest[: claim.start] + " " * (claim.end - claim.start) + rest[claim.end :]
        words = set(re.findall(r"\w+", rest)) - _LITTLE_WORDS
        return len({claim.role for claim in claims}) > _LEAST_CLAIMS and len(words) <= _FEW_WORDS

    def _is_own(self, sentence: str, facts: Facts) -> bool:
        if count_words(sentence) > _LONGEST_OWN or self._catalog.is_of_photo(sentence):
            return False
        bare = replace(facts, description="")
        # Other kinds of things may be spoken of: "keeps your books dry" is said of a bag. And "natural" is a colour of
        # some catalogues, but no claim of one in a sentence.
        wrong = contradictions(sentence, bare, self._catalog.vocabulary)
        return all(
            claim.role == TYPE or (claim.role in QUALITIES and not claim.meanings & FAMILY_NAMES) for claim in wrong
        )
