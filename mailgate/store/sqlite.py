"""Store: one SQLite file: how it is opened, who may serve it, whether it is still there, and what its troubles mean."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, pool
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from mailgate.errors import ConfigError, TryAgain
from mailgate.store import schema as schemas
from mailgate.store.backend import Faults
from mailgate.store.ids import NODE_BITS

T = TypeVar("T")

BUSY_S = 2.0  # how long a command may hold the file before a sender is asked to come again
AGAIN_S = 0.01  # until who was refused tries again
READERS = 4
CHECKPOINT_PAGES = 4000  # 16 MB of log between two rewrites of the main file
CACHE_KIB = 16 * 1024  # of the writer: what a batch touches in a large database, and half as much again

# Troubles of the machine, not of a statement: they pass, or a person mends them, and the sender keeps his mail.
_TROUBLES = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)

Identity = tuple[tuple[int, int], ...]


class SqliteFile:
    """The file of a database and the log beside it; a `Backend`."""

    shared: Final = False
    writers: Final = 1

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self.path = path
        self.durable = durable
        self._looker: Engine | None = None

    @property
    def name(self) -> str:
        """How people know it."""
        return str(self.path)

    def prepare(self, *, create: bool) -> tuple[str, int]:
        """See `Backend.prepare`."""
        if create:
            self._make()
        elif not self.path.exists():
            allowed = "an existing database; `mailgate db upgrade` makes one"
            raise ConfigError([schemas.fault(self.name, "no such file", allowed)])
        with self.writing(migrating=True).begin() as connection:
            return schemas.migrate(connection, self.name, create=create)

    def node(self, *, daemon: bool) -> int:
        """The daemon is node 0; commands beside it must only be unlike it and each other."""
        return 0 if daemon else 1 + secrets.randbelow((1 << NODE_BITS) - 1)

    def session(self, schema: str) -> SqliteSession:
        """See `Backend.session`."""
        return SqliteSession(self, schema)

    async def join(self, owner: str, *, sole: bool) -> DaemonLock | None:
        """Become the one daemon of this file. Raises TryAgain where there is one."""
        # Where even the folder is missing there is nobody to keep out, and `prepare` says what is wrong.
        return DaemonLock(self.path) if self.path.absolute().parent.is_dir() else None

    def look(self, work: Callable[[Connection], T]) -> T:
        """See `Backend.look`."""
        if self._looker is None:
            self._looker = create_engine(self._url("sqlite"), pool_size=1, connect_args=_CONNECT)
            self._only_read(self._looker)
        with self._looker.connect() as connection:
            return work(connection)

    def dispose(self) -> None:
        """Close what `look` has open."""
        if self._looker is not None:
            self._looker.dispose()

    def trouble(self, error: BaseException) -> TryAgain | None:
        """See `Backend.trouble`."""
        return trouble(error)

    def writing(self, *, migrating: bool = False) -> Engine:
        """An engine whose transactions take the write lock at once, so that none fails in its middle.

        Raises (on connecting): sqlite3 errors, also where the file is missing. It never makes one.
        """
        engine = create_engine(self._url("sqlite"), poolclass=NullPool, connect_args=_CONNECT)
        event.listen(engine, "begin", _begin_immediate)
        event.listen(engine, "connect", lambda connection, _: self._prepare(connection, migrating=migrating))
        return engine

    def readers(self) -> AsyncEngine:
        """A small pool of connections that cannot write. One whose file is no longer the file is replaced."""
        engine = create_async_engine(
            self._url("sqlite+aiosqlite"), pool_size=READERS, max_overflow=0, connect_args=_CONNECT
        )
        self._only_read(engine.sync_engine)
        return engine

    def _make(self) -> None:
        """Make an empty file where there is none, readable by its owner alone.

        Raises:
            ConfigError: its folder is missing or may not be written.
        """
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            found = error.strerror or str(error)
            raise ConfigError([schemas.fault(self.name, found, "a file in a folder of our own")]) from error

    def identity(self) -> Identity:
        """Which files these are, by device and inode. Raises OSError where one is missing."""
        stats = (os.stat(self.path), os.stat(f"{self.path}-wal"))
        return tuple((stat.st_dev, stat.st_ino) for stat in stats)

    def confirm(self, identity: Identity) -> None:
        """Raise TryAgain unless the files under our names are still those that are open."""
        try:
            found = self.identity()
        except OSError as error:
            raise TryAgain(f"the database is gone: {error}") from error
        if found != identity:
            raise TryAgain(f"another file lies under the name {self.path}")

    def _url(self, driver: str) -> URL:
        # mode=rw: a file that was deleted under us is missed, never silently made anew and empty.
        name = f"file:{quote(str(self.path.absolute()))}"
        return URL.create(driver, database=name, query={"mode": "rw", "uri": "true"})

    def _only_read(self, engine: Engine) -> None:
        event.listen(engine, "begin", _begin)
        event.listen(engine, "connect", self._prepare_reader)
        event.listen(engine, "checkout", self._is_still_the_file)

    def _prepare(self, connection: Any, *, migrating: bool) -> None:
        cursor = connection.cursor()
        _keep_a_log(cursor)
        cursor.execute(f"PRAGMA synchronous = {'FULL' if self.durable else 'OFF'}")
        cursor.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        cursor.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        # A migration rebuilds tables that others point to.
        cursor.execute(f"PRAGMA foreign_keys = {'OFF' if migrating else 'ON'}")
        cursor.close()

    def _prepare_reader(self, connection: Any, record: pool.ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA query_only = ON")
        cursor.close()
        record.info["inode"] = self._inode()

    def _is_still_the_file(self, _connection: Any, record: pool.ConnectionPoolEntry, _proxy: Any) -> None:
        if record.info["inode"] != self._inode():
            raise DisconnectionError("another file lies under the name of the database")

    def _inode(self) -> tuple[int, int] | None:
        with suppress(OSError):
            stat = os.stat(self.path)
            return stat.st_dev, stat.st_ino
        return None


def _keep_a_log(cursor: Any) -> None:
    """Write ahead to a log from now on. Two who begin that at once in a new file refuse each other without waiting."""
    until = time.monotonic() + BUSY_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(AGAIN_S)
        else:
            return


_CONNECT: dict[str, Any] = {"isolation_level": None, "timeout": BUSY_S}  # None: transactions begin where we say so


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


class SqliteSession:
    """The one connection that writes to a file."""

    def __init__(self, file: SqliteFile, schema: str) -> None:
        self._file = file
        self._connection = file.writing().connect()
        try:
            schemas.confirm(self._connection, schema)
            self._connection.rollback()
            self._identity = file.identity()
        except BaseException:
            self.end()
            raise

    def commit(self, work: Callable[[Connection], T], faults: Faults) -> T:
        """See `Session.commit`."""
        faults("before-begin")
        with self._connection.begin():
            result = work(self._connection)
            faults("before-commit")
            self._file.confirm(self._identity)
        faults("after-commit")
        # The file may have gone between the look and the commit; then nobody may rely on it.
        self._file.confirm(self._identity)
        return result

    def end(self) -> None:
        """See `Session.end`."""
        self._connection.invalidate()
        self._connection.close()


class DaemonLock:
    """The right to be the one daemon of a database file; the kernel takes it back when the process dies."""

    def __init__(self, database: Path) -> None:
        """Take the lock.

        Raises:
            TryAgain: another process holds it.
        """
        path = database.with_name(database.name + ".lock")
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.read(self._handle, 20).decode("ascii", "replace").strip()
            os.close(self._handle)
            raise TryAgain(f"another mailgate (process {owner}) serves {database}") from error
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)

    def listen(self, callbacks: Mapping[str, Callable[[], None]]) -> None:
        """Nothing is said through a file; commands find the daemon's socket beside it."""

    async def leave(self) -> None:
        """Give the right back. The file stays: to remove it would let two processes lock two files of one name."""
        os.close(self._handle)


def trouble(error: BaseException) -> TryAgain | None:
    """`error` as a temporary answer, or None where it is no trouble of the machine but our own bug."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, OSError):
        return _full(error) if cause.errno in {errno.ENOSPC, errno.EDQUOT} else TryAgain(str(error))
    code = getattr(cause, "sqlite_errorcode", None)
    if code is None:
        return TryAgain(str(error)) if isinstance(error, (OperationalError, InterfaceError)) else None
    primary = code & 0xFF  # the upper bits only say where it happened
    if primary == sqlite3.SQLITE_FULL:
        return _full(error)
    return TryAgain(str(error)) if primary in _TROUBLES else None


def _full(error: BaseException) -> TryAgain:
    return TryAgain(str(error), code=452, public="4.3.1 Insufficient system storage")
