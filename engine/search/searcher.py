"""Answers queries from one snapshot: plans each query, searches every stratum, and builds the answers."""

from collections.abc import Hashable, Sequence
from time import perf_counter_ns
from typing import Any

import numpy as np

from engine.encoders.encoder import Encoder
from engine.errors import DiptychError
from engine.indexes.index import OperatingPoint
from engine.scoring.answer import Answer
from engine.scoring.fusion import EncodedPart, FusedQuery
from engine.scoring.query import ItemPart, Missing, Part, Query, TextPart
from engine.search.answer_builder import AnswerBuilder
from engine.search.depth_planner import MEASURED_K, DepthPlanner
from engine.search.planned_query import PlannedQuery
from engine.search.query_encoder import QueryEncoder
from engine.search.query_planner import QueryPlanner
from engine.search.read_view import ReadView
from engine.search.result_list import ResultList
from engine.search.retriever import Candidates, Retriever
from engine.search.row_selection import RowSelection
from engine.snapshot.snapshot import Snapshot

ALL_CELLS = OperatingPoint(2**20, 1)

# The system maps the pages around a page that is read, about this many bytes at once.
_READAHEAD_BYTES = 65_536

_Groups = dict[tuple[OperatingPoint, int], list[PlannedQuery]]


class Searcher:
    """A snapshot with its encoders, None where it was built without; safe to share between threads.

    Attributes:
        snapshot: The snapshot that is searched.
        encoder: Encodes images and texts.
        text_encoder: Encodes texts for the blocks of a second model.
        planner: Plans queries.
        strategy: How the index of the largest stratum searches when not exact, such as "ivf".
    """

    def __init__(self, snapshot: Snapshot, encoder: Encoder | None, text_encoder: Encoder | None = None) -> None:
        self.snapshot = snapshot
        self.encoder = encoder
        self.text_encoder = text_encoder
        manifest = snapshot.manifest
        self._query_encoder = QueryEncoder(snapshot, encoder, text_encoder)
        self._largest_rows = max((stratum.count for stratum in snapshot.strata), default=0)
        depths = DepthPlanner(manifest.operating_points, manifest.recall_target, self._largest_rows)
        self.planner = QueryPlanner(snapshot, self._query_encoder, depths)
        self.strategy = max(snapshot.strata, key=lambda stratum: stratum.count).index.strategy
        self._answers = AnswerBuilder(snapshot)
        self._retriever = Retriever(ReadView(snapshot), depths, self._largest_rows)

    @property
    def view(self) -> ReadView:
        """What is searched: the snapshot and the changes since. Live updates replace it with a newer view."""
        return self._retriever.view

    @view.setter
    def view(self, view: ReadView) -> None:
        self._retriever = self._retrieve_from(view)

    def search(self, query: Query) -> Answer:
        """Return the best items for a query. Raises InvalidQuery, ItemNotFound with the path of the wrong field."""
        (outcome,) = self.search_many((query,))
        if isinstance(outcome, DiptychError):
            raise outcome
        return outcome

    def search_many(self, queries: Sequence[Query], view: ReadView | None = None) -> list[Answer | DiptychError]:
        """Return an answer or an error for each query, all from one view.

        Queries that need the same depth share one search of each stratum, which makes each a quarter cheaper from
        eight queries on.

        Args:
            queries: Any number of queries.
            view: The view to answer from, of this searcher's snapshot; the current one by default.
        """
        retriever = self._retriever
        if view is not None and view is not retriever.view:
            retriever = self._retrieve_from(view)
        outcomes: list[Answer | DiptychError | None] = [None] * len(queries)
        shared: dict[Hashable, Any] = {}
        groups: _Groups = {}
        for index, query in enumerate(queries):
            try:
                planned = self.planner.plan(index, query, retriever.view, shared)
                if query.flat and (planned.terms is None or planned.terms.are_sparse):
                    groups.setdefault((planned.depth.point, query.limit), []).append(planned)
                elif query.flat and not query.plain:
                    outcomes[index] = self._answer_flat(planned, retriever)
                else:
                    outcomes[index] = self._answer_list(planned, retriever)
            except DiptychError as error:
                outcomes[index] = error
        for (point, limit), group in groups.items():
            for planned, answer in zip(group, self._answer_together(group, limit, point, retriever), strict=True):
                outcomes[planned.position] = answer
        return [outcome for outcome in outcomes if outcome is not None]

    def is_fast(self, query: Query) -> bool:
        """Return whether a query is certain to be answered within about a millisecond, without a model or events."""
        return self.planner.is_fast(query, self.view)

    def warm_up(self) -> None:
        """Answer one item query, one text query if there is a model, map every row, and visit every cell.

        Raises what a caller's query would raise later; mapped files are read from disk here instead of at their first
        use. Cost: 0.2 s for a million rows.
        """
        item = ItemPart(self.snapshot.items.item_id(0))
        searcher = self if self.view.delta is None else Searcher(self.snapshot, self.encoder, self.text_encoder)
        searcher.search(Query((item,)))
        if self.encoder is not None or self.text_encoder is not None:
            searcher.search(Query((TextPart("warm"),)))
        vectors = {block: np.ones(dim, np.float32) for block, dim in self.snapshot.dims.items()}
        everything = FusedQuery(vectors, dict.fromkeys(vectors, 0.0), dict.fromkeys(vectors, 1.0), {}, Missing.NEUTRAL)
        for stratum in self.snapshot.strata:
            step = max(1, _READAHEAD_BYTES // (2 * stratum.layout.width))
            stratum.index.rows(np.arange(0, stratum.count, step))
        self.nearest(everything, MEASURED_K, ALL_CELLS)

    def encode(self, parts: Sequence[Part]) -> list[EncodedPart]:
        """Return each part as one unit vector for each block that it addresses."""
        return self._query_encoder.encode(parts, self.view)

    def fuse(self, query: Query, parts: Sequence[EncodedPart]) -> FusedQuery:
        """Return the query as coefficients of the stored rows, without boosts that the rows do not hold."""
        return self.planner.fuse(query, parts, self.view)

    def nearest(
        self, fused: FusedQuery, limit: int, point: OperatingPoint, selection: RowSelection | None = None
    ) -> Candidates:
        """Return the `limit` best rows of one query over all strata, or of a selection, by inner product alone."""
        return self._retriever.nearest_many((fused,), limit, point, selection)[0]

    def _retrieve_from(self, view: ReadView) -> Retriever:
        return Retriever(view, self.planner.depths, self._largest_rows)

    def _answer_together(
        self, group: Sequence[PlannedQuery], limit: int, point: OperatingPoint, retriever: Retriever
    ) -> list[Answer]:
        """Answer queries of the same depth and limit by one search."""
        started = perf_counter_ns()
        fused, terms = [planned.fused for planned in group], [planned.terms for planned in group]
        found = retriever.nearest_many(fused, limit, point, terms=terms)
        search_us = (perf_counter_ns() - started) // 1000
        return [
            self._answers.from_candidates(planned, best, retriever.view, search_us)
            for planned, best in zip(group, found, strict=True)
        ]

    def _answer_flat(self, planned: PlannedQuery, retriever: Retriever) -> Answer:
        """Answer a query for the best rows as they are, with terms that are added to every row."""
        started = perf_counter_ns()
        found = retriever.best(planned.fused, planned.query.limit, planned.depth, planned.selection, planned.terms)
        search_us = (perf_counter_ns() - started) // 1000
        return self._answers.from_candidates(planned, found, retriever.view, search_us)

    def _answer_list(self, planned: PlannedQuery, retriever: Retriever) -> Answer:
        """Answer a query with a page of its result list."""
        if planned.query.collapse_by:
            retriever.view.columns.fields.check(planned.query.collapse_by, "collapse_by")
        return self._answers.from_list(planned, ResultList(planned, retriever), retriever.view)
