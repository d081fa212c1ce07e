"""Faces: how the processes that share a database tell each other of work: daemons, and the commands beside them.

A SQLite file has one daemon, which listens on a socket beside it; PostgreSQL passes the word on. A word that is lost
costs time and never work: everybody also looks by timers of his own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic

from mailgate.errors import TryAgain
from mailgate.net.wake import Waker, wake, wake_path
from mailgate.store.database import Database

JOURNAL = "journal"
OUTBOX = "outbox"
AGAIN_S = 1.0  # between two calls for help with the same work


async def tell(database: Database, file: Path | None, words: Iterable[str]) -> None:
    """Say to whoever serves the database that there is work in JOURNAL or OUTBOX; `file` where it is one."""
    for word in words:
        if file:
            wake(wake_path(file), word.encode())
        else:
            await database.tell(word)


class Neighbours:
    """A daemon's ear for the others, and its voice where it has more work than it can do."""

    def __init__(self, database: Database, file: Path | None, callbacks: Mapping[str, Callable[[], None]]) -> None:
        """`callbacks` says what each word does here."""
        self._database = database
        self._callbacks = callbacks
        heard = {word.encode(): callback for word, callback in callbacks.items()}
        self._ear = Waker(wake_path(file), heard) if file else None
        self._called_at: dict[str, float] = {}
        self._calls: set[asyncio.Task[None]] = set()

    def listen(self) -> None:
        """Begin to hear."""
        self._database.listen(self._callbacks)
        if self._ear:
            self._ear.listen()

    def call(self, word: str) -> None:
        """There is more of this work than we can do at once: whoever has time may share it."""
        now_s = monotonic()
        if not self._database.shared or now_s < self._called_at.get(word, now_s - AGAIN_S) + AGAIN_S:
            return
        self._called_at[word] = now_s
        task = asyncio.create_task(self._say(word))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    def close(self) -> None:
        """Hear nothing more."""
        if self._ear:
            self._ear.close()

    async def _say(self, word: str) -> None:
        with suppress(TryAgain):
            await self._database.tell(word)
