"""Aspects of places to go to, which are none of things to buy: a phone has no parking, and its "很大" is no space."""

from collections import Counter
from collections.abc import Sequence

from indexer.reviews.feedback_model import ScoredReview
from indexer.reviews.opinion_lexicon import seeds

MIN_SHARE = 0.2
"""The share of a category's reviews that have to speak of two such aspects for it to be one of venues."""


def drop_venue_aspects(scored: Sequence[ScoredReview], categories: Sequence[str]) -> list[ScoredReview]:
    """Return reviews without the mentions of venues' aspects, except in categories of venues.

    categories: of each review.
    """
    of_venues = frozenset(seeds()["discovery"]["venues"])
    reviews = Counter(categories)
    speaking = Counter(
        category
        for one, category in zip(scored, categories, strict=True)
        if len({mention.aspect for mention in one.mentions} & of_venues) > 1
    )
    return [
        one
        if speaking[category] >= MIN_SHARE * reviews[category]
        else one._replace(mentions=[mention for mention in one.mentions if mention.aspect not in of_venues])
        for one, category in zip(scored, categories, strict=True)
    ]
