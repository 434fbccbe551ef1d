"""A model is asked only about what it can read: else it refuses, or warns of a few."""

import json

import pytest

from engine.errors import InvalidCatalogue
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.progress import no_progress
from indexer.reviews.feedback_fit import fit
from indexer.reviews.model_coverage import Coverage
from indexer.reviews.review import read
from indexer.reviews.snapshot_reviews import ReviewFile
from tests.support.catalogs import write_lines
from tests.support.cli import indexer
from tests.support.review_files import opinions, write_reviews


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder with a model of English reviews, english, and one of Chinese reviews, chinese."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("english", "chinese"):
        path = write_reviews(folder / f"{name}.jsonl", opinions(chinese=name == "chinese"))
        fit(read(path), no_progress).save(folder / name)
    return folder


@pytest.mark.parametrize(
    ("model", "asked", "reason"), [("english", "chinese", "Chinese"), ("chinese", "english", "English")]
)
def test_reviews_in_another_writing_are_refused(models, tmp_path, model, asked, reason) -> None:
    """Chinese asked of an English model, and the reverse: one sentence says which, how many and what to do."""
    out = tmp_path / "out.jsonl"
    done = indexer("feedback", "score", models / f"{asked}.jsonl", "--model", models / model, "--out", out)
    assert done.code == 1
    assert "cannot read 160 of 160 reviews" in done.err
    assert reason in done.err
    assert "fit a model" in done.err
    assert not out.exists()


def test_a_few_reviews_in_another_writing_are_warned_of(models, tmp_path) -> None:
    """Less than half: all are scored, and the warning counts those that cannot be read."""
    path = write_reviews(tmp_path / "mixed.jsonl", [*opinions(20), *opinions(5, chinese=True)])
    done = indexer("feedback", "score", path, "--model", models / "english", "--out", tmp_path / "out.jsonl", "--json")
    assert json.loads(done.out)["warning"].startswith("the model cannot read 5 of 25 reviews: they are in Chinese")


def test_a_language_whose_words_are_unknown_is_not_read(models) -> None:
    """French has spaces between words too, but an English model knows hardly any of them."""
    french = {"text": "Le tissu est doux mais la taille est beaucoup trop petite", "rating": 2}
    english = {"text": "The fit is perfect and the quality is great", "rating": 5}
    from indexer.reviews.model_file import load_model

    coverage = Coverage(load_model(models / "english")[0])
    coverage.add(list(read(write_reviews(models / "two.jsonl", [french, english]))))
    assert (coverage.unread, coverage.reviews) == (1, 2)
    assert "language" in coverage.sentence


def test_a_build_refuses_reviews_that_its_model_cannot_read(models, tmp_path) -> None:
    """A store gets no numbers that mean nothing."""
    catalogue = write_lines(
        tmp_path / "catalog.jsonl",
        [{"item_id": f"i{number}", "title": "x", "text_vector": [1.0, number, 1.0]} for number in range(8)],
    )
    reviews = ReviewFile(models / "chinese.jsonl", model=models / "english")
    with pytest.raises(InvalidCatalogue, match="cannot read 160 of 160 reviews"):
        build(BuildConfig(catalogue, tmp_path / "store", reviews=reviews, publish=False), no_progress)
