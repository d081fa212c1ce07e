"""A clock that jumps, ahead or back, makes no automatic mail possible that was not possible before."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from mailgate.clock import Clock
from mailgate.errors import TryAgain
from mailgate.log import open_log
from mailgate.store import restored
from mailgate.store.database import Database
from mailgate.testing import Lab
from mailgate.upkeep import Upkeep
from tests.fakes.letters import letter
from tests.fakes.stores import Laboratory

T = TypeVar("T")
OFF = {"mailbox": [{"address": "support@g.test", "mode": "off"}]}
DAY = timedelta(days=1)


class Jumping:
    """A laboratory whose time is told by the daemon's clock: that of the machine is `wall`."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.wall, self._begun = lab.now, lab.now
        self._set = timedelta()
        self._things = iter(("printer", "umbrella", "ladder", "kettle", "carpet"))
        self.stream = io.StringIO()
        self.start()

    def start(self, boot: str = "boot") -> None:
        """A new process, on the same machine where its `boot` is the same."""
        self.clock = Clock(lambda: self.wall, lambda: self.wall - self._set - self._begun, boot=boot)
        context = replace(self.lab.context, clock=self.clock, log=open_log(self.stream, logging.INFO))
        self.upkeep = Upkeep(context, steady=self.clock)
        self.lab.now = self.clock()

    def run(self, span: timedelta) -> None:
        self.wall += span
        self.lab.now = self.clock()

    def set(self, ahead: timedelta) -> None:
        self.wall += ahead
        self._set += ahead
        self.lab.now = self.clock()

    async def tick(self) -> None:
        await self.upkeep.heed_clock()
        self.lab.now = self.clock()

    @property
    def events(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    async def write_later(self) -> int:
        """The same, ten minutes on: who writes at once after a mail of ours is a machine."""
        self.run(timedelta(minutes=10))
        return await self.write()

    async def write(self) -> int:
        """A mail from Anne about something new; how many automatic mails have left by then."""
        # Unlike any before: a text that comes again gives a machine away.
        what = next(self._things)
        raw = letter(subject=f"The {what} is gone", text=f"Somebody took my {what}. Have you seen the {what}?")
        await self.lab.receive(raw, mail_from="anne@x.test")
        await self.lab.settle()
        return len(self.lab.sent)


async def test_between_a_jump_and_its_discovery_no_limit_has_moved(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFF) as lab:
        jumping = Jumping(lab)
        # Anne has had what one address may have in an hour.
        assert [await jumping.write_later() for _ in range(3)] == [1, 2, 2]
        jumping.set(DAY)
        assert await jumping.write_later() == 2
        jumping.run(timedelta(minutes=50))
        assert await jumping.write() == 3, "the hour has passed"


async def test_after_a_jump_nothing_automatic_leaves_for_a_day(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFF) as lab:
        jumping = Jumping(lab)
        jumping.set(DAY)
        await jumping.tick()
        assert lab.now == jumping.wall
        assert await jumping.write() == 0
        jumping.run(timedelta(hours=23, minutes=59))
        assert await jumping.write() == 0
        jumping.run(timedelta(minutes=1))
        assert await jumping.write() == 1


async def test_a_jump_is_noticed_by_the_process_that_comes_after_it(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFF) as lab:
        jumping = Jumping(lab)
        await jumping.upkeep.settle()
        jumping.run(timedelta(hours=5))
        jumping.set(DAY)
        jumping.start()
        await jumping.upkeep.begin()
        lab.now = jumping.clock()
        assert [event["event"] for event in jumping.events] == ["clock-jumped-ahead", "automatic-mail-off"]
        assert await jumping.write() == 0

        # And not once more by the next, nor after the machine itself was started again.
        jumping.start()
        await jumping.upkeep.begin()
        jumping.start("another boot")
        await jumping.upkeep.begin()
        assert len([event for event in jumping.events if event["event"] == "clock-jumped-ahead"]) == 1


async def test_a_jump_is_told_once_and_loudly(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        jumping = Jumping(lab)
        await jumping.tick()
        assert jumping.events == []
        jumping.set(DAY)
        await jumping.tick()
        await jumping.tick()
        (event,) = jumping.events
        until = datetime.fromisoformat(event["automatic_mail_off_until"])
        assert (event["event"], event["level"], event["step_s"]) == ("clock-jumped-ahead", "error", 86_400)
        assert until == jumping.wall + DAY


async def test_the_clock_is_not_followed_before_the_silence_is_on_disk(laboratory: Laboratory) -> None:
    class Troubled:
        """A database that cannot be written to."""

        async def write(self, work: Callable[[Connection], T]) -> T:
            raise TryAgain("no room")

    async with laboratory(overrides=OFF) as lab:
        jumping = Jumping(lab)
        database: Database = jumping.upkeep.database
        jumping.upkeep.database = Troubled()  # type: ignore[assignment]
        jumping.set(DAY)
        with pytest.raises(TryAgain):
            await jumping.tick()
        assert jumping.clock() == jumping.wall - DAY

        jumping.upkeep.database = database
        await jumping.tick()
        assert jumping.clock() == jumping.wall


async def test_automatic_mail_that_has_its_permit_is_not_recalled(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFF) as lab:
        jumping = Jumping(lab)
        lab.next_hop = lambda sent: (451, "4.3.2 Later")
        await jumping.write()
        lab.next_hop = lambda sent: (250, "2.0.0 Ok")
        before = len(lab.sent)
        jumping.set(timedelta(hours=2))
        await jumping.tick()
        await lab.settle()
        assert len(lab.sent) == before + 1


async def test_a_person_may_end_the_silence(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFF) as lab:
        jumping = Jumping(lab)
        jumping.set(DAY)
        await jumping.tick()
        await lab.desk.resume()
        assert await jumping.write() == 1


async def test_a_silence_ends_a_day_after_a_wrong_clock_was_put_back(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFF) as lab:
        jumping = Jumping(lab)
        jumping.set(300 * DAY)
        await jumping.tick()
        jumping.set(-300 * DAY)
        await jumping.upkeep.settle()
        assert lab.database.look(restored.silent_until) == jumping.wall + DAY
        await jumping.upkeep.settle()
        assert lab.database.look(restored.silent_until) == jumping.wall + DAY


async def test_a_clock_set_back_three_hours_changes_no_limit(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFF) as lab:
        jumping = Jumping(lab)
        assert [await jumping.write_later() for _ in range(3)] == [1, 2, 2]
        contact = lab.contact("anne@x.test")
        assert contact is not None
        jumping.set(timedelta(hours=-3))
        await jumping.tick()
        assert await jumping.write_later() == 2
        after = lab.contact("anne@x.test")
        assert after is not None
        assert (after.credit, after.credit_at) == (contact.credit, contact.credit_at), "credit does not drip backwards"
        # Put right again, it has jumped ahead: what was sent meanwhile would look three hours older than it is.
        jumping.set(timedelta(hours=3))
        await jumping.tick()
        jumping.run(timedelta(hours=2))
        assert await jumping.write() == 2
