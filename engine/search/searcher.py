"""One snapshot answering queries: parts to vectors, vectors to one fused query, the best rows of every stratum."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from time import perf_counter_ns
from typing import Any

import numpy as np

from engine.encoders.encoder import Encoder
from engine.errors import DiptychError, InvalidQuery
from engine.indexes.index import EXACT, OperatingPoint
from engine.scoring.fusion import BEHAVIOUR, LEXICAL, EncodedPart, FusedQuery, block_weights, check_weight, compose
from engine.scoring.query import (
    Answer,
    Boost,
    Facet,
    Hit,
    ItemPart,
    Missing,
    Page,
    Part,
    Plan,
    Query,
    Shape,
    TextPart,
    Timings,
)
from engine.search.confidence import LOOKED_AT, confidence, look
from engine.search.planner import MEASURED_K, Planner, SearchDepth, is_strong, query_class
from engine.search.query_encoder import QueryEncoder
from engine.search.read_view import ReadView
from engine.search.result_list import PlannedQuery, ResultList, shares_of
from engine.search.retriever import EXACT_STRATEGY, Candidates, Retriever
from engine.search.row_selection import RowSelection
from engine.search.score_terms import ScoreTerms
from engine.snapshot.snapshot import Snapshot

EVERY_CELL = OperatingPoint(2**20, 1)

_MAPPED_AT_ONCE = 65_536


class Searcher:
    """A snapshot with its own encoders (None where it was built without); any number of threads may ask.

    `view` is what is searched: the snapshot, and what changed since. Whoever changes items sets another.
    """

    def __init__(self, snapshot: Snapshot, encoder: Encoder | None, text_encoder: Encoder | None = None) -> None:
        self.snapshot = snapshot
        self.encoder = encoder
        self.text_encoder = text_encoder
        manifest = snapshot.manifest
        self._speaker = QueryEncoder(snapshot, encoder, text_encoder)
        self._blocks = self._speaker.blocks
        self._default_weights = block_weights(_default_weights(snapshot), self._blocks)
        self._part_weights = _part_weights(snapshot)
        self._default_boosts = tuple(Boost(name, weight) for name, weight in manifest.default_boosts.items())
        self._largest_rows = max((stratum.count for stratum in snapshot.strata), default=0)
        self.planner = Planner(manifest.operating_points, manifest.recall_target, self._largest_rows)
        self.strategy = max(snapshot.strata, key=lambda stratum: stratum.count).index.strategy
        self._retriever = Retriever(ReadView(snapshot), self.planner, self._largest_rows)

    @property
    def view(self) -> ReadView:
        """What is searched now."""
        return self._retriever.view

    @view.setter
    def view(self, view: ReadView) -> None:
        self._retriever = Retriever(view, self.planner, self._largest_rows)

    def search(self, query: Query) -> Answer:
        """Return the best items for a query. Raises InvalidQuery, ItemNotFound; the field named is that of the part."""
        (outcome,) = self.search_many((query,))
        if isinstance(outcome, DiptychError):
            raise outcome
        return outcome

    def warm_up(self) -> None:
        """Answer an item, and a text if there is a model, have every row mapped, and look once at every cell.

        What fails here would fail for callers, and mapped files are read from disk as they are first looked at.
        Cost: for a million rows .2 s.
        """
        item = ItemPart(self.snapshot.items.item_id(0))
        searcher = self if self.view.delta is None else Searcher(self.snapshot, self.encoder, self.text_encoder)
        searcher.search(Query((item,)))
        if self.encoder is not None or self.text_encoder is not None:
            searcher.search(Query((TextPart("warm"),)))
        vectors = {block: np.ones(dim, np.float32) for block, dim in self.snapshot.dims.items()}
        everything = FusedQuery(vectors, dict.fromkeys(vectors, 0.0), dict.fromkeys(vectors, 1.0), {}, Missing.NEUTRAL)
        for stratum in self.snapshot.strata:
            # Of mapped rows one in so many bytes: the system maps those around it as well.
            step = max(1, _MAPPED_AT_ONCE // (2 * stratum.layout.width))
            stratum.index.rows(np.arange(0, stratum.count, step))
        self.nearest(everything, MEASURED_K, EVERY_CELL)

    def search_many(self, queries: Sequence[Query], view: ReadView | None = None) -> list[Answer | DiptychError]:
        """Return, for each query, its answer or why there is none; all of them are answered from one view.

        view: the one to answer from, of this searcher's snapshot; by default what is searched now.
        Queries that need the same depth share one search of each stratum, which costs each a quarter less from eight
        queries on.
        """
        retriever = self._retriever
        if view is not None and view is not retriever.view:
            retriever = Retriever(view, self.planner, self._largest_rows)
        outcomes: list[Answer | DiptychError | None] = [None] * len(queries)
        shared: dict[Hashable, Any] = {}
        groups: dict[tuple[OperatingPoint, int], list[PlannedQuery]] = {}
        for place, query in enumerate(queries):
            try:
                asked = self._ask(place, query, retriever.view, shared)
                if query.flat and (asked.additions is None or asked.additions.are_few):
                    groups.setdefault((asked.choice.point, query.limit), []).append(asked)
                elif query.flat and not query.plain:
                    outcomes[place] = self._best(asked, retriever)
                else:
                    outcomes[place] = self._arrange(asked, retriever)
            except DiptychError as error:
                outcomes[place] = error
        for (point, limit), group in groups.items():
            started = perf_counter_ns()
            fused, additions = [asked.fused for asked in group], [asked.additions for asked in group]
            found = retriever.nearest_many(fused, limit, point, additions=additions)
            search_us = (perf_counter_ns() - started) // 1000
            for asked, best in zip(group, found, strict=True):
                outcomes[asked.place] = self._answer(asked, best, retriever.view, search_us)
        return [outcome for outcome in outcomes if outcome is not None]

    def _ask(self, place: int, query: Query, view: ReadView, shared: dict[Hashable, Any]) -> PlannedQuery:
        """Return a query once understood.

        shared: what queries that are asked together have in common, as those of one shopper's interests do: which rows
        may answer, and what is added to them.
        """
        started = perf_counter_ns()
        weights, by_kind = self._weights(query), self._weights_by_kind(query)
        parts = [part for part in self._speaker.speak_query(query, view, weights, by_kind) if part.weight]
        if not (parts or query.boosts or query.anything):
            raise InvalidQuery("expected a part whose weight is not 0, or a boost, got neither", "parts")
        encoded = perf_counter_ns()
        signals, others = self._split(self.boosts_of(query), view)
        fused = compose(parts, weights, self.snapshot.calibration, signals, query.missing, by_kind)
        strong: Mapping[str, float] = {}
        if signals and is_strong(fused, parts):
            strong, fused = signals, replace(fused, boosts={})
        selection = view.select(query.filter)
        if query.lacking:
            selection = view.lacking(selection, query.lacking)
        without = query.without
        if query.among is not None or (without and not query.flat):
            # What is counted over all that may answer needs to know them.
            kept = (query.filter, query.lacking, query.among, without)
            if kept not in shared:
                shared[kept] = view.narrow(selection, query.among, without)
            selection, without = shared[kept], frozenset()
        additions = None
        if others or strong or fused.words or query.again or without or query.matches:
            # What words add depends on the rest of the query.
            spoken = place if fused.words else None
            key = (tuple(others), tuple(strong.items()), id(query.again), without, query.matches, spoken)
            if key not in shared:
                shared[key] = ScoreTerms(view, fused, others, strong, query.again, without, query.matches)
            additions = shared[key]
        choice = self.planner.choose(query_class(fused, parts), query.recall_target, query.budget_ms)
        if all(part.weight < 0 for part in parts):
            # Boosts alone, or the unlikest items: those lie in no cells of their own.
            choice = SearchDepth("", EXACT, 1.0)
        plan_us = (perf_counter_ns() - encoded) // 1000
        return PlannedQuery(place, query, fused, choice, selection, additions, (encoded - started) // 1000, plan_us)

    def _answer(self, asked: PlannedQuery, found: Candidates, view: ReadView, search_us: int) -> Answer:
        started = perf_counter_ns()
        rows = found.rows.tolist()
        named = zip(view.item_ids(rows), found.scores.tolist(), rows, strict=True)
        hits = tuple([Hit(item_id, score, row, {}) for item_id, score, row in named])
        if asked.query.explain:
            hits = tuple(_explained(hit, asked, view) for hit in hits)
        left_out = asked.additions.left_out() if asked.additions else ()
        more = len(hits) == asked.query.limit and view.answers_more(asked.fused, len(hits), left_out)
        plan = _plan(asked, found)
        sure = self._confidence(asked, hits, view)
        score_us = (perf_counter_ns() - started) // 1000
        timings = Timings(asked.encode_us, asked.plan_us, search_us, score_us)
        return Answer(
            hits=hits,
            snapshot=self.snapshot.name,
            plan=plan,
            timings=timings,
            payload=view.payload,
            more=more,
            degraded=asked.choice.degraded,
            confidence=sure,
            no_good_match=self._is_none(sure),
        )

    def _best(self, asked: PlannedQuery, retriever: Retriever) -> Answer:
        """Answer a query of a shopper that wants the best rows as they come, whatever is added to all of them."""
        started = perf_counter_ns()
        found = retriever.best(asked.fused, asked.query.limit, asked.choice, asked.selection, asked.additions)
        return self._answer(asked, found, retriever.view, (perf_counter_ns() - started) // 1000)

    def _arrange(self, asked: PlannedQuery, retriever: Retriever) -> Answer:
        """Answer a query that wants more than the best rows: the list of all hits, as far as its page goes."""
        started = perf_counter_ns()
        query, view = asked.query, retriever.view
        if query.collapse_by:
            view.columns.check(query.collapse_by, "collapse_by")
        listing = ResultList(asked, retriever)
        page = query.page or Page(0, query.limit)
        hits, more = listing.page(page.offset, query.limit)
        answered = tuple(Hit(view.item_id(row), score, row, {}, listing.size_of(row)) for score, row in hits)
        if query.explain:
            answered = tuple(_explained(hit, asked, view) for hit in answered)
        facets = tuple(
            Facet(name, _facet(view, place, name, asked.selection)) for place, name in enumerate(query.facets)
        )
        sure = self._confidence(asked, answered, view) if page.offset == 0 else 0.0
        search_us = listing.took_ns // 1000
        score_us = (perf_counter_ns() - started) // 1000 - search_us
        return Answer(
            hits=answered,
            snapshot=self.snapshot.name,
            plan=_plan(asked, listing.found),
            timings=Timings(asked.encode_us, asked.plan_us, search_us, score_us),
            payload=view.payload,
            facets=facets,
            more=more,
            degraded=asked.choice.degraded,
            confidence=sure,
            no_good_match=self._is_none(sure),
        )

    def _confidence(self, asked: PlannedQuery, hits: Sequence[Hit], view: ReadView) -> float:
        """Return how sure the answer to a query of texts alone is, 0 if that is not measured."""
        record = self.snapshot.manifest.confidence
        # It was learned with the weights of requests that name none.
        usual = not asked.query.modality_weights and not any(part.block for part in asked.query.parts)
        texts = usual and all(isinstance(part, TextPart) and part.weight > 0 for part in asked.query.parts)
        if record is None or not hits or not texts or asked.additions is None or not asked.fused.words:
            return 0.0
        best = ((hit.row, hit.score) for hit in hits[:LOOKED_AT])
        return confidence(record, look(view, asked.fused, asked.additions, best))

    def _is_none(self, sure: float) -> bool:
        record = self.snapshot.manifest.confidence
        return record is not None and 0.0 < sure < record.threshold

    def speak(self, parts: Sequence[Part]) -> list[EncodedPart]:
        """Return each part as one unit vector for each block that it speaks to."""
        return self._speaker.speak(parts, self.view)

    def fuse(self, query: Query, parts: Sequence[EncodedPart]) -> FusedQuery:
        """Return the query as coefficients of the stored rows; boosts that the rows do not hold are left out."""
        signals, _ = self._split(query.boosts, self.view)
        weights, by_kind = self._weights(query), self._weights_by_kind(query)
        return compose(parts, weights, self.snapshot.calibration, signals, query.missing, by_kind)

    def nearest(
        self, fused: FusedQuery, limit: int, point: OperatingPoint, selection: RowSelection | None = None
    ) -> Candidates:
        """Return the `limit` best rows of one query over all strata, or of a selection, by inner product alone."""
        return self._retriever.nearest_many((fused,), limit, point, selection)[0]

    @property
    def default_weights(self) -> Mapping[str, float]:
        """What each block weighs in a query that says nothing of it."""
        return self._default_weights

    @property
    def part_weights(self) -> Mapping[str, Mapping[str, float]]:
        """Kind of part → block → what it weighs in a query that names no weights, where it is not `default_weights`."""
        return self._part_weights

    @property
    def smallest_weight(self) -> float:
        """The least that a block weighs, of those that weigh anything, in a query that names no weights."""
        weights = [*self._default_weights.values(), *(w for own in self._part_weights.values() for w in own.values())]
        return min((weight for weight in weights if weight > 0), default=0.0)

    def weights_of(self, kind: str) -> Mapping[str, float]:
        """Return what each block weighs for a kind of part in a query that says nothing of it."""
        return {**self._default_weights, **self._part_weights.get(kind, {})}

    def boosts_of(self, query: Query) -> tuple[Boost, ...]:
        """Return the boosts that hold for a query: its own, or else, if it has parts, those of the snapshot.

        A boost of weight 0 is one of its own, and so switches the snapshot's off.
        """
        return query.boosts or (self._default_boosts if query.parts else ())

    def _weights(self, query: Query) -> Mapping[str, float]:
        asked = query.modality_weights
        if not asked:
            return self._default_weights
        weights = block_weights(asked, self._blocks)
        if LEXICAL in self._blocks and LEXICAL not in asked:
            # Who weighs vectors says nothing of words: these keep their weight beside the sum of those.
            content = sum(weight for block, weight in weights.items() if block not in (LEXICAL, BEHAVIOUR))
            weights[LEXICAL] = self.weights_of("text")[LEXICAL] * (content or weights.get(BEHAVIOUR, 0.0))
        return weights

    def _weights_by_kind(self, query: Query) -> Mapping[str, Mapping[str, float]]:
        """Return what blocks weigh for kinds of parts; what a query says itself holds for all of them."""
        return {} if query.modality_weights else self._part_weights

    def _split(self, boosts: Sequence[Boost], view: ReadView) -> tuple[dict[str, float], list[Boost]]:
        """Return the weights of the boosts that are coordinates of the index, and the other boosts."""
        signals: dict[str, float] = {}
        others = []
        for place, boost in enumerate(boosts):
            weight = check_weight(boost.weight, f"boosts[{place}].weight")
            if boost.shape is Shape.LINEAR and boost.field in self.snapshot.signals:
                signals[boost.field] = signals.get(boost.field, 0.0) + weight
                continue
            view.columns.check_number(boost.field, f"boosts[{place}].field")
            others.append(boost)
        return signals, others


def _default_weights(snapshot: Snapshot) -> dict[str, float]:
    """Return what blocks weigh in a query that says nothing of it: 1 in sum those of vectors, and beside them others.

    So a query without words scores the same whether the snapshot has a block of words or not, or one of behaviour.
    """
    told = snapshot.manifest.default_weights
    if not told:
        weights = dict.fromkeys(snapshot.dims, 1.0 / len(snapshot.dims))
        return weights if snapshot.lexical is None else {**weights, LEXICAL: 1.0}
    total = sum(weight for block, weight in told.items() if block in snapshot.dims and block != BEHAVIOUR)
    return {block: weight / (total or 1.0) for block, weight in told.items()}


def _part_weights(snapshot: Snapshot) -> dict[str, dict[str, float]]:
    """Return kind of part → block → what it weighs, where the snapshot tells it."""
    told: dict[str, dict[str, float]] = {}
    for record in snapshot.manifest.part_weights:
        told.setdefault(record.part_kind, {})[record.block] = record.weight
    return told


def _facet(view: ReadView, place: int, name: str, selection: RowSelection) -> tuple[tuple[Any, int], ...]:
    view.columns.check(name, f"facets[{place}]")
    return view.facet(name, selection)


def _plan(asked: PlannedQuery, found: Candidates) -> Plan:
    exact = found.strategy in (EXACT_STRATEGY, "")
    return Plan(
        strategy=found.strategy,
        query_class=asked.choice.query_class,
        nprobe=found.nprobe,
        candidates=found.candidates,
        selectivity=asked.selection.selectivity,
        expected_recall=1.0 if exact else asked.choice.expected_recall,
    )


def _explained(hit: Hit, asked: PlannedQuery, view: ReadView) -> Hit:
    shares = shares_of(asked, hit.row, view)
    return Hit(hit.item_id, sum(shares.values()), hit.row, shares, hit.group_size)
