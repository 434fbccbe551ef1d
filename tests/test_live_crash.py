"""kill -9 of a server while items change and are searched: nothing acknowledged is lost, nothing deleted answers."""

import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import numpy as np
import pytest

from engine.v1 import catalog_pb2, catalog_pb2_grpc, query_pb2, search_pb2_grpc
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.progress import no_progress
from tests.support.catalogs import DIM, clustered, write_parquet
from tests.support.servers import of_vector, request

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[1]
STORED = 300
ITEMS = 400
"""Ids c0 … c399 change; the first of them are no longer than the catalogue's."""

_log = logging.getLogger(__name__)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of items c0 … c299 with own vectors."""
    vectors = clustered(STORED, seed=1)
    catalogue = write_parquet(
        tmp_path / "catalogue.parquet", vectors, item_id=[f"c{number}" for number in range(STORED)]
    )
    build(BuildConfig(catalogue, tmp_path / "store"), no_progress)
    return tmp_path / "store"


def vector(version: int) -> np.ndarray:
    """Return a unit vector of its own for each version."""
    drawn = np.random.default_rng(version).standard_normal(DIM)
    return (drawn / np.linalg.norm(drawn)).astype(np.float32)


@dataclass
class Life:
    """What one item is known to be, and since when: as `Truth` keeps it."""

    version: int | None
    """What was acknowledged last; None: it is not there."""
    pending: bool = False
    """Whether a change was sent and not acknowledged, so that it may be either way."""


@dataclass
class Truth:
    """What every item must be, by what servers acknowledged."""

    lives: dict[str, Life]
    lock: threading.Lock = field(default_factory=threading.Lock)
    acknowledged: int = 0
    answers: int = 0
    unavailable: int = 0
    wrong: list[str] = field(default_factory=list)

    def settled(self, item_id: str) -> Life | None:
        """Return what an item must be, None while that is open."""
        with self.lock:
            life = self.lives[item_id]
            return None if life.pending else Life(life.version)


class Server:
    """`engine serve` as a process of its own, killed and started again on one port."""

    def __init__(self, store: Path, address_file: Path) -> None:
        self.store = store
        self.address_file = address_file
        self.target = ""
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.address_file.unlink(missing_ok=True)
        address = self.target or "127.0.0.1:0"
        command = [sys.executable, "-m", "engine.cli", "serve", "--store", str(self.store), "--address", address]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [*command, "--address-file", str(self.address_file), "--log-level", "warning"], cwd=ROOT, env=environment
        )
        until = time.monotonic() + 60
        while not self.address_file.exists():
            assert self.process.poll() is None, "the server ended"
            assert time.monotonic() < until, "the server does not answer"
            time.sleep(0.02)
        self.target = self.address_file.read_text().strip()

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        assert self.process.wait() == -signal.SIGKILL

    def stop(self) -> None:
        """SIGTERM: it drains and ends well."""
        assert self.process is not None
        self.process.terminate()
        assert self.process.wait(30) == 0


@contextmanager
def threads(*works: Callable[[], None]) -> Iterator[None]:
    """Run all of these beside the block, and wait for them."""
    started = [threading.Thread(target=work) for work in works]
    for thread in started:
        thread.start()
    try:
        yield
    finally:
        for thread in started:
            thread.join()


def patiently(call: Callable[[], object], truth: Truth) -> object:
    """Return what a call returns, asked again while the server is down; no other failure is accepted."""
    until = time.monotonic() + 60
    while True:
        try:
            return call()
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE or time.monotonic() > until:
                raise
            truth.unavailable += 1
            time.sleep(0.02)


def change(server: Server, truth: Truth, count: int, writer: int, writers: int) -> None:
    """Upsert and delete items of this writer's own, one at a time, each until it is acknowledged."""
    drawn = random.Random(writer)
    with grpc.insecure_channel(server.target, options=[("grpc.max_reconnect_backoff_ms", 200)]) as channel:
        stub = catalog_pb2_grpc.CatalogServiceStub(channel)
        for number in range(count):
            item_id = f"c{drawn.randrange(ITEMS // writers) * writers + writer}"
            version = number * writers + writer + 1
            request_id = f"{writer}-{number}" if number % 2 else ""
            deleting = drawn.random() < 0.3
            with truth.lock:
                truth.lives[item_id].pending = True
            if deleting:
                asked = catalog_pb2.DeleteItemsRequest(item_ids=[item_id], request_id=request_id)
                patiently(lambda: stub.DeleteItems(asked, timeout=30), truth)  # noqa: B023
            else:
                values = query_pb2.Vector(values=vector(version).tolist())
                item = catalog_pb2.UpsertItemsRequest.NewItem(
                    item_id=item_id, vectors={"image": values, "text": values}
                )
                item.payload.update({"version": version})
                upsert = catalog_pb2.UpsertItemsRequest(items=[item], request_id=request_id)
                answer = patiently(lambda: stub.UpsertItems(upsert, timeout=30), truth)  # noqa: B023
                if answer.accepted_count != 1:  # type: ignore[attr-defined]
                    truth.wrong.append(f"{item_id} was not taken: {answer}")
            with truth.lock:
                truth.lives[item_id] = Life(None if deleting else version)
                truth.acknowledged += 1


def ask(server: Server, truth: Truth, done: threading.Event, seed: int) -> None:
    """Search for one item after the other as it is known to be; what is found must be so too."""
    drawn = random.Random(1000 + seed)
    with grpc.insecure_channel(server.target, options=[("grpc.max_reconnect_backoff_ms", 200)]) as channel:
        stub = search_pb2_grpc.SearchServiceStub(channel)
        while not done.is_set():
            item_id = f"c{drawn.randrange(ITEMS)}"
            before = truth.settled(item_id)
            if before is None or before.version == 0:
                continue
            asked = request(of_vector(vector(before.version or drawn.randrange(10**6)), block="image"), page_size=1000)
            response = patiently(lambda: stub.Search(asked, timeout=30), truth)  # noqa: B023
            after = truth.settled(item_id)
            truth.answers += 1
            if after is None or after.version != before.version:
                continue  # it changed meanwhile, so either is right
            hits = {hit.item_id: hit for hit in response.hits}  # type: ignore[attr-defined]
            if len(hits) != len(response.hits):  # type: ignore[attr-defined]
                truth.wrong.append(f"{item_id}: an item answered twice")
            if before.version is None:
                if item_id in hits:
                    truth.wrong.append(f"{item_id} was deleted and answered with {dict(hits[item_id].payload)}")
            elif item_id not in hits or hits[item_id].payload["version"] != before.version:
                truth.wrong.append(f"{item_id} of version {before.version} was not found")
            elif response.hits[0].item_id != item_id:  # type: ignore[attr-defined]
                truth.wrong.append(f"{item_id} is not its own nearest, {response.hits[0].item_id} is")  # type: ignore[attr-defined]


def compare(server: Server, truth: Truth) -> None:
    """Read every item, and a search of all, and compare them with what was acknowledged."""
    with grpc.insecure_channel(server.target) as channel:
        asked = catalog_pb2.GetItemsRequest(item_ids=list(truth.lives))
        answer = catalog_pb2_grpc.CatalogServiceStub(channel).GetItems(asked, timeout=30)
        now = {
            item.item_id: int(item.payload["version"]) if "version" in item.payload.fields else 0
            for item in answer.items
        }
        everything = request(of_vector(vector(1), block="image"), page_size=1000)
        hits = search_pb2_grpc.SearchServiceStub(channel).Search(everything, timeout=30).hits
    expected = {item_id: life.version for item_id, life in truth.lives.items() if life.version is not None}
    assert now == expected
    assert {hit.item_id for hit in hits} == expected.keys()


@pytest.mark.parametrize(
    ("changes", "kills", "searchers"),
    [(300, 3, 2), pytest.param(10_000, 20, 8, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])],
)
def test_servers_killed_while_items_change(
    store: Path, tmp_path: Path, changes: int, kills: int, searchers: int
) -> None:
    """Two writers and some searchers, killed servers: every acknowledged change is there, and always was."""
    versions = {f"c{number}": Life(0 if number < STORED else None) for number in range(ITEMS)}
    truth, done, drawn = Truth(versions), threading.Event(), random.Random(7)
    server = Server(store, tmp_path / "address")
    server.start()
    writers = 2

    def write(writer: int) -> Callable[[], None]:
        return lambda: change(server, truth, changes // writers, writer, writers)

    def search(seed: int) -> Callable[[], None]:
        return lambda: ask(server, truth, done, seed)

    started = time.monotonic()
    killed = 0
    try:
        with threads(*(search(seed) for seed in range(searchers))):
            try:
                with threads(*(write(writer) for writer in range(writers))):
                    for number in range(kills):
                        # At a random moment of the number-th part of all changes.
                        goal = changes * (number + drawn.random()) / kills
                        while truth.acknowledged < goal:
                            time.sleep(0.002)
                        time.sleep(drawn.random() * 0.02)
                        server.kill()
                        killed += 1
                        server.start()
            finally:
                done.set()
        assert killed == kills
        assert truth.acknowledged == changes
        assert not truth.wrong, truth.wrong[:5]
        assert truth.answers > 0
        compare(server, truth)
        server.stop()
        server.start()
        compare(server, truth)
        _log.info(
            "%d changes, %d killed, %d searches, %d calls while down, %.0f s",
            changes, killed, truth.answers, truth.unavailable, time.monotonic() - started,
        )  # fmt: skip
    finally:
        if server.process is not None and server.process.poll() is None:
            server.process.kill()
            server.process.wait()
