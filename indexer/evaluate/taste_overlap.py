"""Whether shoppers with different tastes get different items, and how personal their lists are.

Compared are pairs of test shoppers that have no item in common and whose tastes are in the least similar tenth of all
pairs. Demand is the same for both, so their lists overlap where demand dominates.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from engine.errors import InvalidSetting
from engine.recommend.reason import largest_contribution
from engine.recommend.recommend_request import Mode, RecommendRequest
from engine.recommend.recommender import Recommendations, Recommender
from engine.recommend.scoring_weights import DEMAND
from engine.scoring.fusion import BEHAVIOUR
from indexer.evaluate.holdout import HoldoutShopper

TOP = 10
_UNLIKE_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class TasteOverlap:
    """The overlap of one mode.

    Attributes:
        pairs: Number of dissimilar pairs.
        overlap: Share of the top ten that a pair has in common.
        items: Number of distinct items in all lists.
        personal: Share of the positive contributions to scores that is not demand.
        demand_first: Share of hits whose largest contribution is demand.
        reasons: Share of hits whose reason names the largest contribution.
    """

    pairs: int
    overlap: float
    items: int
    personal: float
    demand_first: float
    reasons: float

    def to_json(self) -> dict[str, Any]:
        """Return the measurements as JSON values."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def measure_overlap(recommender: Recommender, cases: Sequence[HoldoutShopper], mode: Mode) -> TasteOverlap:
    """Return how much dissimilar shoppers' lists overlap. Raises InvalidSetting if fewer than two have a taste."""
    tastes, known = [], []
    for case in cases:
        taste = recommender.taste(case.known)
        if taste is not None and taste.weight > 0 and BEHAVIOUR in taste.vectors:
            tastes.append(taste.vectors[BEHAVIOUR])
            known.append(case)
    if len(known) < 2:
        raise InvalidSetting(f"expected two shoppers with a taste to compare, got {len(known)}")
    lists = [recommender.recommend(RecommendRequest(mode, limit=TOP, explain=True), case.known) for case in known]
    tops = [{hit.item_id for hit in recommended.answer.hits} for recommended in lists]
    pairs = _unlike_pairs(np.stack(tastes), known)
    return TasteOverlap(
        len(pairs),
        float(np.mean([len(tops[first] & tops[second]) / TOP for first, second in pairs])) if pairs else 0.0,
        len(set().union(*tops)),
        *_shares(lists),
    )


def _unlike_pairs(
    tastes: np.ndarray[Any, np.dtype[np.float32]], cases: Sequence[HoldoutShopper]
) -> list[tuple[int, int]]:
    similarities = tastes @ tastes.T
    first, second = np.triu_indices(len(cases), 1)
    dissimilar = np.flatnonzero(similarities[first, second] <= np.quantile(similarities[first, second], _UNLIKE_SHARE))
    items = [{event.item_id for event in case.known} for case in cases]
    candidates = zip(first[dissimilar].tolist(), second[dissimilar].tolist(), strict=True)
    return [(left, right) for left, right in candidates if items[left].isdisjoint(items[right])]


def _shares(lists: Sequence[Recommendations]) -> tuple[float, float, float]:
    personal, demanded, right = [], [], []
    for recommended in lists:
        for hit, reason in zip(recommended.answer.hits, recommended.reasons, strict=True):
            added = {name: max(0.0, share) for name, share in hit.contributions.items()}
            total = sum(added.values())
            personal.append(1 - added.get(DEMAND, 0.0) / total if total else 0.0)
            demanded.append(largest_contribution(hit.contributions) == DEMAND)
            right.append(reason.contribution == largest_contribution(hit.contributions))
    return float(np.mean(personal)), float(np.mean(demanded)), float(np.mean(right))
