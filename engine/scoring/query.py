"""Queries as plain values that depend on no library and no wire format."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TextPart:
    """A text; it addresses every block that the snapshot's encoders made, and the lexical block.

    Attributes:
        text: The text.
        weight: Factor of what the part adds to a score; negative for less of it.
        block: The only block that the part addresses, "" for every block it can.
    """

    text: str
    weight: float = 1.0
    block: str = ""


@dataclass(frozen=True, slots=True)
class ImagePart:
    """An encoded image; it addresses every block that the snapshot's encoder made.

    Attributes:
        data: The bytes of an image file.
        weight: As for a text.
        block: As for a text.
        change: Text that modifies the image, "" for none; `engine.composition` rewrites such a part before the search.
    """

    data: bytes
    weight: float = 1.0
    block: str = ""
    change: str = ""


@dataclass(frozen=True, slots=True)
class ItemPart:
    """A stored item; each of its blocks addresses the same block of the other items.

    Attributes:
        item_id: The item.
        weight: As for a text.
        block: As for a text.
        change: As for an image.
    """

    item_id: str
    weight: float = 1.0
    block: str = ""
    change: str = ""


@dataclass(frozen=True, slots=True)
class VectorPart:
    """A vector of the caller, of any length but zero; it addresses every block of its dimension."""

    values: Vector
    weight: float = 1.0
    block: str = ""


@dataclass(frozen=True, slots=True)
class TastePart:
    """A shopper's taste: a unit vector for each block that it addresses."""

    vectors: Mapping[str, Vector]
    weight: float = 1.0
    block: str = ""


@dataclass(frozen=True, slots=True)
class UserPart:
    """A shopper by id; the server replaces it with their taste, computed from their events, before the search."""

    user_id: str
    weight: float = 1.0
    block: str = ""


Part = TextPart | ImagePart | ItemPart | VectorPart | TastePart | UserPart


class Missing(Enum):
    """How an item is scored in a block that it does not have."""

    RENORMALIZE = "renormalize"
    """The weights of its other blocks grow to the sum of all; an item with none of the query's blocks is dropped."""
    NEUTRAL = "neutral"
    """Like an average item: zero."""
    DROP = "drop"
    """The item is dropped unless it has every block of the query."""


class Shape(Enum):
    """How a boosted value is transformed before it is added."""

    LINEAR = "linear"
    """The standardised signal, or the number of the payload."""
    LOG1P = "log1p"
    """ln(1 + value), where values below zero count as zero."""
    EXP_DECAY = "exp_decay"
    """exp(-|value - origin| / scale)."""


@dataclass(frozen=True, slots=True)
class Boost:
    """Adds `weight` times a signal, or a number of the payload, to the score; nothing for an item without it."""

    field: str
    weight: float
    shape: Shape = Shape.LINEAR
    origin: float = 0.0
    scale: float = 0.0


@dataclass(frozen=True, slots=True)
class Match:
    """Adds `weight` times the share of an item's value in a field; nothing for an item without any of the values.

    Attributes:
        field: Path of the field.
        weight: Factor of the share.
        shares: (value, share) pairs, each value once, each share at most 1; of several values of an item the largest
            share counts.
    """

    field: str
    weight: float
    shares: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Pin:
    """An item at a fixed position of the whole list, counted from 0, whatever its score."""

    item_id: str
    position: int


@dataclass(frozen=True, slots=True)
class Diversity:
    """Diversification by maximal marginal relevance.

    Attributes:
        share: How much the score counts, 0 to 1; dissimilarity to the hits before counts the rest.
        candidates: How many of the best hits are reordered, 0 for ten pages of them up to 1,000.
    """

    share: float = 0.7
    candidates: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page begins, and how the pages before it were made, so that this one continues them.

    Attributes:
        offset: Number of hits on the pages before.
        window: Number of hits that the first page asked for.
        shown: Rows of the pages before, where another search might find others.
    """

    offset: int
    window: int
    shown: tuple[int, ...] = ()


class ItemBoosts(Mapping[str, float]):
    """An immutable, hashable map from item_id to what is added to its score."""

    __slots__ = ("_boosts", "_hash")

    def __init__(self, boosts: Mapping[str, float]) -> None:
        self._boosts = dict(boosts)
        # Computed once: the queries of one recommendation share these boosts, which may be hundreds.
        self._hash = hash(frozenset(self._boosts.items()))

    def __getitem__(self, item_id: str) -> float:
        return self._boosts[item_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._boosts)

    def __len__(self) -> int:
        return len(self._boosts)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, ItemBoosts) and self._boosts == other._boosts)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"ItemBoosts({self._boosts})"


NO_ITEM_BOOSTS = ItemBoosts({})


@dataclass(frozen=True, slots=True)
class Query:
    """One search.

    Attributes:
        parts: What the hits should be like.
        modality_weights: Block → weight; a block of vectors that is left out weighs 0, the lexical block keeps its
            weight. Empty for the weights of the snapshot, which may differ by kind of part.
        missing: How items are scored in blocks that they lack.
        boosts: Empty for those of the snapshot.
        limit: Maximum number of hits.
        recall_target: Required recall@10, None for that of the snapshot.
        explain: Whether hits have contributions.
        filter: Only items that pass it are returned, "" for all.
        pins: Items at fixed positions.
        diversity: None for none.
        collapse_by: Field whose values hits are grouped by, "" for no groups.
        facets: Fields whose values are counted.
        min_score: Hits below it are left out, None for no minimum.
        budget_ms: Time that the search may take, None for no limit.
        page: None for the first page.
        item_boosts: What is added to the score of single items, such as those a shopper bought before.
        included_ids: The only items that may be returned, None for all.
        excluded_ids: Items that are not returned.
        without_block: Only items without this block are returned, "" for all.
        match_all: Whether a query without parts and boosts returns any items instead of being rejected.
        matches: Field values that add to the score.
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
    item_boosts: ItemBoosts = NO_ITEM_BOOSTS
    included_ids: frozenset[str] | None = None
    excluded_ids: frozenset[str] = frozenset()
    without_block: str = ""
    match_all: bool = False
    matches: tuple[Match, ...] = ()

    @property
    def needs_encoder(self) -> bool:
        """Whether a model has to run before the query can be searched."""
        return any(
            isinstance(part, TextPart | ImagePart) or (isinstance(part, ItemPart) and part.change)
            for part in self.parts
        )

    @property
    def needs_events(self) -> bool:
        """Whether a shopper's events have to be read before the query can be searched."""
        return any(isinstance(part, UserPart) for part in self.parts)

    @property
    def plain(self) -> bool:
        """Whether a single search for the best rows answers the query, with nothing before or after it."""
        return self.flat and not (self.item_boosts or self.excluded_ids or self.matches)

    @property
    def flat(self) -> bool:
        """Whether the best rows as they are answer the query, apart from item boosts, exclusions and field matches."""
        return not (
            self.filter
            or self.pins
            or self.collapse_by
            or self.facets
            or self.diversity is not None
            or self.min_score is not None
            or self.page is not None
            or self.included_ids is not None
            or self.without_block
            or not self.parts
        )
