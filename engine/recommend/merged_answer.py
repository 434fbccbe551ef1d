"""One answer from the answers of several queries that shared one search."""

from collections.abc import Sequence
from dataclasses import replace

from engine.recommend.interleave import RankedShare, interleave
from engine.recommend.recommend_request import RecommendRequest
from engine.scoring.answer import Answer, Hit, Timings
from engine.search.read_view import ReadView


def merge_hits(
    request: RecommendRequest, answers: Sequence[Answer], shares: Sequence[float], view: ReadView
) -> list[tuple[Hit, int]]:
    """Return the hits of all answers as one list, best first, each with the index of its answer.

    The lists are interleaved, so that no interest is crowded out, and the chosen hits sorted by score. With diversity
    the interleaved order is kept, because diversity has an order of its own.
    """
    groups = view.columns.groups(request.collapse_by) if request.collapse_by and len(answers) > 1 else None

    def key_of(hit: Hit) -> tuple[str, int]:
        group = None if groups is None else groups.get(hit.row)
        return ("row", hit.row) if group is None else ("group", group)

    lists = [RankedShare(answer.hits, share) for answer, share in zip(answers, shares, strict=True)]
    merged = interleave(lists, request.limit, key_of)
    if request.diversity is None:
        merged.sort(key=lambda entry: -entry[0].score)
    return merged


def merge_answers(answers: Sequence[Answer], hits: Sequence[Hit], plan_us: int, score_us: int) -> Answer:
    """Return one answer with these hits, and the plans and timings of all answers combined."""
    plans = [answer.plan for answer in answers]
    timings = [answer.timings for answer in answers]
    return replace(
        answers[0],
        hits=tuple(hits),
        plan=plans[0]._replace(
            nprobe=max(plan.nprobe for plan in plans),
            candidates=sum(plan.candidates for plan in plans),
            expected_recall=min(plan.expected_recall for plan in plans),
        ),
        timings=Timings(
            encode_us=sum(timing.encode_us for timing in timings),
            plan_us=plan_us + sum(timing.plan_us for timing in timings),
            search_us=max(timing.search_us for timing in timings),
            score_us=score_us + sum(timing.score_us for timing in timings),
        ),
        degraded=any(answer.degraded for answer in answers),
    )
