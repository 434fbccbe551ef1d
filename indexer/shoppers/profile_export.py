"""Everybody's profile, one after the other, and where all shoppers stand among the segments."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.events.event_log import EventLog
from engine.events.shop_clock import find_now_s
from engine.profiles.population import Population, SegmentRecord, shelf_of
from engine.profiles.profile_builder import profile_in
from engine.profiles.profile_json import to_json
from engine.profiles.shopper_features import Interactions, Numbers, traits_of
from engine.search.read_view import ReadView
from indexer.embedding.embed import Progress
from indexer.events.event_table import EventTable


@dataclass(frozen=True, slots=True)
class SegmentPlacement:
    """All shoppers of a log among the segments. points: (u, f), see `Scale`.   groups: (u,) places in `segments`."""

    segments: tuple[SegmentRecord, ...]
    points: Numbers
    groups: NDArray[np.int64]


def profiles(log: EventLog, view: ReadView, usual: Population, progress: Progress) -> Iterator[dict[str, Any]]:
    """Give the profile of every shopper of a log, by id, as values that JSON holds: as `engine profile` tells one.

    Cost: some milliseconds a shopper, and 50 µs an item of theirs.
    """
    now_s = log.find_now_s() or 0.0
    user_ids = log.user_ids()
    for done, user_id in enumerate(user_ids, 1):
        profile = profile_in(log, user_id, view, usual, now_s)
        if profile is not None:  # not erased meanwhile
            yield to_json(profile)
        progress("profiles", done, len(user_ids))


def placed(log: EventLog, view: ReadView, usual: Population) -> SegmentPlacement | None:
    """Return where the shoppers of a log stand, None if the snapshot knows no segments."""
    if usual.space is None or usual.scale is None or not usual.segments:
        return None
    events = EventTable.of(log)
    places = view.rows_of(events.item_ids)
    rows = [row for row in places if row is not None]
    found = iter(usual.goods(view, rows))
    shelf = shelf_of(usual.space, [None if row is None else next(found) for row in places], view, rows)
    acts = Interactions(events.users, events.items, events.types, events.times_s, len(events.user_ids))
    points = usual.scale.to_points(traits_of(acts, shelf, find_now_s(events.times_s)))
    return SegmentPlacement(usual.segments, points, usual.nearest(points))
