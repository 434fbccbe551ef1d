"""Why an item is recommended: for which items of a shopper's history, and in words that the shopper may read."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.columns.path import path_of
from engine.columns.values import values_at
from engine.events.event import EventType
from engine.payload import from_bytes
from engine.shopper.history import Had
from engine.shopper.taste import Taste
from engine.view import View

POPULAR: Mapping[str, str] = {
    "demand": "popular now",
    "popularity": "popular",
    "sales": "often bought",
    "review_quality": "well reviewed",
    "rating": "well rated",
}
"""The signals that tell somebody of whom nothing is known what others like, the best first, and how each is said."""

UNKNOWN = "something to begin with"

NEW = "new here"
"""What is said of an item that nobody bought yet, and that is like nothing of the history."""

UNLIKE = "unlike what you disliked"

MOST_BECAUSE = 3

# An item is named if it adds at least this share of what the one does that adds most.
_LEAST_BECAUSE = 0.5

_LIKE = {
    EventType.PURCHASE: "because you bought {}",
    EventType.LIKE: "because you liked {}",
    EventType.CART: "because you put {} into your cart",
    EventType.VIEW: "because you looked at {}",
}
_KNOWN = {
    EventType.LIKE: "you liked this",
    EventType.CART: "you put this into your cart",
    EventType.VIEW: "you looked at this",
}


class Reason(NamedTuple):
    """Why, in words; for which items, the strongest first; and for which of the shopper's interests, 0 for none."""

    words: str
    because: tuple[str, ...] = ()
    interest: int = 0


def reasons(taste: Taste, rows: Sequence[int], view: View, title: str, popular: str) -> list[Reason]:
    """Return why each of some rows is recommended to somebody of a taste.

    A score is a sum over the items of the history, so it is those that add most to it.
    title: the field that holds titles.   popular: what is said where likeness adds nothing, "" if nothing else does.
    """
    known = {row: place for place, row in enumerate(taste.rows.tolist())}
    interests = {place: number for number, one in enumerate(taste.interests, 1) for place in one.members}
    adding = taste.likeness(view, np.array(rows, np.int64)) * taste.counts
    adding[:, taste.counts <= 0] = -np.inf
    told = []
    for row, adds in zip(rows, adding, strict=True):
        place = known.get(row)
        if place is not None and taste.had[place].weight > 0:
            had = taste.had[place]
            told.append(Reason(of_known(had), (had.item_id,), interests.get(place, 0)))
            continue
        first = _most(adds, 0.0 if popular else -np.inf)
        if not first:
            told.append(Reason(popular or UNLIKE))
            continue
        words = of_likeness(taste.had[first[0]], _title(view, int(taste.rows[first[0]]), title))
        because = tuple(taste.had[place].item_id for place in first)
        told.append(Reason(words, because, interests.get(first[0], 0)))
    return told


def of_known(had: Had) -> str:
    """Return the reason for an item that the shopper had to do with before."""
    if had.bought > 1:
        return f"you bought this {had.bought} times"
    return "you bought this before" if had.bought else _KNOWN.get(had.by, "you know this")


def of_likeness(to: Had, title: str) -> str:
    """Return the reason for an item that is like one of the history."""
    return _LIKE.get(to.by, "like {}").format(title)


def of_picture(has_taste: bool) -> str:
    """Return the reason for an item that is like a picture."""
    return "like this picture, in your taste" if has_taste else "like this picture"


def _most(adds: NDArray[np.float32], above: float) -> list[int]:
    """Return the places that add most, the first of them most; none if nothing adds more than `above`."""
    best = np.argsort(-adds, kind="stable")[:MOST_BECAUSE].tolist()
    if not adds[best[0]] > above:
        return []
    return [best[0], *(place for place in best[1:] if adds[place] > max(0.0, _LEAST_BECAUSE * adds[best[0]]))]


def _title(view: View, row: int, field: str) -> str:
    values = values_at(from_bytes(view.payload(row)), path_of(field)) if field else []
    return str(values[0]) if values else view.item_id(row)
