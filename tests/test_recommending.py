"""Recommend, and a search for a shopper, on a real server: from recorded events, at once, and as in the process."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import grpc
import pytest

from engine.errors import InvalidQuery
from engine.search.searcher import Searcher
from engine.server.codec.recommend_messages import from_request, to_response
from engine.server.lazy_event_log import LazyEventLog
from engine.server.shopper_recommender import ShopperRecommender
from engine.snapshot.snapshot import open_snapshot
from engine.snapshot.store import Store
from engine.v1 import recommendation_pb2, recommendation_pb2_grpc, search_pb2
from engine.v1.query_pb2 import Boost, QueryPart
from engine.v1.recommendation_pb2 import RecommendRequest, RecommendResponse, Session
from tests.support.purchase_shop import Shop, build_shop, ids_of
from tests.support.servers import Running, copy_store, picture, refusal, request, running

Stub = recommendation_pb2_grpc.RecommendationServiceStub


@pytest.fixture(scope="module")
def changed_goods(tmp_path_factory: pytest.TempPathFactory, goods: Path) -> Iterator[Running]:
    """A server over a copy of the changed_goods, to record events in."""
    with running(copy_store(goods, tmp_path_factory.mktemp("goods"))) as server:
        yield server


def recommend(shop_server: Running, **fields: object) -> RecommendResponse:
    response: RecommendResponse = Stub(shop_server.channel).Recommend(RecommendRequest(**fields), timeout=30)
    return response


def record(shop_server: Running, user_id: str, kind: str, item_ids: Sequence[str]) -> None:
    events = [
        recommendation_pb2.Event(event_id=f"{user_id}/{kind}/{item_id}", user_id=user_id, item_id=item_id, type=kind)
        for item_id in item_ids
    ]
    recorded = Stub(shop_server.channel).RecordEvents(recommendation_pb2.RecordEventsRequest(events=events), timeout=30)
    assert (recorded.accepted_count, list(recorded.rejections)) == (len(item_ids), [])


def ids(response: RecommendResponse | search_pb2.SearchResponse) -> list[str]:
    return [hit.item_id for hit in response.hits]


@pytest.mark.parametrize("mode", ["MODE_UNSPECIFIED", "MODE_REPEAT", "MODE_DISCOVER", "MODE_MIXED"])
def test_a_server_recommends_as_the_process_does(shop: Shop, shop_server: Running, mode: str) -> None:
    """The same hits, scores, contributions and reasons; payload, plan, times and the snapshot beside them."""
    asked = RecommendRequest(
        user_id="u0",
        mode=mode,
        page_size=20,
        explain=True,
        filter="price < 90",
        boosts=[Boost(field="rating", weight=0.2)],
        recall_target=1.0,
    )
    told = Stub(shop_server.channel).Recommend(asked, timeout=30)
    searcher = Searcher(open_snapshot(Store(shop.store), shop.manifest.snapshot), None)
    events = LazyEventLog(shop.store)
    alone = to_response(ShopperRecommender(events).recommend(searcher, "u0", from_request(asked)))
    events.close()
    assert list(told.hits) == list(alone.hits)
    assert told.snapshot == shop.manifest.snapshot
    assert told.plan == alone.plan
    assert told.timings.total_us >= told.timings.search_us > 0
    assert not told.degraded
    for hit in told.hits:
        assert hit.payload["title"] == f"Thing {hit.item_id[1:]}"
        assert hit.reason
        assert sum(hit.contributions.values()) == pytest.approx(hit.score, abs=1e-4)


def test_modes_keep_to_their_items(shop: Shop, shop_server: Running) -> None:
    """Over the network too: repeats are what was bought, discoveries what was not."""
    bought = ids_of(shop.events["u5"])
    assert set(ids(recommend(shop_server, user_id="u5", mode="MODE_REPEAT", page_size=100))) == bought
    found = ids(recommend(shop_server, user_id="u5", mode="MODE_DISCOVER", page_size=500))
    assert set(found) == set(shop.kinds) - bought


def test_events_count_from_the_moment_they_are_recorded(changed_goods: Running) -> None:
    """Nothing is known, then a purchase is; what it says is the reason; erased, nothing is known again."""
    before = recommend(changed_goods, user_id="ada")
    assert {hit.reason for hit in before.hits} == {"well rated"}
    record(changed_goods, "ada", "TYPE_PURCHASE", ["red-mug"])
    after = recommend(changed_goods, user_id="ada", mode="MODE_DISCOVER", page_size=5, explain=True)
    assert {hit.reason for hit in after.hits} <= {
        "looks like red mug that you bought",
        "similar to red mug that you bought",
    }
    assert {hit.reason_kind for hit in after.hits} == {recommendation_pb2.Recommendation.REASON_KIND_LIKE_ITEM}
    for hit in after.hits:
        assert hit.contributions[hit.reason_contribution] == max(hit.contributions.values())
    assert {tuple(hit.because_item_ids) for hit in after.hits} == {("red-mug",)}
    assert {hit.interest for hit in after.hits} == {1}
    assert "red-mug" not in ids(after)
    again = recommend(changed_goods, user_id="ada", mode="MODE_REPEAT", explain=True).hits
    assert [(hit.item_id, hit.reason) for hit in again] == [("red-mug", "you bought this before")]
    assert "repeat" in again[0].contributions
    record(changed_goods, "ada", "TYPE_RETURN", ["red-mug"])
    assert ids(recommend(changed_goods, user_id="ada", mode="MODE_REPEAT")) == []
    Stub(changed_goods.channel).EraseUser(recommendation_pb2.EraseUserRequest(user_id="ada"), timeout=30)
    assert ids(recommend(changed_goods, user_id="ada")) == ids(before)


def test_live_items_are_recommended_and_deleted_ones_not(tmp_path: Path) -> None:
    """A snapshot is no older to shoppers than to searches."""
    from engine.v1 import catalog_pb2

    shop = build_shop(tmp_path)
    with running(shop.store) as shop_server:
        gone = ids(recommend(shop_server, user_id="u1", mode="MODE_DISCOVER", page_size=3))
        shop_server.catalog.DeleteItems(catalog_pb2.DeleteItemsRequest(item_ids=gone), timeout=30)
        rest = ids(recommend(shop_server, user_id="u1", mode="MODE_DISCOVER", page_size=500))
        assert len(rest) > 100
        assert not set(gone) & set(rest)
        bought = sorted(ids_of(shop.events["u1"]))
        shop_server.catalog.DeleteItems(catalog_pb2.DeleteItemsRequest(item_ids=bought), timeout=30)
        assert {hit.reason for hit in recommend(shop_server, user_id="u1").hits} == {"popular now"}


def test_a_picture_is_answered_in_a_taste(changed_goods: Running) -> None:
    """Alone, of a session, and beside a shopper's events: what is like it comes first, and the reason says so."""
    image = picture("red", "mug")
    alone = recommend(changed_goods, session=Session(image=image), page_size=3)
    assert ids(alone) == ids(changed_goods.search.Search(request(QueryPart(image=image), page_size=3), timeout=30))
    assert {hit.reason for hit in alone.hits} == {"similar to this picture"}
    assert alone.timings.encode_us > 0
    nobody = recommend(changed_goods, user_id="nobody", image=image, page_size=3)
    assert ids(nobody) == ids(alone)
    record(changed_goods, "eve", "TYPE_LIKE", ["blue-lamp", "green-lamp"])
    taste = recommend(changed_goods, user_id="eve", image=image, page_size=3)
    reasons = {hit.reason for hit in taste.hits if not hit.because_item_ids}
    assert reasons == {"similar to this picture and to your taste"}
    assert [hit.score for hit in taste.hits] != [hit.score for hit in alone.hits]
    both = recommend(changed_goods, session=Session(liked_item_ids=["blue-lamp"], image=image), page_size=3)
    assert {hit.reason for hit in both.hits if not hit.because_item_ids} <= {
        "similar to this picture and to your taste"
    }


@pytest.mark.parametrize(
    ("asked", "code", "fields"),
    [
        (RecommendRequest(), "INVALID_ARGUMENT", ["subject"]),
        (RecommendRequest(user_id=""), "INVALID_ARGUMENT", ["user_id"]),
        (RecommendRequest(user_id="u", page_size=1001), "INVALID_ARGUMENT", ["page_size"]),
        (RecommendRequest(user_id="u", mode=9), "INVALID_ARGUMENT", ["mode"]),
        (RecommendRequest(user_id="u", filter="price <"), "INVALID_ARGUMENT", ["filter"]),
        (RecommendRequest(user_id="u", boosts=[Boost(field="x", weight=1)]), "INVALID_ARGUMENT", ["boosts[0].field"]),
        (RecommendRequest(user_id="u", collapse_by="brand"), "INVALID_ARGUMENT", ["collapse_by"]),
        (RecommendRequest(user_id="u", image=b"no picture"), "INVALID_ARGUMENT", ["image"]),
        (RecommendRequest(session=Session(image=b"no picture")), "INVALID_ARGUMENT", ["session.image"]),
        (RecommendRequest(session=Session(), image=picture("red", "mug")), "INVALID_ARGUMENT", ["image"]),
        (RecommendRequest(session=Session(liked_item_ids=["gone"])), "NOT_FOUND", ["session.liked_item_ids[0]"]),
        (
            RecommendRequest(session=Session(liked_item_ids=["a", "a"])),
            "INVALID_ARGUMENT",
            ["session.liked_item_ids"],
        ),
    ],
)
def test_what_cannot_be_recommended_names_the_field(
    changed_goods: Running, asked: RecommendRequest, code: str, fields: list[str]
) -> None:
    """What is wrong is told by code and by field paths."""
    refused = refusal(Stub(changed_goods.channel).Recommend, asked)
    assert refused.code.name == code, refused.message
    assert refused.fields == fields


def test_a_search_takes_a_shopper_as_a_part(shop: Shop, shop_server: Running) -> None:
    """Alone it asks for what they like; beside others it counts as they do; with a block only for that."""
    found = shop_server.search.Search(request(QueryPart(user_id="u0"), page_size=10, explain=True), timeout=30)
    assert {shop.kinds[item_id] for item_id in ids(found)} <= {0, 1}
    assert {name for hit in found.hits for name in hit.contributions} == {"image", "text", "behaviour"}
    aimed = QueryPart(user_id="u0", block="behaviour")
    found = shop_server.search.Search(request(aimed, page_size=10, explain=True), timeout=30)
    assert {name for hit in found.hits for name in hit.contributions} == {"behaviour"}
    away = shop_server.search.Search(request(QueryPart(user_id="u0", weight=-1.0), page_size=10), timeout=30)
    assert not {shop.kinds[item_id] for item_id in ids(away)} & {0, 1}
    other = QueryPart(item_id=next(one for one, kind in shop.kinds.items() if kind == 4))
    mixed = shop_server.search.Search(request(QueryPart(user_id="u0", weight=0.1), other, page_size=10), timeout=30)
    assert 4 in {shop.kinds[item_id] for item_id in ids(mixed)}


def test_a_batch_takes_shoppers_too(shop_server: Running) -> None:
    """Each query of a batch has its own outcome; one of a shopper who is not known fails alone."""
    asked = [request(QueryPart(user_id=user)) for user in ("u0", "nobody", "u1")]
    results = shop_server.search.BatchSearch(search_pb2.BatchSearchRequest(requests=asked), timeout=30).results
    assert [result.HasField("error") for result in results] == [False, True, False]
    assert results[1].error.code == grpc.StatusCode.NOT_FOUND.value[0]
    alone = shop_server.search.Search(asked[0], timeout=30)
    assert ids(results[0].response) == ids(alone)


def test_a_shopper_who_is_not_known_is_not_found_nor_named(shop_server: Running) -> None:
    """NOT_FOUND naming the part, and not a word of whom."""
    refused = refusal(shop_server.search.Search, request(QueryPart(text="x"), QueryPart(user_id="who-is-this")))
    assert refused.code in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION)
    refused = refusal(shop_server.search.Search, request(QueryPart(user_id="who-is-this")))
    assert (refused.code, refused.fields) == (grpc.StatusCode.NOT_FOUND, ["parts[0].user_id"])
    assert "who-is-this" not in refused.message


def test_a_wish_is_what_the_request_says() -> None:
    """Defaults: both modes, ten items; a picture stands in one place alone."""
    wish = from_request(RecommendRequest(user_id="u"))
    assert (wish.mode.value, wish.limit, wish.session, wish.image) == ("mixed", 10, False, b"")
    session = from_request(RecommendRequest(session=Session(liked_item_ids=["a"], disliked_item_ids=["b"], image=b"x")))
    assert (session.session, session.liked, session.disliked, session.image) == (True, ("a",), ("b",), b"x")
    with pytest.raises(InvalidQuery) as caught:
        from_request(RecommendRequest(session=Session(), image=b"x"))
    assert caught.value.field == "image"
