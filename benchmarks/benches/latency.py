"""How long a mail waits: a lone one, the challenge that it causes, and any under half of the load that is possible."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from statistics import median

from benchmarks.bench import Bench, Contestant, Found
from benchmarks.caller import Call, Rate, at_rate
from benchmarks.load import Load, put
from benchmarks.mails import Letter, Seal, domain, letter
from benchmarks.peers.gateway import Gateway, gateway
from benchmarks.peers.server import Server
from benchmarks.peers.servers import postfix
from benchmarks.promise import AtMost
from tests.fakes.sink import Sink, Taken

_LONE, _LONE_QUICK = 200, 20
_REST_S = 0.01  # between two lone mails
_STRANGERS, _STRANGERS_QUICK = 40, 5
_PROBE, _PROBE_QUICK = Load(5000, 2048, 50), Load(200, 2048, 50)
_HALF_S, _HALF_QUICK_S = 20.0, 2.0
_SESSIONS = 50
_SEED = 1
_ARRIVAL_S = 10.0


def figures(took_ms: Sequence[float]) -> dict[str, float]:
    """The usual three of some times."""
    ordered = sorted(took_ms)
    return {"median_ms": median(ordered), "p99_ms": ordered[int(len(ordered) * 0.99)], "worst_ms": ordered[-1]}


# ── A lone mail ───────────────────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def _lone(quick: bool) -> AsyncIterator[Sequence[Contestant]]:
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(gateway())
        peer = await stack.enter_async_context(postfix())
        numbers = itertools.count()
        yield [
            Contestant(f"{server.name}, {words}", partial(measure, server, numbers, quick), server.pid)
            for words, measure in (("open connection", _over_one_call), ("whole session", _over_many_calls))
            for server in (ours.server, peer)
        ]


async def _over_one_call(server: Server, numbers: itertools.count[int], quick: bool) -> Found:
    """From MAIL to 250."""
    took = []
    async with Call(server.port) as call:
        for number in itertools.islice(numbers, _LONE_QUICK if quick else _LONE):
            await asyncio.sleep(_REST_S)
            begun = time.perf_counter()
            await call.send(letter(number))
            took.append((time.perf_counter() - begun) * 1000)
    await server.rest()
    return Found(figures(took), len(took))


async def _over_many_calls(server: Server, numbers: itertools.count[int], quick: bool) -> Found:
    """From the call to the answer to QUIT."""
    took = []
    for number in itertools.islice(numbers, _LONE_QUICK if quick else _LONE):
        await asyncio.sleep(_REST_S)
        begun = time.perf_counter()
        async with Call(server.port) as call:
            await call.send(letter(number))
        took.append((time.perf_counter() - begun) * 1000)
    await server.rest()
    return Found(figures(took), len(took))


# ── Its challenge ─────────────────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def _challenge(quick: bool) -> AsyncIterator[Sequence[Contestant]]:
    strangers = range(250)
    # Only who is proven is answered at all.
    seal = Seal()
    names = {key: record for number in strangers for key, record in seal.names(domain(number)).items()}
    async with Sink() as sink:
        extra = "[replies]\nnew_contacts_per_day = 100000"
        async with gateway(mode="guarded", relay=sink.address, names=names, extra=extra) as ours:
            signed = ((number, seal.signed(letter(number))) for number in strangers)
            yield [Contestant("mailgate", partial(_challenged, ours, sink, signed, quick), ours.server.pid)]


async def _challenged(ours: Gateway, sink: Sink, signed: Iterator[tuple[int, Letter]], quick: bool) -> Found:
    """From 250 until the next hop has the challenge whole. Each calls from elsewhere: one network may ask for few."""
    arrivals: dict[str, float] = {}
    arrived = asyncio.Event()

    def answer(taken: Taken) -> str:
        arrivals[taken.rcpt_to[0]] = time.perf_counter()
        arrived.set()
        return "250 2.0.0 ok"

    sink.answer = answer
    took = []
    for number, mail in itertools.islice(signed, _STRANGERS_QUICK if quick else _STRANGERS):
        async with Call(ours.server.port, our_ip=f"127.1.{number}.1") as call:
            await call.send(mail)
            answered = time.perf_counter()
            async with asyncio.timeout(_ARRIVAL_S):
                while mail.mail_from not in arrivals:
                    arrived.clear()
                    await arrived.wait()
            # It may even be there before we have read the 250.
            took.append(max(0.0, arrivals[mail.mail_from] - answered) * 1000)
    await ours.server.rest()
    return Found(figures(took), len(took))


# ── Half of the load that is possible ─────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def _half_load(quick: bool) -> AsyncIterator[Sequence[Contestant]]:
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(gateway())
        peer = await stack.enter_async_context(postfix())
        numbers = itertools.count()
        yield [
            Contestant(server.name, partial(_at_half, server, numbers, quick), server.pid)
            for server in (ours.server, peer)
        ]


async def _at_half(server: Server, numbers: itertools.count[int], quick: bool) -> Found:
    """What it accepts at most is measured just before, then half of that is offered."""
    probe = _PROBE_QUICK if quick else _PROBE
    per_s = probe.mails / await put(probe, server.port) / 2
    await server.rest()
    rate = Rate(per_s, _HALF_QUICK_S if quick else _HALF_S, _SESSIONS)
    # Written beforehand, for it takes time that is not the server's.
    letters = [letter(next(numbers)) for _ in rate.times(_SEED)]
    took = await at_rate(server.port, rate, letters, _SEED)
    await server.rest()
    return Found({"offered_per_s": per_s} | figures(took), probe.mails + len(took))


LONE = Bench(
    "lone",
    f"{_LONE} mails of 2 KB, one at a time, {_REST_S * 1000:.0f} ms apart",
    _lone,
    (
        AtMost(15.0, "median_ms", "mailgate, open connection"),
        AtMost(15.0, "median_ms", "mailgate, whole session"),
    ),
)
CHALLENGE = Bench(
    "challenge",
    f"{_STRANGERS} proven strangers write to a guarded mailbox, one after another: from 250 to the next hop",
    _challenge,
    (AtMost(1000.0, "worst_ms", "mailgate"),),
)
HALF_LOAD = Bench(
    "half-load",
    f"half of what is accepted at most, for {_HALF_S:.0f} s at random distances, over {_SESSIONS} connections",
    _half_load,
    (AtMost(2000.0, "p99_ms", "mailgate"),),
)
