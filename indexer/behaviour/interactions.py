"""Who had to do with what: all events of a log as one matrix of shoppers and items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from engine.events.event import EventType
from engine.events.shop_clock import now_of
from indexer.events.event_table import TYPES, EventTable

NOT_IN_CATALOGUE = -1
"""The place of an item that the catalogue does not have."""


@dataclass(frozen=True, slots=True)
class InteractionMatrix:
    """The events of items that the catalogue has, oldest first.

    users, items: (n,) places among the log's shoppers and the catalogue's items.   types: (n,) places in TYPES.
    counts: (n,) what each event counts, below 0 for what was sent back or disliked.   compute_ages_days: (n,) before now,
    0 for what is newer than that.
    """

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    types: NDArray[np.int8]
    counts: NDArray[np.float64]
    compute_ages_days: NDArray[np.float64]
    shape: tuple[int, int]

    @classmethod
    def of(cls, events: EventTable, item_ids: Sequence[str], counts: Mapping[EventType, float]) -> "InteractionMatrix":
        """Return the events that speak of `item_ids`. counts: what one event of each type counts."""
        places = {item_id: place for place, item_id in enumerate(item_ids)}
        known = np.array([places.get(item_id, NOT_IN_CATALOGUE) for item_id in events.item_ids], np.int64)
        items = known[events.items]
        there = items != NOT_IN_CATALOGUE
        by_type = np.array([counts[kind] for kind in TYPES])
        now_s = now_of(events.times_s)
        return cls(
            users=events.users[there].astype(np.int64),
            items=items[there],
            types=events.types[there],
            counts=by_type[events.types[there]],
            compute_ages_days=np.maximum(now_s - events.times_s[there], 0.0) / 86_400.0,
            shape=(len(events.user_ids), len(item_ids)),
        )

    def liking(self) -> csr_matrix:
        """Return (shoppers, items): the root of what a shopper's events of an item sum to, nothing where below 0.

        Measured beside it: the sum itself is worse for repeats, and whether there was anything at all is worse for what
        a shopper never had.
        """
        summed = csr_matrix((self.counts, (self.users, self.items)), shape=self.shape)
        summed.sum_duplicates()
        summed.data = np.sqrt(np.maximum(summed.data, 0.0))
        summed.eliminate_zeros()
        return summed
