"""Which depth of search a query gets: the cheapest measured one that reaches the recall asked for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.fusion import FusedQuery, SpokenPart
from engine.index import EXACT, OperatingPoint
from engine.manifest import PointRecord

AGREEING = "agreeing"
SINGLE = "single"
COMPOSED = "composed"
BOOSTED = "boosted"
QUERY_CLASSES = (AGREEING, SINGLE, COMPOSED, BOOSTED)
"""One wish for all blocks; one block asked; wishes that may differ by block; any of these with a boost."""

MEASURED_K = 10


@dataclass(frozen=True, slots=True)
class Choice:
    """A depth of search, and the recall@10 that was measured at it."""

    query_class: str
    point: OperatingPoint
    expected_recall: float


def query_class(query: FusedQuery, parts: Sequence[SpokenPart]) -> str:
    """Return which of QUERY_CLASSES a query is of; queries of different classes need different depths."""
    if any(query.boosts.values()):
        return BOOSTED
    if len(query.weights) == 1:
        return SINGLE
    speaks_to_all = all(part.vectors.keys() >= query.weights.keys() for part in parts)
    return AGREEING if len(parts) == 1 and speaks_to_all else COMPOSED


def headroom(recall_target: float) -> float:
    """Return the measured recall to ask for, so that queries which were not measured reach the target as well."""
    return recall_target + (1.0 - recall_target) / 2


class Planner:
    """The measured points of one snapshot, by class, cheapest first."""

    def __init__(self, points: Iterable[PointRecord], recall_target: float) -> None:
        self.recall_target = recall_target
        self._points: dict[str, list[PointRecord]] = {name: [] for name in QUERY_CLASSES}
        for point in sorted(points, key=lambda point: point.microseconds):
            self._points[point.query_class].append(point)

    def choose(self, name: str, recall_target: float | None) -> Choice:
        """Return the cheapest point of a class that reaches the target (None: the snapshot's), exact if none does.

        A target of 1 is a promise, and what was measured on a sample cannot keep it: it is exact.
        """
        if recall_target is not None and recall_target >= 1.0:
            return Choice(name, EXACT, 1.0)
        wanted = headroom(self.recall_target if recall_target is None else recall_target)
        for record in self._points[name]:
            if record.recall >= wanted:
                return Choice(name, record.point, record.recall)
        return Choice(name, EXACT, 1.0)


def at_size(point: OperatingPoint, k: int, rows: int, largest_rows: int) -> OperatingPoint:
    """Return the point for `k` answers out of a stratum of `rows`, measured for 10 out of one of `largest_rows`.

    Cells grow with the root of the rows, so a smaller stratum needs fewer of them for the same share; more answers
    need more cells, or the candidates are not there to be rescored.
    """
    if point.exact or rows <= 2 * k * point.k_factor:
        return EXACT
    share = (rows / largest_rows) ** 0.5 * max(1.0, k / MEASURED_K) ** 0.5
    return OperatingPoint(max(1, round(point.nprobe * share)), point.k_factor)
