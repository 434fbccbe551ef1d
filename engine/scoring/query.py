"""What a query asks and what an answer tells, as plain values that know no library and no wire format."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

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
    """A picture's bytes; it speaks to every block that the snapshot's encoder made.

    change: text that changes it, "" for none; `engine.composition` rewrites such a part before the query is searched.
    """

    data: bytes
    weight: float = 1.0
    block: str = ""
    change: str = ""


@dataclass(frozen=True, slots=True)
class ItemPart:
    """A stored item; each of its blocks speaks to the same block of the others. change: as of a picture."""

    item_id: str
    weight: float = 1.0
    block: str = ""
    change: str = ""


@dataclass(frozen=True, slots=True)
class VectorPart:
    """A vector of the caller's own, of any length but zero; it speaks to every block of its dimension."""

    values: Vector
    weight: float = 1.0
    block: str = ""


@dataclass(frozen=True, slots=True)
class TastePart:
    """What somebody likes: a unit vector for each block that it speaks to."""

    vectors: Mapping[str, Vector]
    weight: float = 1.0
    block: str = ""


@dataclass(frozen=True, slots=True)
class UserPart:
    """A shopper by their id; whoever knows their events says their taste in its place before the query is asked."""

    user_id: str
    weight: float = 1.0
    block: str = ""


Part = TextPart | ImagePart | ItemPart | VectorPart | TastePart | UserPart


class Missing(Enum):
    """What an item counts for in a block that it does not have."""

    RENORMALIZE = "renormalize"
    """The weights of the blocks it has grow to the sum of all asked; an item with none of them is no answer."""
    NEUTRAL = "neutral"
    """As much as an average item: zero."""
    DROP = "drop"
    """It is no answer unless it has every block asked."""


class Shape(Enum):
    """How a boosted value turns into what is added."""

    LINEAR = "linear"
    """The standardised signal itself, or the number of the payload."""
    LOG1P = "log1p"
    """ln(1 + value), values below zero counting as zero."""
    EXP_DECAY = "exp_decay"
    """exp(-|value - origin| / scale)."""


@dataclass(frozen=True, slots=True)
class Boost:
    """Add `weight` times a signal, or a number of the payload, to the score; an item without it gets nothing added."""

    field: str
    weight: float
    shape: Shape = Shape.LINEAR
    origin: float = 0.0
    scale: float = 0.0


@dataclass(frozen=True, slots=True)
class Match:
    """Add `weight` times the share of an item's value in a field; an item without any of the values gets nothing.

    shares: (value, share) pairs, each value once, each share at most 1; of an item's several values the largest counts.
    """

    field: str
    weight: float
    shares: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Pin:
    """An item that stands at a place of the whole list, counted from 0, whatever its score."""

    item_id: str
    position: int


@dataclass(frozen=True, slots=True)
class Diversity:
    """Variety by maximal marginal relevance among the best `candidates`, 0 for ten pages of them up to 1,000.

    share: how much the score counts; unlikeness to the hits before counts the rest.
    """

    share: float = 0.7
    candidates: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page begins, and how the pages before it were made, so that this one goes on where they ended.

    window: how many hits the first page asked for.   shown: its rows, where another search might find others.
    """

    offset: int
    window: int
    shown: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """One search. Blocks of vectors that `modality_weights` leaves out weigh 0; words stay, unless it names them.

    If it is empty blocks weigh what the snapshot says, for each kind of part.

    again: item_id → what is added to its score, for who asks had it before.
    among: the only items that may answer, None for all of them.   without: items that may not.
    matches: values of fields that add to the score.
    lacking: a block that items which may answer do not have, "" if it does not matter.
    anything: whether a query that wishes for nothing is answered, by any items, and not refused.
    """

    parts: tuple[Part, ...]
    modality_weights: Mapping[str, float] = field(default_factory=dict)
    missing: Missing = Missing.RENORMALIZE
    boosts: tuple[Boost, ...] = ()
    limit: int = 10
    recall_target: float | None = None
    explain: bool = False
    filter: str = ""
    pins: tuple[Pin, ...] = ()
    diversity: Diversity | None = None
    collapse_by: str = ""
    facets: tuple[str, ...] = ()
    min_score: float | None = None
    budget_ms: float | None = None
    page: Page | None = None
    again: Mapping[str, float] = field(default_factory=dict)
    among: frozenset[str] | None = None
    without: frozenset[str] = frozenset()
    lacking: str = ""
    anything: bool = False
    matches: tuple[Match, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether one search for the best rows, and nothing after it, answers the query."""
        return self.flat and not (self.again or self.without or self.matches)

    @property
    def flat(self) -> bool:
        """Whether the best rows as they come, but for those known to who asks, answer the query."""
        return not (
            self.filter
            or self.pins
            or self.collapse_by
            or self.facets
            or self.diversity is not None
            or self.min_score is not None
            or self.page is not None
            or self.among is not None
            or self.lacking
            or not self.parts
        )


class Hit(NamedTuple):
    """One answer. `row` is its place in what was searched; contributions are empty unless asked, and sum to the score.

    group_size: how many items share its value of what hits were collapsed by; 0 if they were not.
    """

    item_id: str
    score: float
    row: int
    contributions: Mapping[str, float]
    group_size: int = 0


@dataclass(frozen=True, slots=True)
class Facet:
    """How often each value of a field occurs among the items that may answer, the commonest first; None: no value."""

    field: str
    values: tuple[tuple[Any, int], ...]


class Plan(NamedTuple):
    """How a query was answered: strategy "exact" or the index's name, and what recall@10 to expect of it."""

    strategy: str
    query_class: str
    nprobe: int
    candidates: int
    selectivity: float
    expected_recall: float


class Timings(NamedTuple):
    """Wall time of each stage of one query, in microseconds."""

    encode_us: int
    plan_us: int
    search_us: int
    score_us: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The hits of one query, best first, and how they were found.

    payload: gives the payload of a hit's row, as it was when the query was answered.   more: whether hits follow.
    degraded: whether the recall asked for was given up for the sake of the time allowed.
    confidence: the probability that the hits are a good answer, 0 if that was not measured.   no_good_match: whether
    it is so low that nothing matched.
    """

    hits: tuple[Hit, ...]
    snapshot: str
    plan: Plan
    timings: Timings
    payload: Callable[[int], bytes]
    facets: tuple[Facet, ...] = ()
    more: bool = False
    degraded: bool = False
    confidence: float = 0.0
    no_good_match: bool = False
