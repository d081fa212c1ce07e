"""Slots that many share fairly: whoever takes long waits for himself. Knows nothing of what is done in a slot.

Each slot is taken under a name. One name has only so many at once; what waits is let in name by name in turn, so that a
thousand who wait under one name are one to all others; and some slots are kept for names that have none.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """`most` slots, `each` for one name, `reserved` of all for names that have none."""

    def __init__(self, most: int, *, each: int, reserved: int = 0) -> None:
        self._most = most
        self._each = each
        self._reserved = reserved
        self._taken: Counter[str] = Counter()
        self._total = 0
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}  # the name whose turn is next stands first

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """A slot under `name`, for as long as the context lasts."""
        await self._take(name)
        try:
            yield
        finally:
            self._give_back(name)

    async def _take(self, name: str) -> None:
        if name not in self._waiting and self._has_room(name):
            self._count(name, 1)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(name, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back(name)
            raise

    def _give_back(self, name: str) -> None:
        self._count(name, -1)
        while (following := self._following()) is not None:
            self._call(following)

    def _following(self) -> str | None:
        return next((name for name in self._waiting if self._has_room(name)), None)

    def _has_room(self, name: str) -> bool:
        taken = self._taken[name]
        free = self._most - self._total
        return taken < self._each and free > (self._reserved if taken else 0)

    def _call(self, name: str) -> None:
        """Let the longest waiting of a name in; the name then stands last. Who lost patience is only forgotten."""
        waiting = self._waiting.pop(name)
        turn = waiting.popleft()
        if waiting:
            self._waiting[name] = waiting
        if not turn.done():
            self._count(name, 1)
            turn.set_result(None)

    def _count(self, name: str, change: int) -> None:
        self._total += change
        self._taken[name] += change
        if not self._taken[name]:
            del self._taken[name]
