"""The constants of the recommendation score, each in one place."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.events.event import EventType

DEMAND = "demand"
"""The signal of an item's current demand."""

REPURCHASE = "repurchase"
"""The signal of the share of an item's buyers who buy it again."""

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class ScoringWeights:
    """The constants of the score. Half-lives are in days; scores are in standard deviations of a similarity.

    Attributes:
        view: Weight of one view; cart, purchase, like, sent_back (a return) and dislike likewise.
        repeated: Exponent of an item's summed event weights; below 1, the tenth purchase counts less than the first.
        recent_days: Half-life of events in the taste.
        longest_pause_days: Cap on the time that counts between two events.
        behaviour: Weight of the learnt block.
        content: Weight of all other blocks together.
        demand: Weight of the demand signal.
        again: Score added to an item bought once; grows with the logarithm of the number of purchases.
        again_days: Half-life of `again`.
        repurchase: Weight of the repurchase signal, which grows likewise.
        rest: Score subtracted from an item bought just now.
        rest_days: Half-life of `rest`.
        new: Share of discovered items that nobody has bought yet, so that they can be.
        interests: Maximum number of interests.
        focus: From 0, every interest recommends for the whole taste, to 1, every interest only for itself.
        picture: Weight of a picture in a query by picture.
        in_taste: Weight of the taste beside the picture.
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

    def event_weights(self) -> Mapping[EventType, float]:
        """Return the weight of one event of each type."""
        return {
            EventType.VIEW: self.view,
            EventType.CART: self.cart,
            EventType.PURCHASE: self.purchase,
            EventType.RETURN: self.sent_back,
            EventType.LIKE: self.like,
            EventType.DISLIKE: self.dislike,
        }
