"""Whether a gateway grows slow with the years: intake beside a million messages, and into an empty database; and what
people ask and answer beside a million messages.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import asyncpg

from benchmarks.bench import Bench, Contestant, Found
from benchmarks.benches import asking
from benchmarks.caller import in_turn
from benchmarks.mails import letter
from benchmarks.past import Past
from benchmarks.peers.gateway import Gateway, gateway
from benchmarks.peers.servers import database_server, smtp_sink
from benchmarks.promise import AtLeast, AtMost, Promise
from mailgate.store.database import Database

_PAST, _PAST_QUICK = Past(), Past(tickets=500, people=300, permits=2500)
_MAILS, _MAILS_QUICK = 4000, 200
_SESSIONS = 50
# All are proven, so that every limit of what may answer them is looked up.
_PROVEN = '[authentication]\nassume = "pass"'
_EMPTY, _FULL = "mailgate, empty", "mailgate, a million messages"


@asynccontextmanager
async def _on_sqlite(quick: bool) -> AsyncIterator[Sequence[Contestant]]:
    with tempfile.TemporaryDirectory(prefix="mailgate-bench-") as folder:
        empty, full = (f"sqlite:///{Path(folder) / name}.db" for name in ("empty", "full"))
        await _fill(full, quick=quick)
        async with _both(empty, full, quick=quick) as both:
            yield both


@asynccontextmanager
async def _on_postgresql(quick: bool) -> AsyncIterator[Sequence[Contestant]]:
    with database_server() as new:
        empty, full = await asyncio.to_thread(new), await asyncio.to_thread(new)
        await _fill(full, quick=quick)
        await _tidy(full)
        async with _both(empty, full, quick=quick) as both:
            yield both


async def _tidy(url: str) -> None:
    """Do what a server has done about its past long since: else it would do so beside the load, all of it at once."""
    connection = await asyncpg.connect(url)
    await connection.execute("VACUUM (ANALYZE)")
    await connection.execute("CHECKPOINT")
    await connection.close()


@asynccontextmanager
async def _both(empty: str, full: str, *, quick: bool) -> AsyncIterator[Sequence[Contestant]]:
    past = _PAST_QUICK if quick else _PAST
    async with AsyncExitStack() as stack:
        hop = await stack.enter_async_context(smtp_sink())
        relay = f"127.0.0.1:{hop.port}"
        contestants = []
        for name, url in ((_EMPTY, empty), (_FULL, full)):
            ours = await stack.enter_async_context(gateway(name, url=url, relay=relay, extra=_PROVEN))
            measure = partial(_measure, ours, past, itertools.count(), _MAILS_QUICK if quick else _MAILS)
            contestants.append(Contestant(name, measure, ours.server.pid))
        # The last that was opened, the full one.
        contestants += await stack.enter_async_context(asking.people(ours.daemon, past))
        yield contestants


async def _fill(url: str, *, quick: bool) -> None:
    past, begun = _PAST_QUICK if quick else _PAST, time.perf_counter()
    database = await Database.open(url, create=True, durable=False)
    try:
        await past.fill(database)
    finally:
        await database.close()
    print(f"{past.words} in {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)


async def _measure(ours: Gateway, past: Past, numbers: itertools.count[int], many: int) -> Found:
    """Mails of people who wrote before, each of them a new ticket, until all are judged and answered."""
    letters = [letter(number, past.person(number)) for number in itertools.islice(numbers, many)]
    begun = time.perf_counter()
    accepted_s = await in_turn(ours.server.port, letters, _SESSIONS)
    await ours.server.rest()
    return Found({"accepted_per_s": many / accepted_s, "judged_per_s": many / (time.perf_counter() - begun)}, many)


_PROMISES: tuple[Promise, ...] = (
    *(AtLeast(0.9, figure, _FULL, _EMPTY) for figure in ("accepted_per_s", "judged_per_s")),
    *(AtMost(asking.ASKED_MS, "p95_ms", name) for name in (asking.LISTS, asking.SEARCH)),
    AtMost(asking.ANSWERED_MS, "worst_ms", asking.ANSWER),
)

HISTORY = Bench(
    "history",
    f"{_MAILS:,} mails of 2 KB from known and proven people, {_SESSIONS} sessions; {_PAST.words}",
    _on_sqlite,
    _PROMISES,
    repeats=5,
    by_default=False,
)
HISTORY_POSTGRESQL = Bench(
    "history-postgresql", f"{HISTORY.words}; on PostgreSQL", _on_postgresql, _PROMISES, repeats=5, by_default=False
)
