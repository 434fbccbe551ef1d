"""The log of live changes: durable, numbered, one change an item, and nothing of it for other kinds of files."""

import multiprocessing
import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

from engine.errors import CorruptLog, NotDurable
from engine.updates.change_log import LIVE_FILE, ChangeLog, open_log
from engine.updates.item_change import EmbeddedInput, ItemChange, Upsert

PICTURES = {bytes([number]) * 32: bytes([number]) * 10 for number in range(4)}
FIRST, SECOND = list(PICTURES)[:2]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[ChangeLog]:
    """A log with nothing in it."""
    with ChangeLog(tmp_path / LIVE_FILE) as opened:
        yield opened


def put(log: ChangeLog, item_id: str, upsert: Upsert | None = None) -> int:
    with log.transaction() as transaction:
        return transaction.put(item_id, upsert, PICTURES.__getitem__)


def full(number: int = 1) -> Upsert:
    """An upsert that has something of everything."""
    return Upsert(
        b"payload",
        tuple(PICTURES)[:2],
        {"image": np.full(3, number, np.float32)},
        {"text": EmbeddedInput(b"r" * 32, np.full(4, number, np.float16))},
    )


def test_what_is_put_is_read_back(log: ChangeLog) -> None:
    """An upsert comes back with its payload, pictures, own vectors and those a model made; a delete as None."""
    put(log, "a", full())
    put(log, "b")
    first, second = log.since(0)
    assert (first.seq, first.item_id, second.seq, second.item_id) == (1, "a", 2, "b")
    assert second.upsert is None
    assert first.upsert is not None
    assert (first.upsert.payload, first.upsert.images) == (b"payload", tuple(PICTURES)[:2])
    np.testing.assert_array_equal(first.upsert.vectors["image"], np.ones(3, np.float32))
    made = first.upsert.embedded["text"]
    assert (made.recipe, made.vector.dtype) == (b"r" * 32, np.float16)
    np.testing.assert_array_equal(made.vector, np.ones(4))
    assert log.picture(FIRST) == PICTURES[FIRST]


def test_only_the_newest_change_of_an_item_is_kept(log: ChangeLog) -> None:
    """Numbers rise though changes go, pictures that nothing shows go too, and those still shown stay."""
    put(log, "a", full())
    put(log, "b", Upsert(b"", tuple(PICTURES)[1:3]))
    assert put(log, "a", Upsert(b"new")) == 3
    assert [(change.seq, change.item_id) for change in log.since(0)] == [(2, "b"), (3, "a")]
    with pytest.raises(CorruptLog, match="expected the picture 0000"):
        log.picture(FIRST)
    assert log.picture(SECOND) == PICTURES[SECOND]


def test_numbers_rise_after_all_is_forgotten(log: ChangeLog) -> None:
    """Forgetting keeps later changes, and no number is given twice."""
    for item_id in "abc":
        put(log, item_id)
    assert log.forget(2) == 2
    assert [change.item_id for change in log.since(0)] == ["c"]
    assert log.forget(3) == 1
    assert log.last_seq() == 3
    assert put(log, "d") == 4


def test_many_changes_come_in_order(log: ChangeLog) -> None:
    """More than a page of changes come once each, from the number asked."""
    with log.transaction() as transaction:
        for number in range(1000):
            transaction.put(f"i{number}", full(number % 7), PICTURES.__getitem__)
    changes = list(log.since(250))
    assert [change.item_id for change in changes] == [f"i{number}" for number in range(250, 1000)]
    assert all(
        change.upsert is not None and change.upsert.vectors["image"][0] == (change.seq - 1) % 7 for change in changes
    )


def test_a_transaction_that_fails_leaves_nothing(log: ChangeLog) -> None:
    """An error inside undoes changes and responses together."""

    def fail() -> None:
        with log.transaction() as transaction:
            transaction.put("a", full(), PICTURES.__getitem__)
            transaction.store_response("r", "Upsert", b"answer")
            raise KeyError("stop")

    with pytest.raises(KeyError, match="stop"):
        fail()
    assert (list(log.since(0)), log.last_seq(), log.response("r")) == ([], 0, None)


def test_responses_are_kept_with_their_changes(log: ChangeLog) -> None:
    """A response is there after reopening, under its request's id and rpc."""
    with log.transaction() as transaction:
        transaction.put("a", None, PICTURES.__getitem__)
        transaction.store_response("r", "Upsert", b"answer")
    log.close()
    with ChangeLog(log._path) as again:
        assert again.response("r") == ("Upsert", b"answer")
        assert again.response("s") is None


def test_other_processes_are_seen(log: ChangeLog) -> None:
    """`changed` tells once of every write through another connection, and never of its own."""
    assert log.has_changed()
    put(log, "a")
    assert not log.has_changed()
    with ChangeLog(log._path) as other:
        put(other, "b")
        assert log.has_changed()
        assert not log.has_changed()
        assert [change.item_id for change in other.since(1)] == ["b"]


def test_a_standing_log_reads_one_state(log: ChangeLog) -> None:
    """While it stands, what others replace, add or forget is read as it was."""
    put(log, "a", full())
    with ChangeLog(log._path) as other:
        with log.reading():
            assert log.last_seq() == 1
            put(other, "a", Upsert(b"later"))
            put(other, "b")
            (change,) = log.since(0)
            assert change.upsert is not None
            assert (log.last_seq(), change.upsert.payload) == (1, b"payload")
            assert log.picture(FIRST) == PICTURES[FIRST]
        assert log.last_seq() == 3


def test_two_writers_take_turns(log: ChangeLog) -> None:
    """What a second connection writes is in the first one's next transaction before it writes itself."""
    with ChangeLog(log._path) as other:
        put(other, "a")
        with log.transaction() as transaction:
            assert [change.item_id for change in transaction.since(0)] == ["a"]
            assert transaction.put("b", None, PICTURES.__getitem__) == 2


@pytest.mark.parametrize("content", [b"not a database at all", b"SQLite format 3\0" + b"x" * 5000])
def test_other_files_are_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    """A file that is no log is named in the error, and not a byte of it changes."""
    path = tmp_path / LIVE_FILE
    path.write_bytes(content)
    with pytest.raises(CorruptLog, match=r"live\.db: expected a log of live changes, got"):
        ChangeLog(path)
    assert path.read_bytes() == content


def test_another_database_is_refused(tmp_path: Path) -> None:
    """So is an SQLite database of something else, and a log of a version to come."""
    path = tmp_path / LIVE_FILE
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE other (x)")
    connection.close()
    with pytest.raises(CorruptLog, match="got another SQLite database"):
        ChangeLog(path)
    path.unlink()
    ChangeLog(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(CorruptLog, match="expected a log of version 1, got 9"):
        ChangeLog(path)


def test_what_cannot_be_opened_says_so(tmp_path: Path) -> None:
    """A folder in the log's place, or none to put it in, is not durable."""
    (tmp_path / LIVE_FILE).mkdir()
    with pytest.raises(NotDurable, match="Is a directory"):
        open_log(tmp_path)
    with pytest.raises(NotDurable, match="No such file or directory"):
        ChangeLog(tmp_path / "nowhere" / LIVE_FILE)
    assert open_log(tmp_path / "nowhere") is None


def write_until_killed(path: Path, told: Connection) -> None:
    """Put one change after the other, telling of each that is durable."""
    with ChangeLog(path) as log:
        for number in range(10**9):
            told.send(put(log, f"i{number % 50}", full(number % 100)))


def test_a_killed_writer_leaves_every_change_it_told_of(tmp_path: Path) -> None:
    """kill -9 in the midst of writing: each change that was told of is read by the next, and the log goes on."""
    context = multiprocessing.get_context("spawn")
    path = tmp_path / LIVE_FILE
    last = 0
    for count in (20, 75):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=write_until_killed, args=(path, theirs))
        process.start()
        theirs.close()
        for _ in range(count):
            last = ours.recv()
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        try:
            while True:
                last = ours.recv()
        except EOFError:
            process.join()
        with ChangeLog(path) as log:
            assert log.last_seq() in (last, last + 1)
            assert all(whole(change) for change in log.since(0))
    with ChangeLog(path) as log:
        assert put(log, "next") >= last + 1


def whole(change: ItemChange) -> bool:
    upsert = change.upsert
    return upsert is not None and upsert.payload == b"payload" and len(upsert.images) == 2 and len(upsert.embedded) == 1


def test_many_open_a_new_log_at_once(tmp_path: Path) -> None:
    """Whoever comes while another makes the file waits for it, and does not take it for somebody else's."""
    together = threading.Barrier(6)
    opened: list[int] = []

    def look(path: Path) -> None:
        together.wait()
        with ChangeLog(path) as log:
            opened.append(log.last_seq())

    for number in range(20):
        (tmp_path / str(number)).mkdir()
        threads = [threading.Thread(target=look, args=(tmp_path / str(number) / LIVE_FILE,)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert opened == [0] * 120
