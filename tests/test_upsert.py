"""Items changed on a running server: searched at once, durable, once a request, and taken over by the next build."""

import io
import json
import resource
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.rpc import code_pb2
from PIL import Image

from engine.encoders.encoder import ModelSpec
from engine.snapshot.store import Store
from engine.updates.change_log import LIVE_FILE, ChangeLog
from engine.v1 import catalog_pb2, index_pb2, query_pb2
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.progress import no_progress
from tests.support.catalogs import DIM, clustered, write_lines, write_parquet
from tests.support.cli import indexer
from tests.support.purchase_shop import build_shop
from tests.support.servers import (
    ROWS,
    Running,
    copy_store,
    of_vector,
    picture,
    refusal,
    request,
    running,
    unpack,
)
from tests.support.waiting import within

pytestmark = pytest.mark.long

VECTORS = clustered(300, seed=1)
NewItem = catalog_pb2.UpsertItemsRequest.NewItem


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of items i0 … i299 with own vectors and prices."""
    catalogue = write_parquet(tmp_path / "catalogue.parquet", VECTORS)
    build(BuildConfig(catalogue, tmp_path / "store", signals=("price",)), no_progress)
    return tmp_path / "store"


@pytest.fixture(scope="module")
def changed_goods(tmp_path_factory: pytest.TempPathFactory, goods: Path) -> Iterator[Running]:
    """A server over a copy of the changed_goods, to change."""
    with running(copy_store(goods, tmp_path_factory.mktemp("goods"))) as started:
        yield started


def vector(number: int) -> np.ndarray:
    """Return a unit vector that no item of the catalogue is near to."""
    drawn = np.random.default_rng(10_000 + number).standard_normal(DIM)
    return (drawn / np.linalg.norm(drawn)).astype(np.float32)


def item(item_id: str, number: int, **payload: Any) -> NewItem:
    """Return an item whose both vectors `number` decides."""
    values = query_pb2.Vector(values=vector(number).tolist())
    made = NewItem(item_id=item_id, vectors={"image": values, "text": values})
    made.payload.update({"number": number, "price": 5.0} | payload)
    return made


def upsert(started: Running, *items: NewItem, request_id: str = "") -> catalog_pb2.UpsertItemsResponse:
    """Upsert and return the answer."""
    return started.catalog.UpsertItems(catalog_pb2.UpsertItemsRequest(items=items, request_id=request_id))


def delete(started: Running, *item_ids: str, request_id: str = "") -> catalog_pb2.DeleteItemsResponse:
    """Delete and return the answer."""
    return started.catalog.DeleteItems(catalog_pb2.DeleteItemsRequest(item_ids=item_ids, request_id=request_id))


def found(started: Running, number: int, size: int = 3, **fields: Any) -> list[str]:
    """Return the ids that a search for the vector of a number finds."""
    asked = request(of_vector(vector(number), block="image"), page_size=size, **fields)
    return [hit.item_id for hit in started.search.Search(asked).hits]


def there(started: Running, *item_ids: str) -> dict[str, float]:
    """Return the numbers of those items that are there."""
    answer = started.catalog.GetItems(catalog_pb2.GetItemsRequest(item_ids=item_ids))
    return {one.item_id: one.payload["number"] if "number" in one.payload.fields else -1 for one in answer.items}


def test_an_upsert_is_searched_at_once(store: Path) -> None:
    """The next search, GetItems, an item part and a filter see it, beside the snapshot's items in one ranking."""
    with running(store) as started:
        assert upsert(started, item("new", 1), item("newer", 2)).accepted_count == 2
        assert found(started, 1)[0] == "new"
        assert found(started, 2, 300, filter="number >= 1") == ["newer", "new"]
        assert there(started, "new", "newer", "newest") == {"new": 1, "newer": 2}
        similar = started.search.Search(request(query_pb2.QueryPart(item_id="new"), page_size=2)).hits
        assert similar[0].item_id == "new"
        everything = started.search.Search(request(of_vector(vector(1)), page_size=1000)).hits
        assert {hit.item_id for hit in everything} == {f"i{number}" for number in range(300)} | {"new", "newer"}
        assert [hit.score for hit in everything] == sorted((hit.score for hit in everything), reverse=True)


def test_an_upsert_replaces_the_snapshots_item(store: Path) -> None:
    """It is found where it is now and no longer where it was, has its new payload, and is found once."""
    with running(store) as started:
        old = request(of_vector(VECTORS.image[7], block="image"), page_size=1)
        assert started.search.Search(old).hits[0].item_id == "i7"
        upsert(started, item("i7", 7))
        assert started.search.Search(old).hits[0].item_id != "i7"
        assert found(started, 7, 300).count("i7") == 1
        assert found(started, 7)[0] == "i7"
        assert there(started, "i7") == {"i7": 7}
        upsert(started, item("i7", 8))
        assert found(started, 7, 1) != ["i7"]
        assert found(started, 8)[0] == "i7"


def test_an_item_is_whole(store: Path) -> None:
    """What an upsert leaves out is not kept from before: a block, a field."""
    with running(store) as started:
        upsert(started, item("a", 1, colour="red"))
        values = query_pb2.Vector(values=vector(1).tolist())
        upsert(started, NewItem(item_id="a", vectors={"text": values}))
        (one,) = started.catalog.GetItems(catalog_pb2.GetItemsRequest(item_ids=["a"])).items
        assert (list(one.blocks), dict(one.payload)) == (["text"], {})


def test_what_was_learnt_of_an_item_stays(tmp_path: Path) -> None:
    """Its demand is not what a payload says, nor nothing; its likeness to a shopper stays; a new item has neither."""
    shop = build_shop(tmp_path, signals=("rating",))
    bought = shop.events["u0"][-1].item_id
    with running(shop.store) as started:
        boosts = [query_pb2.Boost(field=name, weight=1.0) for name in ("demand", "repurchase", "rating")]
        parts = [query_pb2.QueryPart(item_id=bought, block="behaviour"), query_pb2.QueryPart(item_id=bought)]

        def shares() -> dict[str, dict[str, float]]:
            asked = request(*parts, boosts=boosts, explain=True, page_size=1000)
            return {hit.item_id: dict(hit.contributions) for hit in started.search.Search(asked).hits}

        before = shares()[bought]
        upsert(started, item(bought, 1, demand=99.0, repurchase=99.0, rating=99.0), item("new", 2, demand=99.0))
        after = shares()
    for name in ("behaviour", "boost:demand", "boost:repurchase"):
        assert after[bought][name] == pytest.approx(before[name], abs=2e-3)
    assert before["boost:demand"] != 0
    assert after[bought]["boost:rating"] > before["boost:rating"]
    assert after["new"]["boost:demand"] == 0
    assert "behaviour" not in after["new"]


def test_a_request_may_bring_behaviour(tmp_path: Path) -> None:
    """What a shop learnt itself goes before what the snapshot has."""
    shop = build_shop(tmp_path)
    bought, (dim,) = shop.events["u0"][-1].item_id, [one.dimensions for one in shop.manifest.blocks[2:]]
    own = np.eye(dim, dtype=np.float32)[0]
    given = item(bought, 1)
    given.vectors["behaviour"].values.extend(own.tolist())
    with running(shop.store) as started:
        upsert(started, given)
        view = started.server.snapshots.served.searcher.view
        assert view.vectors(view.get_row(bought))["behaviour"].tolist() == own.tolist()


def test_deleted_items_are_gone_at_once(store: Path) -> None:
    """Of the snapshot's and of new ones; what was not there is told; and an item may come back."""
    with running(store) as started:
        upsert(started, item("new", 1))
        answer = delete(started, "i3", "nobody", "new", "i3")
        assert (answer.deleted_count, list(answer.missing_item_ids)) == (2, ["nobody", "i3"])
        everything = found(started, 1, 1000)
        assert len(everything) == 299
        assert not {"i3", "new"} & set(everything)
        assert there(started, "i3", "new") == {}
        gone = refusal(started.search.Search, request(query_pb2.QueryPart(item_id="i3")))
        assert gone.code == grpc.StatusCode.NOT_FOUND
        assert list(delete(started, "new").missing_item_ids) == ["new"]
        upsert(started, item("i3", 3))
        assert found(started, 3)[0] == "i3"


def test_filters_facets_and_boosts_see_changes(store: Path) -> None:
    """Payload fields, counts and the boosted signal are those of now."""
    with running(store) as started:
        upsert(started, item("cheap", 1, price=0.5), item("dear", 2, price=99_999.0), item("i5", 3, price=0.25))
        delete(started, "i6")
        cheap = started.search.Search(request(of_vector(vector(1)), filter="price < 1", page_size=10))
        assert sorted(hit.item_id for hit in cheap.hits) == ["cheap", "i5"]
        boost = request(boosts=[query_pb2.Boost(field="price", weight=1.0)], page_size=1)
        assert [hit.item_id for hit in started.search.Search(boost).hits] == ["dear"]


def test_texts_and_pictures_are_embedded_as_the_build_does(changed_goods: Running) -> None:
    """A good upserted under another id with the same title and picture is its twin's nearest; contributions agree."""
    same = NewItem(item_id="twin", images=[picture("red", "shoe")])
    same.payload.update({"title": "red shoe", "category": "shoe", "rating": 1.0, "price": "$10"})
    assert upsert(changed_goods, same).accepted_count == 1
    try:
        asked = request(query_pb2.QueryPart(text="red shoe"), page_size=30, explain=True)
        hits = {hit.item_id: hit for hit in changed_goods.search.Search(asked).hits}
        assert hits["twin"].score == pytest.approx(hits["red-shoe"].score, abs=0.02)
        assert hits["twin"].contributions.keys() == hits["red-shoe"].contributions.keys()
        assert hits["twin"].payload["price"] == 10.0
        part = query_pb2.QueryPart(image=picture("red", "shoe"), block="image")
        found = changed_goods.search.Search(request(part, page_size=2)).hits
        assert {hit.item_id for hit in found} == {"twin", "red-shoe"}
    finally:
        delete(changed_goods, "twin")


def test_bad_items_are_told_and_the_others_taken(changed_goods: Running) -> None:
    """Each is rejected with its place, its field and a code; a payload that cannot be read is one of them."""
    bad_picture = NewItem(item_id="picture", images=[picture("red", "shoe"), b"none"])
    short = NewItem(item_id="short", vectors={"image": query_pb2.Vector(values=[1.0, 2.0])})
    odd = NewItem(item_id="odd", vectors={"image": query_pb2.Vector(values=[float("nan")] * 16)})
    infinite = NewItem(item_id="infinite")
    infinite.payload.update({"title": "x", "sizes": [1.0, float("inf")]})
    rated = NewItem(item_id="rated")
    rated.payload.update({"title": "x", "rating": "very good"})
    good = NewItem(item_id="good")
    good.payload.update({"title": "good"})
    answer = upsert(changed_goods, bad_picture, short, good, odd, NewItem(item_id="empty"), infinite, rated)
    assert answer.accepted_count == 1
    told = {one.item_id: one.error for one in answer.rejections}
    fields = {
        "picture": "items[0].images[1]",
        "short": 'items[1].vectors["image"]',
        "odd": 'items[3].vectors["image"].values[0]',
        "empty": "items[4]",
        "infinite": "items[5].payload",
        "rated": "items[6].payload",
    }
    assert told.keys() == fields.keys()
    for item_id, error in told.items():
        assert error.code == code_pb2.INVALID_ARGUMENT
        assert unpack(error)["BadRequest"].field_violations[0].field == fields[item_id]  # type: ignore[attr-defined]
    assert "expected 16 dimensions, got 2" in told["short"].message
    assert "rating: expected a number, got 'very good'" in told["rated"].message
    assert there(changed_goods, "good", *fields) == {"good": -1}
    delete(changed_goods, "good")


def test_a_request_that_breaks_the_contract_changes_nothing(changed_goods: Running) -> None:
    """An empty id, or one too many items, is refused as a whole; an empty request does nothing."""
    good = NewItem(item_id="good")
    good.payload.update({"title": "good"})
    refused = refusal(changed_goods.catalog.UpsertItems, catalog_pb2.UpsertItemsRequest(items=[good, NewItem()]))
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["items[1].item_id"])
    many = catalog_pb2.UpsertItemsRequest(items=[good] * 1001)
    assert refusal(changed_goods.catalog.UpsertItems, many).code == grpc.StatusCode.INVALID_ARGUMENT
    assert there(changed_goods, "good") == {}
    assert upsert(changed_goods) == catalog_pb2.UpsertItemsResponse()
    assert delete(changed_goods) == catalog_pb2.DeleteItemsResponse()


def test_a_request_is_done_once(store: Path) -> None:
    """A second one with its id changes nothing and gets the same answer, after a restart too; ids are per rpc."""
    short = NewItem(item_id="short", vectors={"image": query_pb2.Vector(values=[1.0])})
    with running(store) as started:
        first = upsert(started, item("a", 1), short, request_id="r1")
        assert (first.accepted_count, len(first.rejections)) == (1, 1)
        gone = delete(started, "i1", "nobody", request_id="r2")
        upsert(started, item("a", 2), item("i1", 3))
        assert upsert(started, item("a", 9), request_id="r1") == first
        assert delete(started, "i1", request_id="r2") == gone
    with running(store) as started:
        assert upsert(started, item("a", 9), request_id="r1") == first
        assert delete(started, "i1", request_id="r2") == gone
        assert there(started, "a", "i1") == {"a": 2, "i1": 3}
        crossed = refusal(started.catalog.DeleteItems, catalog_pb2.DeleteItemsRequest(item_ids=["a"], request_id="r1"))
        assert (crossed.code, crossed.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["request_id"])


def test_requests_with_one_id_at_once_are_done_once(store: Path) -> None:
    """Sixteen callers, one request id, two servers: all get one answer and one of them was done."""
    answers: list[int] = []
    with running(store) as one, running(store) as other:

        def ask(number: int) -> None:
            server = (one, other)[number % 2]
            upsert(server, item("a", number), request_id="same")
            answers.append(number)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 16
        assert within(2, lambda: there(one, "a") == there(other, "a") != {})
        with ChangeLog(store / LIVE_FILE) as log:
            assert log.last_seq() == 1


def test_a_restart_has_every_change(store: Path) -> None:
    """A server that is started later finds what was upserted, misses what was deleted, and numbers go on."""
    with running(store) as started:
        upsert(started, *(item(f"n{number}", number) for number in range(20)))
        delete(started, "n3", "i4")
    with running(store) as started:
        assert len(found(started, 1, 1000)) == 300 + 19 - 1
        assert found(started, 5)[0] == "n5"
        assert there(started, "n3", "i4", "n4") == {"n4": 4}


def test_two_servers_see_each_others_changes(store: Path) -> None:
    """Soon, in either direction; and a delete counts what the other one upserted a moment before."""
    with running(store) as one, running(store) as other:
        upsert(one, item("a", 1), item("i9", 9))
        assert delete(other, "a").deleted_count == 1
        upsert(other, item("b", 2))
        assert within(2, lambda: there(one, "a", "b", "i9") == {"b": 2, "i9": 9})
        assert within(2, lambda: there(other, "a", "b", "i9") == {"b": 2, "i9": 9})
        for number in range(20):
            upsert((one, other)[number % 2], item(f"n{number}", 100 + number))
        assert within(
            2, lambda: all(len(there(server, *(f"n{n}" for n in range(20)))) == 20 for server in (one, other))
        )
        assert found(one, 119)[0] == found(other, 119)[0] == "n19"


def rebuild(store: Path, **config: Any) -> str:
    """Build the catalogue of the store again and return the snapshot's name."""
    catalogue = store.parent / "catalogue.parquet"
    return build(BuildConfig(catalogue, store, signals=("price",), **config), no_progress).snapshot


def test_the_next_build_takes_changes_over(store: Path) -> None:
    """The snapshot has them itself, nothing is laid over it, and answers are what they were."""
    with running(store) as started:
        upsert(started, item("new", 1), item("i7", 7))
        delete(started, "i8")
        before = [(hit.item_id, hit.score) for hit in started.search.Search(request(of_vector(vector(1)))).hits]
        name = rebuild(store)
        assert within(5, lambda: started.index.GetIndex(index_pb2.GetIndexRequest()).index.snapshot == name)
        assert Store(store).manifest(name).live_seq == 3
        assert Store(store).manifest(name).item_count == 300
        served = started.server.snapshots.served
        assert (served.searcher.view.delta, served.overlay.delta.seq) == (None, 3)
        after = [(hit.item_id, hit.score) for hit in started.search.Search(request(of_vector(vector(1)))).hits]
        assert after[0][0] == before[0][0] == "new"
        assert there(started, "new", "i7", "i8") == {"new": 1, "i7": 7}
        upsert(started, item("later", 11))
        assert found(started, 11)[0] == "later"
    name = rebuild(store)
    assert Store(store).manifest(name).item_count == 301


def test_a_change_that_a_build_cannot_use_is_a_reject(tmp_path: Path) -> None:
    """A later build has another signal, which one changed item says in words: it is left out, as line 0, with why."""
    vectors = clustered(50, seed=2)
    catalogue = write_parquet(tmp_path / "catalogue.parquet", vectors, rank=list(range(50)))
    build(BuildConfig(catalogue, tmp_path / "store"), no_progress)
    with running(tmp_path / "store") as started:
        upsert(started, item("good", 1, rank=3.0), item("i7", 2, rank="high"), item("without", 3))
    manifest = build(BuildConfig(catalogue, tmp_path / "store", signals=("rank",)), no_progress)
    assert (manifest.item_count, manifest.catalogue.rejects, manifest.live_seq) == (51, 1, 3)
    (reject,) = (tmp_path / "store" / "rejects.jsonl").read_text().splitlines()
    assert json.loads(reject) == {"line": 0, "item_id": "i7", "reason": "rank: expected a number, got 'high'"}


def test_changes_while_a_build_runs_are_not_lost(store: Path) -> None:
    """A client upserts and deletes without pause through two builds and switches: after each all of it is there."""
    done = threading.Event()
    wrong: list[str] = []
    truth: dict[str, float] = {}
    with running(store) as started:

        def change() -> None:
            number = 0
            while not done.is_set():
                number += 1
                item_id = f"n{number % 60}"
                if number % 3 == 0:
                    delete(started, item_id)
                    truth.pop(item_id, None)
                else:
                    upsert(started, item(item_id, number))
                    truth[item_id] = number
                now = there(started, item_id)
                if now != ({item_id: truth[item_id]} if item_id in truth else {}):
                    wrong.append(f"{number}: {now}")

        writer = threading.Thread(target=change)
        writer.start()
        try:
            for _ in range(2):
                name = rebuild(store)
                assert within(5, lambda: started.server.snapshots.served.name == name)  # noqa: B023
        finally:
            done.set()
            writer.join()
        assert not wrong
        assert there(started, *(f"n{number}" for number in range(60))) == truth
        assert Store(store).manifest(name).live_seq > 0
    with running(store) as again:
        assert there(again, *(f"n{number}" for number in range(60))) == truth
        assert set(found(again, 1, 1000)) == {f"i{number}" for number in range(300)} | truth.keys()


def test_a_rollback_keeps_changes(store: Path) -> None:
    """An older snapshot gets all that came after it, be it folded into a newer one or not."""
    with running(store) as started:
        first = started.server.snapshots.served.name
        upsert(started, item("new", 1))
        name = rebuild(store)
        assert within(5, lambda: started.server.snapshots.served.name == name)
        upsert(started, item("newer", 2))
        delete(started, "i5")
        started.index.ActivateSnapshot(index_pb2.ActivateSnapshotRequest(snapshot=first))
        assert there(started, "new", "newer", "i5") == {"new": 1, "newer": 2}
        assert found(started, 1)[0] == "new"
        assert len(found(started, 1, 1000)) == 301


def test_forgetting_changes(store: Path) -> None:
    """--forget-changes forgets what the build took over, keeps what came later, and numbers go on."""
    with running(store) as started:
        upsert(started, item("new", 1))
        catalogue = store.parent / "catalogue.parquet"
        assert indexer("build", catalogue, "--store", store, "--signal", "price", "--forget-changes").code == 0
        assert within(5, lambda: started.server.snapshots.served.snapshot.manifest.live_seq == 1)
        upsert(started, item("newer", 2))
        assert there(started, "new", "newer") == {"new": 1, "newer": 2}
        with ChangeLog(store / LIVE_FILE) as log:
            assert [change.item_id for change in log.since(0)] == ["newer"]
    assert Store(store).manifest(rebuild(store)).item_count == 301, "the catalogue never had the forgotten one"


def test_an_export_supersedes_earlier_changes(store: Path) -> None:
    """--exported-at tells that the catalogue has all changes made before; those made later are laid over it."""
    with running(store) as started:
        upsert(started, item("i1", 1), item("early", 2))
        with sqlite3.connect(store / LIVE_FILE) as connection:
            connection.execute("UPDATE changes SET time_s = time_s - 7200")
        connection.close()
        upsert(started, item("late", 3))
    then = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - 3600))
    catalogue = store.parent / "catalogue.parquet"
    assert indexer("build", catalogue, "--store", store, "--signal", "price", "--exported-at", then).code == 0
    with running(store) as started:
        assert there(started, "i1", "early", "late") == {"i1": -1, "late": 3}


def test_a_log_begun_anew_beside_an_old_snapshot(store: Path) -> None:
    """Where live.db was taken away, new changes are numbered behind those that the snapshot holds, so they are seen."""
    with running(store) as started:
        upsert(started, *(item(f"n{number}", number) for number in range(5)))
    rebuild(store)
    for path in store.glob(f"{LIVE_FILE}*"):
        path.unlink()
    with running(store) as started:
        upsert(started, item("new", 77))
        assert there(started, "new", "n1") == {"new": 77, "n1": 1}
    with running(store) as started:
        assert there(started, "new", "n1") == {"new": 77, "n1": 1}


def test_folded_texts_and_pictures_come_from_the_cache(tmp_path: Path) -> None:
    """What the server embedded is not embedded again by the build, nor by a server that is started anew."""
    diary = tmp_path / "diary"
    model = ModelSpec(str(diary), None, "tests.support.catalogs:Plain")
    (tmp_path / "a.png").write_bytes(picture("red", "mug"))
    rows = [{"item_id": f"i{number}", "title": f"title {number}", "image": "a.png"} for number in range(9)]
    catalogue = write_lines(tmp_path / "rows.jsonl", rows)
    config = BuildConfig(catalogue, tmp_path / "store", model, publish=False)
    Store(tmp_path / "store").activate(build(config, no_progress).snapshot)
    shown = NewItem(item_id="new", images=[picture("blue", "lamp"), picture("green", "lamp")])
    shown.payload.update({"title": "unheard"})
    with running(tmp_path / "store") as started:
        diary.unlink()
        assert upsert(started, shown).accepted_count == 1
        assert diary.read_text().splitlines() == ['["image", 2]', '["text", 1]']
        diary.unlink()
        asked = request(query_pb2.QueryPart(item_id="new"), page_size=1)
        live = started.search.Search(asked).hits[0]
    name = build(config, no_progress).snapshot
    assert not any('["image", 2]' in line for line in diary.read_text().splitlines())
    assert '["text", 1]' not in diary.read_text().splitlines()
    assert Store(tmp_path / "store").manifest(name).item_count == 10
    Store(tmp_path / "store").activate(name)
    with running(tmp_path / "store") as started:
        folded = started.search.Search(asked).hits[0]
        assert (live.item_id, folded.item_id) == ("new", "new")
        assert folded.payload == live.payload


def test_pictures_and_columns_reach_a_snapshot_without_them(tmp_path: Path, tiny_model: Path) -> None:
    """A catalogue of titles alone: a picture is kept for the next build, which then has the block."""
    rows = [{"item_id": f"i{number}", "title": f"title {number}"} for number in range(9)]
    catalogue = write_lines(tmp_path / "rows.jsonl", rows)
    config = BuildConfig(catalogue, tmp_path / "store", ModelSpec(str(tiny_model)), publish=False)
    Store(tmp_path / "store").activate(build(config, no_progress).snapshot)
    with running(tmp_path / "store") as started:
        shown = NewItem(item_id="shown", images=[picture("blue", "lamp")])
        shown.payload.update({"title": "a lamp"})
        bare = NewItem(item_id="bare", images=[picture("blue", "mug")])
        answer = upsert(started, shown, bare)
        assert [one.item_id for one in answer.rejections] == ["bare"]
        assert "nothing to embed" in answer.rejections[0].error.message
    manifest = Store(tmp_path / "store").manifest(build(config, no_progress).snapshot)
    assert {block.name: block.item_count for block in manifest.blocks} == {"image": 1, "text": 10}


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file of this process grow beyond 4 KiB: SQLite is told what a full disk tells it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_changes_nothing(store: Path) -> None:
    """The call fails with UNAVAILABLE and why, before and after are the same, and the next call is taken."""
    with running(store) as started:
        upsert(started, item("a", 1))
        with full_disk():
            refused = refusal(started.catalog.UpsertItems, catalog_pb2.UpsertItemsRequest(items=[item("b", 2)]))
            gone = refusal(started.catalog.DeleteItems, catalog_pb2.DeleteItemsRequest(item_ids=["a"]))
        for one in (refused, gone):
            assert one.code == grpc.StatusCode.UNAVAILABLE
            assert "live.db: expected to read and write live changes, got:" in one.message
        assert there(started, "a", "b") == {"a": 1}
        assert upsert(started, item("b", 3)).accepted_count == 1
        assert there(started, "a", "b") == {"a": 1, "b": 3}
    with running(store) as started:
        assert there(started, "a", "b") == {"a": 1, "b": 3}


def test_a_log_that_another_holds_is_unavailable(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that never ends is waited for so long, then the call fails and nothing has changed."""
    monkeypatch.setattr("engine.updates.change_log._BUSY_TIMEOUT_S", 0.1)
    with running(store) as started:
        upsert(started, item("a", 1))
        holder = sqlite3.connect(store / LIVE_FILE, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        try:
            refused = refusal(started.catalog.UpsertItems, catalog_pb2.UpsertItemsRequest(items=[item("a", 2)]))
        finally:
            holder.execute("ROLLBACK")
            holder.close()
        assert (refused.code, there(started, "a")) == (grpc.StatusCode.UNAVAILABLE, {"a": 1})
        assert "locked" in refused.message


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (lambda path: path.mkdir(), "UNAVAILABLE", "Is a directory"),
        (lambda path: path.write_bytes(b"something else"), "FAILED_PRECONDITION", "another kind of file"),
    ],
)
def test_what_stands_in_the_logs_place(store: Path, spoil: Callable[[Path], object], code: str, words: str) -> None:
    """Searches go on, changes are refused in words, and nothing is overwritten."""
    with running(store) as started:
        spoil(store / LIVE_FILE)
        refused = refusal(started.catalog.UpsertItems, catalog_pb2.UpsertItemsRequest(items=[item("a", 1)]))
        assert refused.code.name == code
        assert words in refused.message
        assert len(found(started, 1)) == 3
        assert there(started, "a") == {}


def test_no_deadline_leaves_a_change_half_made(store: Path) -> None:
    """Calls of a millisecond and calls of a second: each request is there whole or not at all, as a restart tells."""
    with running(store) as started:
        for number in range(40):
            items = [item(f"d{number}-{place}", number) for place in range(20)]
            asked = catalog_pb2.UpsertItemsRequest(items=items)
            code = started.catalog.UpsertItems.future(asked, timeout=0.002 * (number % 8) + 0.001).code()
            assert code in (grpc.StatusCode.OK, grpc.StatusCode.DEADLINE_EXCEEDED)
        upsert(started, item("last", 99))  # behind all that may still be under way
        ids = [[f"d{number}-{place}" for place in range(20)] for number in range(40)]
        before = [len(there(started, *some)) for some in ids]
        assert set(before) <= {0, 20}
    with running(store) as started:
        assert [len(there(started, *some)) for some in ids] == before


def test_every_picture_format_is_taken(changed_goods: Running) -> None:
    """A JPEG and a WebP of the same thing are taken like the PNG."""
    items = []
    for kind in ("JPEG", "WEBP"):
        data = io.BytesIO()
        Image.open(io.BytesIO(picture("green", "mug"))).save(data, kind)
        items.append(NewItem(item_id=kind, images=[data.getvalue()]))
    assert upsert(changed_goods, *items).accepted_count == 2
    assert delete(changed_goods, "JPEG", "WEBP").deleted_count == 2
    assert len(ROWS) == len(changed_goods.search.Search(request(query_pb2.QueryPart(text="mug"), page_size=100)).hits)
