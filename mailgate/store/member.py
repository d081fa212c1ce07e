"""Store: a daemon among others on one PostgreSQL database: that it lives, and what they say to each other.

One connection is kept for both. It holds a lock under the name of the process, which the server takes back when the
process dies or is cut off, so that others see whose leases are a dead one's; and it hears what is said by NOTIFY.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from mailgate.errors import TryAgain

CHANNEL = "mailgate"
SERVING = 0x6D67_7376  # the key of the lock that all daemons share, and whoever must be alone takes for himself
PROBE_S = 10.0  # how soon a connection that was cut without a word is noticed
AGAIN_S = 1.0


def life(owner: str) -> int:
    """The key of the lock that says that `owner` lives: a number as PostgreSQL's bigint holds it."""
    return int.from_bytes(hashlib.sha256(owner.encode()).digest()[:8], "big", signed=True)


class Member:
    """The right to serve, kept for as long as the process lives, and made anew when the connection is lost."""

    def __init__(self, engine: AsyncEngine, owner: str, *, sole: bool) -> None:
        self._engine = engine
        self._owner = owner
        self._sole = sole
        self._callbacks: Mapping[str, Callable[[], None]] = {}
        self._connection: AsyncConnection | None = None
        self._lost = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None

    async def join(self) -> None:
        """Take the right. Raises TryAgain where another process has it for itself, and errors of the driver."""
        await self._connect()
        self._keeping = asyncio.create_task(self._keep())

    def listen(self, callbacks: Mapping[str, Callable[[], None]]) -> None:
        """Call these when their names are said, and all of them when something may have gone unheard."""
        self._callbacks = callbacks

    async def leave(self) -> None:
        """Give the right back."""
        if self._keeping:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        await self._disconnect()
        await self._engine.dispose()

    async def _connect(self) -> None:
        self._lost.clear()
        self._connection = connection = await self._engine.connect()
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        shared = "" if self._sole else "_shared"
        serving = text(f"SELECT pg_try_advisory_lock{shared}(:key)")  # one of two words of our own
        if not (await connection.execute(serving, {"key": SERVING})).scalar():
            raise TryAgain("another mailgate serves the database" if self._sole else "somebody has the database alone")
        if self._owner:
            await connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": life(self._owner)})
        raw: Any = (await connection.get_raw_connection()).driver_connection
        raw.add_termination_listener(lambda _: self._lost.set())
        await raw.add_listener(CHANNEL, self._hear)

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # whatever state it is in: the server gives up its locks
                await connection.invalidate()
                await connection.close()

    async def _keep(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._lost.wait(), PROBE_S)
            if await self._is_there():
                continue
            await self._disconnect()
            # Whatever is wrong with the server, others say it; here it is only waited for.
            with suppress(Exception):
                await self._connect()
                for callback in self._callbacks.values():
                    callback()
                continue
            self._lost.set()
            await asyncio.sleep(AGAIN_S)

    async def _is_there(self) -> bool:
        if self._connection is None or self._lost.is_set():
            return False
        try:
            async with asyncio.timeout(PROBE_S):
                await self._connection.execute(text("SELECT 1"))
        # Broad, because a connection that cannot answer is lost, whatever it says.
        except Exception:
            return False
        return True

    def _hear(self, _connection: object, _pid: int, _channel: str, word: object) -> None:
        callback = self._callbacks.get(str(word))
        if callback:
            callback()
