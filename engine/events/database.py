"""The database that keeps events: a SQLite file of the store, or PostgreSQL. What differs between the two is here.

In both, one transaction writes at a time, and what is committed is on disk.
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
from sqlalchemy import exc as refusals
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url

from engine.durable import alone_in, sync_directory
from engine.errors import CorruptLog, MissingDependency, NotDurable
from engine.events.log_address import SQLITE, kind_of

# "dipe": marks the file as ours; the same number is PostgreSQL's lock among writers.
_APPLICATION_ID = 0x64697065
_VERSION = 1
_MAGIC = b"SQLite format 3\0"
_BUSY_TIMEOUT_S = 10.0
_CONNECT_TIMEOUT_S = 10
_CHUNK = 2**20

# Compared byte by byte, so that both databases have the same order, and PostgreSQL needs no rules of a language.
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
# One statement for all rows, since each one is a way to the server and back.
_ARRAYS = func.unnest(*(bindparam(column.name, type_=postgresql.ARRAY(column.type)) for column in EVENTS.columns))
_PUT_ARRAYS = (
    postgresql.insert(EVENTS)
    .from_select(_NAMES, select(_ARRAYS.table_valued(*_NAMES).render_derived()))
    .on_conflict_do_nothing(index_elements=[EVENTS.c.event_id])
    .execution_options(preserve_rowcount=True)
)


class Database:
    """The table of events in one database, made if it is not there; threads may share it.

    Raises CorruptLog if it is something else or damaged, NotDurable where it cannot be reached or written now,
    MissingDependency without the library for it.
    """

    def __init__(self, address: str) -> None:
        """Open it. Raises InvalidSetting if the address is of no known kind, besides the above."""
        self._path: Path | None = None
        kind = kind_of(address)
        url = make_url(address)
        if kind == SQLITE:
            self._path = Path(url.database or "")
            self.name = str(self._path)
            self._engine = self._asker = _sqlite(url)
        else:
            # Neither user nor password: a name is what messages show.
            host = url.host or url.query.get("host") or "localhost"
            self.name = f"postgresql://{host}:{url.port or 5432}/{url.database or ''}"
            self._engine = _postgresql(url)
            # Beginning and ending a transaction are more ways to the server and back than the question.
            self._asker = _postgresql(url, isolation_level="AUTOCOMMIT", pool_reset_on_return=None)
        self._writer = self._engine.execution_options(diptych_writes=True)
        with self._explained():
            try:
                self._open()
            except BaseException:
                self.close()
                raise

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        """Give a connection for one question, the cheapest there is; others may write meanwhile."""
        with self._explained(), self._asker.connect() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one state; others may write meanwhile."""
        with self._explained(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection, alone among all who write; durable when this ends without an error, else undone."""
        with self._explained(), self._writer.begin() as connection:
            yield connection

    def put(self, connection: Connection, rows: Sequence[EventRow]) -> int:
        """Add rows whose ids are not there yet, the first of those with one id, and return how many that were."""
        if not rows:
            return 0
        if self._path is None:
            columns = zip(_NAMES, map(list, zip(*rows, strict=True)), strict=True)
            return connection.execute(_PUT_ARRAYS, dict(columns)).rowcount
        return connection.execute(_PUT_ROW, [dict(zip(_NAMES, row, strict=True)) for row in rows]).rowcount

    def scrub(self, word: str) -> None:
        """Leave no byte of a deleted word in the file, nor in the log of writes beside it; PostgreSQL has its own ways.

        Raises NotDurable while a reader keeps the old state alive. Cost: one pass over the file, at times a rewrite.
        """
        if self._path is None:
            return
        with self._explained():
            self._checkpoint()
            # SQLite overwrites what it deletes, but not the copies it made before while it moved rows between pages.
            if _holds(self._path, word.encode()):
                self._run_alone("VACUUM")
                self._checkpoint()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
        self._asker.dispose()

    def _checkpoint(self) -> None:
        if self._run_alone("PRAGMA wal_checkpoint(TRUNCATE)"):
            raise NotDurable(f"{self.name}: expected to empty the log of writes, got a reader that needs it; try again")

    def _run_alone(self, command: str) -> object:
        """Run what SQLite allows in no transaction, and return the first value it answers, None if none."""
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
            # Half made by another process, a database looks like somebody else's file.
            with alone_in(self._path.parent):
                self._prepare_file(self._path)
            return
        with self._engine.connect() as connection:
            known = inspect(connection).has_table(EVENTS.name)
        if not known:
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
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (refusals.OperationalError, refusals.InterfaceError, sqlite3.OperationalError) as error:
            raise NotDurable(f"{self.name}: expected to read and write events, got: {_reason(error)}") from error
        except (refusals.DBAPIError, sqlite3.DatabaseError) as error:
            # A server looks after its own files; what it refuses it refuses for now.
            kind = CorruptLog if self._path is not None else NotDurable
            raise kind(f"{self.name}: expected a log of events, got: {_reason(error)}") from error
        except refusals.TimeoutError as error:
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
        # Else the driver begins transactions by itself, and only when it is too late to be alone.
        connection.isolation_level = None
        # Every commit waits for the disk: what is acknowledged survives a power cut.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        # An event changes pages anywhere in the indexes: small ones, written back seldom, are a third of the bytes.
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
        # Two who insert the same events in another order would wait for each other for ever.
        if connection.get_execution_options().get("diptych_writes"):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_APPLICATION_ID})")

    return engine


def _holds(path: Path, word: bytes) -> bool:
    """Return whether a file has these bytes anywhere."""
    kept = b""
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            if word in kept + chunk:
                return True
            kept = chunk[-len(word) + 1 :] if len(word) > 1 else b""
    return False


def _reason(error: BaseException) -> str:
    """Return what the database said, its first line alone: the others may show values."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0] if said else type(error).__name__
