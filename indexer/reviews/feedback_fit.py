"""From a shop's rated reviews to a feedback model: an expert for each way of writing that has praise and blame."""

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score

from engine.errors import InvalidCatalogue
from indexer.reviews.aspect_discovery import discover
from indexer.reviews.feedback_model import CHINESE_EXPERT, ENGLISH_EXPERT, FeedbackModel
from indexer.reviews.model_file import ExpertRecord, FeedbackManifest, save_model
from indexer.reviews.ngrams import fold, is_chinese_text
from indexer.reviews.product_words import review_words
from indexer.reviews.review import Review
from indexer.reviews.review_features import Vector
from indexer.reviews.sentiment_model import SentimentModel
from indexer.reviews.sentiment_training import FOLDS, SentimentTraining, TrainingReviews, learn

FEWEST = 5
"""Reviews of praise and of blame that an expert needs at least."""
RECIPES = {
    CHINESE_EXPERT: SentimentTraining((1.0, 0.4), (0, 0, 0)),
    ENGLISH_EXPERT: SentimentTraining((0.1, 0.1), (1, 0, 1)),
}
"""Chosen by grouped cross-validation on real reviews: letters apart from words and marks, signs with all there is."""
MOST = 200_000
"""Reviews that are learnt from at most; of more, so many drawn at random."""

Progress = Callable[[str, int, int | None], None]

_SEED = 11


@dataclass(frozen=True, slots=True)
class FittedModel:
    """A model, what its experts reached, and the sentiment of each rated review from experts that had not seen it.

    rated: the reviews it was learnt from.   unseen: (n,), NaN for a review that no expert judged.
    folds: (n,) the fold of each within its writing: its sentiment comes of the other folds.
    """

    model: FeedbackModel
    records: dict[str, ExpertRecord]
    rated: list[Review]
    unseen: Vector
    folds: NDArray[np.int64]

    def save(self, directory: Path) -> FeedbackManifest:
        """Write the model into a folder, and return its manifest."""
        return save_model(self.model, self.records, datetime.now(UTC).isoformat(timespec="seconds"), directory)


def fit(reviews: Iterable[Review], progress: Progress, products: Collection[str] = frozenset()) -> FittedModel:
    """Return the model of those reviews that have words and a verdict.

    products: what a catalogue calls its products, beside what the reviews themselves do: none of it is an aspect.
    Raises InvalidCatalogue if no way of writing has FEWEST reviews of praise and of blame.
    """
    rated = _drawn([review for review in reviews if review.words and not math.isnan(review.verdict)])
    progress("fold texts", 0, len(rated))
    folded = [fold(review.words) for review in rated]
    in_chinese = np.array([is_chinese_text(text) for text in folded], np.bool_)
    verdicts = np.array([review.verdict for review in rated], np.float64)
    unseen = np.full(len(rated), math.nan)
    folds = np.zeros(len(rated), np.int64)
    experts: dict[str, SentimentModel] = {}
    records = {}
    done = 0

    def step(stage: str) -> None:
        nonlocal done
        done += 1
        progress(stage, done, None)

    for writing, mask in ((CHINESE_EXPERT, in_chinese), (ENGLISH_EXPERT, ~in_chinese)):
        rows = np.flatnonzero(mask)
        if np.count_nonzero(verdicts[rows] > 0.6) < FEWEST or np.count_nonzero(verdicts[rows] < 0.4) < FEWEST:
            continue
        learnt = learn(_to_sample(RECIPES[writing], [rated[row] for row in rows], [folded[row] for row in rows]), step)
        experts[writing] = learnt.expert
        unseen[rows], folds[rows] = learnt.unseen, learnt.folds
        records[writing] = _to_record(learnt.expert, verdicts[rows], learnt.unseen)
    if not experts:
        raise InvalidCatalogue(
            f"expected at least {FEWEST} reviews of praise and {FEWEST} of blame in one way of writing, got "
            f"{np.count_nonzero(verdicts > 0.6)} of praise and {np.count_nonzero(verdicts < 0.4)} of blame in all"
        )
    discovered = discover([review.words for review in rated], verdicts, {*products, *review_words(rated)})
    return FittedModel(FeedbackModel(experts, discovered), records, rated, unseen, folds)


def groups_of(reviews: Sequence[Review]) -> NDArray[np.int64]:
    """Return a number for each review that those of the same item share, or of the same words if no item is named."""
    known: dict[str, int] = {}
    names = (f"i{review.item_id}" if review.item_id else f"t{review.words}" for review in reviews)
    return np.array([known.setdefault(name, len(known)) for name in names], np.int64)


def _drawn(reviews: list[Review]) -> list[Review]:
    if len(reviews) <= MOST:
        return reviews
    places = np.sort(np.random.default_rng(_SEED).choice(len(reviews), MOST, replace=False))
    return [reviews[place] for place in places]


def _to_sample(recipe: SentimentTraining, reviews: Sequence[Review], folded: Sequence[str]) -> TrainingReviews:
    groups = groups_of(reviews)
    if groups.max() + 1 < FOLDS:
        # A shop of a few items: its reviews are all there is to tell apart.
        groups = np.arange(len(reviews))
    return TrainingReviews(
        recipe=recipe,
        texts=folded,
        titles=[fold(review.title) for review in reviews],
        categories=[review.category for review in reviews],
        verdicts=np.array([review.verdict for review in reviews], np.float64),
        groups=groups,
    )


def _to_record(expert: SentimentModel, verdicts: Vector, unseen: Vector) -> ExpertRecord:
    firm = (verdicts > 0.6) | (verdicts < 0.4)
    truth, found = verdicts[firm] > 0.5, unseen[firm]
    return ExpertRecord(
        categories=expert.categories,
        bias=expert.bias,
        reviews=len(verdicts),
        accuracy=round(float(accuracy_score(truth, found > 0.5)), 4),
        balanced_accuracy=round(float(balanced_accuracy_score(truth, found > 0.5)), 4),
        auc=round(float(roc_auc_score(truth, found)), 4),
    )
