"""Store: what `Database` and `Writer` ask of a database, whichever it is: `sqlite` and `postgres` answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from mailgate.errors import TryAgain

T = TypeVar("T")

Faults = Callable[[str], None]


class Session(Protocol):
    """The connection of a thread that writes. Made, used and ended by that thread alone."""

    def commit(self, work: Callable[[Connection], T], faults: Faults) -> T:
        """Run `work` in a transaction and commit it durably.

        `faults` is called with "before-begin", "before-commit" and "after-commit". Whatever is raised, `trouble` of the
        backend says what it means, and the session is not used again.
        """
        ...

    def end(self) -> None:
        """Close the connection, whatever state it is in."""
        ...


class Membership(Protocol):
    """The right to serve a database, and an ear for what others say of it."""

    def listen(self, callbacks: Mapping[str, Callable[[], None]]) -> None:
        """Call these when others say their names."""
        ...

    async def leave(self) -> None:
        """Give the right back."""
        ...


class Backend(Protocol):
    """One database, by its address."""

    @property
    def name(self) -> str:
        """How people know it; holds no secret."""
        ...

    @property
    def shared(self) -> bool:
        """May several daemons serve it at once?"""
        ...

    @property
    def writers(self) -> int:
        """How many threads of one process may write at the same time."""
        ...

    def prepare(self, *, create: bool) -> tuple[str, int]:
        """Bring the schema up to date where `create` allows it; its revision, and the largest id in use.

        Raises:
            ConfigError: no such database, or one of an older or newer mailgate; it says what to do.
            Anything that `trouble` explains.
        """
        ...

    def node(self, *, daemon: bool) -> int:
        """A number for the ids of this process, unlike that of others that write now."""
        ...

    def session(self, schema: str) -> Session:
        """A connection for a writing thread. Raises TryAgain where the database has another schema now."""
        ...

    def readers(self) -> AsyncEngine:
        """A small pool of connections that cannot write and see one consistent view."""
        ...

    def look(self, work: Callable[[Connection], T]) -> T:
        """Read at once, from whatever thread."""
        ...

    def join(self, owner: str, *, sole: bool) -> Awaitable[Membership | None]:
        """Become a daemon of this database under the name `owner`; with `sole`, the only one.

        Raises TryAgain where others keep us out, and what `trouble` explains.
        """
        ...

    def trouble(self, error: BaseException) -> TryAgain | None:
        """`error` as a temporary answer, or None where it is no trouble of the machine but our own bug."""
        ...

    def dispose(self) -> None:
        """Close what `look` has open."""
        ...
