"""Accuracy of a feedback model on unseen reviews, compared with a baseline that an engineer builds in an hour.

The baseline is a logistic regression over tf-idf of characters, or of words and characters, trained and tested on the
same reviews. Reviews of one item are never on both sides. Neutral reviews (3 stars) are left out of the metrics.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score
from sklearn.pipeline import make_union

from engine.errors import InvalidCatalogue
from indexer.progress import Progress
from indexer.reviews.feedback_fit import FittedModel, fit
from indexer.reviews.feedback_model import CHINESE_EXPERT, ENGLISH_EXPERT, FeedbackModel, ScoredReview
from indexer.reviews.model_file import load_model
from indexer.reviews.ngrams import fold, is_chinese_text
from indexer.reviews.review import Review
from indexer.reviews.snapshot_reviews import read_all

ALIASES = {
    "location_traffic": "transport",
    "location_distance_from_business_district": "neighbourhood",
    "location_easy_to_find": "finding",
    "service_wait_time": "waiting",
    "service_waiters_attitude": "service",
    "service_parking_convenience": "parking",
    "service_serving_speed": "serving_speed",
    "price_level": "price",
    "price_cost_effective": "value",
    "price_discount": "discount",
    "environment_decoration": "decor",
    "environment_noise": "noise",
    "environment_space": "space",
    "environment_cleaness": "cleanliness",
    "dish_portion": "portion",
    "dish_taste": "taste",
    "dish_look": "look",
    "dish_recommendation": "recommendation",
}
"""Names of aspects in other data sets: the 18 of Meituan's ASAP."""

_MIDDLE = 0.5

Vector = NDArray[np.float64]


class SentimentMetrics(NamedTuple):
    """How well sentiment separates praise from criticism, at a threshold of .5."""

    reviews: int
    accuracy: float
    balanced_accuracy: float
    auc: float


def evaluate(
    paths: Sequence[Path], columns: Mapping[str, str], model: Path | None, progress: Progress
) -> dict[str, Any]:
    """Return metrics by script, of the model and of the baseline, and of aspects where reviews have annotations.

    Args:
        model: Evaluated as it is, without a baseline; None to train on four fifths of the items at a time.

    Raises:
        InvalidCatalogue: No review has a verdict or annotations. Also raises what reading, `fit` and `load_model` do.
    """
    read_files = [read_all(path, columns, progress) for path in paths]
    reviews = [review for good, _ in read_files for review in good]
    judged = [review for review in reviews if review.words and not math.isnan(review.verdict)]
    result: dict[str, Any] = {"reviews": len(reviews), "rejects": sum(len(bad) for _, bad in read_files)}
    if model is not None:
        opened = load_model(model)[0]
        ours = np.array([scored_review.sentiment for scored_review in opened.score(judged)], np.float64)
        result["sentiment"] = metrics_by_writing(judged, {"ours": ours})
        truth = _with_truth(reviews)
        result |= {"aspects": aspect_metrics(truth, opened.score(truth))} if truth else {}
    else:
        fitted = fit(reviews, progress)
        result["sentiment"] = metrics_by_writing(
            fitted.rated, {"ours": fitted.unseen, "peer": score_peer(fitted, progress)}
        )
        truth, scored = _unseen_mentions(reviews, progress)
        result |= {"aspects": aspect_metrics(truth, scored)} if truth else {}
    if not result["sentiment"] and "aspects" not in result:
        raise InvalidCatalogue("expected reviews with a rating, a label or judged aspects, got none")
    return result


def sentiment_metrics(truth: Vector, predicted: Vector) -> SentimentMetrics:
    """Return how well the predictions, (n,) from 0 to 1, separate verdicts above the middle from those below."""
    clear = np.abs(truth - _MIDDLE) > 0.1
    praise, sentiment = truth[clear] > _MIDDLE, predicted[clear]
    return SentimentMetrics(
        int(clear.sum()),
        round(float(accuracy_score(praise, sentiment > _MIDDLE)), 4),
        round(float(balanced_accuracy_score(praise, sentiment > _MIDDLE)), 4),
        round(float(roc_auc_score(praise, sentiment)), 4),
    )


def metrics_by_writing(reviews: Sequence[Review], predictions: Mapping[str, Vector]) -> dict[str, Any]:
    """Return the metrics of each method's predictions, (n,) from 0 to 1, by script."""
    is_chinese = np.array([is_chinese_text(fold(review.words)) for review in reviews], np.bool_)
    verdicts = np.array([review.verdict for review in reviews], np.float64)
    result: dict[str, Any] = {}
    for writing, mask in ((CHINESE_EXPERT, is_chinese), (ENGLISH_EXPERT, ~is_chinese)):
        both = mask & np.isfinite(np.sum(list(predictions.values()), axis=0))
        if np.any(verdicts[both] > 0.6) and np.any(verdicts[both] < 0.4):
            result[writing] = {
                name: sentiment_metrics(verdicts[both], predicted[both])._asdict()
                for name, predicted in predictions.items()
            }
    return result


def score_peer(fitted: FittedModel, progress: Progress) -> Vector:
    """Return the baseline's prediction for each rated review, trained on the other folds."""
    texts = [review.words for review in fitted.rated]
    is_chinese = np.array([is_chinese_text(fold(text)) for text in texts])
    verdicts = np.array([review.verdict for review in fitted.rated])
    predicted = np.full(len(texts), math.nan)
    for writing, mask in ((CHINESE_EXPERT, is_chinese), (ENGLISH_EXPERT, ~is_chinese)):
        if writing not in fitted.model.experts:
            continue
        folds = fitted.folds[mask]
        mine = [texts[row] for row in np.flatnonzero(mask).tolist()]
        praise, clear = verdicts[mask] > _MIDDLE, np.abs(verdicts[mask] - _MIDDLE) > 0.1
        answers = np.zeros(len(mine))
        for fold_number in range(int(folds.max()) + 1):
            training = np.flatnonzero((folds != fold_number) & clear).tolist()
            held_out = np.flatnonzero(folds == fold_number).tolist()
            vectors = _VECTORS[writing]()
            rows = vectors.fit_transform([mine[row] for row in training])
            regression = LogisticRegression(C=10.0, max_iter=1000, class_weight="balanced", solver="liblinear")
            regression.fit(rows, praise[training])
            answers[held_out] = regression.predict_proba(vectors.transform([mine[row] for row in held_out]))[:, 1]
            progress(f"peer, {writing}", fold_number + 1, int(folds.max()) + 1)
        predicted[mask] = answers
    return predicted


_VECTORS: dict[str, Callable[[], Any]] = {
    CHINESE_EXPERT: lambda: TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2, sublinear_tf=True),
    ENGLISH_EXPERT: lambda: make_union(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=2, sublinear_tf=True),
    ),
}


def aspect_metrics(reviews: Sequence[Review], scored: Sequence[ScoredReview]) -> dict[str, Any]:
    """Return precision and recall of aspects, and of the polarity of those found, in total and by aspect.

    An aspect counts if the annotation of any review names it. Polarity counts where the annotation is praise or
    criticism: precision is the share of found aspects whose sentiment is on the right side of .5, recall the share of
    annotated ones that are found with the right polarity.
    """
    known = {_name(aspect) for review in reviews for aspect in review.truth or {}}
    counts: defaultdict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_COUNTED, 0))
    for review, scored_review in zip(reviews, scored, strict=True):
        truth = {_name(aspect): mark for aspect, mark in (review.truth or {}).items()}
        predicted = {mention.aspect: mention.sentiment for mention in scored_review.mentions if mention.aspect in known}
        for aspect in truth.keys() | predicted.keys():
            mark, sentiment = truth.get(aspect), predicted.get(aspect)
            for key in ("all", aspect):
                count = counts[key]
                count["true"] += mark is not None
                count["found"] += sentiment is not None
                count["both"] += mark is not None and sentiment is not None
                for side, name in ((1, "praise"), (-1, "blame")):
                    count[name] += mark == side
                    count[f"{name}_found"] += mark == side and sentiment is not None
                    count[f"{name}_right"] += mark == side and sentiment is not None and (sentiment > 0.5) == (side > 0)
    return {key: _ratios(count) for key, count in sorted(counts.items(), key=lambda entry: -entry[1]["true"])}


_COUNTED = (
    "true", "found", "both", "praise", "praise_found", "praise_right", "blame", "blame_found", "blame_right",
)  # fmt: skip


def _ratios(count: Mapping[str, int]) -> dict[str, float | int | None]:
    right = count["praise_right"] + count["blame_right"]
    return {
        "reviews": count["true"],
        "precision": _share(count["both"], count["found"]),
        "recall": _share(count["both"], count["true"]),
        "polarity_precision": _share(right, count["praise_found"] + count["blame_found"]),
        "polarity_recall": _share(right, count["praise"] + count["blame"]),
        "praise_right": _share(count["praise_right"], count["praise_found"]),
        "blame_right": _share(count["blame_right"], count["blame_found"]),
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _name(aspect: str) -> str:
    return ALIASES.get(aspect, aspect)


def _with_truth(reviews: Sequence[Review]) -> list[Review]:
    return [review for review in reviews if review.truth is not None and review.words]


def _unseen_mentions(reviews: Sequence[Review], progress: Progress) -> tuple[list[Review], list[ScoredReview]]:
    """Return the annotated reviews, and predictions by models that were trained on none of them.

    One model of all other reviews if these have enough praise and criticism, else two of half the annotations each.
    """
    truth = _with_truth(reviews)
    if not truth:
        return [], []
    others = [review for review in reviews if review.truth is None]
    writings = {is_chinese_text(fold(review.words)) for review in truth}
    try:
        model: FeedbackModel | None = fit(others, progress).model
    except InvalidCatalogue:
        model = None
    if (
        model is not None
        and {CHINESE_EXPERT if is_chinese else ENGLISH_EXPERT for is_chinese in writings} <= model.experts.keys()
    ):
        return truth, model.score(truth)
    order = np.random.default_rng(5).permutation(len(truth))
    halves = [[truth[index] for index in half.tolist()] for half in (order[::2], order[1::2])]
    predicted = [
        (held_out, fit([*others, *training], progress).model.score(held_out))
        for held_out, training in (halves, reversed(halves))
    ]
    return [review for held_out, _ in predicted for review in held_out], [
        scored_review for _, scored in predicted for scored_review in scored
    ]
