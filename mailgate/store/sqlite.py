"""Store: one SQLite file: how it is opened, who may serve it, whether it is still there, and what its troubles mean."""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, pool
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from mailgate.errors import ConfigError, Fault, TryAgain

BUSY_S = 2.0  # how long a command may hold the file before a sender is asked to come again
READERS = 4
CHECKPOINT_PAGES = 4000  # 16 MB of log between two rewrites of the main file

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


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """The file of a database and the log beside it."""

    path: Path
    durable: bool = True

    def writer(self, *, migrating: bool = False) -> Engine:
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

    def looker(self) -> Engine:
        """The same without asyncio."""
        engine = create_engine(self._url("sqlite"), pool_size=1, connect_args=_CONNECT)
        self._only_read(engine)
        return engine

    def make(self) -> None:
        """Make an empty file where there is none, readable by its owner alone.

        Raises:
            ConfigError: its folder is missing or may not be written.
        """
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            fault = Fault(str(self.path), 0, "store.url", error.strerror or str(error), "a file in a folder of our own")
            raise ConfigError([fault]) from error

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
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute(f"PRAGMA synchronous = {'FULL' if self.durable else 'OFF'}")
        cursor.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
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


_CONNECT: dict[str, Any] = {"isolation_level": None, "timeout": BUSY_S}  # None: transactions begin where we say so


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


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

    def release(self) -> None:
        """Give the right back. The file stays: to remove it would let two processes lock two files of one name."""
        os.close(self._handle)


def trouble(error: Exception) -> TryAgain | None:
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


def _full(error: Exception) -> TryAgain:
    return TryAgain(str(error), code=452, public="4.3.1 Insufficient system storage")
