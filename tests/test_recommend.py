"""Recommendations in the process: histories weighed by hand, scores against slow sums, and what each mode may give."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.errors import InvalidQuery, ItemNotFound, NoEncoder
from engine.events.event import Event, EventType
from engine.recommend.history import ItemAffinity, compute_affinities, compute_ages_days, session_affinities
from engine.recommend.interleave import RankedShare, interleave
from engine.recommend.reason import UNKNOWN, UNLIKE, ReasonKind, describe_known_item, largest_contribution
from engine.recommend.recommend_request import Mode, RecommendRequest
from engine.recommend.recommender import Recommendations, Recommender
from engine.recommend.scoring_weights import ScoringWeights
from engine.scoring.fusion import Calibration, standardise
from engine.scoring.query import Boost, Diversity
from engine.scoring.vectors import to_unit
from engine.search.searcher import Searcher
from engine.snapshot.snapshot import open_snapshot
from engine.snapshot.store import Store
from tests.support.purchase_shop import NOW_S, Shop, build_shop, event, ids_of

PLAIN = ScoringWeights(recent_days=10, again_days=20, repeated=1.0)
BUY, BACK, VIEW, CART = EventType.PURCHASE, EventType.RETURN, EventType.VIEW, EventType.CART


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Recommender:
    """The same items, of which nobody's events are known."""
    shop = build_shop(tmp_path_factory.mktemp("plain"), with_events=False)
    return recommender(shop)


def recommender(shop: Shop, scoring: ScoringWeights | None = None) -> Recommender:
    return Recommender(Searcher(open_snapshot(Store(shop.store), shop.manifest.snapshot), None), scoring)


def ids(found: Recommendations) -> list[str]:
    return [hit.item_id for hit in found.answer.hits]


# Histories.


def test_an_event_counts_by_its_type_and_half_after_its_half_life() -> None:
    """Bought now and ten days ago, of which each ten days take half; looked at twice; both in one order counts once."""
    events = [event("u", "a"), event("u", "a", days_ago=10), event("u", "a", days_ago=10)._replace(event_id="x")]
    events += [event("u", "b", VIEW), event("u", "b", VIEW, 20)]
    first, second = compute_affinities(events, PLAIN, NOW_S)
    assert (first.item_id, first.strongest, first.purchases) == ("a", BUY, 2)
    assert first.weight == pytest.approx(1.0 * (1 + 0.5))
    assert first.recent_purchases == pytest.approx(1 + 0.5**0.5)
    assert (second.item_id, second.strongest, second.purchases, second.recent_purchases) == ("b", VIEW, 0, 0.0)
    assert second.weight == pytest.approx(0.1 * (1 + 0.25))


def test_what_is_sent_back_or_disliked_counts_against_an_item() -> None:
    """A return takes the purchase back, and a dislike more than that; neither is wanted again."""
    events = [event("u", "a", days_ago=10), event("u", "a", BACK), event("u", "b"), event("u", "b", EventType.DISLIKE)]
    returned, disliked = compute_affinities(events, PLAIN, NOW_S)
    assert (returned.item_id, returned.weight, returned.recent_purchases) == ("a", pytest.approx(0.5 - 1), 0.0)
    assert (disliked.item_id, disliked.weight, disliked.purchases) == ("b", pytest.approx(1 - 1.5), 1)
    assert not returned.can_repeat
    assert not disliked.can_repeat


def test_repeated_events_say_less_each_time() -> None:
    """With the root, what four purchases sum to counts two; below 0 it keeps its sign."""
    events = [event("u", "a")._replace(event_id=str(place), time_s=NOW_S + place) for place in range(4)]
    events += [event("u", "b", BACK)._replace(event_id=f"b{place}") for place in range(4)]
    had = compute_affinities(events, replace(PLAIN, repeated=0.5, recent_days=1e12), NOW_S)
    assert [one.weight for one in had] == pytest.approx([2.0, -2.0])


def test_a_session_says_what_it_likes_now() -> None:
    """Liked and disliked items in their order; one that is both is disliked."""
    had = session_affinities(["a", "b"], ["b", "c"], PLAIN)
    assert [(one.item_id, one.weight) for one in had] == [("a", 1.0), ("b", -1.5), ("c", -1.5)]


@pytest.mark.parametrize(
    ("had", "words"),
    [
        (ItemAffinity("a", 1.0, BUY, 3, 1.0), "you bought this 3 times"),
        (ItemAffinity("a", 1.0, BUY, 3, 1.0, due=True), "you bought this 3 times, time to buy it again"),
        (ItemAffinity("a", 1.0, BUY, 1, 1.0), "you bought this before"),
        (ItemAffinity("a", 1.0, EventType.LIKE), "you liked this"),
        (ItemAffinity("a", 1.0, CART), "you added this to your cart"),
        (ItemAffinity("a", 1.0, VIEW), "you viewed this"),
    ],
)
def test_a_known_item_is_told_by_what_was_done_with_it(had: ItemAffinity, words: str) -> None:
    """In words that a shopper may read."""
    assert describe_known_item(had) == words


def test_lists_take_turns_by_their_shares() -> None:
    """Of 60 and 40 in a hundred, five hits are a1 b1 a2 b2 a3; what was given is passed over; an empty list ends."""
    lists = [RankedShare(["a1", "a2", "a3", "a4"], 0.6), RankedShare(["b1", "a2", "b2"], 0.4)]
    assert interleave(lists, 5, str) == [("a1", 0), ("b1", 1), ("a2", 0), ("b2", 1), ("a3", 0)]
    assert interleave(lists, 10, str)[5:] == [("a4", 0)]
    assert interleave([], 5, str) == []


# Scores.


def slow(shop: Shop, found: Recommender, history: Sequence[Event], scoring: ScoringWeights) -> dict[str, float]:
    """Return the score of every item for the whole taste, item by item and block by block, in float64."""
    snapshot = found.searcher.snapshot
    usual: Calibration = snapshot.calibration
    had = [(snapshot.items.get_row(one.item_id), one) for one in compute_affinities(history, scoring, NOW_S)]
    rows = {row: snapshot.vectors(row) for row in range(len(snapshot))}
    weights = {"behaviour": scoring.behaviour, "image": scoring.content / 2, "text": scoring.content / 2}
    scores = dict.fromkeys(rows, 0.0)
    for block, weight in weights.items():
        taste = sum(one.weight * rows[row][block].astype(np.float64) for row, one in had if block in rows[row])
        taste = taste / np.linalg.norm(taste)
        moments = usual.of("user", block)
        for row, blocks in rows.items():
            if block in blocks:
                scores[row] += weight * (float(taste @ blocks[block]) - moments.mean) / moments.std
    for row in rows:
        stratum = snapshot.get_stratum(row)
        stored = stratum.index.rows(np.array([row - stratum.start]))[0]
        scores[row] += scoring.demand * stratum.layout.signal(stored, "demand")
    for row, one in had:
        if one.purchases and one.weight > 0:
            held = snapshot.get_stratum(row)
            stored = held.index.rows(np.array([row - held.start]))[0]
            often = np.log2(1 + one.recent_purchases)
            scores[row] += scoring.again * often - scoring.rest * one.just_bought
            scores[row] += scoring.repurchase * held.layout.signal(stored, "repurchase") * (1 + often)
    return {snapshot.items.item_id(row): score for row, score in scores.items()}


@pytest.mark.parametrize("demand", [0.2, 2.0])
@pytest.mark.parametrize("user", ["u0", "u7", "u20"])
def test_scores_are_those_of_slow_sums(shop: Shop, user: str, demand: float) -> None:
    """Taste in each block, demand and what was bought before sum to the score; the best of them are the hits."""
    scoring = ScoringWeights(focus=0.0, demand=demand)
    found = recommender(shop, scoring)
    history = [*shop.events[user], event(user, "i3", BACK), event(user, "i4", VIEW)]
    true = slow(shop, found, history, scoring)
    answer = found.recommend(RecommendRequest(limit=20, explain=True, recall_target=1.0), history, NOW_S).answer
    del true["i3"]
    best = sorted(true.values(), reverse=True)[:20]
    assert [hit.score for hit in answer.hits] == pytest.approx(best, abs=2e-2)
    for hit in answer.hits:
        assert hit.score == pytest.approx(true[hit.item_id], abs=2e-2)
        assert sum(hit.contributions.values()) == pytest.approx(hit.score, abs=1e-5)
        known = hit.item_id in ids_of(history)
        assert set(hit.contributions) == {"image", "text", "demand"} | {"behaviour"} | ({"repeat"} if known else set())


def test_demand_that_is_boosted_too_is_told_apart(shop: Shop) -> None:
    """What the caller's own boost on demand adds stands under the boost's name, as in a search."""
    found = recommender(shop)
    wish = RecommendRequest(limit=5, explain=True, boosts=(Boost("demand", 1.0), Boost("rating", 0.5)))
    for hit in found.recommend(wish, shop.events["u0"], NOW_S).answer.hits:
        shares = hit.contributions
        assert shares["boost:demand"] == pytest.approx(shares["demand"] * 1.0 / found.scoring.demand, rel=1e-3)
        assert "boost:rating" in shares
        assert sum(shares.values()) == pytest.approx(hit.score, abs=1e-5)


# Reasons.


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("user", ["u0", "u7", "u20"])
def test_the_reason_is_the_largest_contribution(shop: Shop, user: str, mode: Mode) -> None:
    """Of every hit, in every mode, with a boost and without: what explain says adds most is what the reason names."""
    found = recommender(shop)
    history = [*shop.events[user], event(user, "i4", VIEW), event(user, "i15", CART)]
    for boosts in ((), (Boost("rating", 3.0),)):
        asked = RecommendRequest(mode, limit=60, explain=True, boosts=boosts, recall_target=1.0)
        recommended = found.recommend(asked, history, NOW_S)
        for hit, reason in zip(recommended.answer.hits, recommended.reasons, strict=True):
            name = largest_contribution(hit.contributions)
            assert hit.contributions.get(name, 0.0) == max(0.0, *hit.contributions.values())
            assert reason.contribution == name
            assert (reason.kind in (ReasonKind.POPULAR, ReasonKind.NEW)) == (name in ("demand", "boost:rating"))
            assert (name == "repeat") <= (reason.kind is ReasonKind.BOUGHT)
            assert bool(reason.because) == (
                reason.kind in (ReasonKind.BOUGHT, ReasonKind.KNOWN, ReasonKind.GOES_WITH, ReasonKind.LIKE_ITEM)
            )
        plain = found.recommend(replace(asked, explain=False), history, NOW_S)
        assert plain.reasons == recommended.reasons
        assert {len(hit.contributions) for hit in plain.answer.hits} <= {0}


def test_the_items_named_are_those_that_add_most(shop: Shop) -> None:
    """The first item named is the one whose weight times likeness, in the block that is the reason, is the largest."""
    found = recommender(shop, ScoringWeights(demand=0.0, focus=0.0))
    snapshot, history = found.searcher.snapshot, shop.events["u7"]
    recommended = found.recommend(RecommendRequest(Mode.DISCOVER, limit=100), history, NOW_S)
    had = [
        (one, snapshot.vectors(snapshot.items.get_row(one.item_id)))
        for one in compute_affinities(history, found.scoring, NOW_S)
    ]
    told = list(zip(recommended.answer.hits, recommended.reasons, strict=True))
    assert sum(bool(reason.because) for _, reason in told) > 50
    for hit, reason in told:
        if reason.because:
            own, block = snapshot.vectors(hit.row), reason.contribution
            usual = snapshot.calibration.of("item", block).mean
            adds = {
                one.item_id: one.weight * (float(vectors[block] @ own[block]) - usual)
                for one, vectors in had
                if block in vectors
            }
            assert adds[reason.because[0]] == pytest.approx(max(adds.values()), abs=1e-4)


def test_what_two_tastes_share_is_little(shop: Shop) -> None:
    """Of the ten best for shoppers who buy other kinds hardly any are the same, for all that demand adds to both."""
    found = recommender(shop)
    kinds = {user: {shop.kinds[one.item_id] for one in history} for user, history in shop.events.items()}
    tops = {
        user: set(ids(found.recommend(RecommendRequest(Mode.DISCOVER), history, NOW_S)))
        for user, history in list(shop.events.items())[:20]
    }
    shared = [len(tops[a] & tops[b]) / 10 for a in tops for b in tops if a < b and not kinds[a] & kinds[b]]
    assert len(shared) > 20
    assert np.mean(shared) < 0.1


# Clocks.


@pytest.mark.parametrize("days_ago", [-3650.0, 3650.0, 18_000.0])
def test_one_event_of_a_wrong_clock_moves_no_taste(shop: Shop, days_ago: float) -> None:
    """An event ten years ahead, ten years late or of 1974 is one event more, whatever its clock says."""
    found = recommender(shop)
    history = shop.events["u0"]
    right, wrong = (event("u0", "i20", VIEW, days) for days in (0.0, days_ago))
    before = found.taste([*history, right])
    after = found.taste([*history, wrong])
    assert before is not None
    assert after is not None
    for block, vector in before.vectors.items():
        assert float(vector @ after.vectors[block]) > 0.99
    tops = [set(ids(found.recommend(RecommendRequest(), [*history, one]))) for one in (right, wrong)]
    assert len(tops[0] & tops[1]) >= 8


def test_a_pause_is_no_longer_than_the_longest() -> None:
    """Ages are what passed between events, at most 30 days each; what is to come has none."""
    events = [event("u", "a", days_ago=days) for days in (400, -1, 5, 20)]
    assert compute_ages_days(events, 30, NOW_S) == pytest.approx([50, 0, 5, 20])
    assert compute_ages_days(events, 30) == pytest.approx([51, 0, 6, 21])
    assert compute_ages_days([], 30) == []


# Whom.


def test_interests_are_answered_by_their_shares(shop: Shop) -> None:
    """Three of four purchases of one kind, one of another: so are the hits, each telling which interest it answers."""
    found = recommender(shop, ScoringWeights(focus=1.0, demand=0.0, interests=2, repeated=1.0, recent_days=1e9))
    history = [one._replace(time_s=NOW_S) for one in {one.item_id: one for one in shop.events["u0"]}.values()]
    recommended = found.recommend(RecommendRequest(Mode.DISCOVER, limit=12, recall_target=1.0), history, NOW_S)
    kinds = [shop.kinds[item_id] for item_id in ids(recommended)]
    share = np.mean([shop.kinds[one.item_id] == 1 for one in history])
    assert abs(kinds.count(1) - 12 * share) <= 1
    assert kinds.count(0) + kinds.count(1) == 12
    by_kind = {0: 1, 1: 2} if share < 0.5 else {1: 1, 0: 2}
    assert [reason.interest for reason in recommended.reasons] == [by_kind[kind] for kind in kinds]
    scores = [hit.score for hit in recommended.answer.hits]
    assert scores == sorted(scores, reverse=True)
    alike = []
    for item_id, reason in zip(ids(recommended), recommended.reasons, strict=True):
        alike.append(shop.kinds[reason.because[0]] == shop.kinds[item_id])
        assert 1 <= len(reason.because) <= 3
        assert reason.words.endswith(f" Thing {reason.because[0][1:]} that you bought")
    assert np.mean(alike) >= 0.9


def test_a_taste_of_one_kind_gets_that_kind(shop: Shop) -> None:
    """Without demand, what somebody is recommended is of the kinds that they buy."""
    found = recommender(shop, ScoringWeights(demand=0.0))
    for user in ("u2", "u4", "u6"):
        history = shop.events[user]
        kinds = {shop.kinds[one.item_id] for one in history}
        got = [shop.kinds[item_id] for item_id in ids(found.recommend(RecommendRequest(limit=10), history, NOW_S))]
        assert np.mean([kind in kinds for kind in got]) >= 0.9


def test_modes_keep_to_their_items(shop: Shop) -> None:
    """What was bought, what was not, and both; never what was disliked or sent back."""
    found = recommender(shop)
    disliked = shop.events["u0"][0].item_id
    history = [*shop.events["u0"], event("u0", disliked, EventType.DISLIKE), event("u0", "i11", VIEW)]
    bought = ids_of(history)
    repeat = ids(found.recommend(RecommendRequest(Mode.REPEAT, limit=100), history, NOW_S))
    assert set(repeat) == bought - {disliked}
    discover = ids(found.recommend(RecommendRequest(Mode.DISCOVER, limit=300), history, NOW_S))
    assert set(discover) == set(shop.kinds) - bought
    mixed = ids(found.recommend(RecommendRequest(Mode.MIXED, limit=300), history, NOW_S))
    assert set(mixed) == set(shop.kinds) - {disliked}
    assert len(mixed) == len(set(mixed))


def test_somebody_unknown_gets_what_is_popular(shop: Shop) -> None:
    """By demand, under the same filters; so does somebody whose items are all gone. Nothing is there to repeat."""
    found = recommender(shop)
    everybody = found.recommend(RecommendRequest(limit=20, explain=True))
    shares = [hit.contributions["demand"] for hit in everybody.answer.hits]
    assert shares == sorted(shares, reverse=True)
    assert {reason.words for reason in everybody.reasons} == {"popular now"}
    assert all(reason.because == () and reason.interest == 0 for reason in everybody.reasons)
    filtered = ids(found.recommend(RecommendRequest(limit=20, filter="kind = k2")))
    assert {shop.kinds[item_id] for item_id in filtered} == {2}
    assert (
        filtered
        == [item_id for item_id in ids(found.recommend(RecommendRequest(limit=300))) if shop.kinds[item_id] == 2][:20]
    )
    assert ids(found.recommend(RecommendRequest(limit=20), [event("u", "gone")], NOW_S)) == ids(everybody)
    assert ids(found.recommend(RecommendRequest(Mode.REPEAT), [event("u", "gone")], NOW_S)) == []
    assert ids(found.recommend(RecommendRequest(Mode.REPEAT, limit=20))) == ids(everybody)


def test_an_old_history_is_a_history(shop: Shop) -> None:
    """Fifteen years later a shopper's taste is what it was: only how new events are among each other counts."""
    history, later_s = shop.events["u0"], NOW_S + 15 * 365 * 86_400
    now, then = recommender(shop).taste(history, NOW_S), recommender(shop).taste(history, later_s)
    assert now is not None
    assert then is not None
    for block, vector in now.vectors.items():
        np.testing.assert_allclose(then.vectors[block], vector, atol=1e-3)


def test_without_events_tastes_are_of_pictures_and_texts(plain: Recommender, shop: Shop) -> None:
    """A snapshot that learnt nothing recommends by what it has, and the best rated to somebody unknown."""
    history = shop.events["u0"]
    hits = plain.recommend(RecommendRequest(Mode.DISCOVER, limit=10, explain=True), history, NOW_S).answer.hits
    assert {name for hit in hits for name in hit.contributions} == {"image", "text"}
    assert {shop.kinds[hit.item_id] for hit in hits} <= {0, 1}
    unknown = plain.recommend(RecommendRequest(limit=5, explain=True))
    assert {reason.words for reason in unknown.reasons} == {"well rated"}
    assert [set(hit.contributions) for hit in unknown.answer.hits] == [{"boost:rating"}] * 5


def test_where_nothing_is_known_of_anybody_items_come_in_their_order(tmp_path: Path) -> None:
    """No signal, no history: any items, the first first, and the reason does not claim to know why."""
    shop = build_shop(tmp_path, with_events=False, signals=())
    found = recommender(shop).recommend(RecommendRequest(limit=4))
    assert ids(found) == ["i0", "i1", "i2", "i3"]
    assert {reason.words for reason in found.reasons} == {UNKNOWN.words}
    assert ids(recommender(shop).recommend(RecommendRequest(limit=2, filter="kind = k1")))[0].startswith("i")


# Sessions.


def test_a_session_gets_what_is_like_what_it_likes(plain: Recommender, shop: Shop) -> None:
    """Neither the liked items nor disliked ones; unlike what is disliked."""
    liked, other = "i20", next(one for one, kind in shop.kinds.items() if kind != shop.kinds["i20"])
    found = plain.recommend(RecommendRequest(session=True, liked=(liked, "gone"), disliked=(other,), limit=10))
    assert not {liked, other} & set(ids(found))
    assert {shop.kinds[item_id] for item_id in ids(found)} == {shop.kinds[liked]}
    assert {reason.words for reason in found.reasons} <= {
        "looks like Thing 20 that you liked",
        "similar to Thing 20 that you liked",
    }
    assert {reason.because for reason in found.reasons} == {(liked,)}


def test_dislikes_alone_keep_away_from_them(plain: Recommender, shop: Shop) -> None:
    """Whoever says only what they dislike gets the items least like it."""
    found = plain.recommend(RecommendRequest(session=True, disliked=("i20",), limit=20))
    assert shop.kinds["i20"] not in {shop.kinds[item_id] for item_id in ids(found)}
    row = plain.searcher.snapshot.items.get_row("i20")
    own = plain.searcher.snapshot.vectors(row)
    near = [
        sum(float(own[block] @ vector) for block, vector in plain.searcher.snapshot.vectors(hit.row).items())
        for hit in found.answer.hits
    ]
    assert near == pytest.approx(sorted(near), abs=1e-2)
    assert {reason.words for reason in found.reasons} == {UNLIKE}


def test_an_empty_session_gets_what_is_popular(plain: Recommender) -> None:
    """Nothing liked, nothing disliked: as somebody unknown."""
    assert ids(plain.recommend(RecommendRequest(session=True))) == ids(plain.recommend(RecommendRequest()))


def test_what_a_session_cannot_ask_is_told_by_its_field(plain: Recommender) -> None:
    """Items of which none is there, a picture where no model is, a wrong filter."""
    with pytest.raises(ItemNotFound) as caught:
        plain.recommend(RecommendRequest(session=True, liked=("gone", "lost")))
    assert (caught.value.item_id, caught.value.field) == ("gone", "session.liked_item_ids[0]")
    with pytest.raises(ItemNotFound) as caught:
        plain.recommend(RecommendRequest(session=True, disliked=("gone",)))
    assert caught.value.field == "session.disliked_item_ids[0]"
    for wish, field in (
        (RecommendRequest(image=b"x"), "image"),
        (RecommendRequest(session=True, image=b"x"), "session.image"),
    ):
        with pytest.raises(NoEncoder) as refused:
            plain.recommend(wish)
        assert refused.value.field == field
    with pytest.raises(InvalidQuery) as wrong:
        plain.recommend(RecommendRequest(filter="kind <"))
    assert wrong.value.field == "filter"


# As in a search.


def test_groups_and_variety_hold_over_all_interests(shop: Shop) -> None:
    """Of several interests' lists a group is shown once, and a list put in another order has no item twice."""
    found = recommender(shop, ScoringWeights(focus=1.0))
    history = shop.events["u0"]
    grouped = found.recommend(RecommendRequest(collapse_by="kind", limit=20), history, NOW_S)
    kinds = [shop.kinds[item_id] for item_id in ids(grouped)]
    assert sorted(kinds) == sorted(set(shop.kinds.values()))
    varied = found.recommend(RecommendRequest(diversity=Diversity(0.3), limit=20), history, NOW_S)
    assert len(set(ids(varied))) == 20
    assert ids(varied) != ids(found.recommend(RecommendRequest(limit=20), history, NOW_S))


def test_boosts_and_filters_hold_for_every_interest(shop: Shop) -> None:
    """A heavy boost orders each interest's hits by it; a filter leaves nothing else."""
    found = recommender(shop, ScoringWeights(focus=0.0))
    wish = RecommendRequest(limit=10, boosts=(Boost("rating", 1000.0),), filter="price > 50", explain=True)
    hits = found.recommend(wish, shop.events["u0"], NOW_S).answer.hits
    shares = [hit.contributions["boost:rating"] for hit in hits]
    assert shares == sorted(shares, reverse=True)
    columns = found.searcher.snapshot.columns.numbers("price")
    assert all(columns[hit.row] > 50 for hit in hits)


@pytest.mark.parametrize("mode", list(Mode))
def test_what_is_excluded_answers_no_interest(shop: Shop, mode: Mode) -> None:
    """Of several interests each leaves out the same items, in every mode; so does a session of nobody."""
    found, history = recommender(shop), shop.events["u0"]
    all_of_them = ids(found.recommend(RecommendRequest(mode, limit=30, recall_target=1.0), history, NOW_S))
    assert len(all_of_them) > 10
    excluded = frozenset(all_of_them[:5])
    rest = ids(found.recommend(RecommendRequest(mode, limit=30, recall_target=1.0, exclude=excluded), history, NOW_S))
    assert not excluded & set(rest)
    assert len(rest) >= len(all_of_them) - 5
    nobody = ids(found.recommend(RecommendRequest(session=True, exclude=excluded, limit=300)))
    assert set(nobody) == set(shop.kinds) - excluded


def test_a_part_of_a_search_is_the_same_taste(shop: Shop) -> None:
    """What a search is told of a shopper is the direction of their weighted items in each block."""
    found = recommender(shop)
    snapshot = found.searcher.snapshot
    taste = found.taste(shop.events["u3"], NOW_S)
    assert taste is not None
    had = compute_affinities(shop.events["u3"], found.scoring, NOW_S)
    rows = [snapshot.vectors(snapshot.items.get_row(one.item_id))["behaviour"] for one in had]
    expected = to_unit(np.array([one.weight for one in had], np.float32) @ np.array(rows))
    assert taste.vectors["behaviour"] == pytest.approx(expected, abs=1e-4)
    assert found.taste([event("u", "gone")], NOW_S) is None


def test_signals_are_standardised_as_the_rows_hold_them(shop: Shop) -> None:
    """A signal that nothing is known of counts 0; of a new item is expected what its like have."""
    snapshot = recommender(shop).searcher.snapshot
    usual = snapshot.calibration.signals["demand"]
    assert standardise(np.array([np.nan], np.float32), usual)[0] == 0.0
    hits = recommender(shop).recommend(RecommendRequest(limit=300, explain=True)).answer.hits
    new = [hit.contributions["demand"] for hit in hits if int(hit.item_id[1:]) < 10]
    others = [hit.contributions["demand"] for hit in hits if int(hit.item_id[1:]) >= 10]
    assert len(new) == 10
    assert min(others) < min(new) <= max(new) < max(others)


def test_discoveries_show_what_nobody_bought_yet(shop: Shop) -> None:
    """One in twenty is of the ten items without events, of the shopper's kinds; a share of 0 shows none."""
    history = shop.events["u0"]
    found = recommender(shop).recommend(RecommendRequest(Mode.DISCOVER, limit=20), history, NOW_S)
    new = [item_id for item_id in ids(found) if int(item_id[1:]) < 10]
    assert len(new) == 1
    without = recommender(shop, ScoringWeights(new=0.0)).recommend(
        RecommendRequest(Mode.DISCOVER, limit=20), history, NOW_S
    )
    assert not [item_id for item_id in ids(without) if int(item_id[1:]) < 10]
    assert len(set(ids(found))) == 20
    mixed = recommender(shop).recommend(RecommendRequest(Mode.MIXED, limit=20), history, NOW_S)
    assert (
        mixed.answer.hits
        == recommender(shop, ScoringWeights(new=0.0)).recommend(RecommendRequest(limit=20), history, NOW_S).answer.hits
    )
