"""Answers to queries as plain values that depend on no library and no wire format."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class Hit(NamedTuple):
    """One result.

    Attributes:
        item_id: The item.
        score: Higher is better.
        row: Its row in the view that was searched.
        contributions: What each block and boost adds to the score, which they sum to; empty unless requested.
        group_size: How many items share its value of the field that hits are collapsed by, 0 if they are not.
    """

    item_id: str
    score: float
    row: int
    contributions: Mapping[str, float]
    group_size: int = 0


@dataclass(frozen=True, slots=True)
class Facet:
    """How often each value of a field occurs among the selected items, most frequent first; None is no value."""

    field: str
    values: tuple[tuple[Any, int], ...]


class Plan(NamedTuple):
    """How a query was executed.

    Attributes:
        strategy: "exact", or the name of the index's strategy.
        query_class: The class whose measured depth was used.
        nprobe: Cells visited, 0 without cells.
        candidates: Rows that were compared exactly.
        selectivity: Share of the items that pass the filter, 0 to 1.
        expected_recall: Expected recall@10.
    """

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

    Attributes:
        hits: Best first.
        snapshot: Name of the snapshot that was searched.
        plan: How the query was executed.
        timings: How long each stage took.
        payload: Returns the payload of a hit's row as it was when the query was answered.
        facets: Counts of the requested fields.
        more: Whether further hits follow.
        degraded: Whether the time budget ruled out the depth that the recall target needs.
        confidence: Probability that the hits are a good answer, 0 if it was not measured.
        no_good_match: Whether the confidence is so low that nothing matches.
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
