"""Who had to do with what: all events of a log as one matrix of shoppers and items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from engine.events.event import EventType
from indexer.events.table import TYPES, EventTable

NOT_SOLD = -1
"""The place of an item that the catalogue does not have."""


@dataclass(frozen=True, slots=True)
class Interactions:
    """The events of items that the catalogue has, oldest first.

    users, items: (n,) places among the log's shoppers and the catalogue's items.   counts: (n,) what each event counts,
    below 0 for what was sent back or disliked.   ages_days: (n,) before the newest event of the log.
    """

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    counts: NDArray[np.float64]
    ages_days: NDArray[np.float64]
    shape: tuple[int, int]

    @classmethod
    def of(cls, events: EventTable, item_ids: Sequence[str], counts: Mapping[EventType, float]) -> "Interactions":
        """Return the events that speak of `item_ids`. counts: what one event of each type counts."""
        places = {item_id: place for place, item_id in enumerate(item_ids)}
        known = np.array([places.get(item_id, NOT_SOLD) for item_id in events.item_ids], np.int64)
        items = known[events.items]
        there = items != NOT_SOLD
        by_type = np.array([counts[kind] for kind in TYPES])
        newest_s = float(events.times_s.max()) if len(events) else 0.0
        return cls(
            users=events.users[there].astype(np.int64),
            items=items[there],
            counts=by_type[events.types[there]],
            ages_days=(newest_s - events.times_s[there]) / 86_400.0,
            shape=(len(events.user_ids), len(item_ids)),
        )

    def liking(self) -> csr_matrix:
        """Return (shoppers, items) from 0 to 1: what a shopper's events of an item sum to, and no more than 1.

        Bought ten times is no more than bought: what was measured so recommends better than sums and logarithms.
        """
        summed = csr_matrix((self.counts, (self.users, self.items)), shape=self.shape)
        summed.sum_duplicates()
        np.clip(summed.data, 0.0, 1.0, out=summed.data)
        summed.eliminate_zeros()
        return summed
