"""Turns the rows that a search found into an answer: hits with ids and contributions, plan, timings, confidence."""

from collections.abc import Sequence
from time import perf_counter_ns
from typing import Any

from engine.scoring.answer import Answer, Facet, Hit, Plan, Timings
from engine.scoring.fusion import FusedQuery, stratum_scale
from engine.scoring.query import Page, TextPart
from engine.search.confidence import MAX_HITS, collect_evidence, confidence
from engine.search.planned_query import PlannedQuery
from engine.search.read_view import ReadView
from engine.search.result_list import ResultList, get_contributions
from engine.search.retriever import Candidates
from engine.search.stratum_search import EXACT_STRATEGY
from engine.snapshot.snapshot import Snapshot


class AnswerBuilder:
    """Builds the answers of one snapshot; safe to share between threads."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def from_candidates(self, planned: PlannedQuery, candidates: Candidates, view: ReadView, search_us: int) -> Answer:
        """Return the answer whose hits are the best rows as they were found."""
        started = perf_counter_ns()
        rows = candidates.rows.tolist()
        scored = zip(view.items.item_ids(rows), candidates.scores.tolist(), rows, strict=True)
        hits = tuple([Hit(item_id, score, row, {}) for item_id, score, row in scored])
        excluded = planned.terms.count_excluded() if planned.terms else ()
        more = len(hits) == planned.query.limit and _has_more(view, planned.fused, len(hits), excluded)
        return self._build(planned, candidates, view, hits, started, search_us, more)

    def from_list(self, planned: PlannedQuery, results: ResultList, view: ReadView) -> Answer:
        """Return the answer that is one page of a list, with groups, facets and pins."""
        started = perf_counter_ns()
        query = planned.query
        page = query.page or Page(0, query.limit)
        scored, more = results.page(page.offset, query.limit)
        hits = tuple(Hit(view.item_id(row), score, row, {}, results.group_size(row)) for score, row in scored)
        facets = tuple(Facet(name, _count(view, index, name, planned)) for index, name in enumerate(query.facets))
        search_us = results.search_ns // 1000
        started += search_us * 1000
        return self._build(planned, results.found, view, hits, started, search_us, more, facets)

    def _build(
        self,
        planned: PlannedQuery,
        candidates: Candidates,
        view: ReadView,
        hits: tuple[Hit, ...],
        started_ns: int,
        search_us: int,
        more: bool,
        facets: tuple[Facet, ...] = (),
    ) -> Answer:
        if planned.query.explain:
            hits = tuple(_explain(hit, planned, view) for hit in hits)
        page = planned.query.page
        sure = self._compute_confidence(planned, hits, view) if page is None or page.offset == 0 else 0.0
        record = self._snapshot.manifest.confidence
        plan = _to_plan(planned, candidates)
        score_us = (perf_counter_ns() - started_ns) // 1000
        return Answer(
            hits=hits,
            snapshot=self._snapshot.name,
            plan=plan,
            timings=Timings(planned.encode_us, planned.plan_us, search_us, score_us),
            payload=view.items.payload,
            facets=facets,
            more=more,
            degraded=planned.depth.degraded,
            confidence=sure,
            no_good_match=record is not None and 0.0 < sure < record.threshold,
        )

    def _compute_confidence(self, planned: PlannedQuery, hits: Sequence[Hit], view: ReadView) -> float:
        """Return the confidence of the answer to a query of texts alone, 0 if it is not measured."""
        record = self._snapshot.manifest.confidence
        if record is None or not hits or planned.terms is None or not planned.fused.words:
            return 0.0
        # The model was trained with the weights of queries that name none.
        query = planned.query
        if query.modality_weights or any(
            part.block or not isinstance(part, TextPart) or part.weight <= 0 for part in query.parts
        ):
            return 0.0
        best = ((hit.row, hit.score) for hit in hits[:MAX_HITS])
        return confidence(record, collect_evidence(view, planned.fused, planned.terms, best))


def _has_more(view: ReadView, query: FusedQuery, count: int, excluded: Sequence[int]) -> bool:
    """Return whether more than `count` rows have a score at all. excluded: rows of each stratum that do not."""
    for index, (stratum, row_filter) in enumerate(zip(view.strata, view.everything.rows, strict=True)):
        if stratum_scale(query, stratum.blocks) is not None:
            count -= stratum.count if row_filter is None else row_filter.count
            count += excluded[index] if excluded else 0
            if count < 0:
                return True
    return False


def _count(view: ReadView, index: int, name: str, planned: PlannedQuery) -> tuple[tuple[Any, int], ...]:
    view.columns.fields.check(name, f"facets[{index}]")
    return view.columns.facet(name, planned.selection)


def _to_plan(planned: PlannedQuery, candidates: Candidates) -> Plan:
    exact = candidates.strategy in (EXACT_STRATEGY, "")
    return Plan(
        strategy=candidates.strategy,
        query_class=planned.depth.query_class,
        nprobe=candidates.nprobe,
        candidates=candidates.candidates,
        selectivity=planned.selection.selectivity,
        expected_recall=1.0 if exact else planned.depth.expected_recall,
    )


def _explain(hit: Hit, planned: PlannedQuery, view: ReadView) -> Hit:
    contributions = get_contributions(planned, hit.row, view)
    return Hit(hit.item_id, sum(contributions.values()), hit.row, contributions, hit.group_size)
