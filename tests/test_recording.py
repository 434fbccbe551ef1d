"""RecordEvents and EraseUser on real servers: durable when acknowledged, a bad event costs no other, no id is told."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from engine.events.event import EventType
from engine.events.event_log import open_event_log
from engine.server.settings import load, render
from engine.v1 import recommendation_pb2, recommendation_pb2_grpc
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.progress import no_progress
from tests.support.catalogs import clustered, write_parquet
from tests.support.servers import Running, refusal, running, unpack

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[1]
USER = "shopper-of-whom-nobody-speaks"
Event = recommendation_pb2.Event
Request = recommendation_pb2.RecordEventsRequest
Stub = recommendation_pb2_grpc.RecommendationServiceStub


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of a few items with own vectors, in which nothing was recorded."""
    root = tmp_path_factory.mktemp("built")
    build(BuildConfig(write_parquet(root / "catalogue.parquet", clustered(60)), root / "store"), no_progress)
    return root / "store"


@pytest.fixture
def store(built: Path, tmp_path: Path) -> Path:
    """A copy of it, for one test."""
    subprocess.run(["cp", "-r", str(built), str(tmp_path / "store")], check=True)
    return tmp_path / "store"


@pytest.fixture
def server(store: Path) -> Iterator[Running]:
    """A server over it."""
    with running(store) as started:
        yield started


def event(number: int, **fields: Any) -> Event:
    """Return an event that is within every rule, with these fields in place of its own."""
    given = {"event_id": f"e{number}", "user_id": USER, "item_id": f"i{number}", "type": Event.TYPE_VIEW}
    return Event(**{**given, **fields})


def history(server: Running, user_id: str = USER) -> list[Any]:
    """Return what the store keeps of a user, newest first."""
    log = open_event_log(server.server.settings.store)
    assert log is not None
    with log:
        return log.history(user_id)


def test_events_are_kept_as_they_were_sent(server: Running) -> None:
    """Types, times to the microsecond, quantities; zero pieces are one, and without a time it is now."""
    moment = Timestamp(seconds=1_600_000_000, nanos=250_000_000)
    before = time.time()
    sent = [event(0, type=Event.TYPE_RETURN, time=moment, quantity=3), event(1)]
    response = Stub(server.channel).RecordEvents(Request(events=sent))
    assert (response.accepted_count, response.duplicate_count, len(response.rejections)) == (2, 0, 0)
    newest, oldest = history(server)
    assert (oldest.type, oldest.time_s, oldest.quantity) == (EventType.RETURN, 1_600_000_000.25, 3)
    assert before <= newest.time_s <= time.time()
    assert (newest.type, newest.quantity) == (EventType.VIEW, 1)


def test_every_type_has_its_own(server: Running) -> None:
    """Each type of the contract is kept as the type of that name."""
    kinds = [number for number in Event.Type.values() if number]
    Stub(server.channel).RecordEvents(Request(events=[event(kind, type=kind) for kind in kinds]))
    kept = {found.event_id: found.type for found in history(server)}
    assert kept == {f"e{kind}": EventType[Event.Type.Name(kind).removeprefix("TYPE_")] for kind in kinds}
    assert len(kept) == 6


def test_what_is_sent_again_is_kept_once(server: Running) -> None:
    """A repeated request, and an id twice in one, are counted as known."""
    request = Request(events=[event(0), event(1), event(0)])
    first, second = (Stub(server.channel).RecordEvents(request) for _ in range(2))
    assert (first.accepted_count, first.duplicate_count) == (2, 1)
    assert (second.accepted_count, second.duplicate_count) == (0, 3)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"event_id": ""}, "event_id"),
    ({"user_id": ""}, "user_id"),
    ({"item_id": ""}, "item_id"),
    ({"item_id": "é" * 257}, "item_id"),
    ({"user_id": "a\0b"}, "user_id"),
    ({"type": Event.TYPE_UNSPECIFIED}, "type"),
    ({"type": 7}, "type"),
    ({"quantity": -1}, "quantity"),
    ({"quantity": 1_000_001}, "quantity"),
    ({"time": Timestamp(seconds=int(time.time()) + 90_000)}, "time"),
    ({"time": Timestamp(seconds=10**15)}, "time"),
    ({"time": Timestamp(nanos=-1)}, "time"),
]


@pytest.mark.parametrize(("fields", "field"), BAD)
def test_a_bad_event_costs_no_other(server: Running, fields: dict[str, Any], field: str) -> None:
    """It is rejected with its id and the path of what is wrong; the others of the request are kept."""
    response = Stub(server.channel).RecordEvents(Request(events=[event(0), event(1, **fields), event(2)]))
    assert (response.accepted_count, response.duplicate_count) == (2, 0)
    (rejection,) = response.rejections
    assert rejection.event_id == fields.get("event_id", "e1")
    assert rejection.error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    violations = unpack(rejection.error)["BadRequest"].field_violations  # type: ignore[attr-defined]
    assert [violation.field for violation in violations] == [f"events[1].{field}"]
    assert USER not in str(rejection)


def test_limits_are_those_of_the_contract(server: Running) -> None:
    """Ids of 512 bytes, a million pieces and a time of today are kept; 1,001 events are refused whole."""
    longest = event(0, event_id="e" * 512, item_id="é" * 256, quantity=1_000_000)
    longest.time.FromSeconds(int(time.time()) + 86_000)
    assert Stub(server.channel).RecordEvents(Request(events=[longest])).accepted_count == 1
    refused = refusal(Stub(server.channel).RecordEvents, Request(events=[event(n) for n in range(1001)]))
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["events"])
    assert len(history(server)) == 1


def test_an_empty_request_makes_no_log(server: Running) -> None:
    """Nothing is recorded, and nothing is made."""
    assert Stub(server.channel).RecordEvents(Request()) == recommendation_pb2.RecordEventsResponse()
    assert not list(server.server.settings.store.glob("events.db*"))


def test_a_user_is_forgotten(server: Running) -> None:
    """What is erased is counted by type, and no byte of the id is left in the store; a second time nothing is known."""
    sent = [event(0), event(1, type=Event.TYPE_PURCHASE), event(2), event(3, user_id="other")]
    Stub(server.channel).RecordEvents(Request(events=sent))
    request = recommendation_pb2.EraseUserRequest(user_id=USER)
    erased = Stub(server.channel).EraseUser(request)
    assert (erased.erased_event_count, dict(erased.erased_by_type)) == (3, {"view": 2, "purchase": 1})
    assert Stub(server.channel).EraseUser(request) == recommendation_pb2.EraseUserResponse()
    files = [path for path in server.server.settings.store.rglob("*") if path.is_file()]
    assert [path.name for path in files if USER.encode() in path.read_bytes()] == []
    assert len(history(server, "other")) == 1
    refused = refusal(Stub(server.channel).EraseUser, recommendation_pb2.EraseUserRequest())
    assert refused.fields == ["user_id"]


def test_nobody_is_forgotten_where_nothing_was_recorded(server: Running) -> None:
    """Erasing is no error then, and makes no file."""
    assert Stub(server.channel).EraseUser(recommendation_pb2.EraseUserRequest(user_id=USER)).erased_event_count == 0
    assert not list(server.server.settings.store.glob("events.db*"))


def test_callers_at_once_are_each_told_their_own(server: Running) -> None:
    """Sixteen callers of single events share transactions; each event is accepted once, by one of two who sent it."""
    accepted = []

    def work(caller: int) -> None:
        for number in range(20):
            response = Stub(server.channel).RecordEvents(Request(events=[event(caller // 2 * 100 + number)]))
            accepted.append(response.accepted_count)
            assert response.accepted_count + response.duplicate_count == 1

    threads = [threading.Thread(target=work, args=(caller,)) for caller in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(accepted), sum(accepted), len(history(server))) == (320, 160, 160)


def test_events_are_kept_in_postgresql(store: Path, postgres: str) -> None:
    """With an address the store holds none; recording and erasing are the same."""
    with running(store, events_url=postgres) as started:
        assert Stub(started.channel).RecordEvents(Request(events=[event(0), event(1), event(0)])).accepted_count == 2
        erased = Stub(started.channel).EraseUser(recommendation_pb2.EraseUserRequest(user_id=USER))
        assert dict(erased.erased_by_type) == {"view": 2}
    assert not list(store.glob("events.db*"))


def test_a_database_that_is_away_is_unavailable(store: Path) -> None:
    """Recording then fails so that callers try again, without a password in the message."""
    with running(store, events_url="postgresql://u:geheim@127.0.0.1:1/d") as started:
        refused = refusal(Stub(started.channel).RecordEvents, Request(events=[event(0)]))
        assert refused.code is grpc.StatusCode.UNAVAILABLE
        assert "postgresql://127.0.0.1:1/d" in refused.message
        assert "geheim" not in refused.message + str(refused.details)


def test_settings_show_no_password(tmp_path: Path) -> None:
    """Printed settings have *** for it, and what was printed can be loaded; a wrong address is not shown at all."""
    settings = load({"store": tmp_path, "events_url": "postgresql://u:geheim@h/d"})
    printed = render(settings)
    assert 'events_url = "postgresql://u:***@h/d"' in printed
    (tmp_path / "settings.toml").write_text(printed)
    assert load({}, tmp_path / "settings.toml").events_url == "postgresql://u@h/d"
    with pytest.raises(Exception, match="expected sqlite:") as refused:
        load({"store": tmp_path, "events_url": "mysql://u:geheim@h/d"})
    assert "geheim" not in str(refused.value)


class Process:
    """`engine serve` as a process of its own."""

    def __init__(self, store: Path, address_file: Path) -> None:
        self.errors = address_file.with_suffix(".log")
        command = [sys.executable, "-m", "engine.cli", "serve", "--store", str(store), "--log-level", "debug"]
        address_file.unlink(missing_ok=True)
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [*command, "--address", "127.0.0.1:0", "--address-file", str(address_file)],
                cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=errors, stderr=errors,
            )  # fmt: skip
        until = time.monotonic() + 120
        while not address_file.exists():
            assert self.process.poll() is None, self.errors.read_text()
            assert time.monotonic() < until, "the server does not answer"
            time.sleep(0.02)
        self.target = address_file.read_text().strip()

    def end(self, number: int) -> None:
        """Send a signal and wait until the process is gone."""
        self.process.send_signal(number)
        self.process.wait(30)


@pytest.mark.parametrize("kills", [1, pytest.param(6, marks=pytest.mark.slow)])
def test_what_was_acknowledged_survives_kill(store: Path, tmp_path: Path, kills: int) -> None:
    """kill -9 while callers record: every event that a server acknowledged is there once it is started again."""
    acknowledged: set[str] = set()

    def work(target: str, life: int, caller: int) -> None:
        with grpc.insecure_channel(target) as channel:
            for number in range(10**6):
                sent = [event(0, event_id=f"{life}/{caller}/{number}/{place}") for place in range(1 + caller * 20)]
                try:
                    response = Stub(channel).RecordEvents(Request(events=sent), timeout=20)
                except grpc.RpcError:
                    return
                assert response.accepted_count == len(sent)
                acknowledged.update(one.event_id for one in sent)

    for life in range(kills):
        server = Process(store, tmp_path / "address")
        threads = [threading.Thread(target=work, args=(server.target, life, caller)) for caller in range(4)]
        for thread in threads:
            thread.start()
        enough = len(acknowledged) + 1000
        while len(acknowledged) < enough and any(thread.is_alive() for thread in threads):
            time.sleep(0.005)
        server.end(signal.SIGKILL)
        for thread in threads:
            thread.join()
        log = open_event_log(store)
        assert log is not None
        with log:
            kept = {found.event_id for found in log.history(USER)}
        assert len(acknowledged) >= enough
        assert kept >= acknowledged


def test_user_ids_are_never_logged(store: Path, tmp_path: Path) -> None:
    """A server that tells all it can says no user's id, whatever is recorded, erased and refused."""
    server = Process(store, tmp_path / "address")
    erase = recommendation_pb2.EraseUserRequest
    with grpc.insecure_channel(server.target) as channel:
        stub = Stub(channel)
        stub.RecordEvents(Request(events=[event(0), event(1, quantity=-1), event(2, user_id=USER * 20)]))
        told = [refusal(stub.RecordEvents, Request(events=[event(n) for n in range(1001)]))]
        told.append(refusal(stub.EraseUser, erase(user_id=USER * 20)))
        assert stub.EraseUser(erase(user_id=USER)).erased_event_count == 1
        # A log that is none is the worst that a server can meet here.
        for path in store.glob("events.db*"):
            path.write_bytes(b"x" * 4096)
        told.append(refusal(stub.RecordEvents, Request(events=[event(3)])))
        told.append(refusal(stub.EraseUser, erase(user_id=USER)))
    server.end(signal.SIGTERM)
    assert server.process.returncode == 0
    said = server.errors.read_text()
    assert "erased a user of 1 events" in said
    assert USER not in said
    assert all(USER not in refused.message + str(refused.details) for refused in told)
