"""Mail out: from the outbox to the next hop, and what follows. Read me second.

One mail's way, in the order of this file:

1. `Outbound.run` sleeps until somebody wakes it or the next mail falls due, and claims what is due, each row under a
   lease and with its attempt counted, before anything is tried.
2. Each claimed mail is signed and delivered by a task of its own; some 20 at a time, few of them to the same domain,
   and none to a host that did not answer a moment ago (`lanes`): such a mail goes back untried.
3. Between RCPT and DATA the row is committed as *handed*. If we die after that, an automatic mail is not sent again
   (it may have arrived: at most once) and a person's mail is (with the same Message-ID: at least once).
4. The hop's answer goes through `judge.retry.fate`, and the settlement with all that follows from it is written.

Commits of step 3 and 4 are shared by all deliveries that wait for one. Nothing here decides whether a mail may be
sent at all: that was decided, and its permit spent, when it was queued.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec.structs import replace

from mailgate.alarm import Alarm, tell
from mailgate.errors import NotAllowed, TryAgain
from mailgate.judge import retry
from mailgate.lanes import STUCK_S, Lanes, domain_of
from mailgate.log import Event, Log
from mailgate.meter import UNHEARD, Meter
from mailgate.model import Answer, Due, OutboxState, Purpose, Settlement
from mailgate.store import outbox, postponed
from mailgate.store.database import Database

if TYPE_CHECKING:
    from sqlalchemy import Connection

IN_MEMORY: Final = 200  # claimed mails; more stay in the database
CONCURRENCY: Final = 20  # deliveries under way, as Postfix has it for one destination
# Longer than the slowest attempt: every command may take the five to ten minutes that RFC 5321 section 4.5.3.2 grants.
LEASE_S: Final = 3600.0
IDLE_WAIT_S: Final = 30.0  # how late a row is found whose word went unheard
TIMER_WAIT_S: Final = 0.05  # the least that is slept for a timer; whoever queues mail wakes us at once
TROUBLE_WAIT_S: Final = 1.0  # between tries while the database is in trouble
DRAIN_S: Final = 30.0  # that deliveries under way may still take when we are asked to stop

BeforeData: TypeAlias = Callable[[], Awaitable[None]]
Deliver: TypeAlias = Callable[[Due, BeforeData], Awaitable[Answer]]
Sign: TypeAlias = Callable[[bytes, datetime], bytes]

_STATUS: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}", re.ASCII)


class Outbound:
    """Takes mail from the outbox to `deliver`, and writes what came of it.

    `owner` is who holds the leases. `sign` puts signatures of this moment on the bytes of a mail. `on_backlog` is
    called while more is due than one process takes at a time. `alias` reads from the last answer of a relay how it
    named the mail anew; `destination` says what a mail makes us connect to.
    """

    def __init__(
        self,
        database: Database,
        deliver: Deliver,
        clock: Callable[[], datetime],
        log: Log,
        *,
        owner: str,
        sign: Sign = lambda raw, _now: raw,
        on_backlog: Callable[[], None] = lambda: None,
        concurrency: int = CONCURRENCY,
        drain_s: float = DRAIN_S,
        meter: Meter = UNHEARD,
        alarm: Alarm | None = None,
        alias: Callable[[str], str] = lambda _said: "",
        destination: Callable[[Due], str] = domain_of,
        stuck_s: float = STUCK_S,
    ) -> None:
        self.database = database
        self.deliver = deliver
        self.clock = clock
        self.log = log
        self.owner = owner
        self.sign = sign
        self.on_backlog = on_backlog
        self.drain_s = drain_s
        self.meter = meter
        self.alarm = alarm
        self.alias = alias
        self._lanes = Lanes(concurrency, clock, destination, stuck_s=stuck_s)
        self._under_way: dict[asyncio.Task[None], int] = {}  # and the row that each delivers
        self._in_doubt = False
        self._awake = asyncio.Event()
        self._running = False
        self._stopping = False

    def wake(self) -> None:
        """There is something in the outbox."""
        self._awake.set()

    def stop(self) -> None:
        """Begin nothing more, let what is under way finish, then let `run` end."""
        self._stopping = True
        self._awake.set()

    async def recover(self) -> None:
        """Take back what a dead daemon of ours had claimed. Call before `run`."""
        await self.database.write(lambda conn: outbox.recover(conn, self.owner, self.clock()))

    async def run(self) -> None:
        """Deliver until `stop`; trouble of the database is waited out. When cancelled, deliveries under way are cut."""
        self._running = True
        try:
            while not self._stopping:
                self._awake.clear()
                await self._sleep(await self._begin_due())
            if self._under_way:
                await asyncio.wait(self._under_way, timeout=self.drain_s)
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)
            self._running = False

    async def settle_due(self) -> int:
        """Deliver all that is due now and wait for it; the number of attempts. For laboratories, instead of `run`.

        Raises:
            TryAgain: the database is in trouble; what was not written is tried again later.
        """
        done = 0
        while begun := await self._claim():
            await asyncio.gather(*begun)
            done += len(begun)
        return done

    # ── Claim ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _begin_due(self) -> float:
        """Begin what is due and has room; the seconds until there may be more."""
        try:
            await self._claim()
            next_due = await self.database.read(outbox.next_due)
        except TryAgain as trouble:
            self.log.warning(Event.STORE_TROUBLE, error=str(trouble))
            return TROUBLE_WAIT_S
        if next_due is None or not self._room():
            return IDLE_WAIT_S
        return min(max((next_due - self.clock()).total_seconds(), TIMER_WAIT_S), IDLE_WAIT_S)

    async def _claim(self) -> list[asyncio.Task[None]]:
        room = self._room()
        if not room:
            return []
        known = list(self._under_way.values())

        def work(conn: Connection) -> list[Due]:
            if self._in_doubt:
                outbox.give_back(conn, self.owner, known)
            return outbox.claim(conn, self.clock(), room, self.owner, LEASE_S)

        try:
            dues = await self.database.write(work)
        except TryAgain:
            self._in_doubt = True
            raise
        self._in_doubt = False
        if len(dues) == room:
            self.on_backlog()
        return [self._begin(due) for due in dues]

    def _room(self) -> int:
        return IN_MEMORY - len(self._under_way)

    def _begin(self, due: Due) -> asyncio.Task[None]:
        task = asyncio.create_task(self._in_turn(due))
        self._under_way[task] = due.outbox_id
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.pop(task, None)
        # Claims are cheaper in heaps: where more was due than had room, half of the room is worth the next.
        if self._room() == IN_MEMORY // 2:
            self._awake.set()
        if self._running and not task.cancelled() and task.exception():
            self.log.error(Event.DELIVERY_CRASHED, exc_info=task.exception())

    async def _sleep(self, most_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._awake.wait(), most_s)

    # ── Deliver ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _in_turn(self, due: Due) -> None:
        async with self._lanes.turn(due) as put_off:
            # What has not begun when we stop keeps its lease, which the next start gives back.
            if self._stopping:
                return
            if put_off is None:
                await self._attempt(due)
                return
        await self._written(lambda: self.database.together(postponed.put_off, put_off))
        self._awake.set()

    async def _attempt(self, due: Due) -> None:
        begun = perf_counter()
        settlement = retry.too_late(due, self.clock())
        if settlement is None:
            answer = await self._answer(due)
            if answer is None:
                return
            self._lanes.heard(due, answer)
            settlement = retry.fate(due, answer, self.clock())
            if settlement.state is OutboxState.SENT:
                settlement = replace(settlement, alias=self.alias(answer.text))
        took_s = perf_counter() - begun
        await self._settle(due, settlement)
        self.meter.attempted(due, settlement, took_s)
        self._log(due, settlement, took_s)

    async def _answer(self, due: Due) -> Answer | None:
        """What the next hop said; None where the mail is no longer ours to send."""
        handed = False

        async def before_data() -> None:
            nonlocal handed
            # A courier that has to begin anew on another connection asks again.
            if not handed:
                await self.database.together(outbox.handed, due.outbox_id)
                handed = True

        try:
            # At each attempt anew: what was signed when it was queued would have aged with the mail (decision 19).
            # What is sent on is nobody's word of ours, whatever address of ours its author may have made up.
            raw = due.raw if due.purpose is Purpose.REDIRECT else self.sign(due.raw, self.clock())
            return await self.deliver(replace(due, raw=raw), before_data)
        except NotAllowed:
            # A person cancelled it meanwhile, or our lease ended and another process handed it. Both are written.
            return None
        except TryAgain as trouble:
            return Answer(0, f"4.3.0 our own database: {trouble}", handed)
        # Broad, because a mail that breaks our courier must wait its turn like any other trouble, and the others go on.
        except Exception:
            self.log.exception(Event.DELIVERY_CRASHED, outbox_id=due.outbox_id)
            return Answer(0, "4.3.0 our own fault; the log has it", handed)

    # ── Settle ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _settle(self, due: Due, settlement: Settlement) -> None:
        """Write what came of it."""

        async def write() -> None:
            if self.alarm and self.alarm.rings(due, settlement):
                ring = partial(self.alarm.settle, due=due, settlement=settlement)
                tell(await self.database.write(ring), self.log)
            else:
                await self.database.together(outbox.settle, settlement)

        await self._written(write)
        if settlement.state is OutboxState.READY:
            self._awake.set()

    async def _written(self, write: Callable[[], Awaitable[object]]) -> None:
        """While we run this is not given up, for forgetting what came of a mail could send it twice."""
        while True:
            try:
                await write()
            except TryAgain as trouble:
                if not self._running:
                    raise
                self.log.warning(Event.STORE_TROUBLE, error=str(trouble))
                await asyncio.sleep(TROUBLE_WAIT_S)
            else:
                return

    def _log(self, due: Due, settlement: Settlement, took_s: float) -> None:
        status = _STATUS.match(settlement.answer.text)
        self.log.info(
            Event.DELIVERY_ATTEMPTED,
            outbox_id=due.outbox_id,
            purpose=due.purpose,
            attempt=due.attempts,
            state=settlement.state,
            code=settlement.answer.code,
            status=status[0] if status else "",
            handed=settlement.answer.handed,
            next_at=settlement.next_at.isoformat() if settlement.next_at else "",
            ms=round(took_s * 1e3, 1),
        )
