"""A shopper's history: one affinity per item, from the item's events, decayed by age."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import copysign

from engine.events.event import Event, EventType
from engine.recommend.scoring_weights import DAY_S, ScoringWeights

TYPES_BY_STRENGTH = (
    EventType.PURCHASE,
    EventType.LIKE,
    EventType.CART,
    EventType.VIEW,
    EventType.RETURN,
    EventType.DISLIKE,
)
"""Event types by how much they say about the shopper, strongest first."""

MAX_EVENTS = 10_000
"""The newest events of a shopper that are read; older ones have decayed to nothing."""


@dataclass(frozen=True, slots=True)
class ItemAffinity:
    """A shopper's affinity for one item.

    Attributes:
        weight: Affinity, below 0 if the shopper dislikes the item.
        strongest: The strongest type of event with the item.
        purchases: Number of purchases; lines of one order count as one.
        recent_purchases: Purchases less returns, each decayed with half-life `again_days`, at least 0.
        just_bought: 1 right after a purchase, decaying to 0 within days.
        due: Whether the last purchase is at least as old as the mean interval between purchases.
    """

    item_id: str
    weight: float
    strongest: EventType
    purchases: int = 0
    recent_purchases: float = 0.0
    just_bought: float = 0.0
    due: bool = False

    @property
    def can_repeat(self) -> bool:
        """Whether the shopper may buy the item again: bought before and not disliked since."""
        return self.purchases > 0 and self.weight > 0


def compute_affinities(
    events: Iterable[Event], scoring: ScoringWeights, now_s: float | None = None
) -> list[ItemAffinity]:
    """Return one affinity per item, highest weight first; ties are broken by id.

    Args:
        events: Events of one shopper, in any order.
        now_s: The current time; the time of the newest event if None.
    """
    history = list(events)
    event_weights = scoring.event_weights()
    by_item: dict[str, list[tuple[Event, float]]] = {}
    for event, age_days in zip(history, compute_ages_days(history, scoring.longest_pause_days, now_s), strict=True):
        by_item.setdefault(event.item_id, []).append((event, age_days))
    affinities = [_to_affinity(item_id, aged, event_weights, scoring) for item_id, aged in by_item.items()]
    return sorted(affinities, key=lambda affinity: (-affinity.weight, affinity.item_id))


def compute_ages_days(events: Sequence[Event], longest_pause_days: float, now_s: float | None = None) -> list[float]:
    """Return the age of each event of one shopper, 0 for events in the future.

    Gaps between events, and before now, count as at most `longest_pause_days`. So an event with a wrong clock, years
    off in either direction, ages the others by one pause at most, and a shopper who returns after a year keeps a taste.
    """
    order = sorted(range(len(events)), key=lambda index: -events[index].time_s)
    ages = [0.0] * len(events)
    later_s = events[order[0]].time_s if order and now_s is None else now_s or 0.0
    age_days = 0.0
    for index in order:
        time_s = events[index].time_s
        age_days += min(max(0.0, later_s - time_s) / DAY_S, longest_pause_days)
        ages[index] = age_days
        later_s = min(later_s, time_s)
    return ages


def session_affinities(liked: Iterable[str], disliked: Iterable[str], scoring: ScoringWeights) -> list[ItemAffinity]:
    """Return the affinities of an anonymous session, in the order given; an item in both lists is disliked."""
    affinities = {item_id: ItemAffinity(item_id, scoring.like, EventType.LIKE) for item_id in liked}
    affinities |= {item_id: ItemAffinity(item_id, scoring.dislike, EventType.DISLIKE) for item_id in disliked}
    return list(affinities.values())


def _to_affinity(
    item_id: str,
    events: Iterable[tuple[Event, float]],
    event_weights: Mapping[EventType, float],
    scoring: ScoringWeights,
) -> ItemAffinity:
    total = recent_purchases = 0.0
    purchase_ages: dict[float, float] = {}
    strongest = EventType.DISLIKE
    for event, age_days in events:
        if event.type is EventType.PURCHASE and event.time_s in purchase_ages:
            # Another line of the same order.
            continue
        total += event_weights[event.type] * 0.5 ** (age_days / scoring.recent_days)
        strongest = min(strongest, event.type, key=TYPES_BY_STRENGTH.index)
        decay = 0.5 ** (age_days / scoring.again_days)
        if event.type is EventType.PURCHASE:
            purchase_ages[event.time_s] = age_days
            recent_purchases += decay
        elif event.type is EventType.RETURN:
            recent_purchases -= decay
    weight = copysign(abs(total) ** scoring.repeated, total)
    ages = sorted(purchase_ages.values())
    return ItemAffinity(
        item_id,
        weight,
        strongest,
        purchases=len(ages),
        recent_purchases=max(0.0, recent_purchases),
        just_bought=0.5 ** (ages[0] / scoring.rest_days) if ages else 0.0,
        due=len(ages) > 1 and ages[0] >= (ages[-1] - ages[0]) / (len(ages) - 1),
    )
