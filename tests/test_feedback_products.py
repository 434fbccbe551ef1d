"""What products are called is no aspect of them: found in names, in titles and in what reviews call "this"."""

import math

import numpy as np

from indexer.reviews.aspect_discovery import discover
from indexer.reviews.aspect_mentions import Mention
from indexer.reviews.feedback_model import ScoredReview
from indexer.reviews.product_words import catalogue_words, head_words, measured_share, review_words
from indexer.reviews.review import Review
from indexer.reviews.venue_aspects import drop_venue_aspects


def of(text: str, category: str = "") -> Review:
    """Return a review that is nothing but a text."""
    return Review(1, "", "", "", text, math.nan, math.nan, category, "", math.nan, False, 0.0)


def test_a_names_head_noun_comes_in_both_numbers() -> None:
    """What a category or a title is about stands last, before what it is for or made of."""
    assert head_words(["Women > Dresses"]) == {"dress", "dresses"}
    assert head_words(["Tops & Blouses"]) == {"top", "tops", "blouse", "blouses"}
    assert head_words(["USB cable for phones, 2 m"]) == {"cable", "cables"}


def test_titles_of_a_category_share_their_head_noun() -> None:
    """One odd title makes no product word; items without a title say nothing."""
    titles = ["Red mug", "Blue mug", "Mug with lid", "Ceramic zipper", ""] * 5
    titles[3::5] = ["Ceramic zipper", *[f"Thing number{letter}" for letter in "abcd"]]
    assert catalogue_words(["mugs"] * len(titles), titles)["mugs"] == {"mug", "mugs"}


def test_reviews_point_at_products_and_not_at_aspects() -> None:
    """ "This dress" again and again is the product, "the sleeves" are not."""
    reviews = [of("I love this dress. The sleeves are long.", "Clothing") for _ in range(5)]
    words = review_words(reviews)
    assert {"dress", "dresses", "clothing"} <= words
    assert "sleeves" not in words


def test_discovery_leaves_out_products_time_and_pronouns() -> None:
    """What would be discovered by its verdicts is not if it is the product, a time or no thing at all."""
    texts = [f"The {noun} is awful." for noun in ("handle", "trousers", "month", "thing") for _ in range(20)]
    texts += ["Fine."] * 80
    verdicts = np.array([0.0] * 80 + [1.0] * 80)
    assert list(discover(texts, verdicts, {"trousers"})) == ["handle"]


def test_chinese_products_stand_behind_measure_words() -> None:
    """这条裤子 is a pair of trousers; how it feels is never measured."""
    texts = ["这条裤子很好", "裤子很好", "手感很好"]
    assert measured_share("裤子", texts) == 0.5
    assert measured_share("手感", texts) == 0.0


def test_aspects_of_venues_are_none_of_goods() -> None:
    """A restaurant's reviews speak of space and noise together, a phone's of one of them by chance."""
    both = ScoredReview(0.9, [Mention("space", 0.9, ""), Mention("noise", 0.9, "")])
    one = ScoredReview(0.9, [Mention("space", 0.9, ""), Mention("price", 0.9, "")])
    told = drop_venue_aspects([both, one, one, one], ["restaurant", "restaurant", "phone", "phone"])
    assert [[mention.aspect for mention in review.mentions] for review in told] == [
        ["space", "noise"],
        ["space", "price"],
        ["price"],
        ["price"],
    ]
