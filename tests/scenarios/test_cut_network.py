"""Two daemons on one PostgreSQL database; the network to it is cut, silent, slow, under load: nothing lost or doubled.

The one server never fails here; what lies between fails, for one daemon or for both, again and again. The senders do
what RFC 5321 section 4.5.4 tells them: they keep a mail until they hear 250.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.fakes.cable import Cable
from tests.fakes.sink import Sink
from tests.fakes.stores import POSTGRESQL, only
from tests.fakes.waiting import wait_until
from tests.scenarios.correspondence import (
    CONFIG,
    Correspondence,
    every_letter_is_in_its_place,
    no_automatic_mail_left_twice,
)
from tests.scenarios.daemon import Daemon
from tests.scenarios.sender import Sender

pytestmark = only(POSTGRESQL)

SESSIONS = 10  # to each daemon
PAUSE_S = 0.1  # between two mails of a session, so that troubles and not the machine are what is tested
BACK_S = 60.0  # within which a daemon whose cable was mended takes mail again, however busy the machine

TROUBLES: dict[str, Callable[[Cable], None]] = {
    "cut": Cable.cut,
    "silent": Cable.silence,
    "slow": lambda cable: cable.slow(latency_s=0.1, bytes_a_s=100_000),
    "crawling": lambda cable: cable.slow(latency_s=0.5, bytes_a_s=20_000),
}


class Pair:
    """Two daemons with the same name and keys, each with a cable of its own to their database."""

    def __init__(self, daemons: list[Daemon], cables: list[Cable]) -> None:
        self.daemons = daemons
        self.cables = cables


@asynccontextmanager
async def pair_of(folder: Path, sink: Sink, url: str) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        daemons, cables = [], []
        for name in ("one", "other"):
            own = folder / name
            own.mkdir()
            if daemons:
                shutil.copy(daemons[0].folder / "mailgate.keys", own)
            cable = await stack.enter_async_context(Cable(urlsplit(url).port or 5432))
            through = urlsplit(url)._replace(netloc=f"postgres@127.0.0.1:{cable.port}").geturl()
            daemon = Daemon(own, relay=sink.address, url=through, extra=CONFIG)
            daemons.append(await stack.enter_async_context(daemon))
            # Its cable is plugged in. To look from here by it would be to wait for ourselves.
            daemon.url = url
            cables.append(cable)
        yield Pair(daemons, cables)


async def survive(folder: Path, sink: Sink, url: str, troubles: list[tuple[str, float, int]], seed: int) -> None:
    """Play `troubles`: what, for how many seconds, and to which daemon (2: both)."""
    print(f"seed {seed}")
    chance = random.Random(seed)
    letters = Correspondence(sink)
    async with pair_of(folder, sink, url) as pair:
        senders = [
            Sender(daemon.smtp_port, letters.next, connections=SESSIONS, pause_s=PAUSE_S) for daemon in pair.daemons
        ]
        async with asyncio.TaskGroup() as group:
            for sender in senders:
                group.create_task(sender.run())
            await both_take_mail(pair, senders)
            for what, about_s, to in troubles:
                hurt = pair.cables if to > 1 else [pair.cables[to]]
                lasts_s = about_s * chance.uniform(0.5, 1.5)
                print(f"{what} for {lasts_s:.1f} s, {['one', 'other', 'both'][to]}")
                for cable in hurt:
                    TROUBLES[what](cable)
                await asyncio.sleep(lasts_s)
                for cable in hurt:
                    cable.mend()
                await both_take_mail(pair, senders)
            letters.stopped = True
        await pair.daemons[0].settled(deadline_s=120)
        await every_letter_is_in_its_place(pair.daemons[0], letters, *senders)
        no_automatic_mail_left_twice(sink)
        assert await pair.daemons[0].ledger() == await pair.daemons[1].ledger()
        for daemon in pair.daemons:
            assert Counter(line["event"] for line in daemon.log if line.get("level") == "error") == {}


async def both_take_mail(pair: Pair, senders: list[Sender]) -> None:
    """Each daemon gives 250 again, to several mails, of itself."""
    for daemon, sender in zip(pair.daemons, senders, strict=True):
        goal = len(sender.accepted) + 3 * SESSIONS
        try:
            await wait_until(lambda sender=sender, goal=goal: len(sender.accepted) >= goal, deadline_s=BACK_S)
        except TimeoutError as error:
            error.add_note(f"{daemon.folder.name} takes no mail: {daemon.last_words()}")
            raise


@pytest.mark.timeout(400)
async def test_two_daemons_outlive_the_network_to_their_database(folder: Path, sink: Sink, url: str) -> None:
    troubles = [("cut", 1.0, 0), ("silent", 4.0, 1), ("slow", 3.0, 2), ("cut", 1.0, 2), ("silent", 2.0, 2)]
    await survive(folder, sink, url, troubles, seed=random.SystemRandom().randrange(1 << 32))


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_two_daemons_outlive_many_troubles_of_the_network(folder: Path, sink: Sink, url: str) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    chance = random.Random(seed)
    troubles = [
        (chance.choice(sorted(TROUBLES)), chance.choice([0.2, 2.0, 8.0, 40.0]), chance.randrange(3)) for _ in range(40)
    ]
    await survive(folder, sink, url, troubles, seed=seed)
