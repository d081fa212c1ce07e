"""Is the daemon alive, and is it ready for mail? Asks the store by writing to it, and each part how it fares."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Final

from mailgate.store import watch
from mailgate.store.database import Database

PROBE_EVERY_S: Final = 1.0
PROBE_WAIT_S: Final = 2.0  # before we are not ready
PROBE_LOST_S: Final = 30.0  # before we are not alive either: by then the writer waits for nothing that ends


class Health:
    """Answers whoever watches over us; no answer is older than a second."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        *,
        obstacles: Callable[[], Iterable[str]] = lambda: (),
        every_s: float = PROBE_EVERY_S,
        wait_s: float = PROBE_WAIT_S,
        lost_s: float = PROBE_LOST_S,
    ) -> None:
        """`obstacles` names what keeps the daemon from taking mail just now, in words that anybody may read."""
        self.database = database
        self.clock = clock
        self.obstacles = obstacles
        self.every_s = every_s
        self.wait_s = wait_s
        self.lost_s = lost_s
        self._probe: asyncio.Task[None] | None = None
        self._began_s = 0.0

    async def dead(self) -> list[str]:
        """Why a restart would help; empty where we are alive. That the event loop runs is said by the answer itself."""
        waited_s = await self._waited()
        return ["the store does not answer"] if waited_s is not None and waited_s > self.lost_s else []

    async def unready(self) -> list[str]:
        """Why we can take no mail now; empty where we are ready."""
        waited_s = await self._waited()
        return [*self.obstacles(), *(["the journal cannot be written"] if waited_s is not None else [])]

    async def _waited(self) -> float | None:
        """For how long the journal could not be written, 0 for an error; None where it can."""
        now_s = asyncio.get_running_loop().time
        # One at a time: a store that hangs must not be given more and more to do.
        if self._probe is None or (self._probe.done() and now_s() - self._began_s >= self.every_s):
            work = partial(watch.probe, at=self.clock())
            self._probe, self._began_s = asyncio.create_task(self.database.write(work)), now_s()
        done, _ = await asyncio.wait({self._probe}, timeout=self.wait_s)
        if not done:
            return now_s() - self._began_s
        return None if self._probe.exception() is None else 0.0
