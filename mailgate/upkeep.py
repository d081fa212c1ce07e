"""What time alone changes: challenges that nobody answered, held mail that waited long enough, keys that are forgotten.

It also writes down what nobody waits for: how much was refused at the door, and which rules judge from now on; and it
notices a database that went back in time, and a clock that jumped ahead.

Every timer is a moment in the database, so none is lost by a restart, and each change can be made twice without harm.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Protocol

from mailgate.clock import Clock
from mailgate.context import Context
from mailgate.judge import hours, trust
from mailgate.judge.canonical import canonical
from mailgate.log import Event
from mailgate.looking import now_and_then
from mailgate.model import TicketChange, TicketState
from mailgate.origins import Caller
from mailgate.store import (
    journal,
    judgements,
    leases,
    ledger,
    marks,
    queries,
    record,
    restored,
    rule_counts,
    rulesets,
    timers,
    waiting,
)
from mailgate.store.marks import Mark

if TYPE_CHECKING:
    from sqlalchemy import Connection

TICK_S = 10.0
TICKS = 6  # of these make the minute after which timers are looked at
NOTED = timedelta(minutes=1)  # a clock that is corrected by less is not written down anew
ARCHIVE_EVERY = timedelta(hours=1)
KEY_DAYS = 7  # longer than any queue retries (RFC 5321 section 4.5.4.1)


class Memory(Protocol):
    """Where, apart from the database, it is written down how far that had come."""

    def recall(self) -> Mark | None:
        """What was kept last, None where nothing was."""
        ...

    def keep(self, mark: Mark) -> None:
        """Write it down. Runs in a thread of its own."""
        ...


class Upkeep:
    """Looks once a minute at what is due, and more often for work that a dead process has left."""

    def __init__(
        self,
        context: Context,
        *,
        refused: Callable[[], Counter[int]] = Counter,
        on_freed: Callable[[], None] = lambda: None,
        memory: Memory | None = None,
        steady: Clock | None = None,
        put_off: Callable[[], list[Caller]] = list,
        on_vouched: Callable[[list[Caller]], None] = lambda callers: None,
    ) -> None:
        """`refused` tells how many replies of each code from 400 on were given since the start. `on_freed` is called
        when work of a dead process became free. Without a `memory` a database is believed whatever it says, and the
        clock where it is not `steady`. `put_off` tells who was since it was asked; `on_vouched` hears whom we trust.
        """
        self.database = context.database
        self.gateway = context.gateway
        self.book = context.book
        self.mint = context.mint
        self.clock = context.clock
        self.log = context.log
        self.meter = context.meter
        self.refused = refused
        self.on_freed = on_freed
        self.memory = memory
        self.steady = steady
        self.put_off = put_off
        self.on_vouched = on_vouched
        self._kept: Mark | None = None
        self._counted: Counter[int] = Counter()
        self._remembered = ""
        self._noted: datetime | None = None
        self._archived_at: datetime | None = None

    async def begin(self) -> None:
        """Look whether the database is the one that we left. Call before anything moves. Raises TryAgain."""
        self._kept = self.memory.recall() if self.memory else None
        await self._look_back()
        await self._remember_clock()
        await self.heed_clock()
        until = await self.database.read(restored.silent_until)
        if until and until > self.clock():
            self.log.warning(Event.AUTOMATIC_MAIL_OFF, until=until.isoformat())
        await self.write_down()

    async def run(self) -> None:
        """Keep up until cancelled."""
        ticks = itertools.count()
        await now_and_then(lambda: self._tick(next(ticks)), TICK_S, self.log)

    async def _tick(self, number: int) -> None:
        await self.heed_clock()
        await self.bury()
        await self.vouch()
        if number % TICKS == 0:
            await self.settle()
            await self._check()

    async def heed_clock(self) -> None:
        """Turn automatic mail off where the clock jumped ahead, and only when that is on disk follow it.

        Raises TryAgain: nothing was written, and the clock still tells the time as if it had not jumped.
        """
        step = self.steady.step if self.steady else None
        if self.steady is None or not step:
            return
        steady, now = self.steady, self.clock() + step

        def work(conn: Connection) -> datetime:
            if steady.boot:
                restored.note_start(conn, steady.boot, steady.started + step)
            return restored.silence(conn, now)

        until = await self.database.write(work)
        self.steady.follow(step)
        self.log.error(
            Event.CLOCK_JUMPED_AHEAD, step_s=round(step.total_seconds()), automatic_mail_off_until=until.isoformat()
        )

    async def _remember_clock(self) -> None:
        """Take up the clock where the daemon before us left it, so that no jump hides in a restart."""
        if self.steady and self.steady.boot:
            boot = self.steady.boot
            started = await self.database.read(lambda conn: restored.machine_started(conn, boot))
            if started:
                self.steady.remember(started)

    async def _note_clock(self) -> None:
        if self.steady is None or not self.steady.boot:
            return
        boot, started = self.steady.boot, self.steady.started
        if self._noted is None or abs(started - self._noted) >= NOTED:
            await self.database.write(lambda conn: restored.note_start(conn, boot, started))
            self._noted = started

    async def bury(self) -> int:
        """Free what dead processes had claimed; how many rows that were."""
        freed = await self.database.write(lambda conn: leases.bury(conn, self.clock())) if self.database.shared else 0
        if freed:
            self.log.warning(Event.LEASES_FREED, rows=freed)
            self.on_freed()
        return freed

    async def vouch(self) -> None:
        """Let the next try of those come in who were put off and whose address we trust."""
        callers = self.put_off()
        if not callers:
            return
        addresses, now = {canonical(sender) for _, sender in callers}, self.clock()
        known = await self.database.read(lambda conn: queries.acquaintances(conn, addresses))
        trusted = {one.address for one in known if trust.current(one, now).trust}
        vouched = [caller for caller in callers if canonical(caller[1]) in trusted]
        self.on_vouched(vouched)
        networks = len({network for network, _ in callers})
        self.log.info(Event.SENDERS_PUT_OFF, networks=networks, senders=len(callers), trusted=len(vouched))

    async def settle(self) -> int:
        """Do what is due now; the number of rows that changed."""
        now, book = self.clock(), self.book()
        wait_s = book.limits.timing.held_wait_s
        waited = {
            box.address: hours.opened_before(box.opening, now, wait_s) for box in self.gateway.mailboxes if box.opening
        }
        always = now - timedelta(seconds=wait_s)
        keyed = now - timedelta(days=KEY_DAYS)
        changed = await self.database.write(
            lambda conn: timers.settle(conn, now, waited=always, by_mailbox=waited, keyed=keyed)
        )
        if self._archived_at is None or now - self._archived_at >= ARCHIVE_EVERY:
            self._archived_at = now
            changed += await self._archive()
            await self._forget_judgements()
        changed += await self.wake()
        await self._shorten_silence()
        await self._note_clock()
        await self.write_down()
        return changed

    async def wake(self) -> int:
        """Open the tickets whose time has come that were put off until then; how many."""
        now = self.clock()

        def work(conn: Connection) -> int:
            slept = waiting.asleep(conn, now)
            woken = [
                TicketChange(self.mint.new_id(), one, now, "woken", "clock", "", TicketState.OPEN) for one in slept
            ]
            record.apply(conn, woken, now)
            return len(woken)

        # Asked twice, for another process may wake some meanwhile.
        slept = await self.database.read(lambda conn: waiting.asleep(conn, now))
        return await self.database.write(work) if slept else 0

    async def _shorten_silence(self) -> None:
        until = await self.database.read(restored.silent_until)
        if until and until - self.clock() > timedelta(hours=restored.SILENCE_HOURS):
            await self.database.write(lambda conn: restored.shorten(conn, self.clock()))

    async def _archive(self) -> int:
        """Take old spam out of the lists: a look through all that is held, so not every minute."""
        untouched = self.clock() - timedelta(days=self.book().limits.timing.archived_days)
        moved = 0
        while more := await self.database.write(lambda conn: timers.archive(conn, untouched)):
            moved += more
        return moved

    async def _forget_judgements(self) -> None:
        """Take away what mail was judged by, once it is too old for other rules to be tried on it; and old counts."""
        now = self.clock()
        until = now - timedelta(days=self.gateway.replay_days)
        while await self.database.write(partial(judgements.prune, until=until)):
            pass
        oldest = (now - timedelta(days=rule_counts.KEPT_DAYS)).date()
        await self.database.write(partial(rule_counts.prune, before=oldest))

    async def write_down(self) -> None:
        """Write what was counted since the last time, and the rules if they are others than then."""
        now, book, refused = self.clock(), self.book(), self.refused()
        fresh = refused - self._counted
        others = book.version != self._remembered
        packed = await asyncio.to_thread(rulesets.packed, book.contents) if others else b""

        def work(conn: Connection) -> None:
            journal.refused(conn, now, fresh)
            if others:
                rulesets.remember(conn, book.version, now, book.files, packed)

        if fresh or others:
            await self.database.write(work)
            self._counted, self._remembered = Counter(refused), book.version
        await self._look_back()

    async def _look_back(self) -> None:
        """Distrust a database that is older than it was; remember how far it is."""
        if self.memory is None:
            return
        found, seen = await self.database.read(marks.mark), self._kept
        if seen and found.largest_id < seen.largest_id:
            until = await self.database.write(lambda conn: restored.distrust(conn, self.clock(), seen))
            self.log.error(Event.DATABASE_WENT_BACK, automatic_mail_off_until=until.isoformat())
        if found != seen:
            await asyncio.to_thread(self.memory.keep, found)
            self._kept = found

    async def _check(self) -> None:
        found = await self.database.read(ledger.ledger)
        self.meter.audited(balanced=found.balanced)
        if not found.balanced:
            self.log.error(Event.LEDGER_UNBALANCED, ledger=str(found))
