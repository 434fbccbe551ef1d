"""Queries that carry a taste, what was had before, and items to keep to or to leave out, against slow sums in numpy."""

from collections.abc import Mapping
from dataclasses import replace
from math import log1p
from pathlib import Path

import numpy as np
import pytest

from engine.catalog.payload import to_bytes
from engine.errors import DimensionMismatch, InvalidQuery, NotSupported, UnknownBlock
from engine.scoring.answer import Answer
from engine.scoring.query import Boost, ItemBoosts, Missing, Query, Shape, TastePart, UserPart, Vector, VectorPart
from engine.scoring.vectors import to_unit
from engine.search.read_view import ReadView
from engine.search.score_terms import AGAIN
from engine.search.searcher import Searcher
from engine.snapshot.snapshot import open_snapshot
from engine.snapshot.store import Store
from engine.updates.delta import Delta
from engine.updates.ingest import PreparedItem
from tests.support.reference_engine.goods import Goods, build_goods, draw

pytestmark = pytest.mark.long

COUNT = 1_200
DIMS = {"image": 32, "text": 32}
LIVE = 40


class Shop:
    """An engine over drawn goods, the largest stratum of which has cells and 4-bit codes, and the goods themselves."""

    def __init__(self, root: Path) -> None:
        self.goods, manifest = build_goods(root, draw(COUNT, DIMS, seed=21), DIMS, "IVF16,PQ36x4fs")
        self.searcher = Searcher(open_snapshot(Store(root / "store"), manifest.snapshot), None)

    def change(self) -> Goods:
        """Replace some goods, remove others and add new ones, in the engine and in what this returns."""
        fresh = draw(LIVE, DIMS, seed=22)
        ids = [*(f"item-{number}" for number in range(0, LIVE, 2)), *(f"new-{number}" for number in range(LIVE // 2))]
        fresh = [replace(good, item_id=item_id) for good, item_id in zip(fresh, ids, strict=True)]
        gone = [f"item-{number}" for number in range(100, 130)]
        signals = self.searcher.snapshot.signals
        arrivals: dict[str, PreparedItem | None] = {
            good.item_id: PreparedItem(
                good.item_id,
                to_bytes(good.payload),
                (),
                {block: to_unit(vector).astype(np.float16) for block, vector in good.vectors.items()},
                tuple(float(good.payload.get(name, np.nan)) for name in signals),
            )
            for good in fresh
        }
        delta = Delta.begin(self.searcher.snapshot).apply([*arrivals.items(), *((one, None) for one in gone)], 1)
        self.searcher.view = ReadView(self.searcher.snapshot, delta)
        return self.goods.changed(fresh, gone)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Goods as they were built."""
    return Shop(tmp_path_factory.mktemp("taste"))


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Shop, Goods]:
    """Goods of which some were replaced, removed and added since."""
    shop = Shop(tmp_path_factory.mktemp("changed"))
    return shop, shop.change()


def twin(goods: Goods, query: Query) -> dict[str, float]:
    """Return the score of every item that may answer a query of tastes and vectors, block by block and part by part."""
    weights = dict(query.modality_weights) or dict.fromkeys(DIMS, 0.5)
    asked = [block for block in DIMS if any(block in vectors_of(part) for part in query.parts) and weights.get(block)]
    scores = {}
    for row, good in enumerate(goods.items):
        there = [block for block in asked if goods.present[block][row]]
        if not there or good.item_id in query.excluded_ids:
            continue
        if query.included_ids is not None and good.item_id not in query.included_ids:
            continue
        score = 0.0
        for block in there:
            for part in query.parts:
                if block in vectors_of(part):
                    usual = goods.calibration.of("user" if isinstance(part, TastePart) else "vector", block)
                    cosine = float(vectors_of(part)[block] @ goods.vectors[block][row])
                    score += weights[block] * part.weight * (cosine - usual.mean) / usual.std
        score *= sum(weights[block] for block in asked) / sum(weights[block] for block in there)
        for boost in query.boosts:
            number = good.payload.get(boost.field)
            if number is not None and boost.shape is Shape.LOG1P:
                score += boost.weight * log1p(number)
            elif number is not None:
                usual = goods.calibration.signals[boost.field]
                score += boost.weight * (number - usual.mean) / usual.std
        scores[good.item_id] = score + query.item_boosts.get(good.item_id, 0.0)
    return scores


def vectors_of(part: object) -> Mapping[str, Vector]:
    if isinstance(part, TastePart):
        return part.vectors
    assert isinstance(part, VectorPart)
    return {block: to_unit(part.values) for block in ([part.block] if part.block else DIMS)}


def taste(goods: Goods, seed: int, weight: float = 1.0) -> TastePart:
    """Return the mean of a few goods that lie near each other, as somebody who bought them would have it."""
    first = int(np.random.default_rng(seed).integers(len(goods)))
    vectors = {}
    for block in DIMS:
        near = np.argsort(-(goods.vectors[block] @ goods.vectors[block][first]))[:6]
        if goods.vectors[block][near].any():
            vectors[block] = to_unit(goods.vectors[block][near].sum(axis=0))
    return TastePart(vectors, weight)


def drawn(goods: Goods, seed: int) -> Query:
    """Draw a query: a taste or two, some items that were had before, some to leave out, now and then boosts."""
    rng = np.random.default_rng(seed)
    part = taste(goods, seed)
    near = sorted(twin(goods, Query((part,))).items(), key=lambda scored: -scored[1])
    known = [item_id for item_id, _ in near[:30]] + [good.item_id for good in rng.choice(goods.items, 20)] + ["gone"]
    rng.shuffle(known)
    again = dict(zip(known[:20], rng.normal(0.5, 1.5, 20).tolist(), strict=True)) if seed % 3 else {}
    boosts = [(), (Boost("rating", 0.2),), (Boost("rating", 3.0),), (Boost("price", -0.3, Shape.LOG1P),)][seed % 4]
    return Query(
        parts=(part, VectorPart(goods.vectors["text"][seed] + 0.01, 0.3, "text")) if seed % 5 == 0 else (part,),
        modality_weights={"image": 0.3, "text": 0.9} if seed % 2 else {},
        boosts=boosts,
        limit=int(rng.integers(1, 40)),
        explain=seed % 3 == 0,
        item_boosts=ItemBoosts(again),
        included_ids=frozenset(known) if seed % 7 == 0 else None,
        excluded_ids=frozenset(known[15:30]) if seed % 4 != 1 else frozenset(),
    )


def check(goods: Goods, query: Query, answer: Answer) -> float:
    """Assert that hits have the twin's scores, in their order, and return which share of the best they are."""
    true = twin(goods, query)
    best = sorted(true.values(), reverse=True)[: query.limit]
    assert len(answer.hits) == len(best)
    assert len({hit.item_id for hit in answer.hits}) == len(best)
    scores = [hit.score for hit in answer.hits]
    assert scores == sorted(scores, reverse=True) or query.explain
    for hit in answer.hits:
        # Vectors and signals are kept in float16.
        assert hit.score == pytest.approx(true[hit.item_id], abs=5e-3)
        if hit.contributions:
            assert sum(hit.contributions.values()) == pytest.approx(hit.score, abs=1e-5)
            assert hit.contributions.get(AGAIN) == (
                pytest.approx(query.item_boosts[hit.item_id]) if hit.item_id in query.item_boosts else None
            )
    return float(np.mean([hit.score >= best[-1] - 5e-3 for hit in answer.hits])) if best else 1.0


@pytest.mark.parametrize("seed", range(60))
def test_answers_are_those_of_slow_sums(shop: Shop, seed: int) -> None:
    """Tastes, items had before, items kept to and left out, with boosts or without: exactly the formula's best."""
    query = replace(drawn(shop.goods, seed), recall_target=1.0)
    assert check(shop.goods, query, shop.searcher.search(query)) == 1.0


@pytest.mark.parametrize("seed", range(60, 100))
def test_live_changes_are_among_the_answers(changed: tuple[Shop, Goods], seed: int) -> None:
    """The same where goods were replaced, removed and added since the snapshot was built."""
    shop, goods = changed
    query = replace(drawn(goods, seed), recall_target=1.0)
    assert check(goods, query, shop.searcher.search(query)) == 1.0


def test_an_index_finds_what_was_had_before(shop: Shop) -> None:
    """Candidates from cells and codes: whatever has something added is scored, however far from the taste it lies."""
    recalls = []
    for seed in range(100, 180):
        query = drawn(shop.goods, seed)
        answer = shop.searcher.search(query)
        recalls.append(check(shop.goods, query, answer))
        true = twin(shop.goods, query)
        least = answer.hits[-1].score
        known = {item_id for item_id in query.item_boosts if true.get(item_id, -np.inf) > least + 5e-3}
        assert known <= {hit.item_id for hit in answer.hits}
    assert np.mean(recalls) >= 0.98


def test_a_shopper_is_asked_together_with_others(shop: Shop) -> None:
    """Queries that share a search are answered as each alone, whatever they add and leave out."""
    queries = [replace(drawn(shop.goods, seed), limit=20, recall_target=1.0) for seed in range(200, 230)]
    for query, outcome in zip(queries, shop.searcher.search_many(queries), strict=True):
        assert isinstance(outcome, Answer)
        assert check(shop.goods, query, outcome) == 1.0


def test_the_rest_of_a_request_holds_for_shoppers_too(shop: Shop) -> None:
    """Filters, facets, groups and pages know the items that are left out or kept to."""
    part = taste(shop.goods, 3)
    goods = [good for good in shop.goods.items if good.payload.get("category") == "shoes"]
    without = frozenset(good.item_id for good in goods[::2])
    query = Query((part,), filter="category = shoes", limit=1000, excluded_ids=without, facets=("category",))
    answer = shop.searcher.search(query)
    assert {hit.item_id for hit in answer.hits} == {good.item_id for good in goods[1::2]}
    assert answer.facets[0].values == (("shoes", len(goods[1::2])),)
    grouped = shop.searcher.search(replace(query, collapse_by="category", facets=()))
    assert [hit.group_size for hit in grouped.hits] == [len(goods[1::2])]
    kept = shop.searcher.search(Query((part,), included_ids=without, limit=1000, filter="category = shoes"))
    assert {hit.item_id for hit in kept.hits} == without
    assert shop.searcher.search(Query((part,), included_ids=frozenset({"gone"}))).hits == ()


def test_more_is_known_of_what_is_left_out(shop: Shop) -> None:
    """Whether hits follow does not count items that may not answer."""
    ids = [good.item_id for good in shop.goods.items]
    part = taste(shop.goods, 4)
    for left, more in ((11, True), (10, False), (9, False)):
        answer = shop.searcher.search(Query((part,), missing=Missing.NEUTRAL, excluded_ids=frozenset(ids[left:])))
        assert (len(answer.hits), answer.more) == (min(left, 10), more)


def test_a_taste_uses_the_moments_of_its_own_kind(shop: Shop) -> None:
    """Of a catalogue without events a taste is as alike as an item; an item of itself then scores as an item part."""
    row = int(np.flatnonzero(shop.goods.present["image"] & shop.goods.present["text"])[0])
    vectors = {block: shop.goods.vectors[block][row].astype(np.float32) for block in DIMS}
    hit = shop.searcher.search(Query((TastePart(vectors),), limit=1)).hits[0]
    usual = shop.goods.calibration.similarities
    expected = sum(0.5 * (1 - usual["item", block].mean) / usual["item", block].std for block in DIMS)
    assert hit.score == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize(
    ("part", "error", "field", "message"),
    [
        (TastePart({"sound": np.ones(4, np.float32)}), UnknownBlock, "parts[0]", "unknown block 'sound'"),
        (TastePart({"text": np.ones(4, np.float32)}), DimensionMismatch, "parts[0]", "expected 32 dimensions, got 4"),
        (TastePart({"text": np.ones(32, np.float32)}, block="image"), InvalidQuery, "parts[0]", "can address block"),
        (UserPart("u1"), NotSupported, "parts[0]", "no events are at hand"),
    ],
)
def test_a_taste_that_says_nothing_is_refused(
    shop: Shop, part: TastePart, error: type[Exception], field: str, message: str
) -> None:
    """The caller learns which part is wrong."""
    with pytest.raises(error, match=message) as caught:
        shop.searcher.search(Query((part,)))
    assert getattr(caught.value, "field", "") == field
