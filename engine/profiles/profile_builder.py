"""Building a profile from one shopper's events, the items involved, and the population statistics."""

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
from engine.profiles.label import label_products
from engine.profiles.population import Population, to_item_features
from engine.profiles.product_facts import ProductFacts, compute_shares
from engine.profiles.profile import Affinity, LabelledInterest, PriceBand, Profile, Segment
from engine.profiles.profile_summary import summarise
from engine.profiles.shopper_features import PREFERENCE_WEIGHTS, TYPES, Interactions
from engine.recommend.history import MAX_EVENTS, compute_affinities
from engine.recommend.scoring_weights import DAY_S, ScoringWeights
from engine.recommend.user_vector import UserVector, block_weights
from engine.search.read_view import ReadView

MAX_INTEREST_ITEMS = 5
"""The maximum number of items that represent an interest."""

_MAX_AFFINITIES = 12
_MAX_PER_FIELD = 3
_MIN_LIFT = 1.25
# Strength of the population's share as a prior: two purchases of one brand are no preference yet.
_PRIOR_ITEMS = 3.0


def load_profile(log: EventLog, user_id: str, view: ReadView, population: Population, now_s: float) -> Profile | None:
    """Return the profile of a shopper in a log, None if the log has no events of theirs.

    Counts and times cover all events, the rest the newest MAX_EVENTS. Otherwise as `build_profile`.
    """
    events, summary = log.history(user_id, MAX_EVENTS), log.summary(user_id)
    return build_profile(events, view, population, now_s, summary=summary) if events and summary is not None else None


def build_profile(
    events: Sequence[Event],
    view: ReadView,
    population: Population,
    now_s: float,
    scoring: ScoringWeights | None = None,
    summary: EventSummary | None = None,
) -> Profile:
    """Return the profile of one shopper from their events, of which there is at least one.

    Cost: some milliseconds, and 50 µs an item.

    Args:
        population: Of the view's snapshot.
        now_s: The shop's current time, see `engine.events.shop_clock`.
        scoring: Weights of the events.
        summary: Of all events of the shopper, if `events` are only the newest.
    """
    counts, first_s, last_s = summary or _summary_of(events)
    if last_s > now_s + MAX_LEAD_S:
        last_s = max((event.time_s for event in events if event.time_s <= now_s + MAX_LEAD_S), default=now_s)
    history = _ShopperHistory(events, view, population, now_s, scoring or ScoringWeights())
    profile = Profile(
        user_id=events[0].user_id,
        event_counts={kind: counts[kind] for kind in EventType if kind in counts},
        first_s=first_s,
        last_s=last_s,
        last_days=max(0.0, now_s - last_s) / DAY_S,
        interests=history.interests(),
        affinities=history.affinities(),
        price_band=history.price_band(),
        segment=history.segment(),
        summary="",
    )
    return replace(profile, summary=summarise(profile))


def _summary_of(events: Sequence[Event]) -> EventSummary:
    times_s = [event.time_s for event in events]
    return EventSummary(dict(Counter(event.type for event in events)), min(times_s), max(times_s))


class _ShopperHistory:
    """A shopper's events and the items they involve, most recent first."""

    def __init__(
        self, events: Sequence[Event], view: ReadView, population: Population, now_s: float, scoring: ScoringWeights
    ) -> None:
        self._events = sorted(events, key=lambda event: -event.time_s)
        self._view = view
        self._population = population
        self._now_s = now_s
        self._scoring = scoring
        self._item_ids = list(dict.fromkeys(event.item_id for event in self._events))
        self._indices = {item_id: index for index, item_id in enumerate(self._item_ids)}
        self._rows = view.rows_of(self._item_ids)
        rows_in_view = [row for row in self._rows if row is not None]
        facts = iter(population.products(view, rows_in_view))
        self._products = [None if row is None else next(facts) for row in self._rows]

    def interests(self) -> tuple[LabelledInterest, ...]:
        """Return the interests, as the recommender finds them, with labels."""
        dims = self._view.snapshot.dims
        affinities = compute_affinities(self._events, self._scoring)
        user_vector = UserVector.from_affinities(
            affinities, self._view, block_weights(dims, self._scoring), self._scoring
        )
        interests = []
        for interest in user_vector.interests:
            item_ids = [user_vector.items[member].item_id for member in interest.members]
            products = [self._products[self._indices[item_id]] or ProductFacts() for item_id in item_ids]
            weights = np.array([user_vector.items[member].weight for member in interest.members])
            label = label_products(
                products, weights, self._population.fields, self._population.share, self._population.words
            )
            interests.append(LabelledInterest(label, interest.share, tuple(item_ids[:MAX_INTEREST_ITEMS])))
        return tuple(interests)

    def affinities(self) -> tuple[Affinity, ...]:
        """Return what the shopper chooses more often than others do, most certain first."""
        products, weights = self._weighted_products
        if not products:
            return ()
        found = []
        for field in self._population.fields.all_fields:
            in_field = [
                (strength, Affinity(field, value, share, 0.0 if baseline is None else share / baseline))
                for value, share in compute_shares(products, weights, field).items()
                for baseline in [self._population.share(field, value)]
                for strength in [self._preference_strength(field, value, share, baseline)]
                if strength > 0
            ]
            found += sorted(in_field, key=lambda entry: (-entry[0], entry[1].value))[:_MAX_PER_FIELD]
        found.sort(key=lambda entry: (-entry[0], entry[1].field, entry[1].value))
        return tuple(affinity for _, affinity in found[:_MAX_AFFINITIES])

    def price_band(self) -> PriceBand | None:
        """Return what the shopper pays, None without purchases that have a price."""
        field = self._population.fields.price
        prices = np.array(
            [
                product.price
                for event in self._events
                if event.type is EventType.PURCHASE
                for product in [self._products[self._indices[event.item_id]]]
                if product is not None and np.isfinite(product.price)
            ]
        )
        if not len(prices):
            return None
        low, median, high = np.quantile(prices, (0.25, 0.5, 0.75)).tolist()
        shop = self._view.snapshot.columns.numbers(field)
        priced = shop[np.isfinite(shop)]
        return PriceBand(field, low, median, high, float((priced < median).mean()))

    def segment(self) -> Segment | None:
        """Return the segment of the shopper, None if the snapshot has none."""
        space = self._population.space
        if space is None:
            return None
        item_features = to_item_features(
            space, self._products, self._view, [row for row in self._rows if row is not None]
        )
        count = len(self._events)
        interactions = Interactions(
            np.zeros(count, np.int32),
            np.array([self._indices[event.item_id] for event in self._events], np.int32),
            np.array([TYPES.index(event.type) for event in self._events], np.int8),
            np.array([event.time_s for event in self._events]),
            1,
        )
        found = self._population.segment(interactions, item_features, self._now_s)
        return None if found is None else Segment(found.name, found.description, found.share)

    @cached_property
    def _weighted_products(self) -> tuple[list[ProductFacts], NDArray[np.float64]]:
        """Return the known products, and the summed preference weights of the events with each, undecayed."""
        weight_by_index: dict[int, float] = {}
        for event in self._events:
            index = self._indices[event.item_id]
            if PREFERENCE_WEIGHTS[event.type] and self._products[index] is not None:
                weight_by_index[index] = weight_by_index.get(index, 0.0) + PREFERENCE_WEIGHTS[event.type]
        products = [product for index in weight_by_index for product in [self._products[index]] if product is not None]
        return products, np.array(list(weight_by_index.values()), np.float64)

    def _preference_strength(self, field: str, value: str, share: float, baseline: float | None) -> float:
        """Return how certain it is that a shopper prefers a value: 0 for one that is as common among others."""
        products, _ = self._weighted_products
        count = sum(value in product.values.get(field, ()) for product in products)
        if count < 2:
            return 0.0
        if baseline is None:
            # Without the population's share, only the shopper's own remains.
            return share * count / (count + _PRIOR_ITEMS) if share > 0.5 else 0.0
        smoothed = (share * len(products) + baseline * _PRIOR_ITEMS) / (len(products) + _PRIOR_ITEMS)
        return smoothed * log(smoothed / baseline) if smoothed / baseline >= _MIN_LIFT else 0.0
