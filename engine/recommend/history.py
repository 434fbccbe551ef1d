"""A shopper's history: what their events say of each item, newer ones counting more, purchases counted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import copysign

from engine.events.event import Event, EventType
from engine.recommend.scoring_weights import DAY_S, ScoringWeights

STRONGEST = (EventType.PURCHASE, EventType.LIKE, EventType.CART, EventType.VIEW, EventType.RETURN, EventType.DISLIKE)
"""The types of events by what they say of who did them, the most telling first."""

MOST_EVENTS = 10_000
"""Of one shopper, the newest; those before them say nothing any more."""


@dataclass(frozen=True, slots=True)
class ItemAffinity:
    """What a shopper has to do with one item.

    weight: how much they like it, below 0 if they do not.   by: the most telling thing they did with it.
    bought: how often they bought it, pieces bought at one time being one.   fresh: the same, each time counting half
    after so long, and no more for what was sent back.   just_bought: 1 for what was bought now, falling to 0 in days.
    due: whether the last purchase is as long ago as two purchases of it usually are apart.
    """

    item_id: str
    weight: float
    by: EventType
    bought: int = 0
    fresh: float = 0.0
    just_bought: float = 0.0
    due: bool = False

    @property
    def wanted(self) -> bool:
        """Whether they would have it again: they bought it, and did not take against it since."""
        return self.bought > 0 and self.weight > 0


def weigh(events: Iterable[Event], recipe: ScoringWeights, now_s: float | None = None) -> list[ItemAffinity]:
    """Return the items of a history, the most liked first; of equal ones by id.

    events: of one shopper, in any order.   now_s: when now is; the time of the newest of them if None.
    """
    told = list(events)
    counts = recipe.counts()
    by_item: dict[str, list[tuple[Event, float]]] = {}
    for event, age_days in zip(told, ages_days(told, recipe.longest_pause_days, now_s), strict=True):
        by_item.setdefault(event.item_id, []).append((event, age_days))
    had = [_weighed(item_id, aged, counts, recipe) for item_id, aged in by_item.items()]
    return sorted(had, key=lambda one: (-one.weight, one.item_id))


def ages_days(events: Sequence[Event], longest_pause_days: float, now_s: float | None = None) -> list[float]:
    """Return how old each event of one shopper is, 0 for one that is to come.

    Between two events, and before now, no more than `longest_pause_days` pass. So one event of a wrong clock, years
    ahead or behind, makes the others older by one pause at most, and who comes back after a year has a taste still.
    """
    order = sorted(range(len(events)), key=lambda place: -events[place].time_s)
    ages = [0.0] * len(events)
    later_s = events[order[0]].time_s if order and now_s is None else now_s or 0.0
    age_days = 0.0
    for place in order:
        time_s = events[place].time_s
        age_days += min(max(0.0, later_s - time_s) / DAY_S, longest_pause_days)
        ages[place] = age_days
        later_s = min(later_s, time_s)
    return ages


def liked_now(liked: Iterable[str], disliked: Iterable[str], recipe: ScoringWeights) -> list[ItemAffinity]:
    """Return what somebody unknown says that they like and dislike, in the order said; disliked counts if both."""
    told = {item_id: ItemAffinity(item_id, recipe.like, EventType.LIKE) for item_id in liked}
    return list(
        (told | {item_id: ItemAffinity(item_id, recipe.dislike, EventType.DISLIKE) for item_id in disliked}).values()
    )


def _weighed(
    item_id: str, events: Iterable[tuple[Event, float]], counts: Mapping[EventType, float], recipe: ScoringWeights
) -> ItemAffinity:
    total = fresh = 0.0
    bought: dict[float, float] = {}
    by = EventType.DISLIKE
    for event, age_days in events:
        if event.type is EventType.PURCHASE and event.time_s in bought:
            # Another line of the same order.
            continue
        total += counts[event.type] * 0.5 ** (age_days / recipe.recent_days)
        by = min(by, event.type, key=STRONGEST.index)
        freshness = 0.5 ** (age_days / recipe.again_days)
        if event.type is EventType.PURCHASE:
            bought[event.time_s] = age_days
            fresh += freshness
        elif event.type is EventType.RETURN:
            fresh -= freshness
    weight = copysign(abs(total) ** recipe.repeated, total)
    ages = sorted(bought.values())
    return ItemAffinity(
        item_id,
        weight,
        by,
        bought=len(ages),
        fresh=max(0.0, fresh),
        just_bought=0.5 ** (ages[0] / recipe.rest_days) if ages else 0.0,
        due=len(ages) > 1 and ages[0] >= (ages[-1] - ages[0]) / (len(ages) - 1),
    )
