"""Whether the rate holds and the memory does not grow over 100,000 mails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import pairwise
from statistics import mean

from benchmarks.bench import Bench, Contestant, Found
from benchmarks.benches import acceptance
from benchmarks.load import Load, put
from benchmarks.peers.gateway import Gateway, gateway
from benchmarks.peers.servers import postfix
from benchmarks.processes import memory_mib
from benchmarks.promise import AtLeast, AtMost
from benchmarks.run import Point

_LOAD, _QUICK = Load(100_000, 2048, 50), Load(2000, 2048, 50)
_PEER, _PEER_QUICK = Load(20_000, 2048, 50), Load(1000, 2048, 50)
_LOOK_S, _LOOK_QUICK_S = 1.0, 0.1
_DEADLINE_S = 900.0


@asynccontextmanager
async def _open(quick: bool) -> AsyncIterator[Sequence[Contestant]]:
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(gateway())
        peer = await stack.enter_async_context(postfix())
        theirs = partial(acceptance.measure, _PEER_QUICK if quick else _PEER, peer)
        yield [
            Contestant(ours.server.name, partial(_measure, ours, quick), ours.server.pid),
            Contestant(peer.name, theirs, peer.pid),
        ]


async def _measure(ours: Gateway, quick: bool) -> Found:
    load = _QUICK if quick else _LOAD
    at_first, begun = ours.judged(), time.perf_counter()
    judged: list[Point] = [(0.0, 0.0)]
    memory: list[Point] = []
    async with asyncio.timeout(_DEADLINE_S), asyncio.TaskGroup() as group:
        putting = group.create_task(put(load, ours.server.port))
        while judged[-1][1] < load.mails:
            await asyncio.sleep(_LOOK_QUICK_S if quick else _LOOK_S)
            at = time.perf_counter() - begun
            judged.append((at, ours.judged() - at_first))
            memory.append((at, memory_mib(ours.server.pid)))
    await ours.server.rest()
    figures = {
        "accepted_per_s": load.mails / putting.result(),
        "judged_per_s": load.mails / judged[-1][0],
        "growth": _growth(memory),
        "memory_mib": max(mib for _, mib in memory),
    }
    return Found(figures, load.mails, {"judged_per_s": _slopes(judged), "memory_mib": memory})


def _growth(memory: Sequence[Point]) -> float:
    """The mean of the last quarter over the mean of the second, when every cache is full."""
    quarter = max(1, len(memory) // 4)
    last, second = memory[-quarter:], memory[quarter : 2 * quarter] or memory
    return mean(mib for _, mib in last) / mean(mib for _, mib in second)


def _slopes(counts: Sequence[Point]) -> list[Point]:
    """How much was added a second between each two looks."""
    return [(now, (many - few) / (now - then)) for (then, few), (now, many) in pairwise(counts)]


SUSTAINED = Bench(
    "sustained",
    f"{_LOAD.words}; Postfix takes {_PEER.mails:,}",
    _open,
    (
        AtLeast(2.0, "judged_per_s", "mailgate", "postfix", their_figure="accepted_per_s"),
        AtMost(1.05, "growth", "mailgate"),
    ),
    repeats=1,
)
