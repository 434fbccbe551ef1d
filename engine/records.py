"""What a query asks and what an answer tells, as plain values that know no library and no wire format."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TextPart:
    """Words; they speak to every block that the snapshot's encoder made."""

    text: str
    weight: float = 1.0
    block: str = ""


@dataclass(frozen=True, slots=True)
class ImagePart:
    """A picture's bytes; it speaks to every block that the snapshot's encoder made."""

    data: bytes
    weight: float = 1.0
    block: str = ""


@dataclass(frozen=True, slots=True)
class ItemPart:
    """A stored item; each of its blocks speaks to the same block of the others."""

    item_id: str
    weight: float = 1.0
    block: str = ""


@dataclass(frozen=True, slots=True)
class VectorPart:
    """A vector of the caller's own, of any length but zero; it speaks to every block of its dimension."""

    values: Vector
    weight: float = 1.0
    block: str = ""


Part = TextPart | ImagePart | ItemPart | VectorPart


class Missing(Enum):
    """What an item counts for in a block that it does not have."""

    RENORMALIZE = "renormalize"
    """The weights of the blocks it has grow to the sum of all asked; an item with none of them is no answer."""
    NEUTRAL = "neutral"
    """As much as an average item: zero."""
    DROP = "drop"
    """It is no answer unless it has every block asked."""


@dataclass(frozen=True, slots=True)
class Boost:
    """Add `weight` times the item's standardised signal to its score; an item without it gets nothing added."""

    signal: str
    weight: float


@dataclass(frozen=True, slots=True)
class Query:
    """One search. Blocks that `modality_weights` leaves out weigh 0; if it is empty all weigh the same, 1 in sum."""

    parts: tuple[Part, ...]
    modality_weights: Mapping[str, float] = field(default_factory=dict)
    missing: Missing = Missing.RENORMALIZE
    boosts: tuple[Boost, ...] = ()
    limit: int = 10
    recall_target: float | None = None
    explain: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer. `row` is its place in the snapshot; contributions are empty unless asked, and sum to the score."""

    item_id: str
    score: float
    row: int
    contributions: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a query was answered: strategy "exact" or the index's name, and what recall@10 to expect of it."""

    strategy: str
    query_class: str
    nprobe: int
    candidates: int
    selectivity: float
    expected_recall: float


@dataclass(frozen=True, slots=True)
class Timings:
    """Wall time of each stage of one query, in microseconds."""

    encode_us: int
    plan_us: int
    search_us: int
    score_us: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The hits of one query, best first, and how they were found."""

    hits: tuple[Hit, ...]
    snapshot: str
    plan: Plan
    timings: Timings
