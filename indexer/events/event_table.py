"""All events of a log as columns, in order of time."""

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from engine.events.event import EventType

if TYPE_CHECKING:
    from engine.events.event_log import EventLog

TYPES = tuple(EventType)
"""The event types that `types` indexes."""


@dataclass(frozen=True, slots=True)
class EventTable:
    """n events, oldest first.

    Attributes:
        user_ids: Distinct ids, in order of their first event; `item_ids` likewise.
        users: (n,) int32 indices into `user_ids`.
        items: (n,) int32 indices into `item_ids`.
        types: (n,) int8 indices into TYPES.
        times_s: (n,) float64 seconds since 1970, UTC.
        quantities: (n,) int32, at least 1.
    """

    user_ids: list[str]
    item_ids: list[str]
    users: NDArray[np.int32]
    items: NDArray[np.int32]
    types: NDArray[np.int8]
    times_s: NDArray[np.float64]
    quantities: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.users)

    @classmethod
    def from_log(cls, log: "EventLog") -> Self:
        """Return all current events of a log. Cost: 25 bytes an event. Raises what EventLog does."""
        user_indices: dict[str, int] = {}
        item_indices: dict[str, int] = {}
        codes = {kind: code for code, kind in enumerate(TYPES)}
        users, items, types, times_s, quantities = array("i"), array("i"), array("b"), array("d"), array("i")
        for page in log.scan():
            users.extend(user_indices.setdefault(event.user_id, len(user_indices)) for event in page)
            items.extend(item_indices.setdefault(event.item_id, len(item_indices)) for event in page)
            types.extend(codes[event.type] for event in page)
            times_s.extend(event.time_s for event in page)
            quantities.extend(event.quantity for event in page)
        return cls(
            list(user_indices),
            list(item_indices),
            np.array(users, np.int32),
            np.array(items, np.int32),
            np.array(types, np.int8),
            np.array(times_s, np.float64),
            np.array(quantities, np.int32),
        )
