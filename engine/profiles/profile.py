"""The profile of a shopper, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.events.event import EventType


@dataclass(frozen=True, slots=True)
class LabelledInterest:
    """An `Interest` as a profile shows it.

    Attributes:
        share: Share of the history, newer events counting more.
        item_ids: The most representative items, best first.
    """

    label: str
    share: float
    item_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Affinity:
    """A value that a shopper prefers. share: of their events.   lift: over the share of all shoppers, 0 if unknown."""

    field: str
    value: str
    share: float
    lift: float


@dataclass(frozen=True, slots=True)
class PriceBand:
    """Quartiles of the prices paid. percentile: the share of the shop's items that cost less than the median."""

    field: str
    low: float
    median: float
    high: float
    percentile: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of similar shoppers. share: of all shoppers."""

    name: str
    description: str
    share: float


@dataclass(frozen=True, slots=True)
class Profile:
    """The profile of one shopper. last_days: age of the last event, in days before the shop's newest event."""

    user_id: str
    event_counts: Mapping[EventType, int]
    first_s: float
    last_s: float
    last_days: float
    interests: tuple[LabelledInterest, ...]
    affinities: tuple[Affinity, ...]
    price_band: PriceBand | None
    segment: Segment | None
    summary: str

    @property
    def event_count(self) -> int:
        """Number of events recorded."""
        return sum(self.event_counts.values())
