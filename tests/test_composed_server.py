"""Composed queries, excluded items and item_id in filters, asked of a real server and of the command line."""

import json
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.rpc import code_pb2

from engine.v1 import catalog_pb2, recommendation_pb2, recommendation_pb2_grpc, search_pb2
from engine.v1.query_pb2 import QueryPart
from tests.support.cli import engine, printed
from tests.support.servers import Running, copy_store, refusal, request, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, goods: Path) -> Iterator[Running]:
    """A server of two dozen goods, and one that was upserted since."""
    with running(copy_store(goods, tmp_path_factory.mktemp("goods"))) as started:
        new = catalog_pb2.UpsertItemsRequest.NewItem(item_id="new-mug")
        new.payload.update({"title": "blue mug", "category": "mug"})
        started.catalog.UpsertItems(catalog_pb2.UpsertItemsRequest(items=[new]))
        yield started


def found(server: Running, *parts: QueryPart, **fields: object) -> list[str]:
    """The ids of the hits."""
    return [hit.item_id for hit in server.search.Search(request(*parts, **fields)).hits]


def test_a_changed_item_is_no_answer_itself(server: Running) -> None:
    """Search and BatchSearch answer the same: mugs first, and never the one that was asked with."""
    part = QueryPart(item_id="red-mug", change="in blue")
    ids = found(server, part, page_size=50)
    assert "red-mug" not in ids
    assert {"blue-mug", "new-mug"} == set(ids[:2])
    batch = search_pb2.BatchSearchRequest(requests=[request(part, page_size=50), request(QueryPart(item_id="gone"))])
    answer, failed = server.search.BatchSearch(batch).results
    assert [hit.item_id for hit in answer.response.hits] == ids
    assert failed.error.code == code_pb2.NOT_FOUND


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (QueryPart(text="mug", change="in red"), "parts[0]"),
        (QueryPart(user_id="somebody", change="in red"), "parts[0]"),
        (QueryPart(item_id="red-mug", change=""), "parts[0].change"),
        (QueryPart(item_id="red-mug", change=" "), "parts[0].change"),
        (QueryPart(item_id="red-mug", change="x" * 1025), "parts[0].change"),
        (QueryPart(item_id="red-mug", change="in blue", weight=0), "parts[0].weight"),
    ],
)
def test_a_change_without_meaning_is_refused(server: Running, part: QueryPart, field: str) -> None:
    """Only an image or an item is changed, by some words, and counts."""
    told = refusal(server.search.Search, request(part))
    assert (told.code, told.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [field])


def test_excluded_items_do_not_answer(server: Running) -> None:
    """They are in no list, group or facet; ids that nobody knows change nothing."""
    part = QueryPart(text="mug")
    everything = found(server, part, page_size=100)
    excluded = everything[:2]
    assert found(server, part, page_size=100, exclude_item_ids=[*excluded, "unknown"]) == everything[2:]
    answer = server.search.Search(request(part, facets=["category"], exclude_item_ids=excluded))
    assert sum(value.count for value in answer.facets[0].values) == len(everything) - 2
    told = refusal(server.search.Search, request(part, exclude_item_ids=[""]))
    assert told.fields == ["exclude_item_ids[0]"]


def test_excluded_items_are_not_recommended(server: Running) -> None:
    """Neither to a session nor beside it."""
    stub = recommendation_pb2_grpc.RecommendationServiceStub(server.channel)
    asked = recommendation_pb2.RecommendRequest(session=recommendation_pb2.Session(liked_item_ids=["red-mug"]))
    first = [hit.item_id for hit in stub.Recommend(asked).hits]
    asked.exclude_item_ids.extend(first[:3])
    second = [hit.item_id for hit in stub.Recommend(asked).hits]
    assert set(first[3:]) <= set(second)
    assert not set(first[:3]) & set(second)


@pytest.mark.parametrize(
    ("expression", "ids"),
    [
        ('item_id = "red-mug"', {"red-mug"}),
        ('item_id:("red-mug" OR "new-mug" OR "unknown")', {"red-mug", "new-mug"}),
        (
            'item_id = "*-mug" AND NOT item_id = "new-mug"',
            {f"{c}-mug" for c in ["red", "green", "blue", "yellow", "black", "white"]},
        ),
        ('item_id = "new-mug" AND category = "mug"', {"new-mug"}),
        ('item_id = "unknown"', set()),
    ],
)
def test_filters_know_the_ids_of_items(server: Running, expression: str, ids: set[str]) -> None:
    """Those of the snapshot and those of live changes, by the whole grammar."""
    assert set(found(server, QueryPart(text="thing"), page_size=100, filter=expression)) == ids


def test_all_items_have_an_id(server: Running) -> None:
    """Has, and the negation of one id, hold for every other item."""
    everything = set(found(server, QueryPart(text="thing"), page_size=100))
    assert set(found(server, QueryPart(text="thing"), page_size=100, filter="item_id:*")) == everything
    rest = found(server, QueryPart(text="thing"), page_size=100, filter='NOT item_id = "red-mug"')
    assert set(rest) == everything - {"red-mug"}


def test_a_payload_does_not_rename_an_item(server: Running) -> None:
    """The id counts, whatever a live payload calls item_id; facets know no such field."""
    new = catalog_pb2.UpsertItemsRequest.NewItem(item_id="odd")
    new.payload.update({"title": "odd thing", "item_id": "even"})
    server.catalog.UpsertItems(catalog_pb2.UpsertItemsRequest(items=[new]))
    assert found(server, QueryPart(text="odd"), filter='item_id = "odd"') == ["odd"]
    assert found(server, QueryPart(text="odd"), filter='item_id = "even"') == []
    server.catalog.DeleteItems(catalog_pb2.DeleteItemsRequest(item_ids=["odd"]))


def test_the_command_line_changes_and_excludes(server: Running) -> None:
    """--change and --exclude ask a server as they ask a store."""
    arguments = ["query", "--item", "red-mug", "--change", "in blue", "--exclude", "new-mug", "--json", "--limit", "50"]
    answers = []
    for place in (["--address", server.target], ["--store", str(server.server.settings.store)]):
        lines = printed(engine, *arguments, *place).splitlines()
        answers.append([json.loads(line)["item_id"] for line in lines])
    assert answers[0] == answers[1]
    assert answers[0][0] == "blue-mug"
    assert not {"red-mug", "new-mug"} & {*answers[0]}


def test_a_change_needs_a_reference() -> None:
    """--change without --image or --item is wrong usage."""
    ran = engine("query", "mug", "--change", "in red")
    assert ran.code == 2
    assert "--image or --item" in ran.err
