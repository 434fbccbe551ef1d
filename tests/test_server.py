"""The server as clients meet it: a real one on a free port, every rpc, every refusal, and its end."""

import asyncio
import threading
import time
from pathlib import Path

import grpc
import numpy as np
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import MessageToDict
from google.rpc import code_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from engine.encoders.encoder import Encoder
from engine.encoders.images import decode
from engine.errors import ItemNotFound
from engine.scoring.query import ImagePart, ItemPart, Query, TextPart
from engine.server.codec.statuses import to_status
from engine.server.rpc_router import services
from engine.server.workers import CallDeadline
from engine.snapshot.item_table import write_items
from engine.snapshot.store import Store
from engine.v1 import catalog_pb2, embedding_pb2, index_pb2, query_pb2, search_pb2
from indexer.build.publish import draft, file_records, seal
from tests.support.catalogs import Prepared, clustered
from tests.support.servers import ROWS, Running, of_vector, picture, refusal, request, running, unpack

Part = query_pb2.QueryPart
RED_SHOE = picture("red", "shoe")


@pytest.mark.parametrize(
    ("sent", "asked"),
    [
        ([Part(text="red shoe")], (TextPart("red shoe"),)),
        ([Part(image=RED_SHOE)], (ImagePart(RED_SHOE),)),
        ([Part(item_id="red-shoe")], (ItemPart("red-shoe"),)),
        ([Part(item_id="red-shoe", weight=-1)], (ItemPart("red-shoe", -1.0),)),
        ([Part(item_id="red-mug", block="image")], (ItemPart("red-mug", block="image"),)),
        (
            [Part(text="red", weight=0.5), Part(image=RED_SHOE, weight=2)],
            (TextPart("red", 0.5), ImagePart(RED_SHOE, 2.0)),
        ),
    ],
    ids=["text", "image", "item", "negative", "block", "both"],
)
def test_a_search_is_what_the_searcher_answers(goods_server: Running, sent: list[Part], asked: tuple) -> None:
    """Hits, order and scores of a call are those of the domain's own query, and page_size 0 is 10."""
    response = goods_server.search.Search(request(*sent))
    answer = goods_server.server.snapshots.served.searcher.search(Query(asked))
    assert [hit.item_id for hit in response.hits] == [hit.item_id for hit in answer.hits]
    assert [hit.score for hit in response.hits] == pytest.approx([hit.score for hit in answer.hits], abs=1e-4)
    assert len(response.hits) == 10
    assert response.snapshot == answer.snapshot
    assert response.plan.strategy == answer.plan.strategy


def test_a_vector_finds_the_item_it_is_of(goods_server: Running) -> None:
    """A stored vector finds its item first; the timings of all stages fit into the whole."""
    snapshot = goods_server.server.snapshots.served.snapshot
    vector = snapshot.vectors(snapshot.items.get_row("blue-lamp"))["text"]
    response = goods_server.search.Search(request(of_vector(vector * 7, block="text"), page_size=3))
    assert response.hits[0].item_id == "blue-lamp"
    assert len(response.hits) == 3
    took = response.timings
    assert took.total_us >= took.parse_us + took.plan_us + took.search_us > 0


def test_hits_carry_the_payload_of_the_catalogue(goods_server: Running) -> None:
    """The payload is the catalogue's row, numbers as numbers; a read mask leaves only its fields."""
    asked = request(Part(item_id="red-mug"), page_size=1)
    payload = MessageToDict(goods_server.search.Search(asked).hits[0].payload)
    assert {name: payload[name] for name in ("title", "price", "rating")} == {
        "title": "red mug", "price": 11.0, "rating": 2.0
    }  # fmt: skip
    asked.read_mask.CopyFrom(FieldMask(paths=["payload.title", "payload.none"]))
    assert MessageToDict(goods_server.search.Search(asked).hits[0].payload) == {"title": "red mug"}
    asked.read_mask.paths.append("payload")
    assert MessageToDict(goods_server.search.Search(asked).hits[0].payload) == payload


def test_contributions_sum_to_the_score(goods_server: Running) -> None:
    """Explained hits name both blocks and the boost, which sum to the score; a boost moves what it prefers up."""
    asked = request(Part(text="red shoe"), explain=True, page_size=24)
    asked.boosts.add(field="rating", weight=50)
    hits = goods_server.search.Search(asked).hits
    assert len(hits) == len(ROWS)
    for hit in hits:
        assert sum(hit.contributions.values()) == pytest.approx(hit.score, abs=1e-3)
    assert set(hits[0].contributions) == {"image", "text", "lexical", "boost:rating"}
    ratings = [hit.payload["rating"] for hit in hits]
    assert ratings == sorted(ratings, reverse=True)


def test_items_without_a_picture_are_dropped_if_asked(goods_server: Running) -> None:
    """DROP with only the image asked leaves out the four that have none; RENORMALIZE does so too, NEUTRAL does not."""
    asked = request(Part(text="white lamp"), page_size=24, modality_weights={"image": 1.0, "text": 1.0})
    counts = []
    for policy in ("DROP", "NEUTRAL", "RENORMALIZE", "UNSPECIFIED"):
        asked.missing_modality = f"MISSING_MODALITY_{policy}"
        counts.append(len(goods_server.search.Search(asked).hits))
    assert counts == [20, 24, 24, 24]
    asked = request(Part(text="white lamp"), page_size=24, modality_weights={"image": 1.0, "lexical": 0.0})
    assert len(goods_server.search.Search(asked).hits) == 20


@pytest.mark.parametrize(
    ("asked", "code", "fields"),
    [
        (request(), "INVALID_ARGUMENT", ["parts"]),
        (request(Part()), "INVALID_ARGUMENT", ["parts[0].content"]),
        (request(Part(text="")), "INVALID_ARGUMENT", ["parts[0].text"]),
        (request(Part(text="a" * 8193)), "INVALID_ARGUMENT", ["parts[0].text"]),
        (request(Part(text="a"), page_size=1001), "INVALID_ARGUMENT", ["page_size"]),
        (request(Part(text="a"), page_size=-1), "INVALID_ARGUMENT", ["page_size"]),
        (request(Part(text="a"), recall_target=1.5), "INVALID_ARGUMENT", ["recall_target"]),
        (request(Part(text="a", weight=float("nan"))), "INVALID_ARGUMENT", ["parts[0].weight"]),
        (request(Part(text="a", block="sound")), "INVALID_ARGUMENT", ["parts[0].block"]),
        (request(Part(image=b"none")), "INVALID_ARGUMENT", ["parts[0].image"]),
        (request(Part(image=bytes(10 * 2**20 + 1))), "INVALID_ARGUMENT", ["parts[0].image"]),
        (request(Part(text="a"), of_vector([1.0, np.inf])), "INVALID_ARGUMENT", ["parts[1].vector.values[1]"]),
        (request(of_vector([1.0, 2.0])), "INVALID_ARGUMENT", ["parts[0].vector"]),
        (request(of_vector([0.0] * 16)), "INVALID_ARGUMENT", ["parts[0].vector"]),
        (request(of_vector([])), "INVALID_ARGUMENT", ["parts[0].vector.values"]),
        (request(Part(text="a"), modality_weights={"image": -1.0}), "INVALID_ARGUMENT", ['modality_weights["image"]']),
        (request(Part(text="a"), modality_weights={"sound": 1.0}), "INVALID_ARGUMENT", ["modality_weights"]),
        (
            request(Part(text="a"), boosts=[query_pb2.Boost(field="margin", weight=1)]),
            "INVALID_ARGUMENT",
            ["boosts[0].field"],
        ),
        (request(Part(text="a"), read_mask=FieldMask(paths=["title"])), "INVALID_ARGUMENT", ["read_mask"]),
        (
            request(Part(), page_size=-1, filter="a" * 9000),
            "INVALID_ARGUMENT",
            ["parts[0].content", "filter", "page_size"],
        ),
        (request(Part(user_id="u")), "NOT_FOUND", ["parts[0].user_id"]),
        (request(Part(text="a"), filter="price <"), "INVALID_ARGUMENT", ["filter"]),
        (request(Part(text="a"), filter="prize < 5"), "INVALID_ARGUMENT", ["filter"]),
        (request(Part(text="a"), filter='price = "cheap"'), "INVALID_ARGUMENT", ["filter"]),
        (
            request(Part(text="a"), pins=[query_pb2.Pin(item_id="red-mug", position=-1)]),
            "INVALID_ARGUMENT",
            ["pins[0].position"],
        ),
        (
            request(Part(text="a"), diversity=query_pb2.Diversity(**{"lambda": 1.5})),
            "INVALID_ARGUMENT",
            ["diversity.lambda"],
        ),
        (request(Part(text="a"), collapse_by="brand"), "INVALID_ARGUMENT", ["collapse_by"]),
        (request(Part(text="a"), facets=["category", "brand"]), "INVALID_ARGUMENT", ["facets[1]"]),
        (request(Part(text="a"), min_score=np.inf), "INVALID_ARGUMENT", ["min_score"]),
        (request(Part(text="a"), budget_ms=0), "INVALID_ARGUMENT", ["budget_ms"]),
        (request(Part(text="a"), page_token="x"), "INVALID_ARGUMENT", ["page_token"]),
        (
            request(Part(text="a"), boosts=[query_pb2.Boost(field="price", shape="SHAPE_EXP_DECAY")]),
            "INVALID_ARGUMENT",
            ["boosts[0]"],
        ),
        (request(Part(text="a"), read_mask=FieldMask(paths=["payload."])), "INVALID_ARGUMENT", ["read_mask"]),
    ],
)
def test_a_search_that_cannot_be_answered_names_the_field(
    goods_server: Running, asked: search_pb2.SearchRequest, code: str, fields: list[str]
) -> None:
    """What is wrong, or not answered yet, is told by code, by field paths in BadRequest and by reason in ErrorInfo."""
    refused = refusal(goods_server.search.Search, asked)
    assert refused.code.name == code, refused.message
    assert refused.fields == fields
    assert refused.details["ErrorInfo"].domain == "diptych"
    assert refused.message.startswith(fields[0])


def test_an_item_that_is_not_there_is_named(goods_server: Running) -> None:
    """NOT_FOUND with ResourceInfo for a part that is an unknown item."""
    refused = refusal(goods_server.search.Search, request(Part(item_id="pink-shoe")))
    assert refused.code is grpc.StatusCode.NOT_FOUND
    assert refused.details["ResourceInfo"].resource_name == "pink-shoe"
    assert refused.details["ErrorInfo"].reason == "ITEM_NOT_FOUND"


def test_an_unknown_item_is_told_by_the_field_that_named_it() -> None:
    """Where the field is known it stands before the message and in BadRequest, beside the item's id."""
    status = to_status(ItemNotFound("pink-shoe", "parts[1].item_id"))
    details = unpack(status)
    assert status.message == "parts[1].item_id: no item 'pink-shoe' in this snapshot"
    assert details["BadRequest"].field_violations[0].field == "parts[1].item_id"
    assert details["ResourceInfo"].resource_name == "pink-shoe"


def test_a_batch_answers_each_query_by_itself(goods_server: Running) -> None:
    """One wrong and one unknown query get the error that Search would give; the others are answered."""
    batch = search_pb2.BatchSearchRequest(
        requests=[
            request(Part(text="red shoe")),
            request(Part(text="a"), page_size=-1),
            request(Part(item_id="none")),
            request(Part(item_id="red-mug"), page_size=1),
        ]
    )
    results = goods_server.search.BatchSearch(batch).results
    assert [result.WhichOneof("outcome") for result in results] == ["response", "error", "error", "response"]
    assert results[0].response.hits == goods_server.search.Search(batch.requests[0]).hits
    assert [results[1].error.code, results[2].error.code] == [code_pb2.INVALID_ARGUMENT, code_pb2.NOT_FOUND]
    assert unpack(results[1].error)["BadRequest"].field_violations[0].field == "page_size"
    assert results[3].response.hits[0].item_id == "red-mug"


def test_a_batch_has_a_limit(goods_server: Running) -> None:
    """64 queries are answered, none are an empty answer, 65 are refused as a whole."""
    one = request(Part(item_id="red-mug"), page_size=1)
    assert len(goods_server.search.BatchSearch(search_pb2.BatchSearchRequest(requests=[one] * 64)).results) == 64
    assert len(goods_server.search.BatchSearch(search_pb2.BatchSearchRequest()).results) == 0
    refused = refusal(goods_server.search.BatchSearch, search_pb2.BatchSearchRequest(requests=[one] * 65))
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["requests"])


def test_items_come_in_the_order_asked(goods_server: Running) -> None:
    """GetItems returns those that are there with their blocks and payload, and names the others."""
    asked = catalog_pb2.GetItemsRequest(item_ids=["white-lamp", "none", "red-mug"])
    response = goods_server.catalog.GetItems(asked)
    assert [(item.item_id, list(item.blocks)) for item in response.items] == [
        ("white-lamp", ["text", "lexical"]),
        ("red-mug", ["image", "text", "lexical"]),
    ]
    assert list(response.missing_item_ids) == ["none"]
    assert response.items[1].payload["title"] == "red mug"
    asked.read_mask.paths.append("payload.category")
    assert MessageToDict(goods_server.catalog.GetItems(asked).items[1].payload) == {"category": "mug"}
    refused = refusal(goods_server.catalog.GetItems, catalog_pb2.GetItemsRequest(item_ids=["a", ""]))
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["item_ids[1]"])


def test_embed_gives_what_the_encoder_gives(goods_server: Running, tiny_encoder: Encoder) -> None:
    """One unit vector for each text and picture, those of the model itself; nothing asked is an empty answer."""
    asked = embedding_pb2.EmbedRequest(texts=["red shoe", "a mug"], images=[RED_SHOE])
    response = goods_server.embedding.Embed(asked)
    texts = np.array([list(vector.values) for vector in response.text_vectors])
    np.testing.assert_allclose(texts, tiny_encoder.encode_texts(["red shoe", "a mug"]), atol=1e-5)
    images = np.array([list(vector.values) for vector in response.image_vectors])
    np.testing.assert_allclose(images, tiny_encoder.encode_images([decode(RED_SHOE)]), atol=1e-5)
    assert response.snapshot == goods_server.server.snapshots.served.name
    assert response.model
    assert len(goods_server.embedding.Embed(embedding_pb2.EmbedRequest()).text_vectors) == 0
    refused = refusal(goods_server.embedding.Embed, embedding_pb2.EmbedRequest(images=[RED_SHOE, b"none"]))
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["images[1]"])


def test_the_index_tells_what_is_served(goods_server: Running) -> None:
    """GetIndex says of the snapshot what its manifest says."""
    index = goods_server.index.GetIndex(index_pb2.GetIndexRequest()).index
    manifest = goods_server.server.snapshots.served.snapshot.manifest
    assert (index.snapshot, index.item_count, index.size_bytes) == (manifest.snapshot, 24, manifest.size_bytes)
    assert [(block.name, block.dimensions, block.item_count) for block in index.blocks] == [
        ("image", 16, 20),
        ("text", 16, 24),
    ]
    assert list(index.signals) == ["rating"]
    assert index.model.dimensions == 16
    assert index.model.weights_sha256 == manifest.model.fingerprint["weights_sha256"]
    assert index.create_time.ToDatetime().isoformat() == manifest.create_time.removesuffix("+00:00")
    assert len(index.operating_points) == len(manifest.operating_points) > 0
    assert index.index_spec
    assert index.catalogue_sha256 == manifest.catalogue.sha256


def test_texts_are_refused_where_there_is_no_encoder(store: Store) -> None:
    """A snapshot of the catalogue's own vectors answers vectors, and refuses texts and Embed."""
    with running(store.root) as started:
        assert started.search.Search(request(of_vector(clustered(60).image[3], block="image"))).hits[0].item_id == "i3"
        refused = refusal(started.search.Search, request(Part(text="a")))
        assert (refused.code, refused.fields) == (grpc.StatusCode.FAILED_PRECONDITION, ["parts[0]"])
        refused = refusal(started.embedding.Embed, embedding_pb2.EmbedRequest(texts=["a"]))
        assert refused.code is grpc.StatusCode.FAILED_PRECONDITION


def unanswered(goods_server: Running) -> list[tuple[str, type]]:
    return [
        (f"/{service.full_name}/{method.name}", method.input_type._concrete_class)
        for service in services()
        for method in service.methods
        if f"{service.full_name}/{method.name}" not in goods_server.server.router._methods
    ]


def test_every_rpc_of_the_contract_is_answered(goods_server: Running) -> None:
    """None is left that the contract promises and the server does not know."""
    assert unanswered(goods_server) == []


def test_reflection_lists_all_services(goods_server: Running) -> None:
    """Reflection names the contract's five services, health and itself, and hands out their descriptors."""
    database = ProtoReflectionDescriptorDatabase(goods_server.channel)
    names = {service.full_name for service in services()}
    assert len(names) == 5
    assert set(database.get_services()) == {
        *names, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"
    }  # fmt: skip
    assert database.FindFileContainingSymbol("engine.v1.SearchRequest").name == "engine/v1/search.proto"


def test_a_deadline_that_has_passed_is_refused_before_the_work(goods_server: Running) -> None:
    """A caller's deadline ends the call; one that is nearer than the fastest such work ever was is no use either."""
    refused = refusal(goods_server.search.Search, request(Part(text="red")), timeout=-1.0)
    assert refused.code is grpc.StatusCode.DEADLINE_EXCEEDED
    workers = goods_server.server.pools.encoders
    goods_server.do(workers.run("nap", lambda: time.sleep(0.2), CallDeadline(0)))
    soon = CallDeadline(0, time.perf_counter_ns() + 50_000_000)
    done = []
    with pytest.raises(Exception, match=r"expected at least \d{6} us"):
        goods_server.do(workers.run("nap", lambda: done.append(1), soon))
    assert done == []


def test_too_many_waiting_calls_are_refused(goods: Path) -> None:
    """One encodes, one waits; the next is RESOURCE_EXHAUSTED and told when to come back. Then all goes on."""
    with running(goods, waiting_limit=1, encoder_threads=1) as started:
        free, busy = threading.Event(), threading.Event()

        def hold() -> None:
            busy.set()
            free.wait(30)

        first = asyncio.run_coroutine_threadsafe(
            started.server.pools.encoders.run("hold", hold, CallDeadline(0)), started.loop
        )
        assert busy.wait(10)
        waiting = started.search.Search.future(request(Part(text="waits")))
        until = time.monotonic() + 10
        while started.server.pools.encoders._jobs.qsize() == 0 and time.monotonic() < until:
            time.sleep(0.01)
        refused = refusal(started.search.Search, request(Part(text="one too many")))
        assert refused.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refused.details["RetryInfo"].retry_delay.ToMilliseconds() > 0
        free.set()
        first.result(10)
        assert len(waiting.result(10).hits) == 10


def test_a_message_beyond_the_limit_is_refused(goods_server: Running) -> None:
    """16 MiB of request are too many, whatever is in it."""
    refused = refusal(goods_server.search.Search, request(*[Part(image=bytes(9 * 2**20))] * 2))
    assert refused.code is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_an_unknown_failure_tells_nothing_of_itself(
    tmp_path: Path, prepared: Prepared, caplog: pytest.LogCaptureFixture
) -> None:
    """Payloads that are no messages fail a masked search with INTERNAL and a fixed text; the log has the traceback."""
    store = Store(tmp_path / "store")
    store.snapshots.mkdir(parents=True)
    with draft(store) as written:
        manifest = prepared.copy(written)
        ids = [f"i{number}" for number in range(60)]
        write_items(written.directory, ids, [b"\xff\xff"] * 60)
        seal(store, written, manifest.model_copy(update={"files": file_records(written.directory)}))
    store.activate(store.names()[0])
    with running(store.root) as started:
        asked = request(of_vector(clustered(60).image[3]), read_mask=FieldMask(paths=["payload.title"]))
        refused = refusal(started.search.Search, asked)
        batch = search_pb2.BatchSearchRequest(requests=[asked])
        error = started.search.BatchSearch(batch).results[0].error
    assert (refused.code, refused.message) == (grpc.StatusCode.INTERNAL, "internal error; see the server's log")
    assert (error.code, error.message) == (code_pb2.INTERNAL, refused.message)
    assert "Traceback" in caplog.text


def test_health_follows_the_server_from_start_to_end(store: Store) -> None:
    """Watch: NOT_SERVING while the snapshot is opened, SERVING after a first query, NOT_SERVING when it ends."""
    seen: list[int] = []
    status = health_pb2.HealthCheckResponse
    with running(store.root, opened=False) as started:
        health = health_pb2_grpc.HealthStub(started.channel)
        stream = health.Watch(health_pb2.HealthCheckRequest(service="engine.v1.SearchService"))
        seen.append(next(stream).status)
        refused = refusal(started.search.Search, request(Part(item_id="i1")))
        assert refused.code is grpc.StatusCode.UNAVAILABLE
        assert refused.details["RetryInfo"].retry_delay.ToMilliseconds() > 0
        started.do(started.server.open())
        seen.append(next(stream).status)
        assert health.Check(health_pb2.HealthCheckRequest()).status == status.SERVING
        assert started.search.Search(request(Part(item_id="i1"))).hits[0].item_id == "i1"
        begun = time.monotonic()
        started.do(started.server.close())
        seen.append(next(stream).status)
        assert time.monotonic() - begun < 4, "an open Watch holds up the end"
    assert seen == [status.NOT_SERVING, status.SERVING, status.NOT_SERVING]


def test_calls_that_came_before_the_end_are_answered(store: Store) -> None:
    """close() refuses new calls and waits for those that are being answered."""
    with running(store.root) as started:
        busy, free = threading.Event(), threading.Event()

        def hold() -> None:
            busy.set()
            free.wait(30)

        pool = started.server.pools.administrators
        asyncio.run_coroutine_threadsafe(pool.run("hold", hold, CallDeadline(0)), started.loop)
        assert busy.wait(10)
        waiting = started.index.ListSnapshots.future(index_pb2.ListSnapshotsRequest())
        until = time.monotonic() + 10
        while started.server.router.in_flight == 0 and time.monotonic() < until:
            time.sleep(0.01)
        closing = asyncio.run_coroutine_threadsafe(started.server.close(), started.loop)
        time.sleep(0.2)
        with grpc.insecure_channel(started.target) as late:
            call = late.unary_unary("/engine.v1.IndexService/GetIndex")
            assert refusal(call, b"", timeout=2).code is grpc.StatusCode.UNAVAILABLE
        free.set()
        assert len(waiting.result(10).snapshots) == 1
        closing.result(10)
