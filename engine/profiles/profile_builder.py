"""How a profile comes to be: from one shopper's events, the items they are of, and what is usual among all shoppers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from math import log

import numpy as np
from numpy.typing import NDArray

from engine.events.event import Event, EventType
from engine.events.event_log import EventLog, EventSummary
from engine.events.shop_clock import MAX_LEAD_S
from engine.profiles.label import label_of
from engine.profiles.population import Population, shelf_of
from engine.profiles.product_facts import ProductFacts, shares_of
from engine.profiles.profile import Affinity, Interest, PriceBand, Profile, Segment
from engine.profiles.profile_summary import summarise
from engine.profiles.shopper_features import TYPES, WORTH, Interactions
from engine.recommend.history import MOST_EVENTS, weigh
from engine.recommend.scoring_weights import DAY_S, ScoringWeights
from engine.recommend.user_vector import UserVector, block_weights
from engine.search.read_view import ReadView

STANDING = 5
"""How many items stand for an interest at most."""

_MOST_AFFINITIES = 12
_MOST_OF_A_FIELD = 3
_LEAST_LIFT = 1.25
# As much as is usual counts beside a shopper's own items: two purchases of one brand are no preference yet.
_DOUBT = 3.0


def profile_in(log: EventLog, user_id: str, view: ReadView, usual: Population, now_s: float) -> Profile | None:
    """Return the profile of a shopper in a log, None if there are no events of theirs.

    Counts and times are of all events, the rest of the newest MOST_EVENTS. Else as `profile_of`.
    """
    events, summary = log.history(user_id, MOST_EVENTS), log.summary(user_id)
    return profile_of(events, view, usual, now_s, summary=summary) if events and summary is not None else None


def profile_of(
    events: Sequence[Event],
    view: ReadView,
    usual: Population,
    now_s: float,
    recipe: ScoringWeights | None = None,
    summary: EventSummary | None = None,
) -> Profile:
    """Return the profile of the one shopper whose events these are, at least one.

    usual: of the view's snapshot.   now_s: when now is for the shop, see `engine.events.shop_clock`.
    recipe: what events count.   summary: of all events of the shopper, if these are some.
    Cost: some milliseconds, and 50 µs an item.
    """
    counts, first_s, last_s = summary or _summary_of(events)
    if last_s > now_s + MAX_LEAD_S:
        last_s = max((event.time_s for event in events if event.time_s <= now_s + MAX_LEAD_S), default=now_s)
    taken = _PurchasedItem(events, view, usual, now_s, recipe or ScoringWeights())
    profile = Profile(
        user_id=events[0].user_id,
        event_counts={kind: counts[kind] for kind in EventType if kind in counts},
        first_s=first_s,
        last_s=last_s,
        last_days=max(0.0, now_s - last_s) / DAY_S,
        interests=taken.interests(),
        affinities=taken.affinities(),
        price_band=taken.price_band(),
        segment=taken.segment(),
        summary="",
    )
    return replace(profile, summary=summarise(profile))


def _summary_of(events: Sequence[Event]) -> EventSummary:
    times_s = [event.time_s for event in events]
    return EventSummary(dict(Counter(event.type for event in events)), min(times_s), max(times_s))


class _PurchasedItem:
    """The items of a shopper's events, the one touched last first, and what the events say of each."""

    def __init__(
        self, events: Sequence[Event], view: ReadView, usual: Population, now_s: float, recipe: ScoringWeights
    ) -> None:
        self._events = sorted(events, key=lambda event: -event.time_s)
        self._view = view
        self._usual = usual
        self._now_s = now_s
        self._recipe = recipe
        self._item_ids = list(dict.fromkeys(event.item_id for event in self._events))
        self._places = {item_id: place for place, item_id in enumerate(self._item_ids)}
        self._rows = view.rows_of(self._item_ids)
        there = [row for row in self._rows if row is not None]
        known = iter(usual.goods(view, there))
        self._goods = [None if row is None else next(known) for row in self._rows]

    def interests(self) -> tuple[Interest, ...]:
        """Return what the shopper is interested in, as recommendations have it."""
        dims = self._view.snapshot.dims
        had = weigh(self._events, self._recipe)
        taste = UserVector.of(had, self._view, block_weights(dims, self._recipe), self._recipe)
        likings = []
        for _, share, members in taste.interests:
            item_ids = [taste.had[member].item_id for member in members]
            goods = [self._goods[self._places[item_id]] or ProductFacts() for item_id in item_ids]
            weights = np.array([taste.had[member].weight for member in members])
            label = label_of(goods, weights, self._usual.fields, self._usual.share, self._usual.words)
            likings.append(Interest(label, share, tuple(item_ids[:STANDING])))
        return tuple(likings)

    def affinities(self) -> tuple[Affinity, ...]:
        """Return what the shopper takes more often than others do, the surest first."""
        goods, weights = self._worths
        if not goods:
            return ()
        found = []
        for field in self._usual.fields.all_fields:
            mine = [
                (strength, Affinity(field, value, share, 0.0 if usual is None else share / usual))
                for value, share in shares_of(goods, weights, field).items()
                for usual in [self._usual.share(field, value)]
                for strength in [self._strength(field, value, share, usual)]
                if strength > 0
            ]
            found += sorted(mine, key=lambda entry: (-entry[0], entry[1].value))[:_MOST_OF_A_FIELD]
        found.sort(key=lambda entry: (-entry[0], entry[1].field, entry[1].value))
        return tuple(affinity for _, affinity in found[:_MOST_AFFINITIES])

    def price_band(self) -> PriceBand | None:
        """Return what the shopper pays, None if nothing with a price was bought."""
        field = self._usual.fields.price
        prices = np.array(
            [
                good.price
                for event in self._events
                if event.type is EventType.PURCHASE
                for good in [self._goods[self._places[event.item_id]]]
                if good is not None and np.isfinite(good.price)
            ]
        )
        if not len(prices):
            return None
        low, median, high = np.quantile(prices, (0.25, 0.5, 0.75)).tolist()
        shop = self._view.snapshot.columns.numbers(field)
        priced = shop[np.isfinite(shop)]
        return PriceBand(field, low, median, high, float((priced < median).mean()))

    def segment(self) -> Segment | None:
        """Return the segment of the shopper, None if the snapshot knows none."""
        space = self._usual.space
        if space is None:
            return None
        shelf = shelf_of(space, self._goods, self._view, [row for row in self._rows if row is not None])
        count = len(self._events)
        acts = Interactions(
            np.zeros(count, np.int32),
            np.array([self._places[event.item_id] for event in self._events], np.int32),
            np.array([TYPES.index(event.type) for event in self._events], np.int8),
            np.array([event.time_s for event in self._events]),
            1,
        )
        found = self._usual.segment(acts, shelf, self._now_s)
        return None if found is None else Segment(found.name, found.description, found.share)

    @cached_property
    def _worths(self) -> tuple[list[ProductFacts], NDArray[np.float64]]:
        """Return the items that there are and what all events with each are worth, however old."""
        worth: dict[int, float] = {}
        for event in self._events:
            place = self._places[event.item_id]
            if WORTH[event.type] and self._goods[place] is not None:
                worth[place] = worth.get(place, 0.0) + WORTH[event.type]
        goods = [good for place in worth for good in [self._goods[place]] if good is not None]
        return goods, np.array(list(worth.values()), np.float64)

    def _strength(self, field: str, value: str, share: float, usual: float | None) -> float:
        """Return how sure it is that a shopper prefers a value: 0 for one that is as common among others."""
        goods, _ = self._worths
        having = sum(value in good.values.get(field, ()) for good in goods)
        if having < 2:
            return 0.0
        if usual is None:
            # Others' share is not known, so the shopper's own is all there is to tell by.
            return share * having / (having + _DOUBT) if share > 0.5 else 0.0
        doubted = (share * len(goods) + usual * _DOUBT) / (len(goods) + _DOUBT)
        return doubted * log(doubted / usual) if doubted / usual >= _LEAST_LIFT else 0.0
