"""Snapshots switched under load: no call fails, no answer mixes two, a damaged one is never served; and the end."""

import logging
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import grpc
import pytest

from engine.snapshot.store import CURRENT_FILE, Store
from engine.v1 import index_pb2, query_pb2, search_pb2, search_pb2_grpc
from tests.support.catalogs import Prepared, clustered
from tests.support.servers import Running, add_vectors, build_goods, of_vector, refusal, request, running
from tests.support.waiting import within

pytestmark = pytest.mark.long

TAKEN_UP_S = 2.0
VECTORS = clustered(300, seed=1)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A store of two snapshots of the same vectors, whose item ids begin with a and b; and which name begins how."""
    root = tmp_path_factory.mktemp("two")
    return root / "store", {add_vectors(root, VECTORS, prefix): prefix for prefix in ("a", "b")}


def damage(store: Store, name: str) -> str:
    """Flip one bit of a snapshot's rows and return the file's name."""
    path = store.snapshots / name / "strata" / "image+text" / "rows.faiss"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    return path.name


def served(started: Running) -> str:
    """Return the name of the snapshot that clients are told of."""
    return started.index.GetIndex(index_pb2.GetIndexRequest()).index.snapshot


def test_no_answer_fails_or_mixes_while_snapshots_alternate(two: tuple[Path, dict[str, str]]) -> None:
    """Four clients ask without pause while eight snapshots are published: all is answered, each by one of them."""
    root, prefixes = two
    store, names = Store(root), list(prefixes)
    wrong: list[str] = []
    counts = dict.fromkeys(names, 0)
    done = threading.Event()
    asked = request(of_vector(VECTORS.image[7], block="image"), page_size=5)
    batch = search_pb2.BatchSearchRequest(requests=[asked] * 5)

    def ask(target: str) -> None:
        with grpc.insecure_channel(target) as channel:
            stub = search_pb2_grpc.SearchServiceStub(channel)
            while not done.is_set():
                try:
                    single = stub.Search(asked, timeout=10)
                    several = [result.response for result in stub.BatchSearch(batch, timeout=10).results]
                except grpc.RpcError as error:
                    wrong.append(str(error))
                    return
                if len({response.snapshot for response in several}) != 1:
                    wrong.append("a batch of two snapshots")
                for response in (single, *several):
                    ids = [hit.item_id for hit in response.hits]
                    if len(ids) != 5 or ids[0] != prefixes[response.snapshot] + "7":
                        wrong.append(f"{response.snapshot}: {ids}")
                    wrong.extend(i for i in ids if not i.startswith(prefixes[response.snapshot]))
                    counts[response.snapshot] += 1

    with running(root) as started:
        clients = [threading.Thread(target=ask, args=(started.target,)) for _ in range(4)]
        for client in clients:
            client.start()
        for place in range(8):
            name = names[place % 2]
            store.activate(name)
            assert within(TAKEN_UP_S, lambda name=name: served(started) == name), f"{name} was not taken up"
        done.set()
        for client in clients:
            client.join()
    assert wrong == []
    assert min(counts.values()) > 10


def test_a_damaged_snapshot_is_named_and_not_served(
    store: Store, prepared: Prepared, caplog: pytest.LogCaptureFixture
) -> None:
    """Its file is in the log, the old one answers on, and the next good one is taken up."""
    good = store.current()
    with running(store.root) as started:
        bad = prepared.add(store)
        file = damage(store, bad)
        store.activate(bad)
        assert within(TAKEN_UP_S, lambda: file in caplog.text)
        assert [record.levelno for record in caplog.records if file in record.message] == [logging.ERROR]
        assert served(started) == good
        assert started.search.Search(request(query_pb2.QueryPart(item_id="i1"))).snapshot == good
        better = prepared.add(store)
        store.activate(better)
        assert within(TAKEN_UP_S, lambda: served(started) == better)


def test_what_was_refused_for_a_passing_reason_is_taken_up_later(
    store: Store, prepared: Prepared, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that comes late: told once, tried again while CURRENT stays as it is, and then served."""
    good = store.current()
    with running(store.root) as started:
        late = prepared.add(store)
        path = store.snapshots / late / "items.arrow"
        path.rename(store.root / "away")
        store.activate(late)
        assert within(TAKEN_UP_S, lambda: "items.arrow" in caplog.text)
        assert within(TAKEN_UP_S, lambda: started.server.snapshots.refusals > 1), "it was not tried again"
        assert served(started) == good
        assert "items.arrow" in started.server.snapshots.refused
        (store.root / "away").rename(path)
        assert within(3 * TAKEN_UP_S, lambda: served(started) == late)
        assert started.server.snapshots.refused == ""
    assert sum("cannot open the current one" in record.message for record in caplog.records) == 1


def test_a_snapshot_pruned_while_they_are_listed_is_left_out(store: Store, prepared: Prepared) -> None:
    """The others are listed, though one went between its name and its manifest being read."""

    class Pruned(Store):
        """A store of which the newest snapshot goes as soon as it was named."""

        def names(self) -> list[str]:
            names = super().names()
            if len(names) > 1:
                shutil.rmtree(self.snapshots / names[-1])
            return names

    good = store.current()
    prepared.add(store)
    with running(store.root) as started:
        started.server.snapshots.store = Pruned(store.root)
        listed = started.index.ListSnapshots(index_pb2.ListSnapshotsRequest())
    assert [one.name for one in listed.snapshots] == [good]


@pytest.mark.parametrize("line", ["", "nothing\n", "../x\n"])
def test_nonsense_in_current_changes_nothing(store: Store, caplog: pytest.LogCaptureFixture, line: str) -> None:
    """A CURRENT that names no snapshot is logged, and what is served goes on."""
    good = store.current()
    with running(store.root) as started:
        (store.root / CURRENT_FILE).write_text(line)
        assert within(TAKEN_UP_S, lambda: CURRENT_FILE in caplog.text)
        assert served(started) == good


def test_a_snapshot_of_another_model_is_not_served(
    tmp_path: Path, tiny_model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """If the weights in the model's folder changed since the build, the server says so and keeps its snapshot."""
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    store = Store(build_goods(tmp_path, model))
    weights = model / "open_clip_model.safetensors"
    with running(store.root) as started:
        before = served(started)
        data = bytearray(weights.read_bytes())
        data[-1000:] = bytes(1000)
        weights.write_bytes(data)
        # The open encoder is proved already, so it serves what is published of its own model …
        assert started.search.Search(request(query_pb2.QueryPart(text="red shoe"))).snapshot == before
    # … but a new server opens the weights that are there now, and refuses to start.
    with pytest.raises(Exception, match="weights_sha256"), running(store.root):
        pass


def test_activate_switches_and_lists(store: Store, prepared: Prepared) -> None:
    """ActivateSnapshot answers once the snapshot is served, tells what was before, and the store remembers it."""
    first = store.current()
    second = prepared.add(store)
    with running(store.root) as started:
        response = started.index.ActivateSnapshot(index_pb2.ActivateSnapshotRequest(snapshot=second))
        assert (response.snapshot.name, response.snapshot.active) == (second, True)
        assert response.previous_snapshot == first
        assert started.search.Search(request(query_pb2.QueryPart(item_id="i1"))).snapshot == second
        assert store.current() == second
        listed = started.index.ListSnapshots(index_pb2.ListSnapshotsRequest())
        assert [(one.name, one.active, one.item_count) for one in listed.snapshots] == [
            (second, True, 60),
            (first, False, 60),
        ]
        page = started.index.ListSnapshots(index_pb2.ListSnapshotsRequest(page_size=1))
        assert [one.name for one in page.snapshots] == [second]
        rest = started.index.ListSnapshots(index_pb2.ListSnapshotsRequest(page_token=page.next_page_token))
        assert [one.name for one in rest.snapshots] == [first]
        assert rest.next_page_token == ""


def test_activate_refuses_what_cannot_be_served(store: Store, prepared: Prepared) -> None:
    """An unknown one is NOT_FOUND, a damaged one and one that failed a gate FAILED_PRECONDITION; nothing changes."""
    good = store.current()
    damaged, failed = prepared.add(store), prepared.add(store, passed=False)
    file = damage(store, damaged)
    with running(store.root) as started:

        def refused(name: str) -> tuple[str, str]:
            found = refusal(started.index.ActivateSnapshot, index_pb2.ActivateSnapshotRequest(snapshot=name))
            return found.code.name, found.message

        unknown = refusal(started.index.ActivateSnapshot, index_pb2.ActivateSnapshotRequest(snapshot="nothing"))
        assert unknown.code is grpc.StatusCode.NOT_FOUND
        assert unknown.details["ResourceInfo"].resource_type == "snapshot"
        assert unknown.details["ResourceInfo"].resource_name == "nothing"
        assert refused("")[0] == "INVALID_ARGUMENT"
        code, message = refused(damaged)
        assert code == "FAILED_PRECONDITION"
        assert file in message
        code, message = refused(failed)
        assert code == "FAILED_PRECONDITION"
        assert "recall@10" in message
        assert served(started) == good
    assert store.current() == good


def serve(store: Path, *flags: str) -> subprocess.Popen[str]:
    """Start `engine serve` as a process of its own."""
    command = [sys.executable, "-m", "engine.cli", "serve", "--store", str(store), *flags]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])


def test_sigterm_answers_what_came_and_exits_with_0(store: Store, tmp_path: Path) -> None:
    """Batches under way when SIGTERM comes are answered whole; later calls are refused; the exit code is 0."""
    file = tmp_path / "address"
    with serve(store.root, "--address", "127.0.0.1:0", "--address-file", str(file)) as process:
        assert within(60, file.exists), process.stderr.read()
        one = request(of_vector(clustered(60).image[3]), page_size=60, explain=True)
        batch = search_pb2.BatchSearchRequest(requests=[one] * 64)
        with grpc.insecure_channel(file.read_text().strip()) as channel:
            stub = search_pb2_grpc.SearchServiceStub(channel)
            stub.Search(one, timeout=10)
            calls = [stub.BatchSearch.future(batch, timeout=30) for _ in range(6)]
            assert len(calls[0].result().results) == 64
            process.send_signal(signal.SIGTERM)
            outcomes = [call.exception() for call in calls]
            log = process.communicate(timeout=30)[1]
    assert process.returncode == 0, log
    assert all(error is None or error.code() is grpc.StatusCode.UNAVAILABLE for error in outcomes)
    assert sum(error is None for error in outcomes) >= 2
    assert "serving snapshot=" in log
    assert "stopped" in log
    assert "Traceback" not in log


def test_a_server_that_cannot_serve_says_why_and_exits_with_1(store: Store, tmp_path: Path) -> None:
    """A damaged snapshot, a store without one, and an address in use are told in one line."""
    file = damage(store, store.current())
    (tmp_path / "empty").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        processes = [
            serve(store.root, "--address", "127.0.0.1:0"),
            serve(tmp_path / "empty", "--address", "127.0.0.1:0"),
            serve(store.root, "--address", f"127.0.0.1:{taken.getsockname()[1]}"),
        ]
        logs = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [1, 1, 1], logs
    assert file in logs[0]
    assert "expected a published snapshot" in logs[1]
    assert "expected a free address" in logs[2]
    assert "Traceback" not in "".join(logs)
