"""Chooses how deep a query searches: the cheapest measured depth that reaches the recall target, or every row."""

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
"""One part that addresses every block of the query; one block; parts that may differ by block; any of these with a
boost up to STRONG_BOOST; and any of them among FILTERED_SHARE of the items."""

STRONG_BOOST = 0.5
"""From this weight on, in standard deviations of the signal for one of similarity, a boost is not left to the index: an
index groups rows by similarity, and boosted items are spread over all of its cells."""

MEASURED_K = 10

FILTERED_SHARE = 0.1

# An exact search is preferred up to this many times the cost of an approximate one: its recall is certain.
EXACT_PREFERENCE = 1.5

# Costs of an exact filtered search, relative to comparing one row: testing a row's bit, and gathering a row.
_BIT_TEST_COST = 0.03
_GATHER_COST = 2.0


@dataclass(frozen=True, slots=True)
class SearchDepth:
    """A depth of search with the recall@10 and the time that were measured at it.

    Attributes:
        query_class: One of QUERY_CLASSES, "" for a search that is always exact.
        point: The depth in the largest stratum, for ten results and no filter.
        expected_recall: Measured recall@10.
        microseconds: Measured time, 0 if it was not measured.
        filter_factor: Factor of nprobe for a filter that keeps FILTERED_SHARE of the items.
        budget_us: Time that a search may take, None for no limit.
        degraded: Whether the budget ruled out the depth that the recall target needs.
    """

    query_class: str
    point: OperatingPoint
    expected_recall: float
    microseconds: float = 0.0
    filter_factor: float = 1.0
    budget_us: float | None = None
    degraded: bool = False


def query_class(query: FusedQuery, parts: Sequence[EncodedPart]) -> str:
    """Return the class of a query, one of QUERY_CLASSES; queries of different classes need different depths."""
    if any(query.boosts.values()):
        return BOOSTED
    if any(part.weight < 0 for part in parts):
        return COMPOSED
    if len(query.vectors) == 1:
        return SINGLE
    addresses_all = all(part.vectors.keys() >= query.vectors.keys() for part in parts)
    return AGREEING if len(parts) == 1 and addresses_all else COMPOSED


def is_strong(query: FusedQuery, parts: Sequence[EncodedPart]) -> bool:
    """Return whether the boosts of a query are too strong for an index to find the best rows."""
    similarity = sum(query.weights.values()) * max((abs(part.weight) for part in parts), default=0.0)
    return sum(map(abs, query.boosts.values())) > STRONG_BOOST * similarity


def headroom(recall_target: float) -> float:
    """Return the measured recall to require, so that queries which were not measured reach the target as well."""
    return recall_target + (1.0 - recall_target) / 4


class DepthPlanner:
    """The measured depths of one snapshot by query class, cheapest first."""

    def __init__(self, points: Sequence[PointRecord], recall_target: float, largest_rows: int) -> None:
        self.recall_target = recall_target
        self._largest_rows = max(1, largest_rows)
        self._points: dict[str, list[PointRecord]] = {name: [] for name in QUERY_CLASSES}
        for point in sorted(points, key=lambda point: point.microseconds):
            self._points[point.query_class].append(point)
        exact = [point.microseconds for point in points if point.point.exact and point.query_class != FILTERED]
        self._row_us = min(exact, default=0.0) / self._largest_rows
        self._defaults = {name: self._choose(name, recall_target, None) for name in QUERY_CLASSES}

    def choose(self, name: str, recall_target: float | None, budget_ms: float | None = None) -> SearchDepth:
        """Return the cheapest depth of a class that reaches the recall target, exact if none does.

        Args:
            name: A query class.
            recall_target: Required recall@10, None for the snapshot's target. A target of 1 is a promise that a
                measurement on a sample cannot keep, so it is exact.
            budget_ms: If that depth was measured to take longer, the one with the best recall that does not is
                returned, or else the cheapest.
        """
        if recall_target is None and budget_ms is None:
            return self._defaults[name]
        return self._choose(name, self.recall_target if recall_target is None else recall_target, budget_ms)

    def _choose(self, name: str, target: float, budget_ms: float | None) -> SearchDepth:
        budget_us = None if budget_ms is None else budget_ms * 1000
        points = self._points[name]
        exact = next((record for record in points if record.point.exact), None)
        exact_us = exact.microseconds if exact is not None else 0.0
        wanted = 1.0 if target >= 1.0 else headroom(target)
        found = None
        if target < 1.0:
            found = next((record for record in points if record.recall >= wanted), None)
        cost = exact_us if found is None else found.microseconds
        degraded = budget_us is not None and cost > budget_us
        if degraded:
            affordable = [record for record in points if record.microseconds <= (budget_us or 0.0)]
            found = max(affordable, key=lambda record: record.recall) if affordable else points[0]
        if found is None or found.point.exact:
            return SearchDepth(name, EXACT, 1.0, exact_us, budget_us=budget_us, degraded=degraded)
        factor = self._filter_factor(found.point, wanted)
        return SearchDepth(name, found.point, found.recall, found.microseconds, factor, budget_us, degraded)

    def scale(self, depth: SearchDepth, k: int, rows: int, matching: int | None = None) -> OperatingPoint:
        """Return a depth scaled to `k` results from a stratum of `rows` rows.

        Args:
            depth: Measured for ten results, in the largest stratum, without a filter.
            k: Number of results.
            rows: Rows of the stratum.
            matching: How many of them pass the filter, None for no filter.
        """
        sized = at_size(depth.point, k, rows, self._largest_rows)
        if matching is None or sized.exact:
            return sized
        if matching <= 2 * k * sized.k_factor:
            return EXACT
        share = matching / rows
        # Only a filter that keeps a tenth was measured; for other shares the factor is interpolated in the logarithm.
        factor = max(1.0, depth.filter_factor) ** (log(share) / log(FILTERED_SHARE))
        point = OperatingPoint(max(1, round(sized.nprobe * factor)), sized.k_factor)
        index_us = depth.microseconds * rows / self._largest_rows * factor
        if depth.budget_us is None or index_us <= depth.budget_us:
            exact_us = self._row_us * min(_GATHER_COST * matching, _BIT_TEST_COST * rows + matching)
            return EXACT if exact_us <= EXACT_PREFERENCE * index_us else point
        return OperatingPoint(max(1, round(point.nprobe * depth.budget_us / index_us)), sized.k_factor)

    def _filter_factor(self, point: OperatingPoint, wanted: float) -> float:
        """Return how many times the cells of a point a search among FILTERED_SHARE of the items needs."""
        unmeasured = 1 / sqrt(FILTERED_SHARE)
        for record in self._points[FILTERED]:
            if record.recall >= wanted and not record.point.exact:
                return max(1.0, record.nprobe / point.nprobe)
        return unmeasured


@lru_cache(maxsize=4096)
def at_size(point: OperatingPoint, k: int, rows: int, largest_rows: int) -> OperatingPoint:
    """Return the point for `k` results from a stratum of `rows`, given one measured for 10 from one of `largest_rows`.

    The number of cells grows with the square root of the rows, so a smaller stratum needs fewer of them for the same
    share. More results need more cells, or there are not enough candidates to rescore.
    """
    if point.exact or rows <= 2 * k * point.k_factor:
        return EXACT
    share = (rows / largest_rows) ** 0.5 * max(1.0, k / MEASURED_K) ** 0.5
    return OperatingPoint(max(1, round(point.nprobe * share)), point.k_factor)
