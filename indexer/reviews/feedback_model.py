"""A feedback model: an expert for each way of writing, and the aspects that the shop's reviews speak of."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import NamedTuple

import numpy as np

from indexer.reviews.aspect_mentions import BATCH, Clauses, Mention, judge, to_clauses, to_mentions
from indexer.reviews.ngrams import fold, is_chinese_text
from indexer.reviews.opinion_lexicon import OpinionLexicon, seeds
from indexer.reviews.product_words import is_product
from indexer.reviews.review import Review
from indexer.reviews.review_features import Vector, lengths_of
from indexer.reviews.sentiment_model import SentimentModel

CHINESE_EXPERT, ENGLISH_EXPERT = "signs", "letters"
"""The two ways of writing: without spaces between words, and with them."""

_OF_WORDS = 0.8


class ClauseMention(NamedTuple):
    """What words[start:end] of a review says of an aspect; sentiment from 0 to 1."""

    start: int
    end: int
    aspect: str
    sentiment: float


class ScoredReview(NamedTuple):
    """What is known of one review: its sentiment, from 0 to 1, and what it says of aspects."""

    sentiment: float
    mentions: list[Mention]


@dataclass(frozen=True)
class FeedbackModel:
    """What was learnt of a shop's reviews.

    experts: by way of writing; a text in another one is judged by the words of opinion that everybody knows.
    discovered: aspects beyond the common ones, and their terms.
    products: by category what its products are called, which names no aspect there; a build takes it from the titles.
    """

    experts: dict[str, SentimentModel]
    discovered: dict[str, tuple[str, ...]]
    products: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @cached_property
    def lexicon(self) -> OpinionLexicon:
        """The terms of all aspects."""
        return OpinionLexicon({**seeds()["aspects"], **self.discovered})

    def score(self, reviews: Sequence[Review]) -> list[ScoredReview]:
        """Return what is known of each review; one without words has the sentiment of its verdict."""
        batches = (reviews[start : start + BATCH] for start in range(0, len(reviews), BATCH))
        return list(chain.from_iterable(map(self._score, batches)))

    def score_clauses(self, reviews: Sequence[Review]) -> list[list[ClauseMention]]:
        """Return what each clause of each review says of aspects, in order; `score` takes the mean of them."""
        found: list[list[ClauseMention]] = []
        for start in range(0, len(reviews), BATCH):
            batch = reviews[start : start + BATCH]
            clauses, _, sentiments = self._judge(batch)
            spans = [span for listed in clauses.spans for span in listed]
            told: list[list[ClauseMention]] = [[] for _ in batch]
            for (clause, aspect), sentiment in zip(clauses.aspects.tolist(), sentiments.tolist(), strict=True):
                if not math.isnan(sentiment):
                    span, name = spans[clause], self.lexicon.names[aspect]
                    told[int(clauses.rows[clause])].append(ClauseMention(span.start, span.end, name, sentiment))
            found += told
        return found

    def _score(self, reviews: Sequence[Review]) -> list[ScoredReview]:
        texts = [review.words for review in reviews]
        clauses, logits, judged = self._judge(reviews)
        sentiments = 1 / (1 + np.exp(-logits))
        mentions = to_mentions(texts, clauses, judged, self.lexicon.names)
        return [
            ScoredReview(float(value) if text else review.verdict, found)
            for review, text, value, found in zip(reviews, texts, sentiments, mentions, strict=True)
        ]

    def _judge(self, reviews: Sequence[Review]) -> tuple[Clauses, Vector, Vector]:
        """Return the clauses, the logit of each review and the sentiment of each pair of a clause and an aspect."""
        texts = [review.words for review in reviews]
        categories = [review.category for review in reviews]
        clauses = to_clauses(
            texts, self.lexicon, lambda row, term: not is_product(term, self.products, categories[row])
        )
        logits, margins = self._logits(reviews, texts, clauses)
        return clauses, logits, judge(clauses, margins, logits)

    def _logits(self, reviews: Sequence[Review], texts: Sequence[str], clauses: Clauses) -> tuple[Vector, Vector]:
        """Return the logit of each review, and what its expert says of each clause."""
        logits = np.clip(_OF_WORDS * np.bincount(clauses.rows, clauses.opinions, len(texts)), -4.0, 4.0)
        margins = np.zeros(len(clauses.rows))
        folded = [fold(text) for text in texts]
        writings = np.array([CHINESE_EXPERT if is_chinese_text(text) else ENGLISH_EXPERT for text in folded])
        for writing, expert in self.experts.items():
            rows = np.flatnonzero(writings == writing)
            if not len(rows):
                continue
            mine = [folded[row] for row in rows.tolist()]
            titles = [fold(reviews[row].title) for row in rows.tolist()]
            codes = expert.codes([reviews[row].category for row in rows.tolist()])
            whole = expert.margins(expert.counts(mine, titles), codes)
            logits[rows] = expert.logits(whole, lengths_of(mine), codes)
            counts = expert.vocabulary.count(clauses.grams.rows, clauses.grams.keys, len(clauses.rows))
            of_reviews = np.zeros(len(texts), np.int64)
            of_reviews[rows] = codes
            found = expert.margins(counts, of_reviews[clauses.rows]).mean(axis=1)
            margins = np.where(np.isin(clauses.rows, rows), found, margins)
        return logits, margins
