"""The profile of a shopper: what is known of one, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.events.event import EventType


@dataclass(frozen=True, slots=True)
class Interest:
    """One interest. share: of the events, newer ones counting more.   item_ids: those that stand for it, best first."""

    label: str
    share: float
    item_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Affinity:
    """One value of a field that a shopper takes. share: of their events.   lift: over that of all, 0 if not known."""

    field: str
    value: str
    share: float
    lift: float


@dataclass(frozen=True, slots=True)
class PriceBand:
    """Quartiles of what was bought. percentile: the share of the shop's items that cost less than the median."""

    field: str
    low: float
    median: float
    high: float
    percentile: float


@dataclass(frozen=True, slots=True)
class Segment:
    """Shoppers who are alike. share: of all shoppers."""

    name: str
    description: str
    share: float


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a shopper. last_days: before the newest event of all shoppers."""

    user_id: str
    event_counts: Mapping[EventType, int]
    first_s: float
    last_s: float
    last_days: float
    interests: tuple[Interest, ...]
    affinities: tuple[Affinity, ...]
    price_band: PriceBand | None
    segment: Segment | None
    summary: str

    @property
    def event_count(self) -> int:
        """How many events are kept."""
        return sum(self.event_counts.values())
