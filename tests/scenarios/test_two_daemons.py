"""Two daemons on one PostgreSQL database: they share its work, and each finishes what the other dies with."""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.fakes.sink import Sink
from tests.fakes.stores import POSTGRESQL, only
from tests.fakes.waiting import wait_until
from tests.scenarios.correspondence import (
    CONFIG,
    Correspondence,
    every_letter_is_in_its_place,
    no_automatic_mail_left_twice,
    retry_shunted,
)
from tests.scenarios.daemon import Daemon
from tests.scenarios.sender import Sender, deliver, letter

pytestmark = only(POSTGRESQL)

SESSIONS = 5  # to each daemon
PAUSE_S = 0.05


@pytest.fixture
async def pair(folder: Path, sink: Sink, url: str) -> AsyncIterator[list[Daemon]]:
    async with AsyncExitStack() as stack:
        daemons: list[Daemon] = []
        for name in ("one", "other"):
            own = folder / name
            own.mkdir()
            if daemons:
                shutil.copy(daemons[0].folder / "mailgate.keys", own)
            daemon = Daemon(own, relay=sink.address, url=url, extra=CONFIG)
            daemons.append(await stack.enter_async_context(daemon))
        yield daemons


async def test_what_one_dies_with_the_other_finishes(pair: list[Daemon], sink: Sink) -> None:
    """Frozen first, so that it holds what it accepted; then killed."""
    one, other = pair
    await one.settled()
    mails = [letter(number, "sales@g.test") for number in range(40)]
    replies = await asyncio.gather(*(deliver(one.smtp_port, mail) for mail in mails))
    one.signal(signal.SIGSTOP)
    assert {reply.code for reply in replies} == {250}
    await one.kill()

    await other.settled()
    ledger = await other.ledger()
    assert (ledger["accepted"], ledger["ticketed"], ledger["balanced"]) == (40, 40, True)
    no_automatic_mail_left_twice(sink)


async def test_mail_that_one_accepts_is_judged_though_the_other_has_all_the_time(pair: list[Daemon]) -> None:
    for number in range(20):
        assert (await deliver(pair[number % 2].smtp_port, letter(number, "sales@g.test"))).code == 250
    await pair[0].settled()

    ledgers = [await daemon.ledger() for daemon in pair]
    assert ledgers[0] == ledgers[1]
    assert (ledgers[0]["accepted"], ledgers[0]["ticketed"]) == (20, 20)


async def test_an_answer_that_a_command_queues_leaves_at_once(pair: list[Daemon], sink: Sink) -> None:
    """The daemons hear of it from the database; neither would look for half a minute."""
    await deliver(pair[0].smtp_port, letter(1, "sales@g.test"))
    await pair[0].settled()
    sent = len(sink.mails)

    text = pair[1].folder / "answer.txt"
    text.write_text("We send another.")
    await pair[1].command("tickets", "reply", "1", str(text))
    await wait_until(lambda: len(sink.mails) > sent, deadline_s=10)


async def survive(pair: list[Daemon], sink: Sink, kills: int, seed: int) -> None:
    """One of the two is killed and started again, under load, again and again."""
    print(f"seed {seed}")
    chance, letters = random.Random(seed), Correspondence(sink)
    senders = [Sender(daemon.smtp_port, letters.next, connections=SESSIONS, pause_s=PAUSE_S) for daemon in pair]
    async with asyncio.TaskGroup() as group:
        for sender in senders:
            group.create_task(sender.run())
        for _ in range(kills):
            victim = chance.choice(pair)
            goal = sum(len(sender.accepted) for sender in senders) + chance.randrange(20, 200)
            await wait_until(lambda goal=goal: sum(len(sender.accepted) for sender in senders) >= goal, deadline_s=60)
            await victim.kill()
            await victim.start()
        letters.stopped = True
    await pair[0].settled(deadline_s=120)
    await retry_shunted(pair[0])
    await every_letter_is_in_its_place(pair[0], letters, *senders)
    no_automatic_mail_left_twice(sink)


@pytest.mark.timeout(400)
async def test_every_accepted_mail_survives_three_kills_of_one_of_two(pair: list[Daemon], sink: Sink) -> None:
    await survive(pair, sink, kills=3, seed=random.SystemRandom().randrange(1 << 32))


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_every_accepted_mail_survives_thirty_kills_of_one_of_two(pair: list[Daemon], sink: Sink) -> None:
    await survive(pair, sink, kills=30, seed=random.SystemRandom().randrange(1 << 32))
