"""A shopper's history: what their events say of each item, newer ones counting more, purchases counted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import copysign

from engine.events.event import Event, EventType
from engine.shopper.recipe import DAY_S, Recipe

STRONGEST = (EventType.PURCHASE, EventType.LIKE, EventType.CART, EventType.VIEW, EventType.RETURN, EventType.DISLIKE)
"""The types of events by what they say of who did them, the most telling first."""

MOST_EVENTS = 10_000
"""Of one shopper, the newest; those before them say nothing any more."""


@dataclass(frozen=True, slots=True)
class Had:
    """What a shopper has to do with one item.

    weight: how much they like it, below 0 if they do not.   by: the most telling thing they did with it.
    bought: how often they bought it, pieces bought at one time being one.   fresh: the same, each time counting half
    after so long, and no more for what was sent back.
    """

    item_id: str
    weight: float
    by: EventType
    bought: int = 0
    fresh: float = 0.0

    @property
    def wanted(self) -> bool:
        """Whether they would have it again: they bought it, and did not take against it since."""
        return self.bought > 0 and self.weight > 0


def weigh(events: Iterable[Event], recipe: Recipe, now_s: float) -> list[Had]:
    """Return the items of a history, the most liked first; of equal ones by id.

    events: of one shopper, in any order.   now_s: when now is; for recommendations the time of the newest of them.
    """
    by_item: dict[str, list[Event]] = {}
    for event in events:
        by_item.setdefault(event.item_id, []).append(event)
    counts = recipe.counts()
    had = [_weighed(item_id, ones, counts, recipe, now_s) for item_id, ones in by_item.items()]
    return sorted(had, key=lambda one: (-one.weight, one.item_id))


def liked_now(liked: Iterable[str], disliked: Iterable[str], recipe: Recipe) -> list[Had]:
    """Return what somebody unknown says that they like and dislike, in the order said; disliked counts if both."""
    told = {item_id: Had(item_id, recipe.like, EventType.LIKE) for item_id in liked}
    return list((told | {item_id: Had(item_id, recipe.dislike, EventType.DISLIKE) for item_id in disliked}).values())


def _weighed(
    item_id: str, events: Iterable[Event], counts: Mapping[EventType, float], recipe: Recipe, now_s: float
) -> Had:
    total = fresh = 0.0
    times: set[float] = set()
    by = EventType.DISLIKE
    for event in events:
        if event.type is EventType.PURCHASE and event.time_s in times:
            # Another line of the same order.
            continue
        age_days = max(0.0, now_s - event.time_s) / DAY_S
        total += counts[event.type] * 0.5 ** (age_days / recipe.recent_days)
        by = min(by, event.type, key=STRONGEST.index)
        freshness = 0.5 ** (age_days / recipe.again_days)
        if event.type is EventType.PURCHASE:
            times.add(event.time_s)
            fresh += freshness
        elif event.type is EventType.RETURN:
            fresh -= freshness
    weight = copysign(abs(total) ** recipe.repeated, total)
    return Had(item_id, weight, by, len(times), max(0.0, fresh))
