"""What people at the desk wait for: lists, searches, and an answer of theirs on its way to the next hop."""

from __future__ import annotations

import asyncio
import io
import itertools
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from benchmarks.bench import Contestant, Found
from benchmarks.benches.latency import figures
from benchmarks.mails import author
from benchmarks.past import Past
from benchmarks.words import EVERYWHERE, NOWHERE, WORDS, order
from mailgate import config, wiring
from mailgate.daemon.neighbours import OUTBOX, tell
from mailgate.desk import Desk
from mailgate.log import open_log
from mailgate.model import TicketState
from mailgate.store import queries
from mailgate.store.database import Database
from tests.scenarios.daemon import Daemon

LISTS, SEARCH, ANSWER = "a list of a hundred tickets", "a search for a hundred tickets", "an answer to the next hop"
ASKED_MS, ANSWERED_MS = 100.0, 1000.0
_QUESTIONS, _ANSWERS = 200, 20
_LOOK_S, _ARRIVAL_S = 0.005, 10.0

Asked = dict[str, Any]


@asynccontextmanager
async def people(daemon: Daemon, past: Past) -> AsyncIterator[list[Contestant]]:
    """Three who are measured, beside a running daemon on a database with this past."""
    settings = config.load(daemon.config)
    gateway, book = wiring.gateway_of(settings), wiring.rulebook_of(settings)
    database = await wiring.open_database(settings, daemon=False)
    desk = Desk(wiring.context_of(database, gateway, lambda: book, open_log(io.StringIO(), logging.CRITICAL)))
    numbers = itertools.count(past.tickets, -1)
    word = partial(tell, database, wiring.database_file(settings), {OUTBOX})
    try:
        yield [
            Contestant(LISTS, partial(_ask, database, past, _lists)),
            Contestant(SEARCH, partial(_ask, database, past, _searches)),
            Contestant(ANSWER, partial(_answer, daemon, word, desk, numbers)),
        ]
    finally:
        await database.close()


async def _ask(database: Database, past: Past, kinds: Any) -> Found:
    """A mix of all kinds, each as often, in no order."""
    chance = random.Random(past.tickets)
    every = [one for _ in range(_QUESTIONS // 10) for one in kinds(chance, past)]
    chance.shuffle(every)
    took = []
    for asked in every:
        begun = time.perf_counter()
        await database.read(partial(queries.tickets, **asked))
        took.append((time.perf_counter() - begun) * 1000)
    found = figures(took)
    return Found({"median_ms": found["median_ms"], "p95_ms": _p95(took), "worst_ms": found["worst_ms"]})


def _lists(chance: random.Random, past: Past) -> Iterator[Asked]:
    yield {}
    yield {"state": None}
    yield {"state": TicketState.CLOSED}
    yield {"state": None, "before": chance.randint(1, past.tickets)}
    for queue in ("support", "billing", "press"):
        yield {"queue": queue}
        yield {"queue": queue, "state": None}


def _searches(chance: random.Random, past: Past) -> Iterator[Asked]:
    some, rare = chance.choice(WORDS[50:500]), chance.choice(WORDS[5000:])
    texts = (
        # In every mail; in most; in some; in few; in one ticket; in none.
        *(f"{EVERYWHERE} ", WORDS[0], some, rare, order(chance.randrange(past.tickets)), NOWHERE),
        *(f"{some} {EVERYWHERE}", f'"{WORDS[0]} {WORDS[1]}"', f'"{WORDS[1]} {rare}"', f"{EVERYWHERE} {NOWHERE}"),
        # What somebody has only begun to type, and a person.
        *(EVERYWHERE[:4], rare[:4], author(past.person(chance.randrange(past.tickets)))),
        f"#{chance.randint(1, past.tickets)}",
    )
    for text in texts:
        yield {"search": text, "state": None}
    yield {"search": some, "state": TicketState.OPEN}


async def _answer(daemon: Daemon, word: Callable[[], Awaitable[None]], desk: Desk, numbers: Iterator[int]) -> Found:
    """From the agent's word until the next hop has said that it took the mail, as the outbox learns of it."""
    took = []
    for number in itertools.islice(numbers, _ANSWERS):
        begun = time.perf_counter()
        sent = await desk.reply(number, "We have found it, and send another one.", "bench")
        await word()
        question = f"SELECT state FROM outbox WHERE id = {int(sent.outbox_id)}"
        async with asyncio.timeout(_ARRIVAL_S):
            while (await asyncio.to_thread(daemon.rows, question))[0][0] != "sent":  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_S)
        took.append((time.perf_counter() - begun) * 1000)
    return Found(figures(took), len(took))


def _p95(took: Sequence[float]) -> float:
    return sorted(took)[int(len(took) * 0.95)]
