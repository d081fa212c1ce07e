"""Nothing is lost: a loaded daemon is killed at random moments, and every mail that got 250 is in its place, once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.sink import Sink
from tests.fakes.waiting import wait_until
from tests.scenarios.correspondence import (
    CONFIG,
    Correspondence,
    every_letter_is_in_its_place,
    no_automatic_mail_left_twice,
    retry_shunted,
)
from tests.scenarios.daemon import Daemon
from tests.scenarios.sender import Client, Sender, deliver, letter, wire

MOMENT_S = 60.0
MOST_EVENTS = 60  # between a start and the kill


async def crashed(daemon: Daemon, sender: Sender, sink: Sink, chance: random.Random) -> None:
    """Let the daemon live until something has happened a random number of times, then kill it."""
    counts: dict[str, Callable[[], int]] = {
        "accepted": lambda: len(sender.accepted),
        "logged": lambda: len(daemon.log),
        "delivered": lambda: len(sink.mails),
    }
    what = chance.choice(sorted(counts))
    goal = counts[what]() + chance.randrange(MOST_EVENTS)
    await wait_until(lambda: counts[what]() >= goal, deadline_s=MOMENT_S)
    await daemon.kill()


async def survive(folder: Path, sink: Sink, url: str, kills: int, seed: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    letters = Correspondence(sink)
    async with Daemon(folder, relay=sink.address, url=url, extra=CONFIG) as daemon:
        sender = Sender(daemon.smtp_port, letters.next)
        async with asyncio.TaskGroup() as group:
            group.create_task(sender.run())
            for _ in range(kills):
                await crashed(daemon, sender, sink, chance)
                await daemon.start()
            letters.stopped = True
        await daemon.settled()
        await retry_shunted(daemon)
        await every_letter_is_in_its_place(daemon, letters, sender)
        no_automatic_mail_left_twice(sink)


@pytest.mark.timeout(400)
async def test_every_accepted_mail_survives_five_kills(folder: Path, sink: Sink, url: str) -> None:
    await survive(folder, sink, url, kills=5, seed=random.SystemRandom().randrange(1 << 32))


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_every_accepted_mail_survives_fifty_kills(folder: Path, sink: Sink, url: str) -> None:
    await survive(folder, sink, url, kills=50, seed=random.SystemRandom().randrange(1 << 32))


async def test_a_client_that_lost_our_250_hears_the_same_id_and_the_mail_is_kept_once(daemon: Daemon) -> None:
    """T100: killed after the commit, before anybody read the 250."""
    mail = letter(1, "sales@g.test")
    async with Client(daemon.smtp_port) as client:
        await client.envelope(mail.mail_from, mail.rcpt_to)
        client.write(wire(mail.raw))
        await wait_until(lambda: daemon.rows("SELECT queue_id FROM journal") != [])
        await daemon.kill()

    [(queue_id,)] = daemon.rows("SELECT queue_id FROM journal")
    await daemon.start()
    reply = await deliver(daemon.smtp_port, mail)

    assert (reply.code, reply.text) == (250, f"2.0.0 Ok: queued as {queue_id}")
    await daemon.settled()
    assert daemon.rows("SELECT count(*) FROM message WHERE direction = 'in'") == [(1,)]
    assert (await daemon.ledger())["accepted"] == 1
