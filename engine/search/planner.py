"""How a query is answered: the cheapest measured depth that reaches the recall asked for, or all that may answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log, sqrt

from engine.indexes.index import EXACT, OperatingPoint
from engine.scoring.fusion import EncodedPart, FusedQuery
from engine.snapshot.manifest import PointRecord

AGREEING = "agreeing"
SINGLE = "single"
COMPOSED = "composed"
BOOSTED = "boosted"
FILTERED = "filtered"
QUERY_CLASSES = (AGREEING, SINGLE, COMPOSED, BOOSTED, FILTERED)
"""One wish for all blocks; one block asked; wishes that may differ by block; any of these with a boost up to STRONG;
and any of them among FILTERED_SHARE of the items."""

STRONG = 0.5
"""From here on, in standard deviations of the signal for one of likeness, a boost is not left to the index: its cells
are near to each other in likeness, and what is boosted stands in all of them."""

MEASURED_K = 10

FILTERED_SHARE = 0.1

# Comparing every row that may answer is taken up to this many times the cost of an approximate search: it is sure.
SURE = 1.5

# What a scan of rows costs, in the time that it takes to compare one: to look a row's bit up, and to pick it out.
_PASSED_BY = 0.03
_PICKED_OUT = 2.0


@dataclass(frozen=True, slots=True)
class SearchDepth:
    """A depth of search, the recall@10 and the microseconds that were measured at it.

    deeper: how the depth grows where few items may answer, as the factor of nprobe that one tenth of them needs.
    within: the microseconds that a search may take, None for as many as it needs.
    degraded: whether a deeper one would have been needed for the recall asked for.
    """

    query_class: str
    point: OperatingPoint
    expected_recall: float
    microseconds: float = 0.0
    deeper: float = 1.0
    within: float | None = None
    degraded: bool = False


def query_class(query: FusedQuery, parts: Sequence[EncodedPart]) -> str:
    """Return which of QUERY_CLASSES a query is of; queries of different classes need different depths."""
    if any(query.boosts.values()):
        return BOOSTED
    if any(part.weight < 0 for part in parts):
        return COMPOSED
    if len(query.vectors) == 1:
        return SINGLE
    speaks_to_all = all(part.vectors.keys() >= query.vectors.keys() for part in parts)
    return AGREEING if len(parts) == 1 and speaks_to_all else COMPOSED


def is_strong(query: FusedQuery, parts: Sequence[EncodedPart]) -> bool:
    """Return whether the boosts of a query are more than an index finds the best rows for."""
    likeness = sum(query.weights.values()) * max((abs(part.weight) for part in parts), default=0.0)
    return sum(map(abs, query.boosts.values())) > STRONG * likeness


def headroom(recall_target: float) -> float:
    """Return the measured recall to ask for, so that queries which were not measured reach the target as well."""
    return recall_target + (1.0 - recall_target) / 4


class Planner:
    """The measured points of one snapshot, by class, cheapest first."""

    def __init__(self, points: Sequence[PointRecord], recall_target: float, largest_rows: int) -> None:
        self.recall_target = recall_target
        self._largest_rows = max(1, largest_rows)
        self._points: dict[str, list[PointRecord]] = {name: [] for name in QUERY_CLASSES}
        for point in sorted(points, key=lambda point: point.microseconds):
            self._points[point.query_class].append(point)
        exact = [point.microseconds for point in points if point.point.exact and point.query_class != FILTERED]
        self._row_us = min(exact, default=0.0) / self._largest_rows
        self._usual = {name: self._choose(name, recall_target, None) for name in QUERY_CLASSES}

    def choose(self, name: str, recall_target: float | None, budget_ms: float | None = None) -> SearchDepth:
        """Return the cheapest point of a class that reaches the target (None: the snapshot's), exact if none does.

        A target of 1 is a promise, and what was measured on a sample cannot keep it: it is exact.
        budget_ms: if that point was measured to take longer, the best that does not, or else the cheapest, is taken.
        """
        if recall_target is None and budget_ms is None:
            return self._usual[name]
        return self._choose(name, self.recall_target if recall_target is None else recall_target, budget_ms)

    def _choose(self, name: str, target: float, budget_ms: float | None) -> SearchDepth:
        within = None if budget_ms is None else budget_ms * 1000
        points = self._points[name]
        exact = next((record for record in points if record.point.exact), None)
        exact_us = exact.microseconds if exact is not None else 0.0
        wanted = 1.0 if target >= 1.0 else headroom(target)
        found = None
        if target < 1.0:
            found = next((record for record in points if record.recall >= wanted), None)
        cost = exact_us if found is None else found.microseconds
        degraded = within is not None and cost > within
        if degraded:
            affordable = [record for record in points if record.microseconds <= (within or 0.0)]
            found = max(affordable, key=lambda record: record.recall) if affordable else points[0]
        if found is None or found.point.exact:
            return SearchDepth(name, EXACT, 1.0, exact_us, within=within, degraded=degraded)
        deeper = self._deeper(found.point, wanted)
        return SearchDepth(name, found.point, found.recall, found.microseconds, deeper, within, degraded)

    def depth(self, choice: SearchDepth, k: int, rows: int, matching: int | None = None) -> OperatingPoint:
        """Return the point for `k` answers out of a stratum of `rows`, of which only `matching` may answer if given.

        The choice was measured for 10 answers, in the largest stratum, where all may answer.
        """
        sized = at_size(choice.point, k, rows, self._largest_rows)
        if matching is None or sized.exact:
            return sized
        if matching <= 2 * k * sized.k_factor:
            return EXACT
        share = matching / rows
        # What a tenth needs was measured, and nothing else: between, and below, the factor goes with the root.
        factor = max(1.0, choice.deeper) ** (log(share) / log(FILTERED_SHARE))
        point = OperatingPoint(max(1, round(sized.nprobe * factor)), sized.k_factor)
        index_us = choice.microseconds * rows / self._largest_rows * factor
        if choice.within is None or index_us <= choice.within:
            exact_us = self._row_us * min(_PICKED_OUT * matching, _PASSED_BY * rows + matching)
            return EXACT if exact_us <= SURE * index_us else point
        return OperatingPoint(max(1, round(point.nprobe * choice.within / index_us)), sized.k_factor)

    def _deeper(self, point: OperatingPoint, wanted: float) -> float:
        """Return how many times the cells of a point a search among FILTERED_SHARE of the items needs."""
        unmeasured = 1 / sqrt(FILTERED_SHARE)
        for record in self._points[FILTERED]:
            if record.recall >= wanted and not record.point.exact:
                return max(1.0, record.nprobe / point.nprobe)
        return unmeasured


@lru_cache(maxsize=4096)
def at_size(point: OperatingPoint, k: int, rows: int, largest_rows: int) -> OperatingPoint:
    """Return the point for `k` answers out of a stratum of `rows`, measured for 10 out of one of `largest_rows`.

    Cells grow with the root of the rows, so a smaller stratum needs fewer of them for the same share; more answers
    need more cells, or the candidates are not there to be rescored.
    """
    if point.exact or rows <= 2 * k * point.k_factor:
        return EXACT
    share = (rows / largest_rows) ** 0.5 * max(1.0, k / MEASURED_K) ** 0.5
    return OperatingPoint(max(1, round(point.nprobe * share)), point.k_factor)
