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

_MAX_SENTENCES = 6
_MAX_SENTENCE_WORDS = 40
_MAX_CLAIMS, _MAX_OTHER_WORDS = 2, 3
_FUNCTION_WORDS = frozenset(
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
_PRONOUN = re.compile(r"^(?:it|its|they|their|this|these|that|those|he|she)\b", re.IGNORECASE)


class OwnSentences:
    """Selects the sentences that describe the product, not its photo or the shop."""

    def __init__(self, catalog: CatalogModel) -> None:
        self._catalog = catalog

    def select(self, facts: Facts) -> tuple[str, ...]:
        """Return the sentences of the product's own description that are about the product."""
        found: list[str] = []
        before = True
        for sentence in sentences(facts.description, facts.names):
            sentence = sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
            restated = self._restates(sentence)
            kept = not restated and self._is_own(sentence, facts) and (before or not _PRONOUN.match(sentence))
            if kept:
                found.append(sentence[0].upper() + sentence[1:])
            before = kept or restated
        return tuple(dict.fromkeys(found))[:_MAX_SENTENCES]

    def _restates(self, sentence: str) -> bool:
        """Return whether a sentence lists little more than field values."""
        claims = self._catalog.vocabulary.claims(sentence)
        rest = sentence.lower()
        for claim in sorted(claims, key=lambda claim: -claim.start):
            rest = rest[: claim.start] + " " * (claim.end - claim.start) + rest[claim.end :]
        words = set(re.findall(r"\w+", rest)) - _FUNCTION_WORDS
        return len({claim.role for claim in claims}) > _MAX_CLAIMS and len(words) <= _MAX_OTHER_WORDS

    def _is_own(self, sentence: str, facts: Facts) -> bool:
        if count_words(sentence) > _MAX_SENTENCE_WORDS or self._catalog.is_off_topic(sentence):
            return False
        bare = replace(facts, description="")
        # A sentence may mention other types: "keeps your books dry", of a bag. And "natural" is a colour in some
        # catalogues, but not in a sentence.
        wrong = contradictions(sentence, bare, self._catalog.vocabulary)
        return all(
            claim.role == TYPE or (claim.role in QUALITIES and not claim.meanings & FAMILY_NAMES) for claim in wrong
        )
