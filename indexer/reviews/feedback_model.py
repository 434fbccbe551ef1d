"""A feedback model: one sentiment expert for each script, and the aspects of a shop's reviews."""

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
"""Expert for scripts without and with spaces between words. The values are stored in model files."""

_LEXICON_WEIGHT = 0.8


class ClauseMention(NamedTuple):
    """An aspect that `words[start:end]` of a review mentions, with its sentiment from 0 to 1."""

    start: int
    end: int
    aspect: str
    sentiment: float


class ScoredReview(NamedTuple):
    """The sentiment of a review, from 0 to 1, and its mentions of aspects."""

    sentiment: float
    mentions: list[Mention]


@dataclass(frozen=True)
class FeedbackModel:
    """A model learnt from a shop's reviews.

    Attributes:
        experts: Sentiment model by script. Text in a script without an expert is scored by the general opinion lexicon.
        discovered: Terms by name of each discovered aspect, in addition to the built-in ones.
        products: Product words by category, which are not aspects there. A build takes them from the titles.
    """

    experts: dict[str, SentimentModel]
    discovered: dict[str, tuple[str, ...]]
    products: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @cached_property
    def lexicon(self) -> OpinionLexicon:
        """The terms of all aspects."""
        return OpinionLexicon({**seeds()["aspects"], **self.discovered})

    def score(self, reviews: Sequence[Review]) -> list[ScoredReview]:
        """Score each review; a review without text gets its own verdict as sentiment."""
        batches = (reviews[start : start + BATCH] for start in range(0, len(reviews), BATCH))
        return list(chain.from_iterable(map(self._score, batches)))

    def score_clauses(self, reviews: Sequence[Review]) -> list[list[ClauseMention]]:
        """Return the aspect mentions of each review clause by clause, in order; `score` averages them."""
        results: list[list[ClauseMention]] = []
        for start in range(0, len(reviews), BATCH):
            batch = reviews[start : start + BATCH]
            clauses, _, sentiments = self._judge(batch)
            spans = [span for review_spans in clauses.spans for span in review_spans]
            mentions: list[list[ClauseMention]] = [[] for _ in batch]
            for (clause, aspect), sentiment in zip(clauses.aspects.tolist(), sentiments.tolist(), strict=True):
                if not math.isnan(sentiment):
                    span, name = spans[clause], self.lexicon.names[aspect]
                    mentions[int(clauses.rows[clause])].append(ClauseMention(span.start, span.end, name, sentiment))
            results += mentions
        return results

    def _score(self, reviews: Sequence[Review]) -> list[ScoredReview]:
        texts = [review.words for review in reviews]
        clauses, logits, clause_sentiments = self._judge(reviews)
        sentiments = 1 / (1 + np.exp(-logits))
        mentions = to_mentions(texts, clauses, clause_sentiments, self.lexicon.names)
        return [
            ScoredReview(float(value) if text else review.verdict, review_mentions)
            for review, text, value, review_mentions in zip(reviews, texts, sentiments, mentions, strict=True)
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
        """Return the logit of each review and its expert's margin for each clause."""
        logits = np.clip(_LEXICON_WEIGHT * np.bincount(clauses.rows, clauses.opinions, len(texts)), -4.0, 4.0)
        margins = np.zeros(len(clauses.rows))
        folded = [fold(text) for text in texts]
        expert_names = np.array([CHINESE_EXPERT if is_chinese_text(text) else ENGLISH_EXPERT for text in folded])
        for name, expert in self.experts.items():
            rows = np.flatnonzero(expert_names == name)
            if not len(rows):
                continue
            expert_texts = [folded[row] for row in rows.tolist()]
            titles = [fold(reviews[row].title) for row in rows.tolist()]
            codes = expert.codes([reviews[row].category for row in rows.tolist()])
            review_margins = expert.margins(expert.counts(expert_texts, titles), codes)
            logits[rows] = expert.logits(review_margins, lengths_of(expert_texts), codes)
            counts = expert.vocabulary.count(clauses.grams.rows, clauses.grams.keys, len(clauses.rows))
            review_codes = np.zeros(len(texts), np.int64)
            review_codes[rows] = codes
            clause_margins = expert.margins(counts, review_codes[clauses.rows]).mean(axis=1)
            margins = np.where(np.isin(clauses.rows, rows), clause_margins, margins)
        return logits, margins
