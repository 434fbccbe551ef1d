"""One thing that a shopper did with one item; everything learnt of shoppers is learnt from these."""

from enum import Enum
from typing import NamedTuple


class EventType(Enum):
    """What was done. The values are the names that files, profiles and programs use."""

    VIEW = "view"
    CART = "cart"
    PURCHASE = "purchase"
    RETURN = "return"
    LIKE = "like"
    DISLIKE = "dislike"


class Event(NamedTuple):
    """One event. user_id: opaque, never logged.   time_s: since 1970, UTC.   quantity: pieces, at least 1."""

    event_id: str
    user_id: str
    item_id: str
    type: EventType
    time_s: float
    quantity: int = 1
