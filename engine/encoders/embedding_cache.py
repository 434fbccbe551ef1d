"""The embedding cache: vectors by what made them and what they are of, so that a rebuild embeds only what changed.

One SQLite file. It holds nothing that cannot be made again, so a damaged one is set aside and a new one begun; a file
that was never a cache is not touched.
"""

import logging
import os
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from engine.durable import alone_in
from engine.encoders.encoder import Fingerprint, digest
from engine.errors import InvalidSetting

Half = NDArray[np.float16]

_log = logging.getLogger(__name__)

# "dipt": marks the file as ours.
_APPLICATION_ID = 0x64697074
_VERSION = 1
_MAGIC = b"SQLite format 3\0"
# SQLite allows 32,766 parameters in a statement.
_KEYS_A_QUERY = 1000
_BUSY_TIMEOUT_S = 60.0

_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS spaces (
    id INTEGER PRIMARY KEY, model TEXT NOT NULL, preprocess TEXT NOT NULL, kind TEXT NOT NULL,
    UNIQUE (model, preprocess, kind)
);
CREATE TABLE IF NOT EXISTS vectors (
    space INTEGER NOT NULL, content BLOB NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (space, content)
) WITHOUT ROWID;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {_VERSION};
COMMIT;
"""


@dataclass(frozen=True, slots=True)
class VectorSpace:
    """Vectors that may stand for each other: of one model, one preprocessing and one kind of content."""

    model: str
    preprocess: str
    kind: str
    dim: int


def space_of(fingerprint: Fingerprint, kind: str) -> VectorSpace:
    """Return the space of an encoder's vectors of "image" or "text". Another dtype is another space: it rounds."""
    model = [
        fingerprint.architecture,
        fingerprint.weights_sha256,
        fingerprint.tokenizer_sha256,
        fingerprint.dtype,
        fingerprint.dim,
    ]
    return VectorSpace(digest(model), fingerprint.preprocess_sha256, kind, fingerprint.dim)


class EmbeddingCache:
    """A cache in one file. Threads may share one, and processes the file.

    Raises InvalidSetting if the file is something else than a cache, or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._spaces: dict[VectorSpace, int] = {}
        self._warned: set[str] = set()
        self._connection = self._open()

    def get(self, space: VectorSpace, contents: Sequence[bytes]) -> dict[bytes, Half]:
        """Return the vectors, (dim,) float16, of those contents (sha256, 32 bytes) that the cache has."""
        with self._lock:
            try:
                return self._get(space, contents)
            except sqlite3.OperationalError as error:
                self._warn("not read", error)
            except sqlite3.DatabaseError as error:
                self._begin_anew(error)
            return {}

    def put(self, space: VectorSpace, vectors: Mapping[bytes, Half]) -> None:
        """Keep vectors, all of them or, if the process is killed, none. A full disk costs a warning, not the build."""
        with self._lock:
            try:
                number = self._number(space)
                rows = [(number, key, vector.astype("<f2").tobytes()) for key, vector in vectors.items()]
                with self._connection:
                    self._connection.execute("BEGIN IMMEDIATE")
                    self._connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
            except sqlite3.OperationalError as error:
                self._warn("not written", error)
            except sqlite3.DatabaseError as error:
                self._begin_anew(error)

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

    def _get(self, space: VectorSpace, contents: Sequence[bytes]) -> dict[bytes, Half]:
        number = self._number(space)
        found: dict[bytes, Half] = {}
        for start in range(0, len(contents), _KEYS_A_QUERY):
            keys = contents[start : start + _KEYS_A_QUERY]
            marks = ",".join("?" * len(keys))
            query = f"SELECT content, vector FROM vectors WHERE space = ? AND content IN ({marks})"
            for content, vector in self._connection.execute(query, (number, *keys)):
                if len(vector) == 2 * space.dim:
                    found[content] = np.frombuffer(vector, dtype="<f2")
        return found

    def _number(self, space: VectorSpace) -> int:
        if space not in self._spaces:
            names = (space.model, space.preprocess, space.kind)
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.execute(
                    "INSERT OR IGNORE INTO spaces (model, preprocess, kind) VALUES (?, ?, ?)", names
                )
                query = "SELECT id FROM spaces WHERE model = ? AND preprocess = ? AND kind = ?"
                self._spaces[space] = self._connection.execute(query, names).fetchone()[0]
        return self._spaces[space]

    def _warn(self, what: str, error: sqlite3.Error) -> None:
        if what not in self._warned:
            self._warned.add(what)
            _log.warning("embedding cache %s: %s: %s", self._path, what, error)

    def _open(self) -> sqlite3.Connection:
        try:
            # A journal's mode is changed by one process at a time, and SQLite does not wait for the other's turn.
            with alone_in(self._path.parent):
                return self._open_alone()
        except sqlite3.OperationalError as error:
            raise InvalidSetting(f"cannot open the embedding cache {self._path}: {error}") from error
        except OSError as error:
            raise InvalidSetting(f"cannot open the embedding cache {self._path}: {error.strerror}") from error

    def _open_alone(self) -> sqlite3.Connection:
        start = b""
        if self._path.exists():
            with self._path.open("rb") as file:
                start = file.read(len(_MAGIC))
        if start and start != _MAGIC:
            raise InvalidSetting(f"expected an embedding cache, got another kind of file: {self._path}")
        try:
            return self._connect()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            self._set_aside(error)
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            owner = connection.execute("PRAGMA application_id").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if (owner != _APPLICATION_ID and tables) or version not in (0, _VERSION):
                raise InvalidSetting(f"expected an embedding cache, got another SQLite database: {self._path}")
            connection.execute("PRAGMA journal_mode = WAL")
            # Survives kill -9; a power cut may cost the last vectors, which are made again.
            connection.execute("PRAGMA synchronous = NORMAL")
            if version != _VERSION:
                connection.executescript(_SCHEMA)
        except BaseException:
            connection.close()
            raise
        return connection

    def _begin_anew(self, error: sqlite3.DatabaseError) -> None:
        self._connection.close()
        self._spaces.clear()
        with alone_in(self._path.parent):
            self._set_aside(error)
            self._connection = self._connect()

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        aside = self._path.with_name(f"{self._path.name}.damaged-{os.getpid()}")
        _log.warning("embedding cache %s is damaged (%s): set aside as %s", self._path, error, aside.name)
        for suffix in ("", "-wal", "-shm"):
            part = Path(f"{self._path}{suffix}")
            if part.exists():
                part.replace(f"{aside}{suffix}")
