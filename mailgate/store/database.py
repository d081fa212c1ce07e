"""Store: the database as the roads see it: write this, write this together with others, read this, make an id.

It knows nothing of mail. Work is a plain function of a SQLAlchemy connection; whose transaction it runs in is decided
here and nowhere else.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Table, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from mailgate.errors import ConfigError, Fault
from mailgate.store import tables
from mailgate.store.ids import NODE_BITS, Snowflakes
from mailgate.store.sqlite import DaemonLock, SqliteFile, trouble
from mailgate.store.writer import Writer

T = TypeVar("T")
A = TypeVar("A")
R = TypeVar("R")

_IDENTIFIED: tuple[Table, ...] = (tables.journal, tables.message, tables.ticket_event, tables.permit, tables.outbox)


class Database:
    """One open database. `await Database.open(...)` makes it; `await close()` ends it."""

    def __init__(self, writer: Writer, file: SqliteFile, new_id: Snowflakes, lock: DaemonLock | None) -> None:
        self._writer = writer
        self._readers = file.readers()
        self._looker = file.looker()
        self._lock = lock
        self.new_id: Callable[[], int] = new_id

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        durable: bool = True,
        create: bool = False,
        daemon: bool = True,
        faults: Callable[[str], None] | None = None,
    ) -> Database:
        """Open the database at `url`.

        `durable=False` gives up fsync, for laboratories. `create` makes a missing file and brings an old schema up to
        date. `daemon=False` is for commands, which share the file with the daemon. `faults` is called with
        "before-begin", "before-commit" and "after-commit" in the writer thread; what it raises is the trouble.

        Raises:
            ConfigError: no such file (and not `create`), or one of an older or newer mailgate; it says what to do.
            TryAgain: another daemon serves the file, or the machine is in trouble.
        """
        file = SqliteFile(_path(url), durable)
        lock = DaemonLock(file.path) if daemon and _folder_exists(file.path) else None
        try:
            schema, floor = await asyncio.to_thread(_prepare, file, create=create)
        except BaseException:
            if lock:
                lock.release()
            raise
        # The daemon is node 0; commands beside it must only be unlike it and each other.
        node = 0 if daemon else 1 + secrets.randbelow((1 << NODE_BITS) - 1)
        writer = Writer(file, schema, faults or _no_fault)
        return cls(writer, file, Snowflakes(node, floor=floor), lock)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction of its own and commit it. A cancelled caller does not undo it.

        Raises:
            TryAgain: nothing is known to be written; also where too much is waiting.
            Anything that `work` raises; then nothing was written.
        """
        return await self._writer.submit(work)

    async def together(self, work: Callable[[Connection, list[A]], list[R]], item: A) -> R:
        """Run `work` on `item` and on all other items that wait for the same `work`, in one transaction.

        `work` is known again by equality: keep one `functools.partial`, do not make a new one for each call. It gets
        the items in order of arrival and returns one result for each. An error is each item's own: after a fault
        each is tried alone.

        Raises: as `write`.
        """
        return await self._writer.submit(work, item, grouped=True)  # type: ignore[arg-type]  # a group gives each item its own result

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one consistent view of what is committed. It cannot write.

        Raises:
            TryAgain: the machine is in trouble.
        """
        with _troubles():
            async with self._readers.connect() as connection:
                return await connection.run_sync(work)

    def look(self, work: Callable[[Connection], T]) -> T:
        """The same at once, for laboratories and commands: nothing else of the event loop runs meanwhile."""
        with _troubles(), self._looker.connect() as connection:
            return work(connection)

    async def close(self) -> None:
        """Write what waits, close every connection, give up the lock. Closing twice does nothing."""
        await self._writer.close()
        await self._readers.dispose()
        self._looker.dispose()
        lock, self._lock = self._lock, None
        if lock:
            lock.release()


@contextmanager
def _troubles() -> Iterator[None]:
    """Troubles of the machine leave as TryAgain."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        temporary = trouble(error)
        if temporary is None:
            raise
        raise temporary from error


def _no_fault(_point: str) -> None:
    """Nothing goes wrong at any point."""


def _path(url: str) -> Path:
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise ConfigError([Fault("", 0, "store.url", repr(url), '"sqlite:///path/of/a/file"')])
    return Path(parsed.database)


def _folder_exists(path: Path) -> bool:
    return path.absolute().parent.is_dir()


def _prepare(file: SqliteFile, *, create: bool) -> tuple[str, int]:
    """Bring the schema up to date; returns its revision and the largest id in use."""
    if create:
        file.make()
    elif not file.path.exists():
        raise ConfigError([_fault(file, "no such file", "an existing database; `mailgate db upgrade` makes one")])
    engine = file.writer(migrating=True)
    with _troubles(), engine.begin() as connection:
        return _migrate(connection, file, create=create), _largest_id(connection)


def _migrate(connection: Connection, file: SqliteFile, *, create: bool) -> str:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    head = script.get_current_head() or ""
    found = MigrationContext.configure(connection).get_current_revision()
    if found == head:
        return head
    if found is not None and found not in {revision.revision for revision in script.walk_revisions()}:
        raise ConfigError([_fault(file, f"schema {found} of a newer mailgate", f"schema {head} or older")])
    if not create:
        raise ConfigError([_fault(file, f"schema {found or 'none'}", f"schema {head}; run `mailgate db upgrade`")])
    command.upgrade(config, "head")
    return head


def _largest_id(connection: Connection) -> int:
    return max(connection.execute(select(func.max(table.c.id))).scalar() or 0 for table in _IDENTIFIED)


def _fault(file: SqliteFile, found: str, allowed: str) -> Fault:
    return Fault(str(file.path), 0, "store.url", found, allowed)
