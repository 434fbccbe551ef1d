"""Recommendations: a shopper's history as fused queries, one per interest, and their answers merged into one list.

The queries are those of a search, so filters, boosts, diversity, grouping and explanations work as in a search.
"""

from collections.abc import Sequence
from time import perf_counter_ns
from typing import NamedTuple

from engine.columns.field_roles import TITLES
from engine.errors import DiptychError, InvalidQuery, ItemNotFound, NoEncoder
from engine.events.event import Event
from engine.recommend.history import ItemAffinity, compute_affinities, session_affinities
from engine.recommend.interest_queries import InterestQuery, QueryBuilder
from engine.recommend.merged_answer import merge_answers, merge_hits
from engine.recommend.reason import BOOST_PREFIX, Reason, ReasonBuilder
from engine.recommend.recommend_request import RecommendRequest
from engine.recommend.scoring_weights import DEMAND, ScoringWeights
from engine.recommend.user_vector import UserVector
from engine.scoring.answer import Answer, Hit
from engine.scoring.query import Query, Shape, TastePart
from engine.search.read_view import ReadView
from engine.search.searcher import Searcher


class Recommendations(NamedTuple):
    """The recommended items as the answer of a search, best first, and the reason of each if requested."""

    answer: Answer
    reasons: tuple[Reason, ...]


class Recommender:
    """Recommends items of one searcher; safe to call from any number of threads."""

    def __init__(self, searcher: Searcher, scoring: ScoringWeights | None = None) -> None:
        self.searcher = searcher
        self.scoring = scoring or ScoringWeights()
        self._queries = QueryBuilder(searcher, self.scoring)
        columns = searcher.snapshot.columns.names()
        self._title_field = next((name for name in TITLES if name in columns), "")

    def taste(self, events: Sequence[Event], now_s: float | None = None) -> TastePart | None:
        """Return the taste of a shopper with these events as one query part; None if the snapshot has none of them."""
        return self._user_vector(compute_affinities(events, self.scoring, now_s), self.searcher.view).whole

    def recommend(
        self, request: RecommendRequest, events: Sequence[Event] = (), now_s: float | None = None
    ) -> Recommendations:
        """Return recommendations for the shopper of these events, or for a session; popular items if neither is known.

        Args:
            now_s: The current time; the time of the newest event if None.

        Raises:
            ItemNotFound: A session names items and none exists. Also raises what a search raises; fields are named
                as in a RecommendRequest.
        """
        started = perf_counter_ns()
        view = self.searcher.view
        if request.session:
            affinities = session_affinities(request.liked, request.disliked, self.scoring)
        else:
            affinities = compute_affinities(events, self.scoring, now_s)
        user_vector = self._user_vector(affinities, view)
        if request.session and affinities and not user_vector.items and not request.image:
            kind = "disliked" if affinities[0].weight < 0 else "liked"
            raise ItemNotFound(affinities[0].item_id, f"session.{kind}_item_ids[0]")
        queries = self._queries.build(request, affinities, user_vector, view)
        plan_us = (perf_counter_ns() - started) // 1000
        answers = self._search(request, [entry.query for entry in queries], view)
        started = perf_counter_ns()
        merged = merge_hits(request, answers, [entry.share for entry in queries], view)
        if request.explain or request.reasons:
            merged = [(self._split_demand(hit, request), index) for hit, index in merged]
        reasons = self._build_reasons(request, user_vector, view, merged, queries)
        hits = [hit if request.explain else hit._replace(contributions={}) for hit, _ in merged]
        score_us = (perf_counter_ns() - started) // 1000
        return Recommendations(merge_answers(answers, hits, plan_us, score_us), reasons)

    def _user_vector(self, affinities: Sequence[ItemAffinity], view: ReadView) -> UserVector:
        return UserVector.from_affinities(affinities, view, self._queries.weights, self.scoring)

    def _search(self, request: RecommendRequest, queries: Sequence[Query], view: ReadView) -> list[Answer]:
        answers = []
        for outcome in self.searcher.search_many(queries, view):
            if isinstance(outcome, DiptychError):
                if isinstance(outcome, InvalidQuery | NoEncoder) and outcome.field.startswith("parts["):
                    # The only part that the caller provides is a picture.
                    raise outcome.with_field("session.image" if request.session else "image") from outcome
                raise outcome
            answers.append(outcome)
        return answers

    def _build_reasons(
        self,
        request: RecommendRequest,
        user_vector: UserVector,
        view: ReadView,
        merged: Sequence[tuple[Hit, int]],
        queries: Sequence[InterestQuery],
    ) -> tuple[Reason, ...]:
        if not request.reasons:
            return ()
        weight = self._queries.weight_beside_image(user_vector) if request.image else None
        builder = ReasonBuilder(user_vector, view, self._title_field, weight)
        return tuple(builder.build(hit.row, hit.contributions, queries[index].interest) for hit, index in merged)

    def _split_demand(self, hit: Hit, request: RecommendRequest) -> Hit:
        """Return the hit with the recommender's own demand boost listed as `demand`.

        What the caller's own boost on demand adds stays under the name of a boost.
        """
        key = f"{BOOST_PREFIX}{DEMAND}"
        if not self._queries.has_demand or key not in hit.contributions:
            return hit
        requested = sum(
            boost.weight for boost in request.boosts if boost.field == DEMAND and boost.shape is Shape.LINEAR
        )
        both = requested + self.scoring.demand
        contributions = {name: share for name, share in hit.contributions.items() if name != key}
        share = hit.contributions[key]
        own = share * self.scoring.demand / both if both else 0.0
        contributions[DEMAND] = own
        if requested:
            contributions[key] = share - own
        return hit._replace(contributions=contributions)
