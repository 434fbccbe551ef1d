"""Do shoppers of other tastes get other items, and how much of what they get is theirs?

Of the shoppers tested, pairs are compared who have no item in common and whose tastes are among the tenth of all pairs
that is least alike. Demand is the same for both, so what their lists share is what it brought there.
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
_UNLIKE = 0.1


@dataclass(frozen=True, slots=True)
class TasteOverlap:
    """Of one mode. pairs: how many unlike pairs.   overlap: the share of the top ten that a pair has in common.

    items: how many different items all lists hold.   personal: the share of what adds to scores that is not demand.
    demand_first: the share of hits to which demand adds most.   reasons: the share whose reason names what adds most.
    """

    pairs: int
    overlap: float
    items: int
    personal: float
    demand_first: float
    reasons: float

    def described(self) -> dict[str, Any]:
        """Return the numbers for a program."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def sharing(recommender: Recommender, cases: Sequence[HoldoutShopper], mode: Mode) -> TasteOverlap:
    """Return how much the lists of unlike shoppers share. Raises InvalidSetting if fewer than two have a taste."""
    tastes, known = [], []
    for case in cases:
        taste = recommender.taste(case.known)
        if taste is not None and taste.weight > 0 and BEHAVIOUR in taste.vectors:
            tastes.append(taste.vectors[BEHAVIOUR])
            known.append(case)
    if len(known) < 2:
        raise InvalidSetting(f"expected two shoppers with a taste to compare, got {len(known)}")
    lists = [recommender.recommend(RecommendRequest(mode, limit=TOP, explain=True), case.known) for case in known]
    tops = [{hit.item_id for hit in found.answer.hits} for found in lists]
    pairs = _unlike(np.stack(tastes), known)
    return TasteOverlap(
        len(pairs),
        float(np.mean([len(tops[first] & tops[second]) / TOP for first, second in pairs])) if pairs else 0.0,
        len(set().union(*tops)),
        *_shares(lists),
    )


def _unlike(tastes: np.ndarray[Any, np.dtype[np.float32]], cases: Sequence[HoldoutShopper]) -> list[tuple[int, int]]:
    alike = tastes @ tastes.T
    first, second = np.triu_indices(len(cases), 1)
    unlike = np.flatnonzero(alike[first, second] <= np.quantile(alike[first, second], _UNLIKE))
    items = [{event.item_id for event in case.known} for case in cases]
    found = zip(first[unlike].tolist(), second[unlike].tolist(), strict=True)
    return [(one, other) for one, other in found if items[one].isdisjoint(items[other])]


def _shares(lists: Sequence[Recommendations]) -> tuple[float, float, float]:
    personal, demanded, right = [], [], []
    for found in lists:
        for hit, reason in zip(found.answer.hits, found.reasons, strict=True):
            added = {name: max(0.0, share) for name, share in hit.contributions.items()}
            total = sum(added.values())
            personal.append(1 - added.get(DEMAND, 0.0) / total if total else 0.0)
            demanded.append(largest_contribution(hit.contributions) == DEMAND)
            right.append(reason.contribution == largest_contribution(hit.contributions))
    return float(np.mean(personal)), float(np.mean(demanded)), float(np.mean(right))
