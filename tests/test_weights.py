"""Weights learnt from judgments and events: the score by hand and as the searcher says it, what wins, what is kept."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import InvalidCatalogue, InvalidSetting
from engine.events.event import Event, EventType
from engine.events.event_log import open_or_create_event_log
from engine.scoring.query import Boost, ItemPart, Missing, Query, TextPart, VectorPart
from engine.search.searcher import Searcher
from engine.search.store_searcher import open_searcher
from engine.snapshot.store import Store
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.build.default_weights import WEIGHTS_FILE, DefaultWeights, apply_stored, load, publish_with_weights, save
from indexer.build.publish import publish, verify
from indexer.evaluate.judgments import JudgedQuery
from indexer.evaluate.ranking_metrics import ndcg
from indexer.weights.candidates import CaseCandidates, gather
from indexer.weights.decision import WeightDecision, current_weighting, decide
from indexer.weights.training_case import TrainingCase, cases_from_events, cases_from_judgments, split_history
from indexer.weights.weight_search import fit, fused_scores, ndcgs
from tests.support.catalogs import write_lines
from tests.support.cli import indexer
from tests.support.purchase_shop import build_shop

DIM = 8
ITEMS = 60
CASES = 24


def quiet(*_: object) -> None:
    """Report nothing."""


def rows() -> list[dict[str, object]]:
    """Items whose image vector says what they are, whose text vector says nothing; a third has no text vector."""
    rng = np.random.default_rng(3)
    kinds = rng.standard_normal((6, DIM))
    made: list[dict[str, object]] = []
    for number in range(ITEMS):
        image = kinds[number % 6] + 0.4 * rng.standard_normal(DIM)
        row: dict[str, object] = {
            "item_id": f"i{number}", "title": f"thing {number}", "rating": float(number // 6),
            "image_vector": image.tolist(), "text_vector": rng.standard_normal(DIM).tolist(),
        }  # fmt: skip
        if number % 3 == 0:
            row["text_vector"] = None
        made.append(row)
    return made


def cases() -> list[TrainingCase]:
    """Vectors near one kind of item each; right is the kind, best the higher rating."""
    rng = np.random.default_rng(3)
    kinds = rng.standard_normal((6, DIM))
    made = []
    for number in range(CASES):
        kind = number % 6
        vector = (kinds[kind] + 0.4 * rng.standard_normal(DIM)).astype(np.float32)
        ratings = {f"i{item}": 1.0 + (item // 6 > 6) for item in range(kind, ITEMS, 6)}
        made.append(TrainingCase(Query((VectorPart(vector, block="image"), VectorPart(vector, block="text"))), ratings))
    return made


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of the items, with the rating as a signal."""
    folder = tmp_path_factory.mktemp("weights")
    write_lines(folder / "catalog.jsonl", rows())
    config = BuildConfig(folder / "catalog.jsonl", folder / "store", signals=("rating",), recall_target=0.5)
    build(config, quiet)
    return folder / "store"


@pytest.fixture
def searcher(store: Path) -> Searcher:
    """The store as it was first built, whatever was published since."""
    return open_searcher(store, Store(store).names()[0])


def by_hand(weights: dict[str, float], boosts: dict[str, float] | None = None) -> list[float]:
    """Scores of two items: z of 2 and 1, and z of 4 without a second block; signals 1 and -1; no third item."""
    candidates = CaseCandidates(
        blocks=("a", "b"), signal_names=("s",), similarities=np.array([[[2.0, 1.0], [4.0, 0.0], [0.0, 0.0]]]),
        present=np.array([[[True, True], [True, False], [False, False]]]), searched=np.array([[True, True]]),
        signals=np.array([[[1.0], [-1.0], [0.0]]]), ratings=np.array([[0.0, 1.0, -1.0]]), ideals=np.array([[1.0, 0.0]]),
    )  # fmt: skip
    return fused_scores(candidates, DefaultWeights(weights, boosts or {}))[0].tolist()


def test_scores_by_hand() -> None:
    """A missing block gives its weight to those that are there; what has none of the blocks asked is no answer."""
    assert by_hand({"a": 0.5, "b": 0.5}) == pytest.approx([1.5, 4.0, -np.inf])
    assert by_hand({"a": 0.25, "b": 0.75}, {"s": 2.0}) == pytest.approx([1.25 + 2, 4.0 - 2, -np.inf])
    assert by_hand({"a": 0.0, "b": 1.0}) == pytest.approx([1.0, -np.inf, -np.inf])


@pytest.mark.parametrize(
    "weights", [{"image": 0.5, "text": 0.5}, {"image": 0.2, "text": 0.8}, {"image": 1.0, "text": 0.0}]
)
def test_scores_of_candidates_are_those_of_the_searcher(searcher: Searcher, weights: dict[str, float]) -> None:
    """For any weighting, with items that lack a block and with a boost."""
    case = cases()[0]
    candidates = gather(searcher, [case], ["rating"], 10, quiet)
    ours = fused_scores(candidates, DefaultWeights(weights, {"rating": 0.3}))[0]
    query = replace(case.query, modality_weights=weights, boosts=(Boost("rating", 0.3),), limit=ITEMS)
    hits = searcher.search(query).hits
    assert len(hits) == ITEMS
    assert sorted(ours, reverse=True) == pytest.approx([hit.score for hit in hits], abs=5e-3)


def test_fitting_finds_the_block_that_tells(searcher: Searcher) -> None:
    """From equal weights: what says nothing loses weight, their sum stays, and the better rated come first."""
    candidates = gather(searcher, cases(), ["rating"], 10, quiet)
    start = DefaultWeights({"image": 0.5, "text": 0.5})
    found = fit(candidates, start)
    assert found.blocks["image"] == pytest.approx(0.95, abs=0.04)
    assert sum(found.blocks.values()) == pytest.approx(1)
    assert found.boosts["rating"] > 0
    assert ndcgs(candidates, found).mean() > ndcgs(candidates, start).mean() + 0.1


def test_weights_are_told_as_manifests_tell_them() -> None:
    """By hand: vectors weigh 1 in sum, and words and boosts grow with them, so that the order stays."""
    weighting = DefaultWeights({"image": 0.1, "text": 0.3, "lexical": 1.6}, {"rating": 0.2}).normalised()
    assert weighting.blocks == pytest.approx({"image": 0.25, "text": 0.75, "lexical": 4.0})
    assert weighting.boosts == pytest.approx({"rating": 0.5})


def test_a_learnt_block_leaves_boosts_as_they_are() -> None:
    """By hand: behaviour stands beside what items are, so it is no part of the 1 that these weigh in sum."""
    weighting = DefaultWeights({"image": 0.5, "text": 0.5, "behaviour": 1.0}, {"rating": 0.2}).normalised()
    assert weighting == DefaultWeights({"image": 0.5, "text": 0.5, "behaviour": 1.0}, {"rating": 0.2})


def test_what_is_measured_is_what_is_served(tmp_path: Path) -> None:
    """Beside a learnt block: items that are asked for say nothing to it where weights are named, as where none are."""
    shop = build_shop(tmp_path)
    opened = open_searcher(shop.store)
    asked = [
        TrainingCase(Query((ItemPart(f"i{number}"),)), {f"i{place}": 1.0 for place in range(50)})
        for number in range(12)
    ]
    served = [
        ndcg(
            [case.ratings.get(hit.item_id, 0.0) for hit in opened.search(replace(case.query, limit=10)).hits],
            [1.0] * 50,
        )
        for case in asked
    ]
    assert decide(opened, asked, [], quiet, folds=2).before.tolist() == served
    searched = gather(opened, asked, [], 10, quiet).searched
    assert dict(zip((*opened.snapshot.dims,), searched[0].tolist(), strict=True))["behaviour"] == 0
    named = TrainingCase(Query((ItemPart("i20", block="behaviour"),)), {"i21": 1.0})
    assert gather(opened, [named], [], 10, quiet).searched.sum() == 1


def test_ndcg_is_over_all_that_is_right(searcher: Searcher) -> None:
    """What is rated and cannot be found counts in the best list: half of the gain is out of reach here."""
    case = replace(cases()[0], ratings={"i0": 1.0, "gone": 1.0})
    candidates = gather(searcher, [case], [], 10, quiet)
    (alone,) = ndcgs(candidates, DefaultWeights({"image": 1.0, "text": 0.0}))
    assert 0 < alone <= 1 / (1 + 1 / np.log2(3)) + 1e-9


def test_weights_win_on_cases_held_out(searcher: Searcher) -> None:
    """Learnt on four fifths, better on the fifth, in every fold together by more than chance."""
    decision = decide(searcher, cases(), ["rating"], quiet)
    assert decision.wins
    assert decision.after.mean() > decision.before.mean() + 0.1
    assert decision.to_json()["cases"] == CASES


def test_what_wins_by_chance_does_not_win(searcher: Searcher) -> None:
    """With ratings drawn at random nothing that is learnt holds on the cases left out."""
    rng = np.random.default_rng(1)
    drawn = [
        replace(case, ratings={f"i{item}": 1.0 for item in rng.choice(ITEMS, 8, replace=False)}) for case in cases()
    ]
    assert not decide(searcher, drawn, ["rating"], quiet).wins
    with pytest.raises(InvalidSetting, match="expected from 2 to 24 folds, at most one per case, got 25"):
        decide(searcher, drawn, [], quiet, folds=25)


def test_a_copy_of_a_snapshot_has_the_new_weights(store: Path, searcher: Searcher) -> None:
    """It is whole, it is served, and it answers a request that names no weights as the old one answers with them."""
    opened, weighting = Store(store), DefaultWeights({"image": 0.9, "text": 0.1}, {"rating": 0.2})
    opened.activate(searcher.snapshot.name)
    manifest = publish_with_weights(opened, searcher.snapshot.name, weighting)
    assert manifest is not None
    assert opened.current() == manifest.snapshot
    assert manifest.parent == searcher.snapshot.name
    assert verify(opened, manifest.snapshot) == []
    query = cases()[0].query
    named = replace(query, modality_weights=weighting.blocks, boosts=(Boost("rating", 0.2),))
    expected = [(hit.item_id, hit.score) for hit in searcher.search(named).hits]
    new = open_searcher(store)
    assert [(hit.item_id, hit.score) for hit in new.search(query).hits] == expected
    off = [hit.item_id for hit in new.search(replace(query, boosts=(Boost("rating", 0.0),))).hits]
    bare = replace(query, modality_weights=weighting.blocks)
    assert off == [hit.item_id for hit in searcher.search(bare).hits]
    assert current_weighting(new) == DefaultWeights(weighting.blocks, weighting.boosts)


def test_a_newer_snapshot_stays_served(store: Path, searcher: Searcher) -> None:
    """Weights learnt with one that is no longer served are not published over what is, whenever that came."""
    opened, weighting = Store(store), DefaultWeights({"image": 0.9, "text": 0.1})
    first = searcher.snapshot.name
    opened.activate(first)
    newer = publish_with_weights(opened, first, weighting)
    assert newer is not None
    count = len(opened.names())
    assert publish_with_weights(opened, first, weighting) is None
    assert not publish(opened, first, instead_of=first)
    assert (opened.current(), len(opened.names())) == (newer.snapshot, count)


def test_default_boosts_need_parts(store: Path) -> None:
    """A request of filters or boosts alone is not ranked by boosts that it does not name."""
    opened = Store(store)
    opened.activate(opened.names()[0])
    applied = publish_with_weights(opened, opened.names()[0], DefaultWeights({"image": 1.0}, {"rating": 5.0}))
    assert applied is not None
    new = open_searcher(store, applied.snapshot)
    assert new.planner.effective_boosts(Query(())) == ()
    assert new.planner.effective_boosts(cases()[0].query) == (Boost("rating", 5.0),)
    with pytest.raises(Exception, match="expected a part whose weight is not 0, or a boost"):
        new.search(Query(()))


def test_the_next_build_takes_the_weights_over(store: Path, searcher: Searcher, tmp_path: Path) -> None:
    """Where it has the same blocks and signals; else it leaves them, and says why."""
    write_lines(tmp_path / "catalog.jsonl", rows())
    config = BuildConfig(tmp_path / "catalog.jsonl", tmp_path / "store", signals=("rating",), recall_target=0.5)
    (tmp_path / "store").mkdir()
    weights = DefaultWeights({"image": 0.8, "text": 0.2}, {"rating": 0.1})
    save(tmp_path / "store", searcher.snapshot.manifest, weights, {})
    built = build(config, quiet)
    assert built.default_weights == {"image": 0.8, "text": 0.2}
    assert built.default_boosts == {"rating": 0.1}
    plain = build(replace(config, signals=()), quiet)
    assert plain.default_boosts == {}
    reason = "they boost rating, which is not a signal of the snapshot"
    assert apply_stored(load(tmp_path / "store"), plain).reason == reason
    save(tmp_path / "store", searcher.snapshot.manifest, DefaultWeights({"image": 1.0}), {})
    assert apply_stored(load(tmp_path / "store"), plain).reason == "expected weights for image, text, got image"
    (tmp_path / "store" / WEIGHTS_FILE).write_text("{}")
    with pytest.raises(InvalidSetting, match="expected learnt weights"):
        load(tmp_path / "store")


def bought(user: str, items: list[int], start: int = 0) -> list[Event]:
    """A purchase a day."""
    return [
        Event(f"{user}-{start + day}", user, f"i{item}", EventType.PURCHASE, 86_400.0 * (start + day))
        for day, item in enumerate(items)
    ]


def test_the_last_fifth_of_a_shoppers_items_is_looked_for(searcher: Searcher) -> None:
    """What they had before is not looked for again, and who bought too little is left out."""
    events = bought("u", [0, 6, 12, 0, 18, 24, 6])
    before, after = split_history(events, searcher)
    assert [event.item_id for event in before] == ["i0", "i6", "i12", "i0", "i18"]
    assert after == ["i24"]
    assert split_history(bought("u", [0, 6, 12, 18]), searcher) == ([], [])


def test_events_teach_weights(store: Path, searcher: Searcher, tmp_path: Path) -> None:
    """Shoppers who buy one kind of item show that the image block tells what they want next."""
    with open_or_create_event_log(tmp_path) as log:
        for user in range(24):
            log.record(bought(f"u{user}", list(range(user % 6, ITEMS, 6))))
        log.record(bought("few", [1, 2]))
        made = cases_from_events(searcher, log)
    assert len(made) == 24
    assert len(made[0].ratings) == 2
    assert not made[0].query.excluded_ids & set(made[0].ratings)
    decision = decide(searcher, made, [], quiet)
    assert decision.wins
    assert decision.learnt.blocks["image"] > 0.7


def test_too_few_shoppers_are_refused(searcher: Searcher, tmp_path: Path) -> None:
    """The message says how many bought how much."""
    with (
        open_or_create_event_log(tmp_path) as log,
        pytest.raises(InvalidCatalogue, match="at least 2 shoppers who bought 5 items"),
    ):
        cases_from_events(searcher, log)


def test_judged_queries_are_cases() -> None:
    """Words as a query, without weights, with the ratings as they are."""
    (case,) = cases_from_judgments([JudgedQuery("q", {"i0": 2.0}, "red shoe")])
    assert case == TrainingCase(Query((TextPart("red shoe"),), limit=1), {"i0": 2.0})
    assert case.query.missing is Missing.RENORMALIZE


def judged(folder: Path) -> list[str]:
    """Write item queries whose right answers are of their kind, and return the options that name the files."""
    rows_of_judgments = ["query_id,item_id,rating"]
    for number in range(CASES):
        rows_of_judgments += [f"q{number},i{item},1" for item in range(number % 6, ITEMS, 6)]
    (folder / "queries.csv").write_text("query_id,item_id\n" + "".join(f"q{n},i{n}\n" for n in range(CASES)))
    (folder / "judgments.csv").write_text("\n".join(rows_of_judgments) + "\n")
    return ["--queries", str(folder / "queries.csv"), "--judgments", str(folder / "judgments.csv")]


def test_the_command_writes_only_what_wins(store: Path, tmp_path: Path) -> None:
    """Item queries whose right answers are of their kind win; told in JSON, kept in the store, and served."""
    files = judged(tmp_path)
    first = Store(store).names()[0]
    Store(store).activate(first)
    done = indexer("fit-weights", "--store", str(store), *files, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["wins"]
    assert told["ndcg@10_after"] > told["ndcg@10_before"]
    kept = json.loads((store / WEIGHTS_FILE).read_text())
    assert kept["learnt_from"]["queries"] == "queries.csv"
    assert kept["snapshot"] == first
    assert Store(store).current() == told["published"]
    again = indexer("fit-weights", "--store", str(store), *files)
    assert "the weights stay as they are" in again.out
    assert Store(store).current() == told["published"]
    assert indexer("fit-weights", "--store", str(store)).code == 2
    assert indexer("fit-weights", "--store", str(store), "--events").code == 1


def test_the_command_tells_that_another_is_served(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot that is served while weights are learnt stays so; what wins is kept for the next build."""
    opened = Store(store)
    first = opened.names()[0]
    opened.activate(first)

    def slowly(*arguments: Any) -> WeightDecision:
        publish_with_weights(opened, first, DefaultWeights({"image": 0.5, "text": 0.5}))
        return decide(*arguments)

    monkeypatch.setattr("indexer.weights.decision.decide", slowly)
    done = indexer("fit-weights", "--store", store, *judged(tmp_path))
    assert f"Not published: {first}, which they were learned on, is no longer served" in done.out
    assert opened.current() == opened.names()[-1] != first
    assert json.loads((store / WEIGHTS_FILE).read_text())["snapshot"] == first


def test_the_command_finds_the_log_in_the_environment(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the other verbs do; the store itself has no events."""
    address = f"sqlite:///{tmp_path}/log.db"
    with open_or_create_event_log(tmp_path, address) as log:
        log.record(bought("few", [1, 2]))
    monkeypatch.setenv("DIPTYCH_EVENTS_URL", address)
    assert "at least 2 shoppers who bought 5 items" in indexer("fit-weights", "--store", store, "--events").err
