"""Why an item is recommended: what adds most to its score, for which items of the shopper's, in words they may read.

A score is a sum, and `explain` tells its summands. The reason is the largest of them, so a hit that is here because it
is popular says so, however much it is like something that the shopper has.
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
from engine.recommend.scoring_weights import DEMAND
from engine.recommend.user_vector import InterestPart, UserVector
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
"""The signals that tell somebody of whom nothing is known what others like, the best first, and how each is said."""

BOOST = "boost:"
"""What stands before the name of a signal or a field among the contributions where a boost added it."""

MOST_BECAUSE = 3

# An item is named if it adds at least this share of what the one does that adds most.
_LEAST_BECAUSE = 0.5

_DID = {
    EventType.PURCHASE: "bought",
    EventType.LIKE: "liked",
    EventType.CART: "put into your cart",
    EventType.VIEW: "viewed",
}
_KNOWN = {
    EventType.LIKE: "you liked this",
    EventType.CART: "you put this into your cart",
    EventType.VIEW: "you viewed this",
}


class ReasonKind(Enum):
    """What sort of contribution is the largest."""

    POPULAR = "popular"
    """What others want, or a signal of the shop says."""
    BOUGHT = "bought"
    """The shopper bought it before."""
    KNOWN = "known"
    """The shopper liked it, viewed it or put it into the cart."""
    GOES_WITH = "goes with"
    """The same shoppers like it and the items named."""
    LIKE_ITEM = "like item"
    """It looks like the items named, or says the same."""
    LIKE_PICTURE = "like picture"
    """It is like the picture of the request."""
    BOOSTED = "boosted"
    """A boost of the request."""
    NEW = "new"
    """Nobody did anything with it yet; what is like it is wanted."""
    UNLIKE = "unlike"
    """It is unlike what the shopper disliked."""
    ANY = "any"
    """Nothing adds to its score."""


class Reason(NamedTuple):
    """Why, in words; for which items, the strongest first; and for which of the shopper's interests, 0 for none.

    contribution: the name of the largest one, as `explain` tells it; "" if none is above 0.
    """

    words: str
    kind: ReasonKind = ReasonKind.ANY
    contribution: str = ""
    because: tuple[str, ...] = ()
    interest: int = 0


UNKNOWN = Reason("something to begin with")
DIFFERENT = Reason("something different")
NEW = Reason("new here", ReasonKind.NEW, DEMAND)
UNLIKE = "unlike what you disliked"


class ReasonBuilder:
    """Tells why hits are recommended to somebody of a taste."""

    def __init__(self, taste: UserVector, view: ReadView, title: str, beside_picture: float | None = None) -> None:
        """title: the field that holds titles.   beside_picture: what the taste weighs beside one, None without one."""
        self._taste = taste
        self._view = view
        self._title = title
        self._beside_picture = beside_picture
        self._places = {row: place for place, row in enumerate(taste.rows.tolist())}
        self._interests = {place: number for number, one in enumerate(taste.interests, 1) for place in one.members}

    def of(self, row: int, contributions: Mapping[str, float], leaning: InterestPart | None = None) -> Reason:
        """Return the reason of one hit. leaning: the interest whose query found it, None if it was the whole taste."""
        name = largest(contributions)
        place = self._places.get(row)
        if not name:
            return DIFFERENT if len(self._taste.rows) else UNKNOWN
        if (
            name == DEMAND
            and BEHAVIOUR in self._view.snapshot.dims
            and BEHAVIOUR not in self._view.stratum_of(row).blocks
        ):
            return NEW
        if name == DEMAND or name.startswith(BOOST):
            return of_signal(name)
        if name == AGAIN and place is not None:
            return self._of_known(place, name)
        if self._beside_picture is not None:
            share = self._taste.share(self._view, row, name, self._beside_picture)
            if share <= contributions[name] - share:
                return Reason(of_picture(self._beside_picture > 0), ReasonKind.LIKE_PICTURE, name)
        return self._of_likeness(row, name, leaning)

    def _of_likeness(self, row: int, block: str, leaning: InterestPart | None) -> Reason:
        first = _most(self._taste.adding(self._view, row, block, leaning))
        if not first:
            return Reason(UNLIKE, ReasonKind.UNLIKE, block)
        if first[0] == self._places.get(row):
            return self._of_known(first[0], block)
        had = [self._taste.had[place] for place in first]
        words = of_likeness(had[0], _title_of(self._view, int(self._taste.rows[first[0]]), self._title), block)
        kind = ReasonKind.GOES_WITH if block == BEHAVIOUR else ReasonKind.LIKE_ITEM
        return Reason(words, kind, block, tuple(one.item_id for one in had), self._interests.get(first[0], 0))

    def _of_known(self, place: int, name: str) -> Reason:
        had = self._taste.had[place]
        kind = ReasonKind.BOUGHT if had.bought else ReasonKind.KNOWN
        return Reason(of_known(had), kind, name, (had.item_id,), self._interests.get(place, 0))


def largest(contributions: Mapping[str, float]) -> str:
    """Return the name of the largest contribution, of equal ones the first by name; "" if none is above 0."""
    best = min(contributions, key=lambda name: (-contributions[name], name), default="")
    return best if best and contributions[best] > 0 else ""


def of_signal(name: str) -> Reason:
    """Return the reason for an item that a signal or a boost puts here, by the name of its contribution."""
    signal = name.removeprefix(BOOST)
    if signal in POPULAR:
        return Reason(POPULAR[signal], ReasonKind.POPULAR, name)
    return Reason("picked by the shop", ReasonKind.BOOSTED, name)


def of_known(had: ItemAffinity) -> str:
    """Return the reason for an item that the shopper had to do with before."""
    if had.bought > 1:
        return f"you bought this {had.bought} times" + (", time to buy it again" if had.due else "")
    return "you bought this before" if had.bought else _KNOWN.get(had.by, "you know this")


def of_likeness(to: ItemAffinity, title: str, block: str) -> str:
    """Return the reason for an item that is like one of the history in a block of vectors."""
    like = {BEHAVIOUR: "goes with", "image": "looks like"}.get(block, "like")
    did = _DID.get(to.by)
    return f"{like} {title}" + (f" that you {did}" if did else "")


def of_picture(has_taste: bool) -> str:
    """Return the reason for an item that is like a picture."""
    return "like this picture, in your taste" if has_taste else "like this picture"


def _most(adds: NDArray[np.float32]) -> list[int]:
    """Return the places that add most, the first of them most; none if no item is liked."""
    best = [place for place in np.argsort(-adds, kind="stable")[:MOST_BECAUSE].tolist() if np.isfinite(adds[place])]
    return best[:1] + [place for place in best[1:] if adds[place] >= _LEAST_BECAUSE * abs(adds[best[0]])]


def _title_of(view: ReadView, row: int, field: str) -> str:
    values = values_at(from_bytes(view.payload(row)), parse_path(field)) if field else []
    return str(values[0]) if values else view.item_id(row)
