"""One snapshot that is ready to serve."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.scoring.query import Answer, Boost, Query, Shape
from engine.search.planner import AGREEING, BOOSTED, COMPOSED, MEASURED_K, QUERY_CLASSES, SINGLE, STRONG
from engine.search.searcher import Searcher
from engine.server.snapshot_overlay import SnapshotOverlay
from engine.snapshot.snapshot import Snapshot
from engine.v1 import index_pb2

# Simple queries that were measured to take less run on the event loop.
QUICK_US = 1000

# This many changed rows take 50 µs; with a larger share of hidden rows, a search may have to look deeper.
QUICK_ROWS = 1_000
QUICK_HIDDEN = 0.05

_UNBOOSTED = frozenset({AGREEING, SINGLE, COMPOSED})

SearchObserver = Callable[[Searcher, Query, Answer, int, int], None]
"""Called for every answer with its searcher and query, and the microseconds that parsing and the whole call took."""


@dataclass(frozen=True, slots=True)
class ServedSnapshot:
    """One snapshot that is ready to serve.

    Attributes:
        searcher: Searches it.
        index: Its description for clients.
        quick: Query classes that were measured to take well below a millisecond.
        overlay: The live changes applied to it.
        observer: Called for every answer.
    """

    searcher: Searcher
    index: index_pb2.Index
    quick: frozenset[str]
    overlay: SnapshotOverlay
    observer: SearchObserver | None = None

    def is_quick(self, query: Query) -> bool:
        """Return whether the search for a query without an encoder is certain to be short."""
        if query.limit > MEASURED_K or query.recall_target is not None or query.explain or not query.plain:
            return False
        if all(part.weight <= 0 for part in query.parts) or not self._has_few_changes:
            return False
        boosts = self.searcher.boosts_of(query)
        if not boosts:
            return self.quick >= _UNBOOSTED
        signals = self.searcher.snapshot.signals
        linear = all(boost.shape is Shape.LINEAR and boost.field in signals for boost in boosts)
        return linear and BOOSTED in self.quick and _is_weak(query, boosts, self.searcher.smallest_weight)

    @property
    def _has_few_changes(self) -> bool:
        """Whether live changes, which are compared row by row, barely slow down a search."""
        delta = self.searcher.view.delta
        return delta is None or (
            delta.row_count <= QUICK_ROWS and delta.hidden_count <= QUICK_HIDDEN * len(self.searcher.snapshot)
        )

    def observe(self, query: Query, answer: Answer, parse_us: int, total_us: int) -> None:
        """Report an answer of this searcher to the observer. Cost: a few microseconds."""
        if self.observer is not None:
            self.observer(self.searcher, query, answer, parse_us, total_us)

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot."""
        return self.searcher.snapshot

    @property
    def name(self) -> str:
        """Name of the snapshot."""
        return self.searcher.snapshot.name


def _is_weak(query: Query, boosts: Sequence[Boost], smallest_weight: float) -> bool:
    """Return whether the boosts are certain to be left to the index."""
    if query.modality_weights or any(part.block or part.weight < 1 for part in query.parts):
        # Then it depends on the blocks of the parts, which only the searcher knows.
        return False
    # A part may apply to a single block.
    return sum(abs(boost.weight) for boost in boosts) <= STRONG * smallest_weight


def find_quick_classes(searcher: Searcher) -> frozenset[str]:
    """Return the query classes that take at most QUICK_US at their measured depth, or that cannot occur."""
    measured = {point.query_class for point in searcher.snapshot.manifest.operating_points}
    # A depth without a measurement has 0 µs.
    slow = {name for name in measured if not 0 < searcher.planner.choose(name, None).microseconds <= QUICK_US}
    return frozenset(QUERY_CLASSES) - slow
