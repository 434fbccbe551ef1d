"""Praise and blame in an English clause, and what turns, weakens or cancels them."""

import math

import pytest

from indexer.reviews.feedback_model import FeedbackModel
from indexer.reviews.opinion_lexicon import conditions, seeds
from indexer.reviews.review import Review
from indexer.reviews.valence import of_aspect, read_valence

MODEL = FeedbackModel({}, {})


def side(text: str) -> int:
    """Return whether the opinions of a clause praise on the whole, 1, or blame, -1; 0 for neither."""
    value = sum(opinion.value for opinion in read_valence(text))
    return (value > 0) - (value < 0)


def said(text: str, category: str = "") -> dict[str, int]:
    """Return which aspects a review praises, 1, or blames, -1."""
    review = Review(1, "", "", "", text, math.nan, math.nan, category, "", math.nan, False, 0.0)
    (scored,) = MODEL.score([review])
    return {mention.aspect: 1 if mention.sentiment > 0.5 else -1 for mention in scored.mentions}


@pytest.mark.parametrize(
    "text",
    [
        "not at all stiff",
        "it wasn't too tight",
        "can't complain",
        "nothing wrong with it",
        "could not be happier",
        "never disappoints",
        "without any problems",
        "not bad",
        "soft enough",
        "bigger than i feared",
        "softer than expected",
        "it doesn’t look cheap",
    ],
)
def test_praise_in_words_of_blame(text: str) -> None:
    """Denial, idiom and degree turn blame into praise."""
    assert side(text) == 1


@pytest.mark.parametrize(
    "text",
    [
        "a little pricey",
        "too big",
        "runs small",
        "not that great",
        "not warm enough",
        "smaller than expected",
        "not as soft as i hoped",
        "i wish it were softer",
        "i thought it would be nicer",
        "could be better",
        "nothing special",
        "don't waste your money",
    ],
)
def test_blame_in_words_of_praise(text: str) -> None:
    """Degree, wish, expectation and comparison turn praise into blame."""
    assert side(text) == -1


@pytest.mark.parametrize(
    "text",
    ["i can't wait to wear it", "if you like good coffee", "it looks like a dress", "is it any good?", "so much so"],
)
def test_what_only_sounds_like_an_opinion_is_none(text: str) -> None:
    """Idioms, conditions, comparisons and questions find nothing good or bad."""
    assert side(text) == 0


def test_an_aspect_is_judged_by_what_stands_beside_it() -> None:
    """Two opinions in one clause: each aspect has its own."""
    clause = "the fit is great and the price is terrible"
    opinions = read_valence(clause)
    assert of_aspect(opinions, "fit", clause.index("fit"), clause.index("fit") + 3) > 0
    assert of_aspect(opinions, "price", clause.index("price"), clause.index("price") + 5) < 0


def test_a_word_may_mean_something_of_one_aspect_alone() -> None:
    """A high price is a fault, high quality is none."""
    assert said("The price is high. High quality.") == {"price": -1, "quality": 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("So excited when it arrived.", {}),
        ("No activation charge.", {"price": 1}),
        ("Harsh light that hurts the eyes.", {"light": -1}),
        ("A light weight top.", {}),
        ("I ordered my usual size.", {}),
        ("I would not recommend it.", {}),
        ("We bought a great deal of them.", {}),
        ("The fabric is soft, but the color faded.", {"material": 1, "color": -1}),
        ("Love this dress, day after day.", {}),
        ("It arrived two weeks late.", {"delivery": -1}),
        ("No smell at all.", {"smell": 1}),
        ("Works great.", {"effect": 1}),
        ("Works great with jeans.", {}),
    ],
)
def test_a_term_of_many_meanings_has_to_mean_the_aspect(text: str, expected: dict[str, int]) -> None:
    """A clause names an aspect only if it says something of it."""
    assert said(text) == expected


def test_what_is_sold_is_no_aspect() -> None:
    """ "Sweater box" is packaging of a sweater, and the product itself among boxes."""
    text = "The box is beautiful, a cute box."
    assert said(text, "Sweaters").keys() >= {"packaging"}
    assert "packaging" not in said(text, "Storage > Boxes")


def test_conditions_belong_to_listed_terms() -> None:
    """Every condition is asked of a term that its aspect has."""
    terms = seeds()["aspects"]
    assert all(term in terms[aspect] for aspect, term in conditions())
