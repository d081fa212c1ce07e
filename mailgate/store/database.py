"""Store: the database as the roads see it: write this, write this together with others, read this, make an id.

It knows nothing of mail. Work is a plain function of a SQLAlchemy connection; whose transaction it runs in is decided
here and nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from mailgate.errors import ConfigError, TryAgain
from mailgate.store import schema
from mailgate.store.backend import Backend, Faults, Membership
from mailgate.store.ids import Snowflakes
from mailgate.store.member import CHANNEL
from mailgate.store.sqlite import SqliteFile
from mailgate.store.writer import Writer

T = TypeVar("T")
A = TypeVar("A")
R = TypeVar("R")

ALLOWED_URLS = '"sqlite:///path/of/a/file" or "postgresql://user@host/database"'


class Database:
    """One open database. `await Database.open(...)` makes it; `await close()` ends it."""

    def __init__(
        self, backend: Backend, revision: str, new_id: Snowflakes, member: Membership | None, faults: Faults
    ) -> None:
        self._backend = backend
        # Where two can write, an acceptance does not wait for the judging of mail before it.
        self._writers = [Writer(backend, revision, faults) for _ in range(backend.writers)]
        self._readers = backend.readers()
        self._member = member
        self.new_id: Callable[[], int] = new_id

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        durable: bool = True,
        create: bool = False,
        daemon: bool = True,
        sole: bool = False,
        owner: str = "",
        password: str = "",
        faults: Faults | None = None,
    ) -> Database:
        """Open the database at `url`.

        `durable=False` gives up fsync, for laboratories. `create` makes a missing file and brings an old schema up to
        date. `daemon=False` is for commands, which share the database with its daemons; `sole` is for those that must
        not. `owner` names this process in the leases it takes. `faults` is called with "before-begin", "before-commit"
        and "after-commit" in the writing thread; what it raises is the trouble.

        Raises:
            ConfigError: no such database (and not `create`), or one of an older or newer mailgate; it says what to do.
            TryAgain: another daemon serves it that may not, or the machine is in trouble.
        """
        backend = backend_of(url, durable=durable, password=password)
        with _troubles(backend):
            member = await backend.join(owner, sole=sole) if daemon or sole else None
        try:
            with _troubles(backend):
                revision, floor = await asyncio.to_thread(backend.prepare, create=create)
                node = await asyncio.to_thread(backend.node, daemon=daemon)
        except BaseException:
            if member:
                await member.leave()
            raise
        return cls(backend, revision, Snowflakes(node, floor=floor), member, faults or _no_fault)

    @property
    def shared(self) -> bool:
        """May several daemons serve this database at once?"""
        return self._backend.shared

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction of its own and commit it. A cancelled caller does not undo it.

        Raises:
            TryAgain: nothing is known to be written; also where too much is waiting.
            Anything that `work` raises; then nothing was written.
        """
        return await self._writers[0].submit(work)

    async def together(self, work: Callable[[Connection, list[A]], list[R]], item: A) -> R:
        """Run `work` on `item` and on all other items that wait for the same `work`, in one transaction.

        `work` is known again by equality: keep one `functools.partial`, do not make a new one for each call. It gets
        the items in order of arrival and returns one result for each. An error is each item's own: after a fault
        each is tried alone.

        Raises: as `write`.
        """
        return await self._writers[-1].submit(work, item, grouped=True)  # type: ignore[arg-type]  # a group gives each item its own result

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one consistent view of what is committed. It cannot write.

        Raises:
            TryAgain: the machine is in trouble.
        """
        with _troubles(self._backend):
            async with self._readers.connect() as connection:
                return await connection.run_sync(work)

    def look(self, work: Callable[[Connection], T]) -> T:
        """The same at once, for laboratories and commands: nothing else of the event loop runs meanwhile."""
        with _troubles(self._backend):
            return self._backend.look(work)

    def listen(self, callbacks: Mapping[str, Callable[[], None]]) -> None:
        """For daemons: call these when somebody says their names with `tell`, in this process or another."""
        if self._member:
            self._member.listen(callbacks)

    async def tell(self, word: str) -> None:
        """Say `word` to all daemons that listen; in a SQLite file there is nobody to hear it. Raises TryAgain."""
        if self.shared:
            await self.write(lambda conn: announce(conn, word))

    async def close(self) -> None:
        """Write what waits, close every connection, give up the right to serve. Closing twice does nothing."""
        for writer in self._writers:
            await writer.close()
        await self._readers.dispose()
        self._backend.dispose()
        member, self._member = self._member, None
        if member:
            await member.leave()


@contextmanager
def _troubles(backend: Backend) -> Iterator[None]:
    """Troubles of the machine leave as TryAgain, which names the database."""
    try:
        yield
    except Exception as error:
        temporary = backend.trouble(error)
        if temporary is None:
            raise
        raise TryAgain(f"{backend.name}: {temporary}", code=temporary.code, public=temporary.public) from error


def backend_of(url: str, *, durable: bool = True, password: str = "") -> Backend:
    """The database at `url`, not yet opened. Raises ConfigError where it is of no kind we know."""
    with suppress(ArgumentError):
        parsed = make_url(url)
        if parsed.database and parsed.get_backend_name() == "sqlite":
            return SqliteFile(Path(parsed.database), durable=durable)
        if parsed.database and parsed.get_backend_name() == "postgresql":
            # Here, for the driver takes memory that a daemon on SQLite never needs.
            from mailgate.store.postgres import PostgresServer  # noqa: PLC0415

            return PostgresServer(parsed, durable=durable, password=password)
    raise ConfigError([schema.fault("", repr(url), ALLOWED_URLS)])


def announce(conn: Connection, word: str) -> None:
    """Say `word` to all daemons once this transaction is committed."""
    conn.execute(text("SELECT pg_notify(:channel, :word)"), {"channel": CHANNEL, "word": word})


def _no_fault(_point: str) -> None:
    """Nothing goes wrong at any point."""
