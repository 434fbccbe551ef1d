"""Exports every shopper's profile, and places all shoppers in the segments."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.events.event_log import EventLog
from engine.events.shop_clock import find_now_s
from engine.profiles.population import Population, SegmentRecord, to_item_features
from engine.profiles.profile_builder import load_profile
from engine.profiles.profile_json import to_json
from engine.profiles.shopper_features import Interactions, Numbers, compute_features
from engine.search.read_view import ReadView
from indexer.events.event_table import EventTable
from indexer.progress import Progress


@dataclass(frozen=True, slots=True)
class SegmentPlacement:
    """All shoppers of a log in the segments.

    Attributes:
        points: (u, f), see `FeatureScale`.
        groups: (u,) indices into `segments`.
    """

    segments: tuple[SegmentRecord, ...]
    points: Numbers
    groups: NDArray[np.int64]


def export_profiles(
    log: EventLog, view: ReadView, population: Population, progress: Progress
) -> Iterator[dict[str, Any]]:
    """Yield the profile of every shopper of a log, by id, as JSON values: what `engine profile` prints.

    Cost: some milliseconds a shopper, and 50 µs per item of theirs.
    """
    now_s = log.find_now_s() or 0.0
    user_ids = log.user_ids()
    for done, user_id in enumerate(user_ids, 1):
        profile = load_profile(log, user_id, view, population, now_s)
        if profile is not None:  # not erased meanwhile
            yield to_json(profile)
        progress("profiles", done, len(user_ids))


def place_shoppers(log: EventLog, view: ReadView, population: Population) -> SegmentPlacement | None:
    """Return the placement of a log's shoppers, None if the snapshot has no segments."""
    if population.space is None or population.scale is None or not population.segments:
        return None
    events = EventTable.from_log(log)
    rows_by_item = view.rows_of(events.item_ids)
    rows = [row for row in rows_by_item if row is not None]
    facts = iter(population.products(view, rows))
    item_features = to_item_features(
        population.space, [None if row is None else next(facts) for row in rows_by_item], view, rows
    )
    interactions = Interactions(events.users, events.items, events.types, events.times_s, len(events.user_ids))
    points = population.scale.to_points(compute_features(interactions, item_features, find_now_s(events.times_s)))
    return SegmentPlacement(population.segments, points, population.nearest(points))
