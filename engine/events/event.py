"""Events: actions of shoppers on items, the only source of all that is learnt about shoppers."""

from enum import Enum
from typing import NamedTuple


class EventType(Enum):
    """Type of an event; the values are the names in files, profiles and programs."""

    VIEW = "view"
    CART = "cart"
    PURCHASE = "purchase"
    RETURN = "return"
    LIKE = "like"
    DISLIKE = "dislike"


class Event(NamedTuple):
    """One event.

    Attributes:
        event_id: Unique id; a second event with it is a duplicate.
        user_id: Opaque id of the shopper, never logged.
        item_id: Id of the item; the snapshot need not have it.
        type: Type of the event.
        time_s: Seconds since 1970, in UTC.
        quantity: Number of units, at least 1.
    """

    event_id: str
    user_id: str
    item_id: str
    type: EventType
    time_s: float
    quantity: int = 1
