"""Why an item is recommended: the largest contribution to its score, the shopper's items behind it, and a text.

A score is a sum, and `explain` returns its terms. The reason is the largest of them, so a hit that ranks high because
it is popular says so, however similar it is to the shopper's items.
"""

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.catalog.payload import from_bytes
from engine.columns.field_path import parse_path
from engine.columns.field_values import values_at
from engine.events.event import EventType
from engine.recommend.history import ItemAffinity
from engine.recommend.interests import Interest
from engine.recommend.scoring_weights import DEMAND
from engine.recommend.user_vector import UserVector
from engine.scoring.fusion import BEHAVIOUR
from engine.search.read_view import ReadView
from engine.search.score_terms import AGAIN

POPULAR: Mapping[str, str] = {
    DEMAND: "popular now",
    "popularity": "popular",
    "sales": "often bought",
    "review_quality": "well reviewed",
    "rating": "well rated",
}
"""Signals that rank items for an unknown shopper, the preferred one first, with the text of each."""

BOOST_PREFIX = "boost:"
"""Prefix of a signal's or field's name in the contributions of a boost."""

MAX_BECAUSE = 3

# An item is named if it adds at least this share of what the strongest one adds.
_MIN_BECAUSE_SHARE = 0.5

_VERBS = {
    EventType.PURCHASE: "bought",
    EventType.LIKE: "liked",
    EventType.CART: "added to your cart",
    EventType.VIEW: "viewed",
}


class ReasonKind(Enum):
    """The type of the largest contribution."""

    POPULAR = "popular"
    """Demand, or another signal of the shop."""
    BOUGHT = "bought"
    """The shopper bought it before."""
    KNOWN = "known"
    """The shopper liked it, viewed it or added it to the cart."""
    GOES_WITH = "goes with"
    """The same shoppers like it and the items named."""
    LIKE_ITEM = "like item"
    """Its picture or text is similar to the items named."""
    LIKE_PICTURE = "like picture"
    """It is similar to the picture of the request."""
    BOOSTED = "boosted"
    """A boost of the request."""
    NEW = "new"
    """It has no events yet, and similar items are in demand."""
    UNLIKE = "unlike"
    """It is unlike what the shopper disliked."""
    ANY = "any"
    """Nothing adds to its score."""


class Reason(NamedTuple):
    """The reason for one recommendation.

    Attributes:
        words: The reason as text.
        contribution: Name of the largest contribution, as in `explain`; "" if none is above 0.
        because: Ids of the shopper's items behind it, strongest first.
        interest: 1-based number of the shopper's interest, 0 for none.
    """

    words: str
    kind: ReasonKind = ReasonKind.ANY
    contribution: str = ""
    because: tuple[str, ...] = ()
    interest: int = 0


UNKNOWN = Reason("a good place to start")
DIFFERENT = Reason("something different")
NEW = Reason("new in the shop", ReasonKind.NEW, DEMAND)
UNLIKE = "unlike what you disliked"


class ReasonBuilder:
    """Builds the reasons of hits recommended for one user vector."""

    def __init__(
        self, user_vector: UserVector, view: ReadView, title_field: str, weight_beside_image: float | None = None
    ) -> None:
        """weight_beside_image: the user vector's weight in a query by picture, None for other queries."""
        self._user_vector = user_vector
        self._view = view
        self._title_field = title_field
        self._weight_beside_image = weight_beside_image
        self._indices = {row: index for index, row in enumerate(user_vector.rows.tolist())}
        self._interests = {
            index: number for number, interest in enumerate(user_vector.interests, 1) for index in interest.members
        }

    def build(self, row: int, contributions: Mapping[str, float], interest: Interest | None = None) -> Reason:
        """Return the reason of one hit. interest: the one whose query found it, None for the whole taste."""
        name = largest_contribution(contributions)
        index = self._indices.get(row)
        if not name:
            return DIFFERENT if len(self._user_vector.rows) else UNKNOWN
        if name == DEMAND and self._is_new(row):
            return NEW
        if name == DEMAND or name.startswith(BOOST_PREFIX):
            return signal_reason(name)
        if name == AGAIN and index is not None:
            return self._known_item(index, name)
        if self._weight_beside_image is not None:
            share = self._user_vector.share(self._view, row, name, self._weight_beside_image)
            if share <= contributions[name] - share:
                return Reason(describe_picture_match(self._weight_beside_image > 0), ReasonKind.LIKE_PICTURE, name)
        return self._similarity(row, name, interest)

    def _is_new(self, row: int) -> bool:
        return BEHAVIOUR in self._view.snapshot.dims and BEHAVIOUR not in self._view.get_stratum(row).blocks

    def _similarity(self, row: int, block: str, interest: Interest | None) -> Reason:
        indices = _top_indices(self._user_vector.item_contributions(self._view, row, block, interest))
        if not indices:
            return Reason(UNLIKE, ReasonKind.UNLIKE, block)
        if indices[0] == self._indices.get(row):
            return self._known_item(indices[0], block)
        items = [self._user_vector.items[index] for index in indices]
        title = _read_title(self._view, int(self._user_vector.rows[indices[0]]), self._title_field)
        kind = ReasonKind.GOES_WITH if block == BEHAVIOUR else ReasonKind.LIKE_ITEM
        because = tuple(item.item_id for item in items)
        return Reason(
            describe_similarity(items[0], title, block), kind, block, because, self._interests.get(indices[0], 0)
        )

    def _known_item(self, index: int, name: str) -> Reason:
        affinity = self._user_vector.items[index]
        kind = ReasonKind.BOUGHT if affinity.purchases else ReasonKind.KNOWN
        words = describe_known_item(affinity)
        return Reason(words, kind, name, (affinity.item_id,), self._interests.get(index, 0))


def largest_contribution(contributions: Mapping[str, float]) -> str:
    """Return the name of the largest contribution, on ties the first by name; "" if none is above 0."""
    best = min(contributions, key=lambda name: (-contributions[name], name), default="")
    return best if best and contributions[best] > 0 else ""


def signal_reason(name: str) -> Reason:
    """Return the reason for an item ranked by a signal or a boost, by the name of its contribution."""
    signal = name.removeprefix(BOOST_PREFIX)
    if signal in POPULAR:
        return Reason(POPULAR[signal], ReasonKind.POPULAR, name)
    return Reason("picked by the shop", ReasonKind.BOOSTED, name)


def describe_known_item(affinity: ItemAffinity) -> str:
    """Return the text for an item that the shopper already knows."""
    if affinity.purchases > 1:
        return f"you bought this {affinity.purchases} times" + (", time to buy it again" if affinity.due else "")
    if affinity.purchases:
        return "you bought this before"
    verb = _VERBS.get(affinity.strongest)
    if verb is None:
        return "you have seen this before"
    return "you added this to your cart" if affinity.strongest is EventType.CART else f"you {verb} this"


def describe_similarity(to: ItemAffinity, title: str, block: str) -> str:
    """Return the text for an item similar to one of the history in a block of vectors."""
    relation = {BEHAVIOUR: "goes with", "image": "looks like"}.get(block, "similar to")
    verb = _VERBS.get(to.strongest)
    return f"{relation} {title}" + (f" that you {verb}" if verb else "")


def describe_picture_match(has_taste: bool) -> str:
    """Return the text for an item similar to the picture of the request."""
    return "similar to this picture and to your taste" if has_taste else "similar to this picture"


def _top_indices(contributions: NDArray[np.float32]) -> list[int]:
    """Return the indices of the largest contributions, largest first; none if no item is liked."""
    order = np.argsort(-contributions, kind="stable")[:MAX_BECAUSE].tolist()
    best = [index for index in order if np.isfinite(contributions[index])]
    minimum = _MIN_BECAUSE_SHARE * abs(contributions[best[0]]) if best else 0.0
    return best[:1] + [index for index in best[1:] if contributions[index] >= minimum]


def _read_title(view: ReadView, row: int, field: str) -> str:
    values = values_at(from_bytes(view.payload(row)), parse_path(field)) if field else []
    return str(values[0]) if values else view.item_id(row)
