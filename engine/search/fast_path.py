"""Which queries are certain to be fast: their depth was measured at a millisecond at most, and nothing else is slow.

A server answers these without handing them to a worker thread.
"""

from collections.abc import Sequence

from engine.scoring.query import Boost, Query, Shape
from engine.search.block_weights import BlockWeights
from engine.search.depth_planner import (
    AGREEING,
    BOOSTED,
    COMPOSED,
    MEASURED_K,
    QUERY_CLASSES,
    SINGLE,
    STRONG_BOOST,
    DepthPlanner,
)
from engine.search.read_view import ReadView
from engine.snapshot.snapshot import Snapshot

MAX_FAST_US = 1_000

# A search over this many changed rows takes 50 µs; with a larger share of the snapshot hidden it may have to go deeper.
MAX_CHANGED_ROWS = 1_000
MAX_HIDDEN_SHARE = 0.05

_UNBOOSTED = frozenset({AGREEING, SINGLE, COMPOSED})


class FastPath:
    """The queries of one snapshot that were measured to be fast; none on any device but the CPU."""

    def __init__(self, snapshot: Snapshot, depths: DepthPlanner, weights: BlockWeights) -> None:
        self._signals = frozenset(snapshot.signals)
        self._weights = weights
        self._max_hidden = MAX_HIDDEN_SHARE * len(snapshot)
        measured = {point.query_class for point in snapshot.manifest.operating_points}
        # A depth that was not measured takes 0 µs, which says nothing.
        slow = {name for name in measured if not 0 < depths.choose(name, None).microseconds <= MAX_FAST_US}
        self._classes = frozenset(QUERY_CLASSES) - slow if snapshot.device == "cpu" else frozenset()

    def accepts(self, query: Query, boosts: Sequence[Boost], view: ReadView) -> bool:
        """Return whether the search of a query is certain to be fast. boosts: those in effect, defaults included."""
        if query.limit > MEASURED_K or query.recall_target is not None or query.explain or not query.plain:
            return False
        if query.needs_encoder or query.needs_events or all(part.weight <= 0 for part in query.parts):
            return False
        if not self._is_little_changed(view):
            return False
        if not boosts:
            return self._classes >= _UNBOOSTED
        in_index = all(boost.shape is Shape.LINEAR and boost.field in self._signals for boost in boosts)
        return in_index and BOOSTED in self._classes and self._is_weak(query, boosts)

    def _is_little_changed(self, view: ReadView) -> bool:
        """Return whether the changes since the snapshot, which are compared row by row, hardly cost anything."""
        delta = view.delta
        return delta is None or (delta.row_count <= MAX_CHANGED_ROWS and delta.hidden_count <= self._max_hidden)

    def _is_weak(self, query: Query, boosts: Sequence[Boost]) -> bool:
        """Return whether the boosts are certain to be left to the index."""
        if query.modality_weights or any(part.block or part.weight < 1 for part in query.parts):
            # It then depends on the blocks that the parts address, which only the full plan computes.
            return False
        # A part may address one block out of several.
        return sum(abs(boost.weight) for boost in boosts) <= STRONG_BOOST * self._weights.smallest
