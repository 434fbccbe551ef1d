"""Durable events per second over gRPC, and the latency of reading a shopper's history.

The server and the load generator are separate processes. Every request has new events. At the end the log is counted,
so that only events that are in it count.
"""

import os
import random
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.datasets import Clustered, clustered
from benchmarks.load import LoadFailed, LoadProcess, Order, load_process, write_messages
from benchmarks.postgres import cluster
from benchmarks.processes import Served, engine_server
from engine.errors import MissingDependency
from engine.events.event import Event, EventType
from engine.events.event_log import EventLog, open_or_create_event_log
from engine.v1 import recommendation_pb2
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.progress import no_progress

METHOD = "/engine.v1.RecommendationService/RecordEvents"
ITEMS = 100_000

_SYNC_BYTES = 4096
_SYNCS = 50


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to record events: events per request, and concurrent callers."""

    events: int
    callers: int
    requests: int


KINDS = (Kind(1, 1, 300), Kind(1, 16, 2_000), Kind(100, 4, 200), Kind(1_000, 1, 30), Kind(1_000, 4, 60))


@dataclass(frozen=True, slots=True)
class Effort:
    """users, history: number of users, and of events of each, before anything is measured. rounds: of every kind."""

    users: int = 5_000
    history: int = 50
    rounds: int = 3


def run(effort: Effort, kinds: Sequence[Kind] = KINDS, json_path: Path | None = None) -> dict[str, Any]:
    """Measure SQLite and, if installed, PostgreSQL; print the tables and return the result."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        catalogue = clustered(Clustered(300, 16, clusters=10, categories=2), folder / "made")
        build(BuildConfig(catalogue, folder / "store"), no_progress)
        databases = [_measure("SQLite", folder, "", effort, kinds)]
        with ExitStack() as stack:
            try:
                address = stack.enter_context(cluster())
            except MissingDependency as missing:
                print(missing)  # noqa: T201 a table without it should say why
            else:
                databases.append(_measure("PostgreSQL", folder, address, effort, kinds))
        content = {
            "settings": asdict(effort),
            "sync_ms": round(_sync_ms(folder), 2),
            "databases": databases,
        }
    tables = _tables(content)
    for table in tables:
        table.show()
    if json_path is not None:
        report.write(json_path, __doc__.partition("\n")[0], content, tables)
    return content


def _measure(name: str, folder: Path, address: str, effort: Effort, kinds: Sequence[Kind]) -> dict[str, Any]:
    drawn = random.Random(7)
    store = folder / "store"
    with open_or_create_event_log(store, address) as log:
        filled_s = _fill(log, effort, drawn)
        options = ("--events-url", address) if address else ()
        with engine_server(store, *options) as server, load_process() as load:
            rounds = [
                [_record(server, load, kind, effort, drawn, folder / "messages") for kind in kinds]
                for _ in range(effort.rounds)
            ]
        sent = effort.rounds * sum(kind.events * kind.requests for kind in kinds)
        if log.count() != sent + effort.users * effort.history:
            raise LoadFailed(f"expected {sent + effort.users * effort.history} events in {name}, got {log.count()}")
        history_us = _history_us(log, effort, drawn)
    return {
        "name": name,
        "filled_events_per_s": round(effort.users * effort.history / filled_s),
        "history_us": report.spread(history_us),
        "kinds": [
            {
                **asdict(kind),
                "events_per_s": round(statistics.median(entry["events_per_s"] for entry in measured)),
                "events_per_s_least": round(min(entry["events_per_s"] for entry in measured)),
                "events_per_s_most": round(max(entry["events_per_s"] for entry in measured)),
                "request_us": report.spread([us for entry in measured for us in entry["latency_us"]]),
                "cpu_us_per_event": round(statistics.median(entry["cpu_us_per_event"] for entry in measured), 1),
            }
            for kind, measured in zip(kinds, zip(*rounds, strict=True), strict=True)
        ],
    }


def _fill(log: EventLog, effort: Effort, drawn: random.Random) -> float:
    """Record the initial events, a thousand at a time, and return how long that takes."""
    users = [number % effort.users for number in range(effort.users * effort.history)]
    drawn.shuffle(users)
    events = [
        Event(_id(drawn), f"shopper-{user}", f"item-{drawn.randrange(ITEMS)}", EventType.PURCHASE, 1.7e9 + 60 * index)
        for index, user in enumerate(users)
    ]
    started = time.perf_counter()
    for start in range(0, len(events), 1000):
        log.record(events[start : start + 1000])
    return time.perf_counter() - started


def _record(
    server: Served, load: LoadProcess, kind: Kind, effort: Effort, drawn: random.Random, path: Path
) -> dict[str, Any]:
    write_messages(path, list(_messages(kind, effort, drawn)))
    before = server.cpu_s()
    outcome = load.run(Order(server.target, METHOD, str(path), kind.requests, kind.callers))
    events = kind.events * kind.requests
    return {
        # The first request of a file is sent once beforehand, to connect, so it has no new events.
        "events_per_s": (events - kind.events) / outcome.wall_s,
        "latency_us": outcome.latency_us[1:],
        "cpu_us_per_event": (server.cpu_s() - before) / events * 1e6,
    }


def _messages(kind: Kind, effort: Effort, drawn: random.Random) -> Iterator[bytes]:
    for _ in range(kind.requests):
        request = recommendation_pb2.RecordEventsRequest()
        for _ in range(kind.events):
            request.events.add(
                event_id=_id(drawn),
                user_id=f"shopper-{drawn.randrange(effort.users)}",
                item_id=f"item-{drawn.randrange(ITEMS)}",
                type=recommendation_pb2.Event.TYPE_PURCHASE,
                quantity=1,
            )
        yield request.SerializeToString()


def _history_us(log: EventLog, effort: Effort, drawn: random.Random) -> list[float]:
    taken = []
    for _ in range(1_000):
        user = f"shopper-{drawn.randrange(effort.users)}"
        started = time.perf_counter_ns()
        log.history(user, effort.history)
        taken.append((time.perf_counter_ns() - started) / 1000)
    return taken


def _id(drawn: random.Random) -> str:
    """Return a random id, as most shops use them. They are the worst case for an index: inserts go everywhere."""
    return str(uuid.UUID(int=drawn.getrandbits(128)))


def _sync_ms(folder: Path) -> float:
    """Return the median time that this disk takes to sync a page."""
    descriptor = os.open(folder / "sync", os.O_CREAT | os.O_WRONLY)
    taken = []
    try:
        for index in range(_SYNCS):
            started = time.perf_counter()
            os.pwrite(descriptor, os.urandom(_SYNC_BYTES), index * _SYNC_BYTES)
            os.fsync(descriptor)
            taken.append((time.perf_counter() - started) * 1000)
    finally:
        os.close(descriptor)
    return statistics.median(taken)


def _tables(content: dict[str, Any]) -> list[report.Table]:
    effort = content["settings"]
    rows = [
        [
            database["name"],
            f"{kind['events']:,}",
            f"{kind['callers']}",
            f"{kind['events_per_s']:,} ({kind['events_per_s_least']:,}-{kind['events_per_s_most']:,})",
            f"{kind['request_us']['p50'] / 1000:,.1f}",
            f"{kind['request_us']['p99'] / 1000:,.1f}",
            f"{kind['cpu_us_per_event']:,.0f}",
        ]
        for database in content["databases"]
        for kind in database["kinds"]
    ]
    columns = [
        "database",
        "events/request",
        "callers",
        "events/s",
        "p50, milliseconds",
        "p99",
        "server CPU, µs/event",
    ]
    before = f"{effort['users']:,} users with {effort['history']} events each beforehand"
    sync = f"a page is synced in {content['sync_ms']:g} ms"
    recorded = report.Table(f"Durable events per second over gRPC; {before}; {sync}", columns, rows)
    read = report.Table(
        f"The newest {effort['history']} events of a user, in process",
        ["database", "p50, milliseconds", "p99", "recorded in process, events/s"],
        [
            [
                database["name"],
                f"{database['history_us']['p50'] / 1000:.2f}",
                f"{database['history_us']['p99'] / 1000:.2f}",
                f"{database['filled_events_per_s']:,}",
            ]
            for database in content["databases"]
        ],
    )
    return [recorded, read]
