"""What Prometheus fetches: numbers that are those of the calls made, and nothing of what was asked."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from engine.errors import CannotListen, InvalidSetting
from engine.scoring.answer import Answer, Plan, Timings
from engine.scoring.query import Query, VectorPart
from engine.server.histograms import Histograms
from engine.server.metrics import Metrics
from engine.server.metrics_endpoint import MetricsEndpoint
from engine.server.settings import load
from engine.server.workers import CallDeadline
from engine.snapshot.store import CURRENT_FILE, Store
from engine.v1 import catalog_pb2, index_pb2, query_pb2, search_pb2
from tests.support.catalogs import Prepared, clustered
from tests.support.metrics import Samples, samples
from tests.support.servers import Running, build_goods, of_vector, refusal, request, running

pytestmark = pytest.mark.long

Part = query_pb2.QueryPart
SEARCH = "engine.v1.SearchService/Search"
LIST = "engine.v1.IndexService/ListSnapshots"
DESCRIBE = "engine.v1.CatalogService/DescribeItem"
VECTORS = clustered(60)


@pytest.fixture
def server(store: Store) -> Iterator[Running]:
    """A server that tells of itself on a free port."""
    with running(store.root, metrics_address="127.0.0.1:0") as started:
        yield started


def page(started: Running) -> str:
    """Return what Prometheus would fetch."""
    with urlopen(f"http://127.0.0.1:{started.server.metrics_port}/metrics", timeout=10) as response:
        return response.read().decode()


def told(started: Running, until: Callable[[Samples], bool] = bool) -> Samples:
    """Return what a server tells, once something is true of it, after 10 s in any case."""
    ends = time.monotonic() + 10
    while not until(found := samples(page(started))) and time.monotonic() < ends:
        time.sleep(0.02)
    return found


def test_calls_are_counted_by_rpc_and_code(server: Running) -> None:
    """Two answers, a refusal and a request that says nothing stand under their codes, each with its latency."""
    for _ in range(2):
        server.search.Search(request(of_vector(VECTORS.image[3], block="image")))
    refusal(server.search.Search, request(Part(item_id="none")))
    refusal(server.channel.unary_unary(f"/{DESCRIBE}"), b"")
    found = told(server)
    assert found["diptych_calls_total", "OK", SEARCH] == 2
    assert found["diptych_calls_total", "NOT_FOUND", SEARCH] == 1
    assert found["diptych_calls_total", "INVALID_ARGUMENT", DESCRIBE] == 1
    assert found["diptych_call_seconds_count", SEARCH] == 3
    assert 0 < found["diptych_call_seconds_sum", SEARCH] < 30
    assert found["diptych_calls_in_flight",] == 0


def test_searches_are_counted_by_how_they_were_answered(server: Running) -> None:
    """Alone or in a batch, on the loop or in a thread, each answer counts once in its plan and in its stages."""
    one = request(of_vector(VECTORS.image[3], block="image"))
    server.search.Search(one)
    server.search.BatchSearch(search_pb2.BatchSearchRequest(requests=[one, one, request()]))
    server.search.Search(request(Part(item_id="i7"), recall_target=1))
    found = told(server)
    assert found["diptych_plans_total", "single", "exact"] == 3
    assert found["diptych_plans_total", "agreeing", "exact"] == 1
    assert [found["diptych_stage_seconds_count", stage] for stage in ("parse", "search", "total")] == [4, 4, 4]


def test_a_call_whose_caller_went_away_is_cancelled(server: Running) -> None:
    """While it waits it is in flight and its pool tells of it; then it is counted under CANCELLED."""
    free, busy = threading.Event(), threading.Event()

    def hold() -> None:
        busy.set()
        free.wait(30)

    work = server.server.pools.administrators.run("hold", hold, CallDeadline(0))
    held = asyncio.run_coroutine_threadsafe(work, server.loop)
    assert busy.wait(10)
    gone = server.index.ListSnapshots.future(index_pb2.ListSnapshotsRequest())
    found = told(server, lambda found: found["diptych_waiting", "administrators"] == 1)
    assert (found["diptych_waiting", "administrators"], found["diptych_calls_in_flight",]) == (1, 1)
    gone.cancel()
    found = told(server, lambda found: found["diptych_calls_in_flight",] == 0)
    assert found["diptych_calls_total", "CANCELLED", LIST] == 1
    free.set()
    held.result(10)
    found = told(server, lambda found: found["diptych_waiting", "administrators"] == 0)
    assert found["diptych_waiting", "administrators"] == 0
    assert found["diptych_waiting_limit", "administrators"] == 256


def test_what_is_served_is_told_after_a_reload_too(server: Running, store: Store, prepared: Prepared) -> None:
    """The snapshot, its items and how often another one was taken up or refused are those of now."""
    first, second = store.current(), prepared.add(store)
    found = told(server)
    assert found["diptych_snapshot_info", "", first, "exact"] == 1
    assert (found["diptych_snapshot_items",], found["diptych_items",]) == (60, 60)
    assert found["diptych_reloads_total", "served"] == 0
    server.index.ActivateSnapshot(index_pb2.ActivateSnapshotRequest(snapshot=second))
    found = told(server)
    assert ("diptych_snapshot_info", "", first, "exact") not in found
    assert found["diptych_snapshot_info", "", second, "exact"] == 1
    assert (found["diptych_reloads_total", "served"], found["diptych_reload_refused",]) == (1, 0)
    (store.root / CURRENT_FILE).write_text("nothing\n")
    found = told(server, lambda found: found["diptych_reload_refused",] == 1)
    assert found["diptych_reload_refused",] == 1
    assert found["diptych_reloads_total", "refused"] > 0


def test_an_answer_that_was_seen_is_counted_and_checked(store: Store) -> None:
    """Its stages, its plan and, here where all are checked, its recall stand on the page."""
    with running(store.root, metrics_address="127.0.0.1:0", recall_sample=1) as started:
        served = started.server.snapshots.served
        query = Query((VectorPart(VECTORS.image[3], block="image"),))
        exact = served.searcher.search(query)
        plan = exact.plan._replace(strategy="ivf", expected_recall=0.995)
        served.observe(query, replace(exact, plan=plan), 10, 500)
        found = told(started, lambda found: ("diptych_recall_mean",) in found)
    assert found["diptych_stage_seconds_sum", "total"] == pytest.approx(500e-6)
    assert found["diptych_plans_total", "single", "ivf"] == 1
    assert found["diptych_recall_count", "single", "ivf"] == 1
    assert (found["diptych_recall_mean",], found["diptych_recall_expected",]) == (1.0, 0.995)
    assert found["diptych_recall_target",] == pytest.approx(0.99)


def test_live_changes_are_told(server: Running) -> None:
    """Of an item added, one replaced and one deleted, two are live and two of the snapshot are hidden."""
    vectors = {"image": query_pb2.Vector(values=VECTORS.image[1]), "text": query_pb2.Vector(values=VECTORS.text[1])}
    new = [catalog_pb2.UpsertItemsRequest.NewItem(item_id=name, vectors=vectors) for name in ("new", "i1")]
    assert server.catalog.UpsertItems(catalog_pb2.UpsertItemsRequest(items=new)).accepted_count == 2
    server.catalog.DeleteItems(catalog_pb2.DeleteItemsRequest(item_ids=["i2"]))
    found = told(server)
    assert (found["diptych_snapshot_items",], found["diptych_items",]) == (60, 60)
    assert (found["diptych_live_items",], found["diptych_live_hidden",]) == (2, 2)
    assert found["diptych_live_sequence",] == 3


def test_words_that_are_asked_twice_are_encoded_once(tmp_path: Path, tiny_model: Path) -> None:
    """The second search for the same words finds their vector kept; the model saw them in one batch."""
    with running(build_goods(tmp_path, tiny_model), metrics_address="127.0.0.1:0") as started:
        before = told(started)
        for _ in range(2):
            started.search.Search(request(Part(text="a purple mug")))
        found = told(started)

    def more(*name: str) -> float:
        return found[name] - before.get(name, 0.0)

    assert more("diptych_encoder_cache_total", "text", "hit") == 1
    assert more("diptych_encoder_cache_total", "text", "miss") == 1
    assert more("diptych_encoder_batch_size_count", "text") == 1
    assert more("diptych_stage_seconds_count", "encode") == 2


def test_nothing_of_what_was_asked_is_told(server: Running) -> None:
    """Neither texts nor ids of items stand on the page, answered or refused."""
    refusal(server.search.Search, request(Part(text="confidential words")))
    refusal(server.search.Search, request(Part(item_id="confidential-item")))
    server.search.Search(request(Part(item_id="i7")))
    text = page(server)
    assert "confidential" not in text
    assert '"i7"' not in text
    assert SEARCH in text


def test_a_server_listens_for_prometheus_only_if_told_to(store: Store) -> None:
    """Without metrics_address there is no port; a second page on a taken one is refused by its address."""
    with running(store.root) as started:
        assert started.server.metrics_port == 0
    first = MetricsEndpoint("127.0.0.1:0", CollectorRegistry())
    try:
        with pytest.raises(CannotListen, match=f"free address for metrics, got 127.0.0.1:{first.port}"):
            MetricsEndpoint(f"127.0.0.1:{first.port}", CollectorRegistry())
    finally:
        first.close()


@pytest.mark.parametrize("address", ["9090", "localhost", ":9090", "a b:1"])
def test_an_address_is_a_host_and_a_port(address: str) -> None:
    """Anything else is refused before a server starts."""
    with pytest.raises(InvalidSetting, match=r"metrics_address: .*HOST:PORT"):
        load({"store": "s", "metrics_address": address})


def test_the_stages_of_a_search_are_told_in_seconds() -> None:
    """Each stage has one observation of its own time; nothing was encoded the second time."""
    metrics = Metrics()
    for encode_us in (2_000, 0):
        plan = Plan("ivf", "agreeing", 20, 100, 1.0, 0.995)
        metrics.count_search(Answer((), "s", plan, Timings(encode_us, 30, 400, 50), bytes), 10, 1_500)
    found = samples(generate_latest(metrics.registry).decode())
    counts = {stage: found["diptych_stage_seconds_count", stage] for stage in ("encode", "search", "total")}
    assert counts == {"encode": 1, "search": 2, "total": 2}
    assert found["diptych_stage_seconds_sum", "search"] == pytest.approx(800e-6)
    assert found["diptych_stage_seconds_bucket", "0.0005", "search"] == 2
    assert found["diptych_stage_seconds_bucket", "0.0003", "search"] == 0
    assert found["diptych_plans_total", "agreeing", "ivf"] == 2


def test_batches_and_look_ups_of_encoders_are_counted() -> None:
    """Batches by their size, look-ups by their outcome."""
    metrics = Metrics()
    metrics.encoded("text", 3)
    metrics.encoded("text", 5)
    metrics.looked_up("image", hits=2, misses=1)
    found = samples(generate_latest(metrics.registry).decode())
    assert found["diptych_encoder_batch_size_sum", "text"] == 8
    assert found["diptych_encoder_batch_size_bucket", "text", "4.0"] == 1
    assert found["diptych_encoder_cache_total", "image", "hit"] == 2
    assert found["diptych_encoder_cache_total", "image", "miss"] == 1


@given(st.lists(st.floats(0, 20, allow_nan=False) | st.sampled_from([0.5, 1.0, 5.0])))
def test_a_histogram_is_that_of_prometheus(values: list[float]) -> None:
    """Buckets, their bounds included, count and sum are those that prometheus_client's own histogram gives."""
    bounds = (0.5, 1.0, 5.0)
    own, theirs = CollectorRegistry(), CollectorRegistry()
    histogram = Histograms("x", "X.", ("a",), bounds, own).labels("b")
    oracle = Histogram("x", "X.", ("a",), registry=theirs, buckets=bounds).labels("b")
    for value in values:
        histogram.observe(value)
        oracle.observe(value)
    found, expected = (samples(generate_latest(registry).decode()) for registry in (own, theirs))
    assert found == pytest.approx({name: value for name, value in expected.items() if name[0] != "x_created"})


def test_threads_lose_no_observation() -> None:
    """Four threads that observe at once are all counted, while another reads."""
    histogram = Histograms("x", "X.", (), (1.0,), CollectorRegistry()).labels()

    def observe() -> None:
        for _ in range(20_000):
            histogram.observe(2.0)

    threads = [threading.Thread(target=observe) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        (below, every), total = histogram.read()
        assert (below, total) == (0, 2.0 * every)
    assert histogram.read() == ([0, 80_000], 160_000.0)
