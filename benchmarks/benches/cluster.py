"""What a second process on PostgreSQL brings, beside one process on SQLite."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from benchmarks.bench import Bench, Contestant, Found
from benchmarks.caller import in_turn
from benchmarks.mails import letter
from benchmarks.peers.gateway import Gateway, gateway
from benchmarks.peers.servers import database_server
from benchmarks.promise import AtLeast

_MAILS, _MAILS_QUICK = 10_000, 300
_SESSIONS = 50
_ONE, _TWO = "mailgate, SQLite", "mailgate, PostgreSQL, 2 processes"


@asynccontextmanager
async def _open(quick: bool) -> AsyncIterator[Sequence[Contestant]]:
    many = _MAILS_QUICK if quick else _MAILS
    async with AsyncExitStack() as stack:
        new = stack.enter_context(database_server())
        one = await stack.enter_async_context(gateway(_ONE))
        urls = [await asyncio.to_thread(new) for _ in range(2)]
        single = await stack.enter_async_context(gateway("mailgate, PostgreSQL", url=urls[0]))
        two = await stack.enter_async_context(gateway(_TWO, url=urls[1], workers=2))
        yield [
            Contestant(ours.server.name, partial(_measure, ours, itertools.count(), many), ours.server.pid)
            for ours in (one, single, two)
        ]


async def _measure(ours: Gateway, numbers: itertools.count[int], many: int) -> Found:
    """Every mail from another person: what one wrote is judged in turn, whichever process took it."""
    letters = [letter(number) for number in itertools.islice(numbers, many)]
    begun = time.perf_counter()
    accepted_s = await in_turn(ours.server.port, letters, _SESSIONS)
    await ours.server.rest()
    return Found({"accepted_per_s": many / accepted_s, "judged_per_s": many / (time.perf_counter() - begun)}, many)


CLUSTER = Bench(
    "cluster",
    f"{_MAILS:,} mails of 2 KB from as many people, {_SESSIONS} sessions at once, connections kept open",
    _open,
    (
        AtLeast(1.3, "accepted_per_s", _TWO, _ONE),
        AtLeast(1.3, "judged_per_s", _TWO, _ONE),
    ),
)
