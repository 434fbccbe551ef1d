"""Fit a feedback model on a shop's rated reviews: one expert for each script with enough reviews of both sides."""

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

MIN_REVIEWS = 5
"""Minimum number of positive and of negative reviews for an expert."""
RECIPES = {
    CHINESE_EXPERT: SentimentTraining((1.0, 0.4), (0, 0, 0)),
    ENGLISH_EXPERT: SentimentTraining((0.1, 0.1), (1, 0, 1)),
}
"""Chosen by grouped cross-validation on real reviews: English separates characters from words and punctuation."""
MAX_REVIEWS = 200_000
"""Maximum number of training reviews; larger sets are sampled at random."""

Progress = Callable[[str, int, int | None], None]

_SEED = 11


@dataclass(frozen=True, slots=True)
class FittedModel:
    """A fitted model, the quality of its experts, and out-of-fold predictions for the training reviews.

    Attributes:
        records: Record of each expert for the manifest.
        rated: The training reviews.
        unseen: (n,) out-of-fold sentiment of each training review; NaN where no expert applies.
        folds: (n,) fold of each review within its script; its sentiment comes from a model fitted on the other folds.
    """

    model: FeedbackModel
    records: dict[str, ExpertRecord]
    rated: list[Review]
    unseen: Vector
    folds: NDArray[np.int64]

    def save(self, directory: Path) -> FeedbackManifest:
        """Write the model into a folder and return its manifest."""
        return save_model(self.model, self.records, datetime.now(UTC).isoformat(timespec="seconds"), directory)


def fit(reviews: Iterable[Review], progress: Progress, products: Collection[str] = frozenset()) -> FittedModel:
    """Fit a model on the reviews that have text and a verdict.

    Args:
        products: Product words of the catalogue, excluded from the discovered aspects in addition to those that are
            found in the reviews.

    Raises:
        InvalidCatalogue: No script has `MIN_REVIEWS` positive and as many negative reviews.
    """
    rated = _subsample([review for review in reviews if review.words and not math.isnan(review.verdict)])
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

    for script, mask in ((CHINESE_EXPERT, in_chinese), (ENGLISH_EXPERT, ~in_chinese)):
        rows = np.flatnonzero(mask)
        if np.count_nonzero(verdicts[rows] > 0.6) < MIN_REVIEWS or np.count_nonzero(verdicts[rows] < 0.4) < MIN_REVIEWS:
            continue
        trained = learn(_to_sample(RECIPES[script], [rated[row] for row in rows], [folded[row] for row in rows]), step)
        experts[script] = trained.expert
        unseen[rows], folds[rows] = trained.unseen, trained.folds
        records[script] = _to_record(trained.expert, verdicts[rows], trained.unseen)
    if not experts:
        raise InvalidCatalogue(
            f"expected at least {MIN_REVIEWS} reviews of praise and {MIN_REVIEWS} of blame in one script, got "
            f"{np.count_nonzero(verdicts > 0.6)} of praise and {np.count_nonzero(verdicts < 0.4)} of blame in all"
        )
    discovered = discover([review.words for review in rated], verdicts, {*products, *review_words(rated)})
    return FittedModel(FeedbackModel(experts, discovered), records, rated, unseen, folds)


def groups_of(reviews: Sequence[Review]) -> NDArray[np.int64]:
    """Return a group number for each review: one per item, or per text for reviews without an item."""
    numbers: dict[str, int] = {}
    names = (f"i{review.item_id}" if review.item_id else f"t{review.words}" for review in reviews)
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)


def _subsample(reviews: list[Review]) -> list[Review]:
    if len(reviews) <= MAX_REVIEWS:
        return reviews
    rows = np.sort(np.random.default_rng(_SEED).choice(len(reviews), MAX_REVIEWS, replace=False))
    return [reviews[row] for row in rows]


def _to_sample(recipe: SentimentTraining, reviews: Sequence[Review], folded: Sequence[str]) -> TrainingReviews:
    groups = groups_of(reviews)
    if groups.max() + 1 < FOLDS:
        # Too few items to split by item.
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
    decided = (verdicts > 0.6) | (verdicts < 0.4)
    truth, predicted = verdicts[decided] > 0.5, unseen[decided]
    return ExpertRecord(
        categories=expert.categories,
        bias=expert.bias,
        reviews=len(verdicts),
        accuracy=round(float(accuracy_score(truth, predicted > 0.5)), 4),
        balanced_accuracy=round(float(balanced_accuracy_score(truth, predicted > 0.5)), 4),
        auc=round(float(roc_auc_score(truth, predicted)), 4),
    )
