"""Nothing is lost: a loaded daemon is killed at random moments, and every mail that got 250 is in its place, once."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from tests.fakes.sink import Sink
from tests.fakes.waiting import wait_until
from tests.scenarios.daemon import Daemon
from tests.scenarios.sender import Client, Letter, Sender, answer, deliver, letter, wire

# Limits that do not meddle: here it is about crashes, and every stranger is to be answered.
CONFIG = """
[authentication]
assume = "pass"
[replies]
new_contacts_per_day = 100000
confirm_min_s = 0
"""
MOMENT_S = 60.0
MOST_EVENTS = 60  # between a start and the kill
PLACES = {"ticketed", "appended", "held", "consumed"}


class Correspondence:
    """Letters without end, until told to stop; every other one answers an automatic mail of the daemon's."""

    def __init__(self, sink: Sink) -> None:
        self.letters: list[Letter] = []
        self.stopped = False
        self._sink = sink
        self._answered = 0

    def next(self) -> Letter | None:
        if self.stopped:
            return None
        number = len(self.letters)
        if number % 2 and self._answered < len(self._sink.mails):
            written = answer(number, self._sink.mails[self._answered].raw)
            self._answered += 1
        else:
            written = letter(number, ("support@g.test", "sales@g.test")[number // 2 % 2])
        self.letters.append(written)
        return written


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
        await _retry_shunted(daemon)
        await _every_letter_is_in_its_place(daemon, letters, sender)
        _no_automatic_mail_left_twice(sink)


async def _retry_shunted(daemon: Daemon) -> None:
    """A mail in hand at two kills is set aside, since it might have been the cause; a person lets it be tried again."""
    for shunted in await daemon.command("shunted", "list"):
        await daemon.command("shunted", "retry", str(shunted["id"]))
    await daemon.settled()


async def _every_letter_is_in_its_place(daemon: Daemon, letters: Correspondence, sender: Sender) -> None:
    sent = [one.message_id for one in letters.letters]
    assert sender.refused == []
    assert sorted(sender.accepted) == sorted(sent)

    states = daemon.rows("SELECT raw.zstd, journal.state FROM journal JOIN raw ON raw.id = journal.raw_id")
    assert sorted(_message_id(zstd) for zstd, _ in states) == sorted(sent)
    assert {state for _, state in states} <= PLACES

    ledger = await daemon.ledger()
    assert ledger["balanced"] is True
    assert (ledger["accepted"], ledger["pending"]) == (len(sent), 0)
    assert ledger["automatic"]["acknowledge"] > 0
    assert ledger["automatic"]["challenge"] > 0
    tickets = await daemon.command("tickets", "list", "--all", "--limit", "100000")
    held = await daemon.command("held", "list", "--limit", "100000")
    counted = Counter(state for _, state in states)
    assert (len(tickets), len(held)) == (counted["ticketed"], counted["held"])


def _no_automatic_mail_left_twice(sink: Sink) -> None:
    fields = [mail.fields for mail in sink.mails]
    for identities in (
        [mail["Message-ID"] for mail in fields],
        # The one letter of a stranger who confirms is challenged once, and acknowledged once.
        [(mail["In-Reply-To"], mail["Subject"]) for mail in fields],
    ):
        assert [identity for identity, times in Counter(identities).items() if times > 1] == []


def _message_id(zstd: bytes) -> str:
    found = re.search(rb"^Message-ID: (.*)\r\n", zstandard.ZstdDecompressor().decompress(zstd), re.MULTILINE)
    assert found
    return found[1].decode()


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
