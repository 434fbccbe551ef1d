"""What a build learns of items from events: worked out by hand, and found again in what it serves."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from engine.errors import InvalidQuery, InvalidSetting
from engine.events.event import EventType
from engine.recommend.scoring_weights import ScoringWeights
from engine.scoring.fusion import Moments
from engine.scoring.query import ItemPart, Query, TastePart
from engine.search.searcher import Searcher
from engine.snapshot.snapshot import open_snapshot
from engine.snapshot.store import Store
from indexer.behaviour.cold_start import estimate_missing
from indexer.behaviour.demand import compute_demand
from indexer.behaviour.factorization import factorise
from indexer.behaviour.interactions import InteractionMatrix
from indexer.behaviour.repurchase import compute_repurchase
from indexer.behaviour.taste_moments import compute_taste_moments
from indexer.behaviour.term_matrix import to_term_matrix
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.events.event_table import TYPES, EventTable
from indexer.progress import no_progress
from tests.support.catalogs import clustered, write_lines, write_parquet
from tests.support.purchase_shop import Shop, build_shop

DAY_S = 86_400.0
NOW_S = 1_000 * DAY_S
BUY, BACK, VIEW = EventType.PURCHASE, EventType.RETURN, EventType.VIEW
COUNTS = ScoringWeights().event_weights()


def table(*events: tuple[str, str, EventType, float]) -> EventTable:
    """Return events (user, item, type, days before now), oldest first."""
    ordered = sorted(events, key=lambda one: -one[3])
    users = list(dict.fromkeys(user for user, *_ in ordered))
    items = list(dict.fromkeys(item for _, item, *_ in ordered))
    return EventTable(
        users,
        items,
        np.array([users.index(user) for user, *_ in ordered], np.int32),
        np.array([items.index(item) for _, item, *_ in ordered], np.int32),
        np.array([TYPES.index(kind) for _, _, kind, _ in ordered], np.int8),
        np.array([NOW_S - days * DAY_S for *_, days in ordered]),
        np.ones(len(ordered), np.int32),
    )


def seen(*events: tuple[str, str, EventType, float]) -> InteractionMatrix:
    return InteractionMatrix.from_events(table(*events), ["a", "b", "c"], COUNTS)


@pytest.fixture(scope="module")
def searcher(shop: Shop) -> Searcher:
    return Searcher(open_snapshot(Store(shop.store), shop.manifest.snapshot), None)


def test_liking_is_the_root_of_what_events_sum_to() -> None:
    """Four purchases are 2; what was sent back is not liked; an item that is not sold is not there."""
    liked = seen(
        *[("u", "a", BUY, float(day)) for day in range(4)], ("u", "b", BUY, 1), ("u", "b", BACK, 0), ("u", "x", BUY, 0)
    ).to_affinities()
    assert liked.shape == (1, 3)
    assert liked.toarray().tolist() == [[2.0, 0.0, 0.0]]


def test_demand_halves_in_thirty_days() -> None:
    """ln(1 + 1 + 1/2) for one bought now and thirty days ago, ln 1.1 for one looked at, unknown for the rest."""
    demand = compute_demand(seen(("u", "a", BUY, 0), ("v", "a", BUY, 30), ("u", "b", VIEW, 0)))
    assert demand[:2] == pytest.approx([np.log(2.5), np.log(1.1)])
    assert np.isnan(demand[2])


def test_what_was_all_sent_back_is_not_wanted() -> None:
    """It stands at the bottom, where nothing is, and not below."""
    assert compute_demand(seen(("u", "a", BACK, 0), ("u", "b", BUY, 0)))[:2].tolist() == [0.0, pytest.approx(np.log(2))]


def test_repurchase_is_beside_what_is_usual() -> None:
    """Of three pairs of buyer and item one bought twice: usual is a third, and a has (1 + 5/3) / ((2 + 5) / 3)."""
    values = compute_repurchase(
        seen(("u", "a", BUY, 9), ("u", "a", BUY, 0), ("v", "a", BUY, 3), ("v", "b", BUY, 1), ("v", "c", VIEW, 1))
    )
    assert values[0] == pytest.approx(np.log((1 + 5 / 3) / (7 / 3)))
    assert values[1] == pytest.approx(np.log((0 + 5 / 3) / (6 / 3)))
    assert np.isnan(values[2])


def test_lines_of_one_order_are_one_purchase() -> None:
    """Nobody comes back, so nothing is more usual than anything."""
    values = compute_repurchase(seen(("u", "a", BUY, 2), ("u", "a", BUY, 2), ("v", "b", BUY, 1)))
    assert values[:2].tolist() == [0.0, 0.0]


def test_items_of_the_same_shoppers_are_near() -> None:
    """Two pairs of items with a crowd of their own each: cosine 1 within, 0 across; one that nobody likes is zero."""
    events = [(f"u{number}", item, BUY, 0.0) for number in range(9) for item in ("ab" if number < 5 else "c")]
    liking = InteractionMatrix.from_events(table(*events), ["a", "b", "c", "d"], COUNTS).to_affinities()
    rows = factorise(liking).astype(np.float32)
    assert rows @ rows.T == pytest.approx(np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]), abs=2e-3)


def test_the_same_events_give_the_same_vectors() -> None:
    """Bit for bit: nothing is drawn."""
    rng = np.random.default_rng(1)
    events = [
        (f"u{u}", f"i{i}", BUY, 0.0)
        for u, i in zip(rng.integers(50, size=400), rng.integers(80, size=400), strict=True)
    ]
    liking = InteractionMatrix.from_events(
        table(*events), [f"i{number}" for number in range(80)], COUNTS
    ).to_affinities()
    first, second = factorise(liking, 16), factorise(liking, 16)
    assert first.shape == (80, 12)
    assert (first == second).all()


def test_words_place_items_of_few_shoppers() -> None:
    """Of items liked at random those that share words stand nearer; what nobody liked has no row, whatever it says."""
    rng = np.random.default_rng(3)
    likes = rng.random((40, 12)) < 0.1
    likes[0, :11], likes[:, 11] = True, False
    liking = csr_matrix(likes.astype(np.float64))
    words = to_term_matrix(["red mug", "blue mug", "mug"] * 2 + ["garden chair", "oak chair", "chair"] * 2)
    rows = factorise(liking, words=words).astype(np.float32)
    alike = rows @ rows.T
    assert np.mean(alike[:6, :6]) > np.mean(alike[:6, 6:11]) + 0.1
    assert not rows[11].any()
    own = to_term_matrix([f"item{number}" for number in range(12)])
    np.testing.assert_array_equal(factorise(liking, words=own), factorise(liking))


def test_tastes_are_measured_against_what_shoppers_have_not_had() -> None:
    """Two shoppers of one item each: cosines 0 and .6 of the first, 0 and .8 of the second, to the others."""
    rows = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float16)
    usual = compute_taste_moments(
        table(("u", "a", BUY, 0), ("v", "b", BUY, 0)),
        ["a", "b", "c"],
        {"text": rows},
        {"text": np.ones(3, bool)},
        ScoringWeights(),
    )
    cosines = np.array([0.0, 0.6, 0.0, 0.8])
    assert usual == {
        ("user", "text"): Moments(pytest.approx(cosines.mean(), abs=1e-3), pytest.approx(cosines.std(), abs=1e-3))
    }


def test_a_build_adds_a_block_and_two_signals(shop: Shop) -> None:
    """Every item that was bought has a vector, no other has; the manifest says of what it was learnt."""
    manifest = shop.manifest
    bought = {event.item_id for history in shop.events.values() for event in history}
    block = next(block for block in manifest.blocks if block.name == "behaviour")
    assert (block.item_count, block.encoded) == (len(bought), False)
    assert manifest.behaviour is not None
    assert manifest.behaviour.model_dump() == {
        "events": sum(map(len, shop.events.values())), "shoppers": 60, "items": len(bought), "factors": 15
    }  # fmt: skip
    assert [signal.name for signal in manifest.signals] == ["rating", "demand", "repurchase"]
    kinds = {(one.part_kind, one.block) for one in manifest.similarities}
    assert {(kind, name) for kind in ("item", "user") for name in ("image", "text", "behaviour")} <= kinds


def test_a_snapshot_with_behaviour_passes_its_gates(shop: Shop) -> None:
    """Recall in every class, items themselves found, and no drift."""
    assert {gate.name: gate.passed for gate in shop.manifest.gates if not gate.passed} == {}
    assert {"self-retrieval@1", "recall@10 composed", "recall@10 boosted"} <= {
        gate.name for gate in shop.manifest.gates
    }


def test_items_bought_together_are_found_by_name_of_the_block(shop: Shop, searcher: Searcher) -> None:
    """Aimed at the block an item finds its kind; one that nobody bought has nothing to say there."""
    shares = []
    for item_id in {event.item_id for event in shop.events["u0"]}:
        hits = searcher.search(Query((ItemPart(item_id, block="behaviour"),), limit=8)).hits
        shares.append(np.mean([shop.kinds[hit.item_id] == shop.kinds[item_id] for hit in hits]))
    assert np.mean(shares) > 0.75
    with pytest.raises(InvalidQuery, match="behaviour"):
        searcher.search(Query((ItemPart("i0", block="behaviour"),)))


def test_similar_items_mean_what_they_meant(shop: Shop, searcher: Searcher, tmp_path: Path) -> None:
    """Scores of items like another are those of a build that learnt nothing; weighed by name the block joins in."""
    plain = build_shop(tmp_path, with_events=False)
    before = Searcher(open_snapshot(Store(plain.store), plain.manifest.snapshot), None)
    asked = Query((ItemPart("i20"),), limit=300, recall_target=1.0)
    scores = {hit.item_id: hit.score for hit in searcher.search(asked).hits}
    assert scores == pytest.approx({hit.item_id: hit.score for hit in before.search(asked).hits}, abs=1e-4)
    named = replace(asked, modality_weights={"image": 0.5, "behaviour": 0.5}, explain=True)
    assert {name for hit in searcher.search(named).hits for name in hit.contributions} == {"image", "behaviour"}


def test_tastes_score_as_unusual_as_they_are(shop: Shop, searcher: Searcher) -> None:
    """Over all shoppers the scores of items that they have not had are 0 on average and 1 in spread, in each block."""
    snapshot = searcher.snapshot
    for block in ("text", "behaviour"):
        scores = []
        for history in list(shop.events.values())[:30]:
            had = {event.item_id for event in history}
            rows = [snapshot.vectors(snapshot.items.get_row(item_id))[block] for item_id in had]
            taste = np.sum(rows, axis=0)
            part = TastePart({block: (taste / np.linalg.norm(taste)).astype(np.float32)})
            hits = searcher.search(Query((part,), {block: 1.0}, limit=300, recall_target=1.0)).hits
            scores += [hit.score for hit in hits if hit.item_id not in had]
        assert np.mean(scores) == pytest.approx(0, abs=0.15)
        assert np.std(scores) == pytest.approx(1, abs=0.15)


def goods(folder: Path, shoppers: int, **columns: list[float]) -> BuildConfig:
    """Return how a shop of fifty items is built of which each shopper bought five."""
    catalogue = write_parquet(folder / "catalogue.parquet", clustered(50), **columns)
    lines = [
        {"user_id": f"u{user}", "item_id": f"i{(7 * user + step) % 50}", "type": "purchase", "time": NOW_S + step}
        for user in range(shoppers)
        for step in range(5)
    ]
    signals = tuple(columns)
    return BuildConfig(catalogue, folder / "store", signals=signals, events=write_lines(folder / "events.jsonl", lines))


def test_nothing_is_learnt_where_nobody_asks_for_it(tmp_path: Path) -> None:
    """The events are recorded, and a later build learns from them."""
    config = goods(tmp_path, 25)
    manifest = build(replace(config, behaviour=False), no_progress)
    assert manifest.behaviour is None
    assert set(manifest.dims) == {"image", "text"}
    assert manifest.default_weights == {}
    later = build(replace(config, events=None), no_progress)
    assert later.behaviour is not None
    assert later.behaviour.shoppers == 25
    assert later.gates[-1].name == "drift"
    assert later.gates[-1].value == 0.0


def test_of_few_shoppers_only_demand_is_learnt(tmp_path: Path) -> None:
    """What five have in common is chance."""
    manifest = build(goods(tmp_path, 5), no_progress)
    assert set(manifest.dims) == {"image", "text"}
    assert [signal.name for signal in manifest.signals] == ["demand", "repurchase"]
    assert manifest.behaviour is not None
    assert (manifest.behaviour.items, manifest.behaviour.factors) == (0, 0)


def test_a_signal_of_a_learnt_name_is_refused(tmp_path: Path) -> None:
    """Whose demand it were could not be told."""
    with pytest.raises(InvalidSetting, match="no signal 'demand' in the catalogue"):
        build(goods(tmp_path, 25, demand=[1.0] * 50), no_progress)


def test_events_of_unknown_items_teach_nothing(tmp_path: Path) -> None:
    """A catalogue none of whose items was ever bought is built as if there were no events."""
    config = goods(tmp_path, 25)
    lines = [{"user_id": "u", "item_id": "gone", "type": "purchase", "time": NOW_S}]
    manifest = build(replace(config, events=write_lines(tmp_path / "other.jsonl", lines)), no_progress)
    assert set(manifest.dims) == {"image", "text"}
    assert manifest.behaviour is not None
    assert manifest.behaviour.events == 0


def test_of_new_items_is_expected_what_is_known_of_like_ones() -> None:
    """Of two that have a word each of the new one the mean; without such a word, of the nearest; else nothing."""
    nan = float("nan")
    values = np.array([1.0, 3.0, nan, nan, nan], np.float32)
    texts = ["red mug", "blue lamp", "red lamp", "", ""]
    rows = np.array([[1, 0], [0, 1], [1, 0], [0, 1], [0, 0]], np.float16)
    told = estimate_missing(values, texts, {"image": rows}, {"image": np.any(rows, axis=1)})
    assert told[:4] == pytest.approx([1.0, 3.0, 2.0, 3.0])
    assert np.isnan(told[4])


def test_nothing_is_expected_where_nothing_is_known() -> None:
    """Unknown stays unknown, and what is known stays as it is."""
    unknown = np.full(2, np.nan, np.float32)
    assert np.isnan(estimate_missing(unknown, ["a", "a"], {}, {})).all()
    assert estimate_missing(np.ones(2, np.float32), ["a", "a"], {}, {}).tolist() == [1.0, 1.0]


def test_of_many_that_are_equally_like_all_count() -> None:
    """Not those that the catalogue happens to list first."""
    values = np.array([*range(60), np.nan], np.float32)
    told = estimate_missing(values, ["milk"] * 61, {}, {})
    assert told[60] == pytest.approx(29.5)


def test_the_most_alike_count_far_more() -> None:
    """Likeness counts by its fourth power: here .5 ** 4 for one of two items, and 1 for the other."""
    rows = np.array([[1, 0], [0.5, 0.75**0.5], [1, 0]], np.float16)
    values = np.array([0.0, 17.0, np.nan], np.float32)
    told = estimate_missing(values, ["", "", ""], {"image": rows}, {"image": np.ones(3, np.bool_)})
    assert told[2] == pytest.approx(1.0, abs=0.01)
