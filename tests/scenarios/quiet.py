"""When a traffic of several servers has ended by itself: nothing waits anywhere, and nothing moved since we looked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.scenarios.daemon import Daemon

QUIET_S = 60.0
LOOK_S = 0.1  # between two looks, each of which costs the servers some of their time

SORTS = ("acknowledge", "challenge", "notice", "digest")

_WAITING = (
    "SELECT (SELECT count(*) FROM journal WHERE state = 'pending'),"
    " (SELECT count(*) FROM outbox WHERE state IN ('ready', 'leased', 'handed'))"
)
_DONE = "SELECT (SELECT count(*) FROM journal), (SELECT count(*) FROM outbox)"


async def quiet(
    daemons: Iterable[Daemon],
    *,
    idle: Callable[[], bool] = lambda: True,
    moved: Callable[[], object] = lambda: None,
    deadline_s: float = QUIET_S,
) -> None:
    """Wait until neither the daemons nor the servers between them have anything to do.

    `idle` says whether those between are empty; `moved` is whatever differs once a mail went through them. A mail can
    slip past one look, from where we look next to where we looked before, but not unmoved past two.
    """
    watched = list(daemons)

    def look() -> tuple[bool, object]:
        waiting = [daemon.rows(_WAITING) for daemon in watched]
        empty = idle() and all(rows == [(0, 0)] for rows in waiting)
        return empty, (moved(), [daemon.rows(_DONE) for daemon in watched])

    before = look()
    async with asyncio.timeout(deadline_s):
        while True:
            await asyncio.sleep(LOOK_S)
            now = look()
            if now[0] and now == before:
                return
            before = now


def automatic(ledger: Mapping[str, Any]) -> int:
    """How many automatic mails the send gate ever allowed, by `mailgate ledger`. Raises where that is not settled."""
    assert (ledger["balanced"], ledger["pending"], ledger["shunted"]) == (True, 0, 0)
    return sum(ledger["automatic"][sort] for sort in SORTS)
