"""The log of events: each once, on disk before anybody is told so, a user's gone when asked for; in both databases."""

import itertools
import multiprocessing
import random
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

from engine.errors import CorruptLog, InvalidSetting, NotDurable
from engine.events.database import store_address
from engine.events.event import Event, EventType
from engine.events.event_log import (
    EVENTS_FILE,
    EventLog,
    EventSummary,
    RecordedEvents,
    open_event_log,
    open_or_create_event_log,
)
from engine.events.log_address import drop_mask, mask_passwords
from engine.events.shop_clock import count_strays, find_now_s
from indexer.events.event_table import TYPES, EventTable
from tests.support.waiting import within

VIEW, BUY = EventType.VIEW, EventType.PURCHASE


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database in which nothing was ever recorded."""
    if request.param == "sqlite":
        return store_address(tmp_path / EVENTS_FILE)
    return str(request.getfixturevalue("postgres"))


@pytest.fixture
def log(address: str) -> Iterator[EventLog]:
    """A log with nothing in it."""
    with EventLog(address) as opened:
        yield opened


def event(number: int, user_id: str = "u", kind: EventType = VIEW, time_s: float | None = None) -> Event:
    """Return an event of its own for each number, later for a higher one."""
    return Event(f"e{number}", user_id, f"i{number}", kind, 1000.0 + number if time_s is None else time_s, number + 1)


def test_what_is_recorded_is_read_back(log: EventLog) -> None:
    """Every field of an event comes back as it was, of every type, with ids in any script."""
    events = [Event(f"é{n}", "用户", "tëst 'x'", kind, 1.5 + n, 1 + n) for n, kind in enumerate(EventType)]
    assert log.record(events) == RecordedEvents(6, 0)
    assert log.history("用户") == events[::-1]


def test_an_event_is_kept_once(log: EventLog) -> None:
    """Of events with one id the first is kept, within a batch and later; the counts tell which were new."""
    twice = event(1, "u", VIEW)
    assert log.record([event(0), twice, twice._replace(user_id="other"), event(2)]) == RecordedEvents(3, 1)
    assert log.record([event(2), event(3)]) == RecordedEvents(1, 1)
    assert log.record([]) == RecordedEvents(0, 0)
    assert log.count() == 4
    assert log.user_ids() == ["u"]


def test_a_history_is_newest_first_and_cut(log: EventLog) -> None:
    """Newest first whatever the order of recording, at most the limit, of this user alone; unknown users have none."""
    log.record([event(3), event(1), event(2, "other"), event(4), event(0)])
    assert [found.event_id for found in log.history("u")] == ["e4", "e3", "e1", "e0"]
    assert [found.event_id for found in log.history("u", 2)] == ["e4", "e3"]
    assert log.history("nobody", 5) == []


def test_events_of_one_moment_have_one_order(log: EventLog) -> None:
    """A basket's lines come in the same order each time, whatever order they were recorded in."""
    log.record([event(number, time_s=7.0) for number in (2, 0, 1)])
    assert [found.event_id for found in log.history("u", 2)] == ["e2", "e1"]
    assert [found.event_id for page in log.scan() for found in page] == ["e0", "e1", "e2"]


def test_a_scan_gives_all_in_order_of_time(log: EventLog) -> None:
    """More events than a page holds come once each, oldest first; the newest tells what time it is."""
    assert (list(log.scan()), log.get_last_time_s(), log.count()) == ([], None, 0)
    numbers = random.Random(3).sample(range(20_000), 20_000)
    log.record([event(number, f"u{number % 7}") for number in numbers])
    pages = list(log.scan())
    assert len(pages) > 1
    assert [found.time_s for page in pages for found in page] == [1000.0 + number for number in range(20_000)]
    assert (log.get_last_time_s(), log.count()) == (20_999.0, 20_000)
    assert log.find_now_s() == 20_989.0
    assert log.user_ids() == [f"u{number}" for number in range(7)]


def test_one_wrong_clock_does_not_tell_what_time_it_is(log: EventLog) -> None:
    """The newest event is passed over, of one or two none, of very many ten; in a table of them as in the log."""
    assert log.find_now_s() is None
    log.record([event(0), event(1)])
    assert log.find_now_s() == 1001.0
    log.record([event(2), event(3, time_s=9e9)])
    assert log.find_now_s() == 1002.0
    assert find_now_s(np.array([9e9, 1000.0, 1002.0, 1001.0])) == 1002.0
    assert find_now_s(np.array([])) == 0.0
    assert [count_strays(count) for count in (0, 1, 2, 3, 1000, 1001, 10**6)] == [0, 0, 0, 1, 1, 2, 10]


def test_erasing_tells_what_was_there(log: EventLog) -> None:
    """A user's events go, counted by type; others' stay; what is not known is nothing; the user may come back."""
    log.record([event(0), event(1, kind=BUY), event(2, kind=BUY), event(3, "other")])
    assert log.erase("u") == {VIEW: 1, BUY: 2}
    assert (log.erase("u"), log.history("u"), log.count()) == ({}, [], 1)
    assert log.record([event(0)]) == RecordedEvents(1, 0)


def test_a_summary_is_of_all_events(log: EventLog) -> None:
    """Counts by type, and the first and the last moment; of nobody there is none."""
    log.record([event(0), event(1, kind=BUY), event(2, kind=BUY), event(3, "other")])
    assert log.summary("u") == EventSummary({VIEW: 1, BUY: 2}, 1000.0, 1002.0)
    assert log.summary("nobody") is None


def test_an_id_that_no_database_keeps_is_known_to_nobody(log: EventLog) -> None:
    """PostgreSQL refuses a NUL, which would read as a database that is away."""
    log.record([event(0, "a"), event(1, "b")])
    assert (log.history("a\0b"), log.history("a\0", 1), log.summary("a\0"), log.erase("a\0b")) == ([], [], None, {})
    assert log.count() == 2


def test_a_table_has_the_columns_of_all_events(log: EventLog) -> None:
    """Users and items are numbered by their first events, and the columns are in order of time."""
    log.record([event(2, "b", BUY), event(0, "b"), Event("x", "a", "i0", EventType.RETURN, 1001.0, 9)])
    table = EventTable.from_log(log)
    assert (table.user_ids, table.item_ids) == (["b", "a"], ["i0", "i2"])
    assert (table.users.tolist(), table.items.tolist()) == ([0, 1, 0], [0, 0, 1])
    assert [TYPES[code] for code in table.types] == [VIEW, EventType.RETURN, BUY]
    assert (table.times_s.tolist(), table.quantities.tolist()) == ([1000.0, 1001.0, 1002.0], [1, 9, 3])
    dtypes = [column.dtype.name for column in (table.users, table.items, table.types, table.times_s, table.quantities)]
    assert dtypes == ["int32", "int32", "int8", "float64", "int32"]


def test_threads_record_at_once_and_each_is_told_its_own(log: EventLog) -> None:
    """Of callers that send partly the same events each new event is told to one; none is lost or kept twice."""
    told: list[tuple[int, RecordedEvents]] = []

    def work(number: int) -> None:
        for batch in range(10):
            shared = [event(100 * batch + place) for place in range(3)]
            own = [event(10_000 * (number + 1) + 100 * batch + place) for place in range(number)]
            told.append((number, log.record(own + shared)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(recorded.accepted + recorded.duplicates == number + 3 for number, recorded in told)
    assert sum(recorded.accepted for _, recorded in told) == log.count() == 10 * (3 + sum(range(8)))


def test_nobody_is_told_of_events_that_failed(log: EventLog) -> None:
    """A text that no database takes fails those who share its transaction too, and what was acknowledged is there."""
    acknowledged, refused = [], []

    def work(caller: int) -> None:
        for number in range(20):
            mine = event(100 * caller + number, "half \ud800 of a pair" if caller == 0 else "u")
            try:
                log.record([mine])
            except RuntimeError:
                refused.append(caller)
            else:
                acknowledged.append(mine.event_id)

    threads = [threading.Thread(target=work, args=(caller,)) for caller in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused.count(0) == 20
    assert {found.event_id for found in log.history("u")} == set(acknowledged)


def record_from(address: str, number: int, ready: Connection) -> None:
    """Open a log together with others, and record."""
    ready.send(True)
    ready.recv()
    with EventLog(address) as log:
        for batch in range(5):
            log.record([event(1000 * number + 10 * batch + place) for place in range(10)])


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_processes_open_a_new_log_at_once(address: str) -> None:
    """Several processes make the log at the same moment and write into it, and every event is there."""
    context = multiprocessing.get_context("fork")  # each import would cost seconds
    pipes = [context.Pipe() for _ in range(3)]
    writers = [
        context.Process(target=record_from, args=(address, number, theirs)) for number, (_, theirs) in enumerate(pipes)
    ]
    for writer in writers:
        writer.start()
    for ours, _ in pipes:
        assert ours.poll(120)
    for ours, _ in pipes:
        ours.send(True)
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    with EventLog(address) as log:
        assert log.count() == 150


def holders(root: Path, word: str) -> list[str]:
    """Return the files below a folder that have a word anywhere in their bytes."""
    return [path.name for path in root.rglob("*") if path.is_file() and word.encode() in path.read_bytes()]


def test_no_byte_of_an_erased_user_is_left(tmp_path: Path) -> None:
    """Rows move between pages all the time and leave copies: of sixty users erased meanwhile none is left."""
    drawn = random.Random(2)
    users = [drawn.choice("UVW") + drawn.randbytes(drawn.choice((6, 10, 30, 150))).hex() for _ in range(1200)]
    numbers = itertools.count()

    def some(count: int) -> list[Event]:
        return [
            Event(uuid.UUID(int=drawn.getrandbits(128)).hex, drawn.choice(users), "i", VIEW, drawn.random(), 1)
            for _ in itertools.islice(numbers, count)
        ]

    with open_or_create_event_log(tmp_path) as log:
        log.record(some(9000))
        assert holders(tmp_path, users[0])
        for _ in range(60):
            user = users.pop(0)
            log.erase(user)
            assert holders(tmp_path, user) == []
            log.record(some(20))


def test_a_reader_that_keeps_the_old_state_only_delays_the_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While a scan is under way the user is gone, and what was removed is told; the bytes go when it has ended."""
    monkeypatch.setattr("engine.events.database._BUSY_TIMEOUT_S", 0.1)
    monkeypatch.setattr("engine.events.event_log._RETRY_S", 0.05)
    with open_or_create_event_log(tmp_path) as log:
        log.record([event(number, f"shopper-{number % 3}") for number in range(20_000)])
        pages = log.scan()
        next(pages)
        assert sum(log.erase("shopper-1").values()) == 6_667
        assert "a reader" in caplog.text
        assert "shopper-1" not in caplog.text
        assert log.history("shopper-1") == []
        pages.close()  # type: ignore[attr-defined]
        assert within(20, lambda: holders(tmp_path, "shopper-1") == [])


def test_nothing_is_made_where_nothing_was_recorded(tmp_path: Path) -> None:
    """Looking for a log that was never written to makes no file."""
    assert open_event_log(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
    open_or_create_event_log(tmp_path).close()
    opened = open_event_log(tmp_path)
    assert opened is not None
    opened.close()


def test_other_files_are_no_logs(tmp_path: Path) -> None:
    """Another file, another SQLite database and a newer log are refused by name, and not touched."""
    path = tmp_path / EVENTS_FILE
    path.write_text("user_id,item_id\n1,2\n")
    with pytest.raises(CorruptLog, match=r"events\.db: expected a log of events, got another kind of file"):
        open_or_create_event_log(tmp_path)
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(CorruptLog, match="another SQLite database"):
        open_or_create_event_log(tmp_path)
    assert path.read_bytes() == before
    path.unlink()
    open_or_create_event_log(tmp_path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(CorruptLog, match="of version 1, got 9"):
        open_or_create_event_log(tmp_path)


def test_a_damaged_log_is_told_of(tmp_path: Path) -> None:
    """Pages of noise are damage, with the file's name."""
    with open_or_create_event_log(tmp_path) as log:
        log.record([event(number) for number in range(500)])
    path = tmp_path / EVENTS_FILE
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:1024] + random.Random(1).randbytes(size - 1024))
    with pytest.raises(CorruptLog, match=r"events\.db"), open_or_create_event_log(tmp_path) as log:
        list(log.scan())


def test_a_table_of_something_else_is_refused(postgres: str) -> None:
    """A table of our name that somebody else made is left alone, and what it lacks is named."""
    import psycopg

    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE TABLE diptych_events (event_id text, item_id text)")
    with pytest.raises(CorruptLog, match="one without quantity, time_s, type, user_id"):
        EventLog(postgres)


def test_a_password_is_never_told(postgres: str) -> None:
    """Messages of wrong, unreachable and unreadable addresses show where, and neither password."""
    wrong = postgres.replace("@/", "x@/")
    for address in (
        wrong,
        "postgresql://u:geheim@127.0.0.1:1/d",
        "mysql://u:geheim@h/d",
        "postgresql://u:geheim@h:p/d",
    ):
        with pytest.raises((NotDurable, InvalidSetting)) as refused:
            EventLog(address)
        assert "geheim" not in str(refused.value)
        assert wrong.split(":")[2].split("@")[0] not in str(refused.value)


def test_a_masked_address_can_be_read_back() -> None:
    """The password, also as a parameter, is ***, and a masked address read back is one without a password."""
    address = "postgresql://u:a%40b@h:5433/d?sslmode=require&password=secret"
    assert mask_passwords(address) == "postgresql://u:***@h:5433/d?sslmode=require&password=***"
    assert drop_mask(mask_passwords(address)) == "postgresql://u@h:5433/d?sslmode=require"
    for kept in (address, "postgresql://u@h/d", "postgresql:///d?host=/run/x", "sqlite:////a/b%20c.db"):
        assert drop_mask(kept) == kept
    assert mask_passwords("sqlite:////a/b c?x.db") == "sqlite:////a/b c?x.db"


def test_a_connection_that_ended_is_replaced(postgres: str) -> None:
    """A server that ended all connections while nobody asked is asked again on new ones."""
    import psycopg

    with EventLog(postgres) as log, psycopg.connect(postgres, autocommit=True) as other:
        log.record([event(0)])
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid()")
        assert log.record([event(1)]) == RecordedEvents(1, 0)
        assert log.count() == 2
