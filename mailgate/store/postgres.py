"""Store: one PostgreSQL database: how it is reached, which daemons serve it, and what its troubles mean.

Work is written as for SQLite: a plain function of a `Connection`, in a thread that writes. That thread has an event
loop of its own, in which asyncpg talks to the server while the rest of the process goes on.

Behind a connection pool (PgBouncer) this needs session mode: a daemon holds locks and listens as long as it lives.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, TypeVar

import asyncpg
from sqlalchemy import URL, Connection, NullPool, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from mailgate.errors import TryAgain
from mailgate.store import schema as schemas
from mailgate.store.backend import Faults
from mailgate.store.ids import NODE_BITS
from mailgate.store.member import Member

T = TypeVar("T")

READERS = 4
CONNECT_S = 5.0
COMMAND_S = 30.0  # a statement that takes longer is cut off by a network that says nothing
END_S = 2.0
STATEMENTS = 500  # that a connection keeps prepared; all of ours are some 150
MIGRATING = 0x6D67_7570  # the key of the lock that lets one process at a time change the schema

# What the server does of itself. A plan that was made for an empty table would read all of it until the server counts
# its rows anew; all that we ask often has an index, so no plan may do without. A process that froze or was cut off
# without a word holds locks that others wait for: its session must end long before the two hours that a kernel waits.
SETTINGS = {
    "application_name": "mailgate",
    "jit": "off",
    "enable_seqscan": "off",
    "idle_in_transaction_session_timeout": "30s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "4",
}

# SQLSTATE classes and codes that pass, or that a person mends; the sender keeps his mail meanwhile.
_PASSING_CLASSES = ("08", "28", "40", "53", "55", "57", "58", "XX")
_PASSING_CODES = ("25006", "25P03", "3D000", "42501", "42P01")  # read-only, timed out, no database, no right, no table
_DISK_FULL = "53100"


class PostgresServer:
    """The database that a URL names; a `Backend`."""

    shared: Final = True
    writers: Final = 2

    def __init__(self, url: URL, *, durable: bool = True, password: str = "") -> None:
        query = dict(url.query)
        # What libpq calls sslmode, asyncpg calls ssl.
        if "sslmode" in query:
            query["ssl"] = query.pop("sslmode")
        self._url = url.set(drivername="postgresql+asyncpg", query=query)
        if password:
            self._url = self._url.set(password=password)
        self._durable = durable
        self._looking = _Looking(self)

    @property
    def name(self) -> str:
        """How people know it; the password is left out."""
        return self._url.set(drivername="postgresql", password=None).render_as_string()

    def engine(self, **options: Any) -> AsyncEngine:
        """An engine for one event loop."""
        settings = SETTINGS if self._durable else {**SETTINGS, "synchronous_commit": "off"}
        arguments = {
            "timeout": CONNECT_S,
            "command_timeout": COMMAND_S,
            "server_settings": settings,
            "prepared_statement_cache_size": STATEMENTS,
        }
        return create_async_engine(self._url, connect_args=arguments, **options)

    def prepare(self, *, create: bool) -> tuple[str, int]:
        """See `Backend.prepare`."""

        def work(connection: Connection) -> tuple[str, int]:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATING})
            return schemas.migrate(connection, self.name, create=create)

        return self._once(work)

    def node(self, *, daemon: bool) -> int:
        """The next of all numbers there are. Should one be used twice after a thousand, two ids could be the same;
        the second is refused by the database and made anew.
        """
        taken = self._once(lambda connection: connection.execute(text("SELECT nextval('node_number')")).scalar_one())
        return int(taken) % (1 << NODE_BITS)

    def session(self, schema: str) -> PostgresSession:
        """See `Backend.session`."""
        return PostgresSession(self, schema)

    def readers(self) -> AsyncEngine:
        """See `Backend.readers`."""
        engine = self.engine(pool_size=READERS, max_overflow=0, pool_timeout=COMMAND_S, pool_pre_ping=True)
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def look(self, work: Callable[[Connection], T]) -> T:
        """See `Backend.look`."""
        return self._looking.look(work)

    async def join(self, owner: str, *, sole: bool) -> Member:
        """Become a daemon of this database. Raises TryAgain where that cannot be."""
        member = Member(self.engine(poolclass=NullPool), owner, sole=sole)
        try:
            await member.join()
        except BaseException:
            await member.leave()
            raise
        return member

    def trouble(self, error: BaseException) -> TryAgain | None:
        """See `Backend.trouble`."""
        return trouble(error)

    def dispose(self) -> None:
        """Close what `look` has open."""
        self._looking.end()

    def _once(self, work: Callable[[Connection], T]) -> T:
        session = PostgresSession(self)
        try:
            return session.commit(work, lambda _point: None)
        finally:
            session.end()


class PostgresSession:
    """A connection and the event loop it lives in, for one thread."""

    def __init__(self, server: PostgresServer, schema: str = "") -> None:
        """Connect; `schema` is confirmed unless it is ""."""
        self._loop = asyncio.new_event_loop()
        self._engine = server.engine(poolclass=NullPool)
        self._connection: AsyncConnection | None = None
        try:
            self._connection = self._run(self._engine.connect().start())
            if schema:
                self.commit(lambda connection: schemas.confirm(connection, schema), lambda _point: None)
        except BaseException:
            self.end()
            raise

    def commit(self, work: Callable[[Connection], T], faults: Faults) -> T:
        """See `Session.commit`."""
        return self._run(self._commit(work, faults))

    def end(self) -> None:
        """See `Session.end`."""
        with suppress(Exception):  # whatever state it is in: it is not used again
            self._run(self._close())
        self._loop.close()

    async def _commit(self, work: Callable[[Connection], T], faults: Faults) -> T:
        assert self._connection is not None
        faults("before-begin")
        async with self._connection.begin():
            result = await self._connection.run_sync(work)
            faults("before-commit")
        faults("after-commit")
        return result

    async def _close(self) -> None:
        if self._connection is not None:
            async with asyncio.timeout(END_S):
                await self._connection.invalidate()
                await self._connection.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)


class _Looking:
    """Reads for whoever cannot wait asynchronously: in a thread of its own, which has no event loop running yet."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._thread: ThreadPoolExecutor | None = None
        self._here = threading.local()

    def look(self, work: Callable[[Connection], T]) -> T:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "mailgate-look")
        return self._thread.submit(self._read, work).result()

    def end(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.submit(self._drop).result()
            thread.shutdown()

    def _read(self, work: Callable[[Connection], T]) -> T:
        session: PostgresSession | None = getattr(self._here, "session", None)
        if session is None:
            session = self._here.session = PostgresSession(self._server)
        try:
            return session.commit(lambda connection: _only_read(connection, work), lambda _point: None)
        except Exception:
            self._drop()
            raise

    def _drop(self) -> None:
        session: PostgresSession | None = getattr(self._here, "session", None)
        self._here.session = None
        if session is not None:
            session.end()


def _only_read(connection: Connection, work: Callable[[Connection], T]) -> T:
    connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    return work(connection)


def trouble(error: BaseException) -> TryAgain | None:
    """`error` as a temporary answer, or None where it is no trouble of the machine but our own bug."""
    cause = _cause(error)
    code = getattr(cause, "sqlstate", None)
    if code == _DISK_FULL:
        return TryAgain(str(error), code=452, public="4.3.1 Insufficient system storage")
    if code is not None:
        return TryAgain(str(error)) if code.startswith(_PASSING_CLASSES) or code in _PASSING_CODES else None
    passing = (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError, OperationalError, PoolTimeoutError)
    if isinstance(cause, (*passing, asyncio.IncompleteReadError)) or isinstance(error, (*passing, InterfaceError)):
        return TryAgain(str(error) or type(cause).__name__)
    return TryAgain(str(error)) if isinstance(error, DBAPIError) and error.connection_invalidated else None


def _cause(error: BaseException) -> BaseException:
    """What the driver said, beneath what SQLAlchemy made of it."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return cause.__cause__ if cause.__cause__ is not None and isinstance(error, DBAPIError) else cause
