"""Real reviews, Chinese and English: what `indexer evaluate feedback` says of them, ours and the peer on one split."""

from pathlib import Path

import pytest

from indexer.evaluate.feedback_quality import aspect_metrics, evaluate
from indexer.progress import no_progress
from indexer.reviews.feedback_fit import fit
from indexer.reviews.feedback_model import CHINESE_EXPERT, ENGLISH_EXPERT
from indexer.reviews.snapshot_reviews import read_all

DATA = Path(__file__).parents[2] / "shared/data"
CHINESE = DATA / "reviews_zh" / "online_shopping.jsonl"
RESTAURANTS = DATA / "reviews_zh" / "asap_restaurant_sample.jsonl"
ENGLISH = [DATA / "reviews_en" / f"{name}_reviews.jsonl" for name in ("amazon", "fine_food", "womens_clothing")]

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not CHINESE.is_file(), reason="the real reviews are not beside this checkout"),
]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_english_reviews() -> None:
    """Praise is told from blame better than by the peer, and .5 parts them fairly though most reviews praise."""
    told = evaluate(ENGLISH, {}, None, no_progress)["sentiment"][ENGLISH_EXPERT]
    assert told["ours"]["auc"] >= max(0.97, told["peer"]["auc"])
    assert told["ours"]["balanced_accuracy"] >= 0.87


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_chinese_reviews() -> None:
    """The same without spaces between words, by a wider margin."""
    told = evaluate([CHINESE], {}, None, no_progress)["sentiment"][CHINESE_EXPERT]
    assert told["ours"]["accuracy"] >= max(0.93, told["peer"]["accuracy"] + 0.005)
    assert told["ours"]["auc"] >= max(0.977, told["peer"]["auc"] + 0.004)


def test_aspects_of_restaurants_are_found_and_judged() -> None:
    """Two thirds of what people marked is found, and three of four that are found were marked."""
    learnt, _ = read_all(CHINESE, {}, no_progress)
    truth, _ = read_all(RESTAURANTS, {}, no_progress)
    told = aspect_metrics(truth, fit(learnt[::8], no_progress).model.score(truth))["all"]
    assert told["precision"] >= 0.75
    assert told["recall"] >= 0.7
    assert told["polarity_precision"] >= 0.8
