"""What a request means, computed for every item from the formula alone: who may answer, who does, and with what score.

score(item) = sum_b sum_p v_pb * w_p * (<q_p, x_b> - mean) / std  over the blocks asked that the item has
            + boosts                                              (mean, std: of the part's kind and the block)

v_pb is the weight that the request gives to the block, or else what the snapshot gives it for the part's kind, or else,
and for a part that is aimed at a block, the same for all blocks.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from math import exp, log1p
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.v1 import query_pb2, search_pb2
from tests.support.reference_engine.filters import And, Node, Not, Or, elements, kind_of, value_of
from tests.support.reference_engine.goods import Goods

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]

CLOSE = 1e-4
CLOSE_SIGNAL = 2**-11
CLOSE_NUMBER = 1e-6
"""How far a term may be off, as a share of it."""

_RENORMALIZE = (query_pb2.MISSING_MODALITY_UNSPECIFIED, query_pb2.MISSING_MODALITY_RENORMALIZE)


@dataclass(frozen=True, slots=True)
class Part:
    """One wish as the formula sees it: its unit vector for each block it speaks to."""

    kind: str
    weight: float
    vectors: dict[str, Scores]
    aimed: bool


@dataclass(frozen=True)
class Ranking:
    """Every item's score, by row. `contributions` sum to it."""

    matching: Flags
    """Items that pass the filter."""
    answering: Flags
    """Those of them that are an answer by the policy."""
    total: Scores
    contributions: dict[str, Scores]
    weights: dict[str, float]
    """What each block asked weighs over all parts."""
    close: Scores
    """By how much each score may be off."""


@dataclass
class Twin:
    """Goods that can be asked. Answers that several requests share are kept: masks of filters, numbers of fields."""

    goods: Goods
    _masks: dict[str, Flags] = field(default_factory=dict)
    _numbers: dict[str, Scores] = field(default_factory=dict)
    _values: dict[str, list[Sequence[Any]]] = field(default_factory=dict)
    _keys: dict[str, list[Any]] = field(default_factory=dict)
    _counted: dict[str, list[Collection[Any]]] = field(default_factory=dict)

    def rank(self, request: search_pb2.SearchRequest, tree: Node | None) -> Ranking:
        """Return what every item gets; `tree` is the request's filter."""
        goods, count = self.goods, len(self.goods)
        parts = [self._part(part) for part in request.parts]
        weights = self._weights(request, parts)
        contributions = {
            block: sum(
                (
                    self._weigh(request, part, block) * self._spoken(part, block)
                    for part in parts
                    if block in part.vectors
                ),
                start=np.zeros(count),
            )
            for block in weights
        }
        has = np.array([goods.present[block] for block in weights]).reshape(len(weights), count)
        answering = np.ones(count, np.bool_)
        if weights and request.missing_modality in _RENORMALIZE:
            asked = np.array(list(weights.values()))
            there = asked @ has
            answering = there > 0
            growth = asked.sum() / np.where(answering, there, 1)
            contributions = {block: scores * growth for block, scores in contributions.items()}
        elif weights and request.missing_modality == query_pb2.MISSING_MODALITY_DROP:
            answering = has.all(axis=0)
        # A pinned item that is no answer has its boosts alone.
        contributions = {block: np.where(answering, scores, 0) for block, scores in contributions.items()}
        for boost in request.boosts:
            key = f"boost:{boost.field}"
            contributions[key] = contributions.get(key, np.zeros(count)) + boost.weight * self._boosted(boost)
        matching = np.ones(count, np.bool_) if tree is None else self.mask(tree)
        total = sum(contributions.values(), start=np.zeros(count))
        return Ranking(
            matching, matching & answering, total, contributions, weights, self._close(request, parts, weights)
        )

    def _close(self, request: search_pb2.SearchRequest, parts: Sequence[Part], weights: dict[str, float]) -> Scores:
        """Return how far an item's score may be off: vectors and signals are kept in float16, sums in float32."""
        usual = self.goods.calibration.similarities
        similarity = sum(
            self._weigh(request, part, block) * abs(part.weight) / usual[part.kind, block].std
            for part in parts
            for block in part.vectors.keys() & weights.keys()
        )
        close = np.full(len(self.goods), CLOSE * max(1.0, similarity))
        for boost in request.boosts:
            kept = CLOSE_SIGNAL if boost.field in self.goods.calibration.signals else CLOSE_NUMBER
            close += kept * np.abs(boost.weight * self._boosted(boost))
        return close

    def asks_blocks(self, request: search_pb2.SearchRequest) -> bool:
        """Tell whether any part speaks to a block that counts."""
        return bool(self._weights(request, [self._part(part) for part in request.parts]))

    def mask(self, tree: Node) -> Flags:
        """Return which items pass a filter."""
        if isinstance(tree, And):
            return np.logical_and.reduce([self.mask(term) for term in tree.terms])
        if isinstance(tree, Or):
            return np.logical_or.reduce([self.mask(term) for term in tree.terms])
        if isinstance(tree, Not):
            return ~self.mask(tree.term)
        # By what it says, since true equals 1.
        if repr(tree) not in self._masks:
            self._masks[repr(tree)] = np.array([tree.holds(values) for values in self.values(tree.field)])
        return self._masks[repr(tree)]

    def values(self, name: str) -> list[Sequence[Any]]:
        """Return, for each item, what a field holds: the elements of a list, else one value or none."""
        if name not in self._values:
            self._values[name] = [elements(value_of(item.payload, name)) for item in self.goods.items]
        return self._values[name]

    def keys(self, name: str) -> list[Any]:
        """Return, for each item, something that is equal for equal values of a field; None where it has none."""
        if name not in self._keys:
            self._keys[name] = [key_of(value_of(item.payload, name)) for item in self.goods.items]
        return self._keys[name]

    def facet(self, name: str, matching: Flags) -> Counter[Any]:
        """Return how many of the matching items have each value of a field, None for those that have none."""
        if name not in self._counted:
            self._counted[name] = [{*map(key_of, values)} or [None] for values in self.values(name)]
        counts: Counter[Any] = Counter()
        for row in np.flatnonzero(matching):
            counts.update(self._counted[name][row])
        return counts

    def similarity(self, ranking: Ranking, row: int) -> Scores:
        """Return how alike each item is to one, over the blocks asked that both have."""
        above, below = np.zeros(len(self.goods)), np.zeros(len(self.goods))
        for block, weight in ranking.weights.items():
            present, vectors = self.goods.present[block], self.goods.vectors[block]
            if present[row]:
                above += weight * present * (vectors @ vectors[row])
                below += weight * present
        return np.divide(above, below, out=np.zeros(len(self.goods)), where=below > 0)

    def _part(self, part: query_pb2.QueryPart) -> Part:
        weight = part.weight if part.HasField("weight") else 1.0
        if part.WhichOneof("content") == "item_id":
            kind, row = "item", self.goods.rows[part.item_id]
            vectors = {
                block: self.goods.vectors[block][row] for block in self.goods.dims if self.goods.present[block][row]
            }
        else:
            kind, values = "vector", np.array(part.vector.values, np.float64)
            unit = values / np.linalg.norm(values)
            vectors = {block: unit for block, dim in self.goods.dims.items() if dim == len(unit)}
        spoken = {block: vector for block, vector in vectors.items() if part.block in ("", block)}
        return Part(kind, weight, spoken, aimed=bool(part.block))

    def _weights(self, request: search_pb2.SearchRequest, parts: Sequence[Part]) -> dict[str, float]:
        """Return what each block asked weighs: the weight of all parts, or their mean by |w_p| where kinds differ."""
        counting = [part for part in parts if part.weight]
        weights = {}
        for block in self.goods.dims:
            given = [(part, self._weigh(request, part, block)) for part in counting if block in part.vectors]
            if any(weight > 0 for _, weight in given):
                weights[block] = max(weight for _, weight in given)
                if not request.modality_weights and any(self._is_learnt(part) for part in counting):
                    total = sum(abs(part.weight) for part in counting)
                    weights[block] = sum(abs(part.weight) * weight for part, weight in given) / total
        return weights

    def _is_learnt(self, part: Part) -> bool:
        return part.kind in self.goods.part_weights and not part.aimed

    def _weigh(self, request: search_pb2.SearchRequest, part: Part, block: str) -> float:
        if request.modality_weights:
            return request.modality_weights.get(block, 0.0)
        if self._is_learnt(part):
            return self.goods.part_weights[part.kind][block]
        return 1 / len(self.goods.dims)

    def _spoken(self, part: Part, block: str) -> Scores:
        usual = self.goods.calibration.similarities[part.kind, block]
        cosines = self.goods.vectors[block] @ part.vectors[block]
        return np.where(self.goods.present[block], part.weight * (cosines - usual.mean) / usual.std, 0)

    def _boosted(self, boost: query_pb2.Boost) -> Scores:
        raw = self._raw(boost.field)
        if boost.shape == query_pb2.Boost.SHAPE_LOG1P:
            values = [log1p(max(value, 0.0)) for value in raw]
        elif boost.shape == query_pb2.Boost.SHAPE_EXP_DECAY:
            values = [exp(-abs(value - boost.origin) / boost.scale) for value in raw]
        elif boost.field in self.goods.calibration.signals:
            usual = self.goods.calibration.signals[boost.field]
            values = [(value - usual.mean) / usual.std for value in raw]
        else:
            values = list(raw)
        return np.where(np.isnan(raw), 0, values)

    def _raw(self, name: str) -> Scores:
        """Return the numbers of a field, NaN where there is none."""
        if name not in self._numbers:
            # Of a list the first number counts.
            numbers = [
                next((value for value in values if kind_of(value) == "number"), np.nan) for values in self.values(name)
            ]
            self._numbers[name] = np.array(numbers, np.float64)
        return self._numbers[name]


def key_of(value: Any) -> Any:
    """Return what is equal for equal values of a payload: true is not 1, and 1 is 1.0. None stays None."""
    if isinstance(value, list):
        return ("list", *map(key_of, value))
    return None if value is None else (kind_of(value), value)
