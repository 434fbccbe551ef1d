"""How much what counts when items are recommended: the constants of the score, each in one place."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.events.event import EventType

DEMAND = "demand"
"""The signal of how much an item is bought now."""

REPURCHASE = "repurchase"
"""The signal of how many of an item's buyers buy it again."""

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class ScoringWeights:
    """The constants of the score. Half-lives are in days; scores are in standard deviations of a similarity.

    view … dislike: what one event of each type counts.   repeated: the power that what an item's events sum to is
    raised to, below 1 where the tenth purchase says less than the first.   recent_days: in which what is done counts
    half, for taste.
    longest_pause_days: how long a time without any event counts at most.
    behaviour, content: what the learnt block weighs, and all others together.   demand: the weight of that signal.
    again, again_days: what is added to an item bought once; it halves in so many days, and grows with the logarithm
    of how often it was bought.   repurchase: the weight of that signal beside it, growing likewise.
    rest, rest_days: what is taken from an item bought just now, by half less after so many days.
    new: the share of what a shopper discovers that nobody has bought yet, so that it may be.
    interests: how many at most.   focus: from 0, where each interest recommends for the whole taste, to 1, where for
    itself alone.
    picture, in_taste: what a picture weighs, and beside it the taste.
    """

    view: float = 0.1
    cart: float = 0.4
    purchase: float = 1.0
    like: float = 1.0
    sent_back: float = -1.0
    dislike: float = -1.5
    repeated: float = 0.5
    recent_days: float = 60.0
    longest_pause_days: float = 90.0
    behaviour: float = 1.0
    content: float = 0.1
    demand: float = 1.2
    again: float = 5.0
    again_days: float = 365.0
    repurchase: float = 0.8
    rest: float = 5.0
    rest_days: float = 3.0
    new: float = 0.05
    interests: int = 5
    focus: float = 0.3
    picture: float = 1.0
    in_taste: float = 0.5

    def counts(self) -> Mapping[EventType, float]:
        """Return what one event of each type counts."""
        return {
            EventType.VIEW: self.view,
            EventType.CART: self.cart,
            EventType.PURCHASE: self.purchase,
            EventType.RETURN: self.sent_back,
            EventType.LIKE: self.like,
            EventType.DISLIKE: self.dislike,
        }
