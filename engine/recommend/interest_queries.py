"""The fused queries of a recommendation: one per interest, or one for the whole taste, a picture or what is popular."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import log2
from typing import NamedTuple

import numpy as np

from engine.recommend.history import ItemAffinity
from engine.recommend.interests import Interest
from engine.recommend.reason import POPULAR
from engine.recommend.recommend_request import Mode, RecommendRequest
from engine.recommend.scoring_weights import DEMAND, REPURCHASE, ScoringWeights
from engine.recommend.user_vector import UserVector, block_weights
from engine.scoring.fusion import BEHAVIOUR
from engine.scoring.query import NO_ITEM_BOOSTS, Boost, ImagePart, ItemBoosts, Missing, Part, Query
from engine.search.read_view import ReadView
from engine.search.searcher import Searcher


class InterestQuery(NamedTuple):
    """A query, its share of the hits, and the interest it is for, None for the whole taste."""

    query: Query
    share: float = 1.0
    interest: Interest | None = None


class QueryBuilder:
    """Builds the queries of one searcher's recommendations."""

    def __init__(self, searcher: Searcher, scoring: ScoringWeights) -> None:
        snapshot = searcher.snapshot
        self._searcher = searcher
        self._scoring = scoring
        self._missing = Missing.NEUTRAL if BEHAVIOUR in snapshot.dims else Missing.RENORMALIZE
        self._popular = next((name for name in POPULAR if name in snapshot.signals), "")
        self.weights = block_weights(snapshot.dims, scoring)
        self.has_demand = DEMAND in snapshot.signals

    def build(
        self,
        request: RecommendRequest,
        affinities: Sequence[ItemAffinity],
        user_vector: UserVector,
        view: ReadView,
    ) -> list[InterestQuery]:
        """Return the queries of a request; their shares sum to 1.

        affinities: of the whole history, items outside the view included.
        """
        base = self._base_query(request, affinities, self._repeat_bonuses(user_vector, view))
        whole = user_vector.whole
        if request.image:
            return [InterestQuery(self._image_query(request, base, user_vector))]
        if whole is None:
            # The most popular items if there is such a signal, else any items.
            popular = () if self.has_demand or not self._popular else (Boost(self._popular, 1.0),)
            return [InterestQuery(replace(base, boosts=base.boosts + popular))]
        queries = [InterestQuery(replace(base, parts=(whole,)))]
        if len(user_vector.interests) > 1 and self._scoring.focus:
            queries = [
                InterestQuery(replace(base, parts=(user_vector.to_part(interest),)), interest.share, interest)
                for interest in user_vector.interests
            ]
        new = self._scoring.new
        has_new = BEHAVIOUR in view.snapshot.dims and view.selector.is_missing(BEHAVIOUR)
        if request.mode is Mode.DISCOVER and new and has_new:
            # By score alone new items never rank: demand outweighs the little that is known about them.
            queries = [query._replace(share=query.share * (1 - new)) for query in queries]
            queries.append(InterestQuery(replace(base, parts=(whole,), without_block=BEHAVIOUR), new))
        return queries

    def weight_beside_image(self, user_vector: UserVector) -> float:
        """Return the weight of the user vector in a query by picture, 0 without a user vector."""
        if user_vector.whole is None:
            return 0.0
        total = sum(self.weights[block] for block in user_vector.whole.vectors)
        return user_vector.whole.weight * self._scoring.in_taste / total

    def _base_query(
        self, request: RecommendRequest, affinities: Sequence[ItemAffinity], bonuses: Mapping[str, float]
    ) -> Query:
        """Return the query without its parts."""
        included: frozenset[str] | None = None
        excluded = {affinity.item_id for affinity in affinities if affinity.weight < 0 or request.session}
        if request.mode is Mode.DISCOVER:
            excluded |= {affinity.item_id for affinity in affinities if affinity.purchases}
            bonuses = {}
        if request.mode is Mode.REPEAT and affinities:
            included, excluded = frozenset(bonuses), set()
        boosts = (*request.boosts, Boost(DEMAND, self._scoring.demand)) if self.has_demand else request.boosts
        return Query(
            parts=(),
            modality_weights=self.weights,
            missing=self._missing,
            boosts=boosts,
            limit=request.limit,
            recall_target=request.recall_target,
            # Reasons are read from the contributions.
            explain=request.explain or request.reasons,
            filter=request.filter,
            diversity=request.diversity,
            collapse_by=request.collapse_by,
            item_boosts=ItemBoosts(bonuses),
            included_ids=included,
            excluded_ids=frozenset(excluded) | request.exclude,
            match_all=True,
        )

    def _repeat_bonuses(self, user_vector: UserVector, view: ReadView) -> dict[str, float]:
        """Return the score added to each item that the shopper may buy again."""
        scoring = self._scoring
        repurchase = np.zeros(len(user_vector.rows), np.float32)
        if REPURCHASE in view.snapshot.signals:
            repurchase = np.float32(scoring.repurchase) * view.reader.signals(user_vector.rows, REPURCHASE)
        frequencies = [log2(1 + affinity.recent_purchases) for affinity in user_vector.items]
        return {
            affinity.item_id: scoring.again * frequency + more * (1 + frequency) - scoring.rest * affinity.just_bought
            for affinity, frequency, more in zip(user_vector.items, frequencies, repurchase.tolist(), strict=True)
            if affinity.can_repeat
        }

    def _image_query(self, request: RecommendRequest, base: Query, user_vector: UserVector) -> Query:
        """Return a query by picture, with the user vector beside it if there is one."""
        parts = self._image_parts(request.image)
        if user_vector.whole is not None:
            parts += (replace(user_vector.whole, weight=self.weight_beside_image(user_vector)),)
        # The picture says what is wanted now; past purchases do not.
        return replace(base, parts=parts, item_boosts=NO_ITEM_BOOSTS)

    def _image_parts(self, image: bytes) -> tuple[Part, ...]:
        """Return a picture as parts that weigh `scoring.picture` in sum, split by the blocks' weights for pictures."""
        blocks = [b for b in self._searcher.snapshot.manifest.encoded_blocks if self.weights.get(b, 0.0) > 0]
        defaults = self._searcher.planner.weights
        has_image_weights = "image" in defaults.by_kind
        weights = defaults.for_kind("image") if has_image_weights else self.weights
        used = {block: weights[block] for block in blocks if weights[block] > 0}
        if not used or not has_image_weights:
            return (ImagePart(image, self._scoring.picture / (sum(used.values()) or 1.0)),)
        share = self._scoring.picture / sum(used.values())
        return tuple(ImagePart(image, share * weight / self.weights[block], block) for block, weight in used.items())
