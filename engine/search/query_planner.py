"""Plans queries: encodes the parts, fuses them with the boosts, selects rows, and chooses how deep to search."""

from collections.abc import Hashable, Mapping, MutableMapping, Sequence
from dataclasses import replace
from time import perf_counter_ns
from typing import Any

from engine.errors import InvalidQuery
from engine.indexes.index import EXACT
from engine.scoring.fusion import EncodedPart, FusedQuery, check_weight, compose
from engine.scoring.query import Boost, Query, Shape
from engine.search.block_weights import BlockWeights
from engine.search.depth_planner import DepthPlanner, SearchDepth, is_strong, query_class
from engine.search.fast_path import FastPath
from engine.search.planned_query import PlannedQuery
from engine.search.query_encoder import QueryEncoder
from engine.search.read_view import ReadView
from engine.search.row_selection import RowSelection
from engine.search.score_terms import ScoreTerms
from engine.snapshot.snapshot import Snapshot

Shared = MutableMapping[Hashable, Any]
"""What the queries of one batch share: restricted selections and score terms, by what they depend on."""


class QueryPlanner:
    """Plans the queries of one snapshot; safe to share between threads.

    Attributes:
        weights: What blocks weigh.
        depths: The measured search depths.
    """

    def __init__(self, snapshot: Snapshot, encoder: QueryEncoder, depths: DepthPlanner) -> None:
        self._snapshot = snapshot
        self._encoder = encoder
        self._default_boosts = tuple(Boost(name, weight) for name, weight in snapshot.manifest.default_boosts.items())
        self.depths = depths
        self.weights = BlockWeights(snapshot, encoder.blocks)
        self._fast_path = FastPath(snapshot, depths, self.weights)

    def is_fast(self, query: Query, view: ReadView) -> bool:
        """Return whether planning and searching a query is certain to take a millisecond at most."""
        return self._fast_path.accepts(query, self.effective_boosts(query), view)

    def effective_boosts(self, query: Query) -> tuple[Boost, ...]:
        """Return the boosts of a query, or those of the snapshot if it has parts and no boosts.

        A boost of weight 0 counts as one of the query's own, so it switches the snapshot's off.
        """
        return query.boosts or (self._default_boosts if query.parts else ())

    def fuse(self, query: Query, parts: Sequence[EncodedPart], view: ReadView) -> FusedQuery:
        """Return the coefficients of a query's parts and of its own boosts as far as the stored rows hold them."""
        signals, _ = self._split_boosts(query.boosts, view)
        weights, weights_by_kind = self.weights.for_query(query)
        return compose(parts, weights, self._snapshot.calibration, signals, query.missing, weights_by_kind)

    def plan(self, index: int, query: Query, view: ReadView, shared: Shared) -> PlannedQuery:
        """Return the plan of one query of a batch.

        Args:
            index: Position in the batch.
            query: The query.
            view: What the batch is answered from.
            shared: One mapping for the whole batch, empty at first.

        Raises:
            InvalidQuery: With the path of the wrong field.
            ItemNotFound: If a part names an item that does not exist.
        """
        started = perf_counter_ns()
        weights, weights_by_kind = self.weights.for_query(query)
        encoded = self._encoder.encode_query(query, view, weights, weights_by_kind)
        parts = [part for part in encoded if part.weight]
        if not (parts or query.boosts or query.match_all):
            raise InvalidQuery("expected a part whose weight is not 0, or a boost, got neither", "parts")
        encoded_ns = perf_counter_ns()
        signals, other_boosts = self._split_boosts(self.effective_boosts(query), view)
        fused = compose(parts, weights, self._snapshot.calibration, signals, query.missing, weights_by_kind)
        strong: Mapping[str, float] = {}
        if signals and is_strong(fused, parts):
            strong, fused = signals, replace(fused, boosts={})
        selection, excluded = _select(query, view, shared)
        terms = None
        if other_boosts or strong or fused.words or query.item_boosts or excluded or query.matches:
            # What words add depends on the rest of the query, so a query with words shares its terms with no other.
            owner = index if fused.words else None
            key = (tuple(other_boosts), tuple(strong.items()), query.item_boosts, excluded, query.matches, owner)
            if key not in shared:
                shared[key] = ScoreTerms(view, fused, other_boosts, strong, query.item_boosts, excluded, query.matches)
            terms = shared[key]
        depth = self._choose_depth(query, fused, parts)
        plan_us = (perf_counter_ns() - encoded_ns) // 1000
        return PlannedQuery(index, query, fused, depth, selection, terms, (encoded_ns - started) // 1000, plan_us)

    def _choose_depth(self, query: Query, fused: FusedQuery, parts: Sequence[EncodedPart]) -> SearchDepth:
        depth = self.depths.choose(query_class(fused, parts), query.recall_target, query.budget_ms)
        if all(part.weight < 0 for part in parts):
            # Boosts alone, or the least similar items: those do not lie together in cells.
            return SearchDepth("", EXACT, 1.0)
        return depth

    def _split_boosts(self, boosts: Sequence[Boost], view: ReadView) -> tuple[dict[str, float], list[Boost]]:
        """Return the weights of the boosts that are coordinates of the index, and the other boosts."""
        signals: dict[str, float] = {}
        others = []
        for index, boost in enumerate(boosts):
            weight = check_weight(boost.weight, f"boosts[{index}].weight")
            if boost.shape is Shape.LINEAR and boost.field in self._snapshot.signals:
                signals[boost.field] = signals.get(boost.field, 0.0) + weight
                continue
            view.columns.fields.check_number(boost.field, f"boosts[{index}].field")
            others.append(boost)
        return signals, others


def _select(query: Query, view: ReadView, shared: Shared) -> tuple[RowSelection, frozenset[str]]:
    """Return the rows that may be returned, and the excluded items that the score terms still have to leave out."""
    selection = view.selector.select(query.filter)
    if query.without_block:
        selection = view.selector.without_block(selection, query.without_block)
    if query.included_ids is None and (query.flat or not query.excluded_ids):
        return selection, query.excluded_ids
    # Facets, groups and the like are counted over the selection, so it has to leave out excluded items itself.
    key = (query.filter, query.without_block, query.included_ids, query.excluded_ids)
    if key not in shared:
        shared[key] = view.selector.restrict(selection, query.included_ids, query.excluded_ids)
    return shared[key], frozenset()
