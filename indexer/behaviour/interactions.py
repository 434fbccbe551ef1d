"""All events of a log as one matrix of shoppers and items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from engine.events.event import EventType
from engine.events.shop_clock import find_now_s
from indexer.events.event_table import TYPES, EventTable

NOT_IN_CATALOGUE = -1
"""The index of an item that the catalogue does not have."""


@dataclass(frozen=True, slots=True)
class InteractionMatrix:
    """The events of items in the catalogue, oldest first.

    Attributes:
        users: (n,) indices of the log's shoppers.
        items: (n,) indices of the catalogue's items.
        types: (n,) indices into TYPES.
        counts: (n,) weight of each event, below 0 for returns and dislikes.
        compute_ages_days: (n,) age of each event, 0 for events in the future.
    """

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    types: NDArray[np.int8]
    counts: NDArray[np.float64]
    compute_ages_days: NDArray[np.float64]
    shape: tuple[int, int]

    @classmethod
    def from_events(
        cls, events: EventTable, item_ids: Sequence[str], counts: Mapping[EventType, float]
    ) -> "InteractionMatrix":
        """Return the events of the items `item_ids`. counts: the weight of one event of each type."""
        indices = {item_id: index for index, item_id in enumerate(item_ids)}
        catalogue_items = np.array([indices.get(item_id, NOT_IN_CATALOGUE) for item_id in events.item_ids], np.int64)
        items = catalogue_items[events.items]
        in_catalogue = items != NOT_IN_CATALOGUE
        by_type = np.array([counts[event_type] for event_type in TYPES])
        now_s = find_now_s(events.times_s)
        return cls(
            users=events.users[in_catalogue].astype(np.int64),
            items=items[in_catalogue],
            types=events.types[in_catalogue],
            counts=by_type[events.types[in_catalogue]],
            compute_ages_days=np.maximum(now_s - events.times_s[in_catalogue], 0.0) / 86_400.0,
            shape=(len(events.user_ids), len(item_ids)),
        )

    def to_affinities(self) -> csr_matrix:
        """Return (shoppers, items): the root of the summed weights of a shopper's events, empty where below 0.

        Measured against it: the sum itself is worse for repeats, and a binary matrix is worse for new items.
        """
        summed = csr_matrix((self.counts, (self.users, self.items)), shape=self.shape)
        summed.sum_duplicates()
        summed.data = np.sqrt(np.maximum(summed.data, 0.0))
        summed.eliminate_zeros()
        return summed
