"""The database of events: a SQLite file in the store, or PostgreSQL. All differences between the two are here.

In both, one transaction writes at a time, and committed data is on disk.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Double,
    Engine,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    bindparam,
    create_engine,
    event,
    func,
    inspect,
    select,
)
from sqlalchemy import exc as sql_errors
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url

from engine.durable import lock_directory, sync_directory
from engine.errors import CorruptLog, MissingDependency, NotDurable
from engine.events.log_address import SQLITE, to_kind

# "dipe": marks the file as ours; also the id of the advisory lock for writers in PostgreSQL.
_APPLICATION_ID = 0x64697065
_VERSION = 1
_MAGIC = b"SQLite format 3\0"
_BUSY_TIMEOUT_S = 10.0
_CONNECT_TIMEOUT_S = 10
_CHUNK = 2**20

# Compared byte by byte, so that both databases have the same order and PostgreSQL needs no collation rules.
_Id = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")

EVENTS = Table(
    "diptych_events",
    MetaData(),
    Column("event_id", _Id, primary_key=True),
    Column("user_id", _Id, nullable=False),
    Column("item_id", _Id, nullable=False),
    Column("type", SmallInteger, nullable=False),
    Column("time_s", Double, nullable=False),
    Column("quantity", Integer, nullable=False),
    Index("diptych_events_of_user", "user_id", "time_s"),
    Index("diptych_events_in_time", "time_s"),
)

EventRow = tuple[str, str, str, int, float, int]
"""The values of an event, in the order of the table's columns."""

_NAMES = [column.name for column in EVENTS.columns]
_PUT_ROW = sqlite.insert(EVENTS).on_conflict_do_nothing(index_elements=[EVENTS.c.event_id])
# One statement for all rows, since each statement is a round trip.
_ARRAYS = func.unnest(*(bindparam(column.name, type_=postgresql.ARRAY(column.type)) for column in EVENTS.columns))
_PUT_ARRAYS = (
    postgresql.insert(EVENTS)
    .from_select(_NAMES, select(_ARRAYS.table_valued(*_NAMES).render_derived()))
    .on_conflict_do_nothing(index_elements=[EVENTS.c.event_id])
    .execution_options(preserve_rowcount=True)
)


class Database:
    """The table of events in one database, created if it does not exist. Thread-safe.

    Raises:
        CorruptLog: The database is damaged or of another kind.
        NotDurable: It cannot be reached or written now.
        MissingDependency: The library for it is not installed.
    """

    def __init__(self, address: str) -> None:
        """Open it. Raises InvalidSetting if the kind of the address is unknown, besides the above."""
        self._path: Path | None = None
        kind = to_kind(address)
        url = make_url(address)
        if kind == SQLITE:
            self._path = Path(url.database or "")
            self.name = str(self._path)
            self._engine = self._reader = _sqlite(url)
        else:
            # Without user and password, since messages show the name.
            host = url.host or url.query.get("host") or "localhost"
            self.name = f"postgresql://{host}:{url.port or 5432}/{url.database or ''}"
            self._engine = _postgresql(url)
            # Starting and ending a transaction are more round trips than the query itself.
            self._reader = _postgresql(url, isolation_level="AUTOCOMMIT", pool_reset_on_return=None)
        self._writer = self._engine.execution_options(diptych_writes=True)
        with self._translate_errors():
            try:
                self._open()
            except BaseException:
                self.close()
                raise

    @contextmanager
    def query(self) -> Iterator[Connection]:
        """Return a connection for a single query, without a transaction; others may write meanwhile."""
        with self._translate_errors(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Return a connection with a consistent view; others may write meanwhile."""
        with self._translate_errors(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Return a connection with the write lock; commits durably at the end, or rolls back on an error."""
        with self._translate_errors(), self._writer.begin() as connection:
            yield connection

    def put(self, connection: Connection, rows: Sequence[EventRow]) -> int:
        """Insert the rows with new ids, the first of each id, and return their number."""
        if not rows:
            return 0
        if self._path is None:
            columns = zip(_NAMES, map(list, zip(*rows, strict=True)), strict=True)
            return connection.execute(_PUT_ARRAYS, dict(columns)).rowcount
        return connection.execute(_PUT_ROW, [dict(zip(_NAMES, row, strict=True)) for row in rows]).rowcount

    def scrub(self, word: str) -> None:
        """Remove all traces of a deleted word from the SQLite file and its write-ahead log; no-op on PostgreSQL.

        Raises NotDurable while a reader needs the old state. Cost: one pass over the file, sometimes a rewrite.
        """
        if self._path is None:
            return
        with self._translate_errors():
            self._checkpoint()
            # SQLite overwrites what it deletes, but not earlier copies of rows that it moved between pages.
            if _contains(self._path, word.encode()):
                self._run_alone("VACUUM")
                self._checkpoint()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
        self._reader.dispose()

    def _checkpoint(self) -> None:
        if self._run_alone("PRAGMA wal_checkpoint(TRUNCATE)"):
            raise NotDurable(f"{self.name}: expected to truncate the write-ahead log, got a reader of it; try again")

    def _run_alone(self, command: str) -> object:
        """Run a command that SQLite allows only outside transactions; return the first value of its result, or None."""
        connection = self._engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute(command)
            row = cursor.fetchone()
            return None if row is None else row[0]
        finally:
            connection.close()

    def _open(self) -> None:
        if self._path is not None:
            # Another process may be creating the file; until it is complete, it looks like a foreign one.
            with lock_directory(self._path.parent):
                self._prepare_file(self._path)
            return
        with self._engine.connect() as connection:
            exists = inspect(connection).has_table(EVENTS.name)
        if not exists:
            with self._writer.begin() as connection:
                EVENTS.create(connection, checkfirst=True)
        with self._engine.connect() as connection:
            columns = {column["name"] for column in inspect(connection).get_columns(EVENTS.name)}
        expected = {column.name for column in EVENTS.columns}
        if not columns >= expected:
            missing = ", ".join(sorted(expected - columns))
            raise CorruptLog(f"{self.name}: expected a table {EVENTS.name} of events, got one without {missing}")

    def _prepare_file(self, path: Path) -> None:
        try:
            with open(path, "rb") as file:
                start = file.read(len(_MAGIC))
        except FileNotFoundError:
            start = b""
        if start and start != _MAGIC:
            raise CorruptLog(f"{path}: expected a log of events, got another kind of file")
        with self._engine.connect() as connection:
            owner, version, tables = (
                connection.exec_driver_sql(query).scalar_one()
                for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
            )
        if owner != _APPLICATION_ID and (tables or version):
            raise CorruptLog(f"{path}: expected a log of events, got another SQLite database")
        if version not in (0, _VERSION):
            raise CorruptLog(f"{path}: expected a log of events of version {_VERSION}, got {version}")
        if version == _VERSION:
            return
        self._run_alone("PRAGMA journal_mode = WAL")
        with self._writer.begin() as connection:
            EVENTS.create(connection, checkfirst=True)
            connection.exec_driver_sql(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.exec_driver_sql(f"PRAGMA user_version = {_VERSION}")
        self._checkpoint()
        sync_directory(path.parent)

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except (sql_errors.OperationalError, sql_errors.InterfaceError, sqlite3.OperationalError) as error:
            raise NotDurable(f"{self.name}: expected to read and write events, got: {_reason(error)}") from error
        except (sql_errors.DBAPIError, sqlite3.DatabaseError) as error:
            # A database server takes care of its own files, so its errors are temporary.
            kind = CorruptLog if self._path is not None else NotDurable
            raise kind(f"{self.name}: expected a log of events, got: {_reason(error)}") from error
        except sql_errors.TimeoutError as error:
            raise NotDurable(f"{self.name}: expected a free connection, got none in time") from error
        except OSError as error:
            raise NotDurable(f"{self.name}: expected to read and write events, got: {error.strerror}") from error


def store_address(file: Path) -> str:
    """Return the address of a SQLite file."""
    return URL.create("sqlite", database=str(file)).render_as_string()


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_S}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: object) -> None:
        # Otherwise the driver starts transactions itself, too late to take the write lock.
        connection.isolation_level = None
        # Every commit is synced to disk, so acknowledged events survive a power cut.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        # An event changes pages all over the indexes: small pages, written back rarely, are a third of the bytes.
        connection.execute("PRAGMA page_size = 1024")
        connection.execute("PRAGMA wal_autocheckpoint = 32768")
        connection.execute("PRAGMA cache_size = -16384")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("diptych_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql(url: URL, **options: Any) -> Engine:
    url = url.set(drivername="postgresql+psycopg")
    connecting = {"connect_timeout": _CONNECT_TIMEOUT_S}
    try:
        engine = create_engine(url, connect_args=connecting, hide_parameters=True, pool_pre_ping=True, **options)
    except ModuleNotFoundError as error:
        raise MissingDependency("events in PostgreSQL need psycopg: pip install 'diptych[postgres]'") from error

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: object) -> None:
        connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
        connection.commit()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # Two transactions that insert the same events in different order would deadlock.
        if connection.get_execution_options().get("diptych_writes"):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_APPLICATION_ID})")

    return engine


def _contains(path: Path, word: bytes) -> bool:
    """Return whether a file contains these bytes."""
    tail = b""
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            if word in tail + chunk:
                return True
            tail = chunk[-len(word) + 1 :] if len(word) > 1 else b""
    return False


def _reason(error: BaseException) -> str:
    """Return the first line of the database's message; the others may contain values."""
    message = str(getattr(error, "orig", None) or error).strip()
    return message.splitlines()[0] if message else type(error).__name__
