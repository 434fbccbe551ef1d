"""Recommendations: fused queries made of a shopper's taste, one for each interest, and their answers as one list.

`history` knows what a shopper has, `user_vector` what it sums up to. Here it becomes the same query that a search is,
so that filters, boosts, variety, groups and explanations are those of a search.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from math import log2
from time import perf_counter_ns
from typing import NamedTuple

import numpy as np

from engine.columns.field_roles import TITLES
from engine.errors import DiptychError, InvalidQuery, ItemNotFound, NoEncoder
from engine.events.event import Event
from engine.recommend.history import ItemAffinity, liked_now, weigh
from engine.recommend.interleave import RankedShare, interleaved
from engine.recommend.reason import POPULAR, Reason, ReasonBuilder
from engine.recommend.scoring_weights import DEMAND, REPURCHASE, ScoringWeights
from engine.recommend.user_vector import InterestPart, UserVector, block_weights
from engine.scoring.answer import Answer, Hit, Timings
from engine.scoring.fusion import BEHAVIOUR
from engine.scoring.query import (
    NO_ITEM_BOOSTS,
    Boost,
    Diversity,
    ImagePart,
    ItemBoosts,
    Missing,
    Part,
    Query,
    Shape,
    TastePart,
)
from engine.search.read_view import ReadView
from engine.search.searcher import Searcher


class Mode(Enum):
    """Which items come into question."""

    REPEAT = "repeat"
    """Those that the shopper bought and would have again."""
    DISCOVER = "discover"
    """Those that the shopper has not bought."""
    MIXED = "mixed"
    """Both."""


@dataclass(frozen=True, slots=True)
class RecommendRequest:
    """What is asked beside whom it is for; as in a Query.

    session: whether it is somebody unknown, who tells the items `liked` and `disliked` now.   image: a picture's
    bytes, b"" for none.   reasons: whether hits are told with a reason; without, thousands of them are quick to find.
    exclude: items that are not recommended.
    """

    mode: Mode = Mode.MIXED
    session: bool = False
    liked: tuple[str, ...] = ()
    disliked: tuple[str, ...] = ()
    image: bytes = b""
    filter: str = ""
    boosts: tuple[Boost, ...] = ()
    diversity: Diversity | None = None
    collapse_by: str = ""
    limit: int = 10
    explain: bool = False
    recall_target: float | None = None
    reasons: bool = True
    exclude: frozenset[str] = frozenset()


class Recommendations(NamedTuple):
    """The items recommended, best first, in an answer like that of a search; and why each of them is, if asked."""

    answer: Answer
    reasons: tuple[Reason, ...]


class _InterestQuery(NamedTuple):
    """One query, its share of the hits, and the interest that asks, None if the whole taste does."""

    query: Query
    share: float = 1.0
    leaning: InterestPart | None = None


class Recommender:
    """Recommends items of one searcher; any number of threads may ask."""

    def __init__(self, searcher: Searcher, recipe: ScoringWeights | None = None) -> None:
        """recipe: what counts how much; the usual one if left out."""
        self.searcher = searcher
        self.recipe = recipe or ScoringWeights()
        snapshot = searcher.snapshot
        self._weights = block_weights(snapshot.dims, self.recipe)
        self._missing = Missing.NEUTRAL if BEHAVIOUR in snapshot.dims else Missing.RENORMALIZE
        self._has_demand = DEMAND in snapshot.signals
        self._popular = next((name for name in POPULAR if name in snapshot.signals), "")
        self._title = next((name for name in TITLES if name in snapshot.columns.names()), "")

    def taste(self, events: Sequence[Event], now_s: float | None = None) -> TastePart | None:
        """Return what a shopper of these events likes, as one part; None if nothing of it is in the snapshot."""
        had = weigh(events, self.recipe, now_s)
        return UserVector.of(had, self.searcher.view, self._weights, self.recipe).whole

    def recommend(
        self, wish: RecommendRequest, events: Sequence[Event] = (), now_s: float | None = None
    ) -> Recommendations:
        """Return what to recommend to the shopper of these events, or to a session; what is popular if none is known.

        now_s: when now is; the time of the newest event if None.
        Raises ItemNotFound if a session names items and none is there, and what a search does; fields are named as in
        a RecommendRequest.
        """
        started = perf_counter_ns()
        view = self.searcher.view
        had = liked_now(wish.liked, wish.disliked, self.recipe) if wish.session else weigh(events, self.recipe, now_s)
        taste = UserVector.of(had, view, self._weights, self.recipe)
        if wish.session and had and not taste.had and not wish.image:
            kind = "disliked" if had[0].weight < 0 else "liked"
            raise ItemNotFound(had[0].item_id, f"session.{kind}_item_ids[0]")
        asked = self._asked(wish, had, taste, view)
        plan_us = (perf_counter_ns() - started) // 1000
        answers = self._answers(wish, [one.query for one in asked], view)
        started = perf_counter_ns()
        chosen = self._chosen(wish, answers, [one.share for one in asked], view)
        told: tuple[Reason, ...] = ()
        if wish.reasons:
            reasons = ReasonBuilder(taste, view, self._title, self._beside_picture(taste) if wish.image else None)
            told = tuple(reasons.of(hit.row, hit.contributions, asked[place].leaning) for hit, place in chosen)
        hits = [hit if wish.explain else hit._replace(contributions={}) for hit, _ in chosen]
        score_us = (perf_counter_ns() - started) // 1000
        return Recommendations(_together(answers, hits, plan_us, score_us), told)

    def _asked(
        self, wish: RecommendRequest, had: Sequence[ItemAffinity], taste: UserVector, view: ReadView
    ) -> list[_InterestQuery]:
        """Return a query for each interest, or one for the whole taste, a picture or what is popular."""
        base = self._query(wish, had, self._again(taste, view))
        whole = taste.whole
        if wish.image:
            return [_InterestQuery(self._like_picture(wish, base, taste))]
        if whole is None:
            # What is popular, if anybody knows; else any items.
            popular = () if self._has_demand or not self._popular else (Boost(self._popular, 1.0),)
            return [_InterestQuery(replace(base, boosts=base.boosts + popular))]
        asked = [_InterestQuery(replace(base, parts=(whole,)))]
        if len(taste.interests) > 1 and self.recipe.focus:
            asked = [_InterestQuery(replace(base, parts=(one.part,)), one.share, one) for one in taste.interests]
        new = self.recipe.new
        if (
            wish.mode is Mode.DISCOVER
            and new
            and BEHAVIOUR in view.snapshot.dims
            and view.selector.is_missing(BEHAVIOUR)
        ):
            # By score alone they would never come up, for demand outweighs what is known of them.
            asked = [one._replace(share=one.share * (1 - new)) for one in asked]
            asked.append(_InterestQuery(replace(base, parts=(whole,), without_block=BEHAVIOUR), new))
        return asked

    def _query(self, wish: RecommendRequest, had: Sequence[ItemAffinity], wanted: Mapping[str, float]) -> Query:
        """Return all of the query but its parts. wanted: what is added to items that the shopper would have again."""
        recipe = self.recipe
        among: frozenset[str] | None = None
        without = {one.item_id for one in had if one.weight < 0 or wish.session}
        again: Mapping[str, float] = {}
        if wish.mode is Mode.DISCOVER:
            without |= {one.item_id for one in had if one.bought}
        else:
            again = wanted
        if wish.mode is Mode.REPEAT and had:
            among, without = frozenset(again), set()
        boosts = (*wish.boosts, Boost(DEMAND, recipe.demand)) if self._has_demand else wish.boosts
        return Query(
            parts=(),
            modality_weights=self._weights,
            missing=self._missing,
            boosts=boosts,
            limit=wish.limit,
            recall_target=wish.recall_target,
            # The reasons are in the contributions.
            explain=wish.explain or wish.reasons,
            filter=wish.filter,
            diversity=wish.diversity,
            collapse_by=wish.collapse_by,
            item_boosts=ItemBoosts(again),
            included_ids=among,
            excluded_ids=frozenset(without) | wish.exclude,
            match_all=True,
        )

    def _again(self, taste: UserVector, view: ReadView) -> dict[str, float]:
        """Return what is added to each item that the shopper would have again."""
        recipe = self.recipe
        usual = np.zeros(len(taste.rows), np.float32)
        if REPURCHASE in view.snapshot.signals:
            usual = np.float32(recipe.repurchase) * view.reader.signals(taste.rows, REPURCHASE)
        often = [log2(1 + one.fresh) for one in taste.had]
        return {
            one.item_id: recipe.again * times + more * (1 + times) - recipe.rest * one.just_bought
            for one, times, more in zip(taste.had, often, usual.tolist(), strict=True)
            if one.wanted
        }

    def _like_picture(self, wish: RecommendRequest, base: Query, taste: UserVector) -> Query:
        """Return a query of a picture, and of the taste where there is one, each by what the recipe gives it."""
        parts = self._picture_parts(wish.image)
        if taste.whole is not None:
            parts += (replace(taste.whole, weight=self._beside_picture(taste)),)
        # It is the picture that says what is wanted now, not what was bought before.
        return replace(base, parts=parts, item_boosts=NO_ITEM_BOOSTS)

    def _picture_parts(self, image: bytes) -> tuple[Part, ...]:
        """Return a picture as parts of `recipe.picture` in sum, in each block as much as pictures tell there."""
        blocks = [b for b in self.searcher.snapshot.manifest.encoded_blocks if self._weights.get(b, 0.0) > 0]
        by_kind = self.searcher.planner.weights.by_kind
        weights = self._weights if "image" not in by_kind else self.searcher.planner.weights.for_kind("image")
        told = {block: weights[block] for block in blocks if weights[block] > 0}
        if not told or "image" not in by_kind:
            return (ImagePart(image, self.recipe.picture / (sum(told.values()) or 1.0)),)
        share = self.recipe.picture / sum(told.values())
        return tuple(ImagePart(image, share * weight / self._weights[block], block) for block, weight in told.items())

    def _beside_picture(self, taste: UserVector) -> float:
        """Return what the taste weighs in a query of a picture, 0 if nothing is known of it."""
        if taste.whole is None:
            return 0.0
        return taste.whole.weight * self.recipe.in_taste / sum(self._weights[block] for block in taste.whole.vectors)

    def _answers(self, wish: RecommendRequest, queries: Sequence[Query], view: ReadView) -> list[Answer]:
        answers = []
        for outcome in self.searcher.search_many(queries, view):
            if isinstance(outcome, DiptychError):
                if isinstance(outcome, InvalidQuery | NoEncoder) and outcome.field.startswith("parts["):
                    # The only part that the caller gives is a picture.
                    raise outcome.with_field("session.image" if wish.session else "image") from outcome
                raise outcome
            answers.append(outcome)
        return answers

    def _chosen(
        self, wish: RecommendRequest, answers: Sequence[Answer], shares: Sequence[float], view: ReadView
    ) -> list[tuple[Hit, int]]:
        """Return the hits of all answers as one list, each with the place of its answer: the best first.

        Which are on it is decided by turns, so that no interest is crowded out; then they stand by score, unless
        variety is asked for, which has an order of its own. What demand gave a hit is told by that name.
        """
        groups = view.columns.groups(wish.collapse_by) if wish.collapse_by and len(answers) > 1 else None

        def key_of(hit: Hit) -> tuple[str, int]:
            group = None if groups is None else groups.get(hit.row)
            return ("row", hit.row) if group is None else ("group", group)

        lists = [RankedShare(answer.hits, share) for answer, share in zip(answers, shares, strict=True)]
        chosen = interleaved(lists, wish.limit, key_of)
        if wish.diversity is None:
            chosen.sort(key=lambda entry: -entry[0].score)
        return [(self._named(hit, wish), place) for hit, place in chosen] if wish.explain or wish.reasons else chosen

    def _named(self, hit: Hit, wish: RecommendRequest) -> Hit:
        """Return a hit whose demand is no boost, but as much of it as the caller asked for."""
        key = f"boost:{DEMAND}"
        if not self._has_demand or key not in hit.contributions:
            return hit
        asked = sum(one.weight for one in wish.boosts if one.field == DEMAND and one.shape is Shape.LINEAR)
        both = asked + self.recipe.demand
        shares = {name: share for name, share in hit.contributions.items() if name != key}
        share = hit.contributions[key]
        ours = share * self.recipe.demand / both if both else 0.0
        shares[DEMAND] = ours
        if asked:
            shares[key] = share - ours
        return hit._replace(contributions=shares)


def _together(answers: Sequence[Answer], hits: Sequence[Hit], plan_us: int, score_us: int) -> Answer:
    """Return one answer of these hits for those of several queries, which shared one search."""
    plans = [answer.plan for answer in answers]
    times = [answer.timings for answer in answers]
    return replace(
        answers[0],
        hits=tuple(hits),
        plan=plans[0]._replace(
            nprobe=max(plan.nprobe for plan in plans),
            candidates=sum(plan.candidates for plan in plans),
            expected_recall=min(plan.expected_recall for plan in plans),
        ),
        timings=Timings(
            encode_us=sum(one.encode_us for one in times),
            plan_us=plan_us + sum(one.plan_us for one in times),
            search_us=max(one.search_us for one in times),
            score_us=score_us + sum(one.score_us for one in times),
        ),
        degraded=any(answer.degraded for answer in answers),
    )
