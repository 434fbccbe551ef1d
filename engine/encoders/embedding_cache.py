"""The embedding cache: vectors by model and content, so that a rebuild embeds only what changed.

One SQLite file. Everything in it can be recomputed, so a damaged file is set aside and a new one started; a file that
was never a cache is not touched.
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

from engine.durable import lock_directory
from engine.encoders.encoder import Fingerprint, digest
from engine.errors import InvalidSetting

Half = NDArray[np.float16]

_log = logging.getLogger(__name__)

# "dipt": marks the file as ours.
_APPLICATION_ID = 0x64697074
_VERSION = 1
_MAGIC = b"SQLite format 3\0"
# SQLite allows 32,766 parameters in a statement.
_KEYS_PER_QUERY = 1000
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
    """Vectors that are interchangeable: of one model, one preprocessing and one kind of content."""

    model: str
    preprocess: str
    kind: str
    dim: int


def vector_space(fingerprint: Fingerprint, kind: str) -> VectorSpace:
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
    """A cache in one file. Threads may share an instance, and processes may share the file.

    Raises:
        InvalidSetting: The file is not a cache, or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._spaces: dict[VectorSpace, int] = {}
        self._warned: set[str] = set()
        self._connection = self._open()

    def get(self, space: VectorSpace, contents: Sequence[bytes]) -> dict[bytes, Half]:
        """Return the cached vectors, (dim,) float16, of these content keys (sha256, 32 bytes)."""
        with self._lock:
            try:
                return self._get(space, contents)
            except sqlite3.OperationalError as error:
                self._warn("not read", error)
            except sqlite3.DatabaseError as error:
                self._start_over(error)
            return {}

    def put(self, space: VectorSpace, vectors: Mapping[bytes, Half]) -> None:
        """Store vectors atomically. A full disk logs a warning and does not stop the build."""
        with self._lock:
            try:
                space_id = self._space_id(space)
                rows = [(space_id, key, vector.astype("<f2").tobytes()) for key, vector in vectors.items()]
                with self._connection:
                    self._connection.execute("BEGIN IMMEDIATE")
                    self._connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
            except sqlite3.OperationalError as error:
                self._warn("not written", error)
            except sqlite3.DatabaseError as error:
                self._start_over(error)

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
        space_id = self._space_id(space)
        found: dict[bytes, Half] = {}
        for start in range(0, len(contents), _KEYS_PER_QUERY):
            keys = contents[start : start + _KEYS_PER_QUERY]
            marks = ",".join("?" * len(keys))
            query = f"SELECT content, vector FROM vectors WHERE space = ? AND content IN ({marks})"
            for content, vector in self._connection.execute(query, (space_id, *keys)):
                if len(vector) == 2 * space.dim:
                    found[content] = np.frombuffer(vector, dtype="<f2")
        return found

    def _space_id(self, space: VectorSpace) -> int:
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
            # Only one process at a time can change the journal mode, and SQLite does not wait for the other.
            with lock_directory(self._path.parent):
                return self._open_locked()
        except sqlite3.OperationalError as error:
            raise InvalidSetting(f"cannot open the embedding cache {self._path}: {error}") from error
        except OSError as error:
            raise InvalidSetting(f"cannot open the embedding cache {self._path}: {error.strerror}") from error

    def _open_locked(self) -> sqlite3.Connection:
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
            # Survives kill -9; a power cut may lose the last vectors, which are recomputed.
            connection.execute("PRAGMA synchronous = NORMAL")
            if version != _VERSION:
                connection.executescript(_SCHEMA)
        except BaseException:
            connection.close()
            raise
        return connection

    def _start_over(self, error: sqlite3.DatabaseError) -> None:
        self._connection.close()
        self._spaces.clear()
        with lock_directory(self._path.parent):
            self._set_aside(error)
            self._connection = self._connect()

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        damaged = self._path.with_name(f"{self._path.name}.damaged-{os.getpid()}")
        _log.warning("embedding cache %s is damaged (%s): set aside as %s", self._path, error, damaged.name)
        for suffix in ("", "-wal", "-shm"):
            part = Path(f"{self._path}{suffix}")
            if part.exists():
                part.replace(f"{damaged}{suffix}")
