"""Which of the mails that were claimed may be tried now: few to one domain at once, none to a host in trouble.

House rules:
* A lane is a recipient's domain. It takes a few mails at once, and whoever waits for a lane that does not move goes
  back into the outbox: one dead host must not take the places of all others.
* A destination is what we connect to: the relay, or the domain. One that did not answer is left alone for a while, and
  longer each time; then one mail tries, and the others wait until it is known what came of that.
* What is put off was not tried: its attempt does not count, and the outbox says since when and why it waits.

All of this is forgotten when the process ends. Nothing depends on it but who is asked how often.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final
from weakref import WeakValueDictionary

from mailgate.judge import retry
from mailgate.model import Answer, Due, PutOff

PER_DOMAIN: Final = 5  # deliveries to one domain, so that one slow host does not take them all
STUCK_S: Final = 10.0  # a lane that nobody entered or left for so long does not move
STUCK_WAIT: Final = timedelta(minutes=1)
PROBE_WAIT: Final = timedelta(minutes=1)  # for the others while one tries whether a host is back
MOST_AT_REST: Final = 10_000  # destinations that are remembered; the one that rests longest is forgotten first


def domain_of(due: Due) -> str:
    """The domain of the recipient."""
    return due.rcpt_to.rpartition("@")[2].lower()


class _Lane:
    def __init__(self, now_s: float) -> None:
        self.slots = asyncio.Semaphore(PER_DOMAIN)
        self.moved_s = now_s


class _Rest:
    """A destination that is left alone until `until`. `prober` is the row of the mail that tries it after that."""

    def __init__(self, until: datetime) -> None:
        self.failures = 1
        self.until = until
        self.prober: int | None = None


class Lanes:
    """At most `concurrency` deliveries at once. `destination` says what we connect to for a mail."""

    def __init__(
        self,
        concurrency: int,
        clock: Callable[[], datetime],
        destination: Callable[[Due], str] = domain_of,
        *,
        stuck_s: float = STUCK_S,
    ) -> None:
        self._slots = asyncio.Semaphore(concurrency)
        self._clock = clock
        self._destination = destination
        self._stuck_s = stuck_s
        # A lane lives as long as somebody waits in it.
        self._lanes: WeakValueDictionary[str, _Lane] = WeakValueDictionary()
        self._at_rest: dict[str, _Rest] = {}

    @asynccontextmanager
    async def turn(self, due: Due) -> AsyncIterator[PutOff | None]:
        """Wait for a place, and hold it as long as the context lasts; or say until when the mail is put off."""
        loop, domain = asyncio.get_running_loop(), domain_of(due)
        lane = self._lanes.get(domain) or self._lanes.setdefault(domain, _Lane(loop.time()))
        if not await self._entered(lane):
            until = self._clock() + STUCK_WAIT
            if slow := retry.put_off(due, until, f"4.4.5 {domain} is slow, and others wait before it"):
                yield slow
                return
            await lane.slots.acquire()
        lane.moved_s = loop.time()
        try:
            async with self._slots:
                yield self._put_off(due)
        finally:
            lane.slots.release()
            lane.moved_s = loop.time()
            self._no_longer_probes(due)

    def heard(self, due: Due, answer: Answer) -> None:
        """What an attempt says of its destination: an answer of any kind ends its rest, silence prolongs it.

        Trouble of our own says nothing.
        """
        name, now = self._destination(due), self._clock()
        if not retry.is_of_the_host(answer):
            if answer.code:
                self._at_rest.pop(name, None)
            return
        rest = self._at_rest.pop(name, None)
        if rest is None:
            rest = _Rest(now + retry.host_wait(1))
        elif now >= rest.until:
            # Several that were under way together are one trouble.
            rest.failures += 1
            rest.until = now + retry.host_wait(rest.failures)
        self._at_rest[name] = rest
        if len(self._at_rest) > MOST_AT_REST:
            del self._at_rest[next(iter(self._at_rest))]

    async def _entered(self, lane: _Lane) -> bool:
        """Take a place in the lane; false where it does not move."""
        loop = asyncio.get_running_loop()
        while lane.slots.locked():
            left_s = lane.moved_s + self._stuck_s - loop.time()
            if left_s <= 0:
                return False
            try:
                return await asyncio.wait_for(lane.slots.acquire(), left_s)
            except TimeoutError:
                continue  # somebody may have moved meanwhile
        return await lane.slots.acquire()

    def _put_off(self, due: Due) -> PutOff | None:
        name, now = self._destination(due), self._clock()
        rest = self._at_rest.get(name)
        if rest is None or due.asked_for:
            return None
        if now < rest.until:
            return retry.put_off(due, rest.until, f"4.4.1 {name} did not answer; nothing is tried there until then")
        if rest.prober is None:
            rest.prober = due.outbox_id
            return None
        return retry.put_off(due, now + PROBE_WAIT, f"4.4.1 {name} did not answer; another mail tries it now")

    def _no_longer_probes(self, due: Due) -> None:
        rest = self._at_rest.get(self._destination(due))
        if rest and rest.prober == due.outbox_id:
            rest.prober = None
