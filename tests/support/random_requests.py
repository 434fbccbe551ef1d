"""Random requests, each with its filter as a tree: everything that SearchRequest can say, but what needs an encoder."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

import numpy as np

from engine.v1 import query_pb2, search_pb2
from tests.support.reference_engine.filters import (
    OPERATORS,
    And,
    Compare,
    Has,
    Leaf,
    Literal,
    Member,
    Node,
    Not,
    Or,
    to_time,
)
from tests.support.reference_engine.ranking import Twin

FEATURES = (
    "item parts",
    "negative weights",
    "parts of no weight",
    "boosts",
    "boosts of the payload",
    "boosts of all shapes",
    "boosts alone",
    "filter",
    "min_score",
    "collapse_by",
    "diversity",
    "pins",
    "facets",
    "pages",
    "read_mask",
    "deep read_mask",
    "recall_target",
)

TEXTS = ("title", "category", "brand", "attributes.color", "product", "sku")
NUMBERS = ("price", "stock", "attributes.weight", "attributes.box.height", "rating", "margin")
TRUTHS = ("in_stock", "attributes.eco")
TIMES = ("released", "updated")
LISTS = ("tags", "sizes")
COUNTED = (*TEXTS, "stock", "rating", "in_stock", "attributes.eco", "released", "tags", "sizes", "mixed")
GROUPED = ("product", "brand", "category", "stock", "in_stock", "tags", "sizes", "attributes.color", "mixed", "sku")
SHOWN = ("title", "price", "tags", "attributes", "attributes.color", "attributes.box.height", "nothing", "in_stock")


@dataclass(frozen=True, slots=True)
class Drawn:
    """A request, its filter as a tree, and how many pages to ask for."""

    request: search_pb2.SearchRequest
    tree: Node | None
    pages: int

    @property
    def exact(self) -> bool:
        """Whether nothing may be missed: asked so, or where boosts alone rank."""
        return self.request.recall_target == 1 or not self.request.parts

    @property
    def kind(self) -> str:
        """What recall may depend on: the number of blocks asked, boosts, a filter."""
        request = self.request
        aimed = {part.block for part in request.parts} | {name for name, w in request.modality_weights.items() if w}
        words = ["boosts alone" if not request.parts else "single" if len(aimed - {""}) == 1 else "fused"]
        words += ["boosted"] * bool(request.parts and request.boosts) + ["filtered"] * bool(request.filter)
        return ", ".join(words)


class Drawing:
    """Draws requests that a twin's goods can answer; only what `features` names is asked for."""

    def __init__(self, twin: Twin, seed: int, features: Sequence[str] = FEATURES) -> None:
        self._twin, self._goods = twin, twin.goods
        self._rng = Random(seed)
        self._features = frozenset(features)
        self._leaves: list[Leaf] = []

    def draw(self) -> Drawn:
        """Return one more request."""
        rng = self._rng
        request = search_pb2.SearchRequest(
            page_size=rng.choice((0, 1, 3, 10, 10, 10, 25, 60)), explain=rng.random() < 0.4
        )
        self._wish(request)
        tree = None
        if self._wants("filter", 0.5):
            tree = self._tree(rng.choice((1, 1, 2, 3)))
            request.filter = tree.text(rng)
        if self._wants("collapse_by", 0.2):
            request.collapse_by = rng.choice(GROUPED)
        if self._wants("diversity", 0.15):
            self._diversify(request)
        if self._wants("facets", 0.15):
            request.facets.extend(rng.sample(COUNTED, rng.randint(1, 3)))
        if self._wants("recall_target", 0.6):
            request.recall_target = rng.choice((0.9, 1.0, 1.0))
        if self._wants("read_mask", 0.15):
            self._mask(request)
        if self._wants("pins", 0.15):
            self._pin(request)
        if self._wants("min_score", 0.15):
            self._limit(request, tree)
        return Drawn(request, tree, rng.choice((2, 3, 10)) if self._wants("pages", 0.2) else 1)

    def _wants(self, feature: str, share: float) -> bool:
        # Drawn whether or not it is on, so that switching one on leaves the other requests much as they were.
        wanted = self._rng.random() < share
        return wanted and feature in self._features

    def _wish(self, request: search_pb2.SearchRequest) -> None:
        """Fill parts, weights, policy and boosts; at least one part speaks to a block that counts."""
        rng = self._rng
        request.missing_modality = rng.choice((0, 1, 2, 3))
        alone = self._wants("boosts alone", 0.06)
        for _ in range(0 if alone else rng.choice((1, 1, 2, 2, 3))):
            request.parts.append(self._part())
        if not alone and rng.random() < 0.35:
            for block in self._goods.dims:
                request.modality_weights[block] = rng.choice((0, 0.2, 0.5, 1, 3))
        if alone or self._wants("boosts", 0.3):
            request.boosts.extend(self._boost() for _ in range(rng.choice((1, 1, 2, 3))))
        if not alone and not self._twin.asks_blocks(request):
            request.ClearField("parts")
            request.ClearField("modality_weights")
            request.ClearField("boosts")
            self._wish(request)

    def _part(self) -> query_pb2.QueryPart:
        rng = self._rng
        part = query_pb2.QueryPart()
        if self._wants("item parts", 0.4):
            part.item_id = rng.choice(self._goods.items).item_id
        else:
            part.vector.values.extend(self._vector())
        if rng.random() < 0.5:
            part.weight = rng.choice((0.3, 0.5, 1, 2.5))
        if self._wants("parts of no weight", 0.05):
            part.weight = 0
        if self._wants("negative weights", 0.15):
            part.weight = -rng.choice((0.3, 0.5, 1))
        if rng.random() < 0.4:
            part.block = rng.choice(self._blocks_of(part))
        return part

    def _blocks_of(self, part: query_pb2.QueryPart) -> list[str]:
        if part.item_id:
            return sorted(self._goods.items[self._goods.rows[part.item_id]].vectors)
        return [block for block, dim in self._goods.dims.items() if dim == len(part.vector.values)]

    def _vector(self) -> list[float]:
        """Return a vector near an item's, now and then one like none, of any length."""
        rng = self._rng
        item = rng.choice(self._goods.items)
        near = item.vectors[rng.choice(sorted(item.vectors))]
        noise = np.array([rng.gauss(0, 1) for _ in near])
        vector = near / np.linalg.norm(near) + rng.choice((0, 0.3, 0.3, 0.6, 0.6, 0.6, 3)) * noise / np.linalg.norm(
            noise
        )
        return (vector * rng.choice((1, 1, 0.01, 40))).astype(np.float32).tolist()

    def _boost(self) -> query_pb2.Boost:
        rng = self._rng
        boost = query_pb2.Boost(field=rng.choice(("rating", "margin")), weight=rng.choice((0.2, 0.5, 1, -0.4, -1, 0)))
        if self._wants("boosts of the payload", 0.5):
            # Where an item has no number nothing is added: a text, a truth.
            boost.field = rng.choice((*NUMBERS, *NUMBERS, *NUMBERS, "mixed", "sizes"))
            boost.weight *= rng.choice((0.01, 0.1, 1))
        if self._wants("boosts of all shapes", 0.5):
            boost.shape = rng.choice((query_pb2.Boost.SHAPE_LINEAR, query_pb2.Boost.SHAPE_LOG1P))
            if rng.random() < 0.5:
                boost.shape = query_pb2.Boost.SHAPE_EXP_DECAY
                boost.origin, boost.scale = rng.choice((0, 3.5, 20)), rng.choice((0.5, 4, 100))
        return boost

    def _diversify(self, request: search_pb2.SearchRequest) -> None:
        rng = self._rng
        request.diversity.SetInParent()
        if rng.random() < 0.6:
            setattr(request.diversity, "lambda", rng.choice((0, 0.2, 0.5, 0.9, 1)))
        if rng.random() < 0.5:
            request.diversity.candidates = rng.choice((1, 5, 30, 200, 2000))

    def _mask(self, request: search_pb2.SearchRequest) -> None:
        rng = self._rng
        shown = SHOWN if "deep read_mask" in self._features else [name for name in SHOWN if "." not in name]
        names = rng.sample(shown, rng.randint(1, 3))
        request.read_mask.paths.extend(["payload"] if rng.random() < 0.1 else [f"payload.{name}" for name in names])

    def _pin(self, request: search_pb2.SearchRequest) -> None:
        rng = self._rng
        for _ in range(rng.choice((1, 1, 2, 4))):
            item_id = rng.choice(self._goods.items).item_id if rng.random() < 0.9 else "no such item"
            if request.pins and rng.random() < 0.1:
                item_id = request.pins[0].item_id
            request.pins.add(item_id=item_id, position=rng.choice((0, 0, 1, 2, 5, 11, 999)))

    def _limit(self, request: search_pb2.SearchRequest, tree: Node | None) -> None:
        """Set a least score that a few, or many, reach, where there is a gap between two scores."""
        ranking = self._twin.rank(request, tree)
        scores = np.sort(ranking.total[ranking.answering])
        if len(scores) < 3:
            request.min_score = 0.0
            return
        place = self._rng.choice((1, len(scores) // 2, max(1, len(scores) - 5), len(scores) - 1))
        gaps = np.diff(scores) > 4 * ranking.close.max()
        below = int(np.argmin(np.where(gaps, np.abs(np.arange(len(gaps)) - place), len(scores))))
        request.min_score = float(scores[below] + scores[below + 1]) / 2 if gaps.any() else float(scores[0]) - 1

    def _tree(self, depth: int) -> Node:
        rng = self._rng
        if depth == 1:
            leaf = self._leaf()
            return Not(leaf) if rng.random() < 0.2 else leaf
        terms = tuple(self._tree(depth - 1) for _ in range(rng.choice((2, 2, 3))))
        node: Node = And(terms) if rng.random() < 0.5 else Or(terms)
        return Not(node) if rng.random() < 0.1 else node

    def _leaf(self) -> Leaf:
        """Return one of the leaves drawn before, which the twin knows already, or a new one."""
        if len(self._leaves) > 50 and self._rng.random() < 0.7:
            return self._rng.choice(self._leaves)
        leaf = self._new_leaf()
        self._leaves.append(leaf)
        return leaf

    def _new_leaf(self) -> Leaf:
        rng = self._rng
        name = rng.choice(rng.choice((TEXTS, TEXTS, NUMBERS, NUMBERS, TRUTHS, TIMES, LISTS, ("mixed",))))
        if rng.random() < 0.08:
            return Has(name)
        literal = self._literal(name)
        if rng.random() < 0.3:
            same = [other for _ in range(rng.randint(0, 3)) if type(other := self._literal(name)) is type(literal)]
            return Member(name, (literal, *same))
        equal = isinstance(literal, bool) or (isinstance(literal, str) and rng.random() < 0.7)
        sign = rng.choice(("=", "!=") if equal else tuple(OPERATORS))
        if isinstance(literal, str) and sign in ("=", "!=") and rng.random() < 0.25:
            literal = self._wild(literal)
        return Compare(name, sign, literal)

    def _literal(self, name: str) -> Literal:
        """Return a value of the field, or one near it that perhaps no item has."""
        rng = self._rng
        value: Any = None
        while value is None:
            found = rng.choice(self._twin.values(name))
            value = rng.choice(found) if found else None
        if name in TIMES:
            return to_time(value) + timedelta(days=rng.choice((0, 0, 0, 1, -30)))
        if isinstance(value, str):
            return value + "x" if rng.random() < 0.1 else value
        if isinstance(value, bool):
            return value
        return value + rng.choice((0, 0, 0, 0.5, -1, 1000))

    def _wild(self, text: str) -> str:
        """Return a pattern that the text fits."""
        rng = self._rng
        start, end = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
        middle = text[start:end].strip("*") or text
        return rng.choice((f"*{text[start:].strip('*')}", f"{text[:end].strip('*') or text}*", f"*{middle}*"))
