"""The log of live changes: upserts and deletions since the catalogue, on disk before they are acknowledged.

One SQLite file in the store. Change numbers only ever rise; of each item only the newest change is stored, since an
upsert is the whole item. A snapshot records the last change it includes; readers continue from there.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from engine.durable import lock_directory, sync_directory
from engine.errors import CorruptLog, NotDurable
from engine.updates.item_change import EmbeddedInput, ItemChange, Upsert

LIVE_FILE = "live.db"

# "dipl": marks the file as ours.
_APPLICATION_ID = 0x6469706C
_VERSION = 1
_MAGIC = b"SQLite format 3\0"
_BUSY_TIMEOUT_S = 10.0
_PAGE_SIZE = 256
# A request repeated after a week is executed again.
_REQUEST_RETENTION_S = 7 * 86_400

_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, item_id TEXT NOT NULL UNIQUE, time_s REAL NOT NULL, payload BLOB
);
CREATE TABLE IF NOT EXISTS vectors (
    seq INTEGER NOT NULL REFERENCES changes ON DELETE CASCADE,
    block TEXT NOT NULL, recipe BLOB NOT NULL, vector BLOB NOT NULL,
    PRIMARY KEY (seq, block)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shown (
    seq INTEGER NOT NULL REFERENCES changes ON DELETE CASCADE,
    place INTEGER NOT NULL, sha256 BLOB NOT NULL,
    PRIMARY KEY (seq, place)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS shown_pictures ON shown (sha256);
CREATE TABLE IF NOT EXISTS pictures (sha256 BLOB PRIMARY KEY, data BLOB NOT NULL);
CREATE TRIGGER IF NOT EXISTS not_shown AFTER DELETE ON shown
    WHEN NOT EXISTS (SELECT 1 FROM shown WHERE sha256 = OLD.sha256)
    BEGIN DELETE FROM pictures WHERE sha256 = OLD.sha256; END;
CREATE TABLE IF NOT EXISTS requests (
    request_id TEXT PRIMARY KEY, rpc TEXT NOT NULL, response BLOB NOT NULL, time_s REAL NOT NULL
) WITHOUT ROWID;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {_VERSION};
COMMIT;
"""


class Transaction:
    """Changes that become durable together, or not at all."""

    def __init__(self, log: "ChangeLog", connection: sqlite3.Connection) -> None:
        self._log = log
        self._connection = connection

    def since(self, seq: int) -> Iterator[ItemChange]:
        """Yield the changes after `seq`, in order."""
        return self._log.since(seq)

    def response(self, request_id: str) -> tuple[str, bytes] | None:
        """Return the rpc and response of an earlier request, None if there was none."""
        return self._log.response(request_id)

    def skip_to(self, seq: int) -> None:
        """Number further changes above `seq`, which a log recreated beside an old snapshot would not."""
        if self._log.last_seq() < seq:
            self._connection.execute("DELETE FROM sqlite_sequence WHERE name = 'changes'")
            self._connection.execute("INSERT INTO sqlite_sequence VALUES ('changes', ?)", (seq,))

    def put(self, item_id: str, upsert: Upsert | None, pictures: Callable[[bytes], bytes]) -> int:
        """Add a change and return its number. pictures: returns the bytes of an image by its sha256."""
        execute = self._connection.execute
        execute("DELETE FROM changes WHERE item_id = ?", (item_id,))
        payload = None if upsert is None else upsert.payload
        seq = execute(
            "INSERT INTO changes (item_id, time_s, payload) VALUES (?, ?, ?)", (item_id, time.time(), payload)
        ).lastrowid
        if seq is None:
            raise CorruptLog("expected a number for the change, got none")
        if upsert is None:
            return seq
        for block, vector in upsert.vectors.items():
            execute("INSERT INTO vectors VALUES (?, ?, x'', ?)", (seq, block, vector.astype("<f4").tobytes()))
        for block, embedded in upsert.embedded.items():
            row = (seq, block, embedded.recipe, embedded.vector.astype("<f2").tobytes())
            execute("INSERT INTO vectors VALUES (?, ?, ?, ?)", row)
        for position, sha256 in enumerate(upsert.images):
            execute("INSERT INTO shown VALUES (?, ?, ?)", (seq, position, sha256))
            stored = execute("SELECT 1 FROM pictures WHERE sha256 = ?", (sha256,)).fetchone()
            if stored is None:
                execute("INSERT INTO pictures VALUES (?, ?)", (sha256, pictures(sha256)))
        return seq

    def store_response(self, request_id: str, rpc: str, response: bytes) -> None:
        """Store the response to a request."""
        row = (request_id, rpc, response, time.time())
        self._connection.execute("INSERT INTO requests VALUES (?, ?, ?, ?)", row)


class ChangeLog:
    """The log in one file. Threads may share an instance, and processes of one machine may share the file.

    Raises:
        CorruptLog: The file is not a log, or is damaged.
        NotDurable: It cannot be read or written now.
    """

    def __init__(self, path: Path) -> None:
        """Open the log; create it if it does not exist."""
        self._path = path
        self._lock = threading.RLock()
        # A log that another process is still creating would look like a foreign file.
        with self._translate_errors(), lock_directory(path.parent):
            self._connection = self._open()
        self._version = -1

    def last_seq(self) -> int:
        """Return the number of the last change ever made, 0 if there was none."""
        with self._lock, self._translate_errors():
            row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'changes'").fetchone()
            return 0 if row is None else int(row[0])

    def since(self, seq: int) -> Iterator[ItemChange]:
        """Yield the newest change of each item changed after `seq`, in order, including those made meanwhile."""
        while page := self._page(seq):
            yield from page
            seq = page[-1].seq

    def picture(self, sha256: bytes) -> bytes:
        """Return the bytes of an image. Raises CorruptLog if it is missing."""
        with self._lock, self._translate_errors():
            row = self._connection.execute("SELECT data FROM pictures WHERE sha256 = ?", (sha256,)).fetchone()
        if row is None:
            raise CorruptLog(f"{self._path}: expected the picture {sha256.hex()}, got none")
        return bytes(row[0])

    def response(self, request_id: str) -> tuple[str, bytes] | None:
        """Return the rpc and response of an earlier request, None if there was none."""
        with self._lock, self._translate_errors():
            query = "SELECT rpc, response FROM requests WHERE request_id = ?"
            row = self._connection.execute(query, (request_id,)).fetchone()
            return None if row is None else (str(row[0]), bytes(row[1]))

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open an exclusive transaction; durable when it ends without an error, else rolled back."""
        with self._lock, self._transaction("IMMEDIATE"):
            yield Transaction(self, self._connection)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read one consistent state of the file; others may write meanwhile."""
        with self._lock, self._transaction("DEFERRED"):
            yield

    def has_changed(self) -> bool:
        """Return whether another process or connection wrote since the last call; true on the first call."""
        with self._lock, self._translate_errors():
            version = int(self._connection.execute("PRAGMA data_version").fetchone()[0])
            before, self._version = self._version, version
            return version != before

    def forget(self, seq: int) -> int:
        """Delete the changes up to `seq` and return how many; afterwards only a snapshot has them."""
        with self.transaction():
            return self._connection.execute("DELETE FROM changes WHERE seq <= ?", (seq,)).rowcount

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _page(self, seq: int) -> list[ItemChange]:
        with self._lock, self._translate_errors():
            execute = self._connection.execute
            query = "SELECT seq, item_id, payload, time_s FROM changes WHERE seq > ? ORDER BY seq LIMIT ?"
            rows = execute(query, (seq, _PAGE_SIZE)).fetchall()
            if not rows:
                return []
            span = (rows[0][0], rows[-1][0])
            vectors: dict[int, dict[str, NDArray[np.float32]]] = {}
            embedded: dict[int, dict[str, EmbeddedInput]] = {}
            for number, block, recipe, data in execute("SELECT * FROM vectors WHERE seq BETWEEN ? AND ?", span):
                if recipe:
                    embedded.setdefault(number, {})[block] = EmbeddedInput(recipe, np.frombuffer(data, "<f2"))
                else:
                    vectors.setdefault(number, {})[block] = np.frombuffer(data, "<f4")
            images: dict[int, list[bytes]] = {}
            query = "SELECT seq, sha256 FROM shown WHERE seq BETWEEN ? AND ? ORDER BY seq, place"
            for number, sha256 in execute(query, span):
                images.setdefault(number, []).append(sha256)
        changes = []
        for number, item_id, payload, time_s in rows:
            upsert = None
            if payload is not None:
                pictures = tuple(images.get(number, ()))
                upsert = Upsert(payload, pictures, vectors.get(number, {}), embedded.get(number, {}))
            changes.append(ItemChange(number, item_id, upsert, time_s))
        return changes

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[None]:
        with self._translate_errors():
            self._connection.execute(f"BEGIN {kind}")
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise NotDurable(f"{self._path}: expected to read and write live changes, got: {error}") from error
        except sqlite3.DatabaseError as error:
            raise CorruptLog(f"{self._path}: expected a log of live changes, got: {error}") from error
        except OSError as error:
            raise NotDurable(f"{self._path}: expected to read and write live changes, got: {error.strerror}") from error

    def _open(self) -> sqlite3.Connection:
        try:
            with open(self._path, "rb") as file:
                start = file.read(len(_MAGIC))
        except FileNotFoundError:
            start = b""
        except OSError as error:
            raise NotDurable(f"{self._path}: expected a log of live changes, got: {error.strerror}") from error
        if start and start != _MAGIC:
            raise CorruptLog(f"{self._path}: expected a log of live changes, got another kind of file")
        connection = sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        if not start:
            sync_directory(self._path.parent)
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        owner = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if owner != _APPLICATION_ID and (tables or version):
            raise CorruptLog(f"{self._path}: expected a log of live changes, got another SQLite database")
        if version not in (0, _VERSION):
            raise CorruptLog(f"{self._path}: expected a log of version {_VERSION}, got {version}")
        connection.execute("PRAGMA journal_mode = WAL")
        # Every commit waits for the disk: acknowledged changes survive a power cut.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        if version != _VERSION:
            connection.executescript(_SCHEMA)
            connection.execute("PRAGMA wal_checkpoint")
        connection.execute("DELETE FROM requests WHERE time_s < ?", (time.time() - _REQUEST_RETENTION_S,))


def open_log(root: Path) -> ChangeLog | None:
    """Return the log of a store, None if it has no live changes. Raises what ChangeLog does."""
    path = root / LIVE_FILE
    return ChangeLog(path) if os.path.lexists(path) else None
