"""A feedback model from rated reviews to scored ones: learnt, kept, read back, refused where it is damaged."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from engine.errors import CorruptModel, InvalidCatalogue, InvalidSetting
from indexer.catalog import Reject
from indexer.progress import no_progress
from indexer.reviews.feedback_fit import RECIPES, FittedModel, fit
from indexer.reviews.feedback_model import CHINESE_EXPERT, ENGLISH_EXPERT
from indexer.reviews.model_file import ARRAYS_FILE, MANIFEST_FILE, load_model
from indexer.reviews.review import Review, read
from indexer.reviews.sentiment_training import TrainingReviews, learn
from tests.support.cli import indexer
from tests.support.review_files import opinions, read_lines, write_reviews


@pytest.fixture(scope="module")
def reviews(tmp_path_factory) -> list[Review]:
    rows = opinions() + opinions(chinese=True)
    path = write_reviews(tmp_path_factory.mktemp("reviews") / "reviews.jsonl", rows)
    return [row for row in read(path) if isinstance(row, Review)]


@pytest.fixture(scope="module")
def fitted(reviews) -> FittedModel:
    return fit(reviews, no_progress)


def of(text: str) -> Review:
    """Return a review that is nothing but a text."""
    return Review(1, "", "", "", text, float("nan"), float("nan"), "", "", float("nan"), False, 0.0)


def test_one_model_knows_both_ways_of_writing(fitted) -> None:
    """Praise is above .5 and blame below it, in English and in Chinese, in texts that were not learnt from."""
    assert set(fitted.model.experts) == {CHINESE_EXPERT, ENGLISH_EXPERT}
    texts = ["I love the quality", "terrible, a waste", "非常喜欢，质量很好", "太差了，很失望"]
    sentiments = [one.sentiment for one in fitted.model.score([of(text) for text in texts])]
    assert [value > 0.5 for value in sentiments] == [True, False, True, False]


def test_reviews_are_judged_by_experts_that_have_not_seen_their_item(fitted) -> None:
    """Reviews of one item are in one fold."""
    folds = {}
    for review, fold, in_chinese in zip(fitted.rated, fitted.folds, np.arange(320) >= 160, strict=True):
        folds.setdefault((review.item_id, bool(in_chinese)), set()).add(int(fold))
    assert all(len(numbers) == 1 for numbers in folds.values())
    assert np.isfinite(fitted.unseen).all()


def test_a_torn_review_is_in_the_middle(fitted) -> None:
    """Three stars stand between praise and blame."""
    means = [fitted.unseen[[one.rating == stars for one in fitted.rated]].mean() for stars in (1, 3, 5)]
    assert means[0] < means[1] < means[2]


def test_a_text_in_a_writing_without_expert_is_judged_by_common_words(reviews) -> None:
    """What was learnt of English alone still knows what good and bad are in Chinese."""
    model = fit(reviews[:160], no_progress).model
    good, bad = model.score([of("很好，喜欢"), of("太差，失望")])
    assert bad.sentiment < 0.5 < good.sentiment


def test_a_review_without_words_has_its_verdict(fitted) -> None:
    """Stars alone are a sentiment too: four of one to five are .75."""
    stars = Review(1, "", "", "", "", 4.0, float("nan"), "", "", float("nan"), False, 0.0)
    assert fitted.model.score([stars])[0] == (0.75, [])


def test_a_stored_model_scores_the_same(fitted, reviews, tmp_path) -> None:
    """What is read back gives what was written, to the precision of the weights' 16 bits."""
    fitted.save(tmp_path)
    model, manifest = load_model(tmp_path)
    before, after = (np.array([one.sentiment for one in some.score(reviews)]) for some in (fitted.model, model))
    np.testing.assert_allclose(after, before, atol=5e-3)
    assert manifest.experts[ENGLISH_EXPERT].reviews == 160
    assert manifest.experts[ENGLISH_EXPERT].auc == fitted.records[ENGLISH_EXPERT].auc


@pytest.mark.parametrize("name", [MANIFEST_FILE, ARRAYS_FILE])
@pytest.mark.parametrize("damage", ["gone", "cut", "flipped", "foreign"])
def test_a_damaged_or_foreign_model_is_refused_by_name(fitted, tmp_path, name, damage) -> None:
    """A file that is missing, cut, changed or something else is named in the refusal."""
    fitted.save(tmp_path)
    path = tmp_path / name
    data = path.read_bytes()
    place = data.index(b'"sha256": "') + 15 if name == MANIFEST_FILE else len(data) // 2
    damaged = {
        "cut": data[: len(data) // 2],
        "flipped": data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :],
        "foreign": b"{}",
    }
    path.unlink() if damage == "gone" else path.write_bytes(damaged[damage])
    with pytest.raises(CorruptModel, match="feedback"):
        load_model(tmp_path)


def test_a_model_needs_praise_and_blame(reviews) -> None:
    """Praise alone teaches nothing, and the message says what was needed."""
    with pytest.raises(InvalidCatalogue, match="5 reviews of praise and 5 of blame"):
        fit([one for one in reviews if one.rating > 3], no_progress)


@pytest.mark.parametrize("praise", [True, False])
def test_all_blame_or_all_praise_may_be_of_one_item(reviews, praise) -> None:
    """Then no fold without that item would have both: each review is judged by experts that have not seen itself."""
    firm = [one for one in reviews[:160] if one.rating != 3]
    rows = [replace(one, item_id="bad" if (one.rating > 3) == praise else one.item_id) for one in firm]
    fitted = fit(rows, no_progress)
    assert fitted.records[ENGLISH_EXPERT].accuracy > 0.9
    assert len(set(fitted.folds[[one.item_id == "bad" for one in rows]].tolist())) == 5


def test_one_kind_of_verdict_is_refused_by_an_expert() -> None:
    """What cannot be told apart is said in our own words."""
    texts, groups = ["good"] * 6, np.arange(6)
    with pytest.raises(InvalidCatalogue, match="two reviews of praise and two of blame, got 6 and 0"):
        learn(
            TrainingReviews(RECIPES[ENGLISH_EXPERT], texts, [""] * 6, [""] * 6, np.ones(6), groups), lambda stage: None
        )


def test_bad_rows_are_rejects_with_reasons(tmp_path) -> None:
    """A row that is no review is told with its line and why; the others are read."""
    rows = [{"rating": 9, "text": "x"}, {"text": "fine", "time": "soon"}, {"rating": None, "text": " "}, {"text": "ok"}]
    found = list(read(write_reviews(tmp_path / "reviews.jsonl", rows)))
    assert [row.reason.split(":")[0] for row in found if isinstance(row, Reject)] == [
        "rating",
        "time",
        "no text, title, rating or label",
    ]
    assert [row.text for row in found if isinstance(row, Review)] == ["ok"]


@pytest.mark.parametrize("moment", ["9999-12-31", "0001-01-02", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-10:00"])
def test_a_time_that_cannot_be_is_a_reject(tmp_path, moment) -> None:
    """Before 1970 or more than a day ahead nobody wrote a review."""
    now = datetime.now(UTC).isoformat()
    rows = [{"text": "x", "time": moment}, {"text": "ok", "time": now}, {"text": "ok", "time": 0}]
    bad, *good = read(write_reviews(tmp_path / "reviews.jsonl", rows))
    assert bad.reason.startswith("time: expected 1970 or later and at most a day from now")
    assert len(good) == 2
    assert all(isinstance(row, Review) for row in good)


def test_columns_may_have_other_names(tmp_path) -> None:
    """A CSV file of other names is read by a mapping; a name that is not there is refused."""
    path = tmp_path / "reviews.csv"
    path.write_text("body,stars\nlovely,5\n", encoding="utf-8")
    assert next(iter(read(path, {"text": "body", "rating": "stars"}))).rating == 5.0
    with pytest.raises(InvalidCatalogue, match="'txt', named for text"):
        read(path, {"text": "txt"})
    with pytest.raises(InvalidSetting, match="expected one of review_id"):
        read(path, {"words": "body"})


def test_the_commands_fit_and_score_in_the_order_read(tmp_path) -> None:
    """`feedback fit` and `feedback score`: every review a line, quotes word for word, a bad row a reject."""
    rows = opinions()
    learnt = write_reviews(tmp_path / "learnt.jsonl", rows)
    asked = write_reviews(tmp_path / "asked.jsonl", [*rows[:20], {"text": ""}, {"text": "Great quality, I love it."}])
    done = indexer("feedback", "fit", learnt, "--out", tmp_path / "model", "--json")
    assert json.loads(done.out)[ENGLISH_EXPERT]["reviews"] == 160, done.err
    done = indexer(
        "feedback", "score", asked, "--model", tmp_path / "model", "--out", tmp_path / "scored.jsonl", "--json"
    )
    assert json.loads(done.out)["rejects"] == 1, done.err
    lines = read_lines(tmp_path / "scored.jsonl")
    assert [line.get("review_id", line.get("line")) for line in lines] == [*(row["review_id"] for row in rows[:20]), 22]
    texts = [*(row["text"] for row in rows[:20]), "Great quality, I love it."]
    for line, text in zip(lines, texts, strict=True):
        assert 0 <= line["sentiment"] <= 1
        assert all(aspect["quote"] in text for aspect in line["aspects"])
    assert read_lines(tmp_path / "scored.jsonl.rejects.jsonl")[0]["line"] == 21


def test_evaluation_shows_ours_beside_the_peer(tmp_path) -> None:
    """`evaluate feedback` measures both on the same reviews, and aspects where their truth is written."""
    rows = [
        {**row, "aspects": {"quality": 1 if "Great" in row["text"] else -1}}
        for row in opinions()
        if "quality" in row["text"]
    ]
    path = write_reviews(tmp_path / "reviews.jsonl", rows)
    told = json.loads(indexer("evaluate", "feedback", path, "--json").out)
    ours, peer = told["sentiment"][ENGLISH_EXPERT]["ours"], told["sentiment"][ENGLISH_EXPERT]["peer"]
    assert ours["reviews"] == peer["reviews"] == sum(row["rating"] != 3 for row in rows)
    assert told["aspects"]["quality"]["recall"] == 1.0


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    """Scoring with nothing is one line on stderr and exit code 1."""
    path = write_reviews(tmp_path / "reviews.jsonl", opinions(10))
    done = indexer("feedback", "score", path, "--model", tmp_path, "--out", tmp_path / "out.jsonl")
    assert done.code == 1
    assert MANIFEST_FILE in done.err
