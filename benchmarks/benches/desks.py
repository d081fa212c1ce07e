"""How fast mails become tickets, beside the mail gateways of two help desks written in Python."""

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

from benchmarks.bench import Bench, Contestant, Found
from benchmarks.caller import in_turn
from benchmarks.load import RECIPIENT, MissingError
from benchmarks.mails import Letter, letter
from benchmarks.peers.desks import Desk, Helpdesk, Roundup
from benchmarks.peers.gateway import Gateway, gateway
from benchmarks.peers.server import UnfinishedError
from benchmarks.promise import AtLeast
from tests.scenarios.daemon import PROGRAM

_OURS, _OURS_QUICK = 5000, 300
_THEIRS, _THEIRS_QUICK = 200, 20
_ALONE, _ALONE_QUICK = 10, 2
_PEOPLE = 20  # all known beforehand: to Roundup a new one costs ten times a mail, for his password is hashed
_OUR_PEOPLE = 1000  # known too; of what one person sends in an hour all but the first twenty stand in one ticket
_SESSIONS = 20
_EACH = ", a process each"


@asynccontextmanager
async def _open(quick: bool) -> AsyncIterator[Sequence[Contestant]]:
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(gateway())
        numbers = itertools.count()
        await in_turn(ours.server.port, _letters(numbers, _OUR_PEOPLE, _OUR_PEOPLE), _SESSIONS)
        await ours.server.rest()
        contestants = [
            Contestant(
                "mailgate", partial(_through_the_wire, ours, numbers, _OURS_QUICK if quick else _OURS), ours.server.pid
            ),
            Contestant(f"mailgate inject{_EACH}", partial(_injected, ours, numbers, quick)),
        ]
        for kind in (Roundup, Helpdesk):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mailgate-bench-")))
            desk: Desk = kind(folder)
            try:
                await desk.set_up()
            except MissingError as error:
                print(f"!!! {desk.name} IS LEFT OUT, it cannot be installed: {error}", file=sys.stderr, flush=True)
                continue
            numbers = itertools.count()
            desk.put(_letters(numbers, _PEOPLE))
            await desk.take()
            contestants += [
                Contestant(desk.name, partial(_taken, desk, numbers, _THEIRS_QUICK if quick else _THEIRS)),
                Contestant(f"{desk.name}{_EACH}", partial(_taken_alone, desk, numbers, quick)),
            ]
        yield contestants


def _letters(numbers: itertools.count[int], many: int, people: int = _PEOPLE) -> list[Letter]:
    return [letter(number, number % people) for number in itertools.islice(numbers, many)]


async def _through_the_wire(ours: Gateway, numbers: itertools.count[int], many: int) -> Found:
    letters, before, begun = _letters(numbers, many, _OUR_PEOPLE), ours.tickets(), time.perf_counter()
    await in_turn(ours.server.port, letters, _SESSIONS)
    await ours.server.rest()
    return _found(many, time.perf_counter() - begun, ours.tickets() - before)


async def _injected(ours: Gateway, numbers: itertools.count[int], quick: bool) -> Found:
    """The pipe transport; a daemon beside it does the rest."""
    letters, before = _letters(numbers, _ALONE_QUICK if quick else _ALONE, _OUR_PEOPLE), ours.tickets()
    begun = time.perf_counter()
    for one in letters:
        process = await asyncio.create_subprocess_exec(
            PROGRAM,
            *("--config", str(ours.daemon.config), "inject"),
            *("--mail-from", one.mail_from, "--rcpt-to", RECIPIENT, "-"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
        )
        await process.communicate(one.raw)
    await ours.server.rest()
    return _found(len(letters), time.perf_counter() - begun, ours.tickets() - before)


async def _taken(desk: Desk, numbers: itertools.count[int], many: int) -> Found:
    """One process for all; the time that it takes to start and look into an empty mailbox is not counted."""
    begun = time.perf_counter()
    await desk.take()
    start_s, before = time.perf_counter() - begun, desk.tickets()
    desk.put(_letters(numbers, many))
    begun = time.perf_counter()
    await desk.take()
    return _found(many, time.perf_counter() - begun - start_s, desk.tickets() - before)


async def _taken_alone(desk: Desk, numbers: itertools.count[int], quick: bool) -> Found:
    letters, before, begun = _letters(numbers, _ALONE_QUICK if quick else _ALONE), desk.tickets(), time.perf_counter()
    for one in letters:
        await desk.take_alone(one)
    return _found(len(letters), time.perf_counter() - begun, desk.tickets() - before)


def _found(mails: int, seconds: float, tickets: int) -> Found:
    if tickets != mails:
        raise UnfinishedError(f"{mails} mails became {tickets} tickets")
    return Found({"tickets_per_s": mails / seconds}, mails)


DESKS = Bench(
    "desks",
    "mails of 2 KB from known people, until each is a ticket",
    _open,
    (
        AtLeast(25.0, "tickets_per_s", "mailgate", "roundup"),
        AtLeast(25.0, "tickets_per_s", "mailgate", "django-helpdesk"),
    ),
)
