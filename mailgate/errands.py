"""Errands: mails that are carried outside by HTTP, to webhooks that rules name and to the learner of the spam filter.

The house rules of this file:
* An errand is written in the transaction that causes it, and is carried at least once; whoever gets it twice sees the
  same key. What it brings is made when it is carried.
* A few go at once, and fewer to one target. A target that failed several times in a row rests, and the others go on.
* What cannot be carried in its time is given up, and people are told: in the history of the mail's ticket, or where it
  has none, in one ticket of the operator's for each target.
* A filter that will not learn a mail has answered: the errand is done, and its words stand with it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from mailgate import parcel
from mailgate.context import Context
from mailgate.errors import TryAgain
from mailgate.judge import hooks, retry
from mailgate.log import Event
from mailgate.model import Effect, ErrandKind, ErrandState
from mailgate.net.http import Answered, Unanswered
from mailgate.store import errands, record
from mailgate.store.errands import Carried, Parcel

if TYPE_CHECKING:
    from sqlalchemy import Connection

AT_ONCE: Final = 8
PER_TARGET: Final = 4
LEASE_S: Final = 120.0  # longer than any attempt takes
LOOK_EVERY_S: Final = 1.0  # whether one is due: a question that an index over those alone answers
FAILURES: Final = 3  # of a target in a row, before it rests
PRUNE_EVERY: Final = timedelta(hours=1)
WHY_CHARS: Final = 300
DRY: Final = "not handed on, for [replies] dry_run is true"

Post = Callable[[str, bytes, str, datetime], Awaitable[Answered]]  # to which webhook, what, under which key, and when
Learn = Callable[[bytes, bool], Awaitable[str]]  # a mail, and whether it is spam; "" or why it was not learned


class Errands:
    """Carries what is due."""

    def __init__(
        self,
        context: Context,
        post: Post,
        learn: Learn,
        *,
        owner: str,
        beside: Callable[..., Awaitable[Any]] = asyncio.to_thread,
        on_news: Callable[[], None] = lambda: None,
    ) -> None:
        """`owner` holds the leases; `beside` reads mail beside the event loop; `on_news` hears of lines in tickets."""
        self.database = context.database
        self.gateway = context.gateway
        self.book = context.book
        self.mint = context.mint
        self.clock = context.clock
        self.log = context.log
        self.meter = context.meter
        self.post = post
        self.learn = learn
        self.owner = owner
        self.beside = beside
        self.on_news = on_news
        self._awake = asyncio.Event()
        self._under_way: dict[asyncio.Task[None], str] = {}  # and the target of each
        self._failures: Counter[str] = Counter()
        self._rests: dict[str, datetime] = {}
        self._pruned_at: datetime | None = None

    async def run(self) -> None:
        """Carry until cancelled; trouble of the database is waited out. What is cut off is due again by itself."""
        try:
            while True:
                self._awake.clear()
                await self._begin_due()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._awake.wait(), LOOK_EVERY_S)
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def settle(self) -> int:
        """Carry all that is due now; the number of attempts. For laboratories, instead of `run`. Raises TryAgain."""
        done = 0
        while begun := await self._claim():
            await asyncio.gather(*begun)
            done += len(begun)
        return done

    # ── Claim ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _begin_due(self) -> None:
        try:
            await self._prune()
            while await self._claim():
                pass
        except TryAgain as trouble:
            self.log.warning(Event.STORE_TROUBLE, error=str(trouble))

    async def _claim(self) -> list[asyncio.Task[None]]:
        room, now = AT_ONCE - len(self._under_way), self.clock()
        self._rests = {target: until for target, until in self._rests.items() if now < until}
        places = {target: PER_TARGET - number for target, number in Counter(self._under_way.values()).items()}
        places |= dict.fromkeys(self._rests, 0)
        closed = [target for target, number in places.items() if number <= 0]
        # Looked for first, because most of the time nothing is due and nobody need write.
        if not room or not await self.database.read(lambda conn: errands.is_due(conn, now, closed)):
            return []
        work = partial(
            errands.claim, now=now, owner=self.owner, lease_s=LEASE_S, most=room, room=places, each=PER_TARGET
        )
        return [self._begin(one) for one in await self.database.write(work)]

    def _begin(self, carried: Carried) -> asyncio.Task[None]:
        task = asyncio.create_task(self._attempt(carried))
        self._under_way[task] = carried.target
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.pop(task, None)
        self._awake.set()

    async def _prune(self) -> None:
        now = self.clock()
        if self._pruned_at is None or now - self._pruned_at >= PRUNE_EVERY:
            gone = await self.database.write(lambda conn: errands.prune(conn, now))
            # Where there is more, it goes step by step, so that nobody waits for all of it.
            self._pruned_at = now if gone < errands.PRUNED_MOST else None

    # ── Carry ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _attempt(self, carried: Carried) -> None:
        try:
            found = await self.database.read(lambda conn: errands.parcel(conn, carried.message_id))
            why, reached = await self._carried(carried, *found) if found else ("the mail is gone", True)
        except TryAgain as trouble:
            # Its lease ends, and then it is due again.
            self.log.warning(Event.STORE_TROUBLE, error=str(trouble))
            return
        # Broad, because one mail that does this to us must wait its turn, and the others go on.
        except Exception:
            self.log.exception(Event.ERRAND_CRASHED, errand_id=carried.id)
            why, reached = "our own fault; the log has it", False
        self._heard(carried.target, reached=reached)
        await self._written(carried, why[:WHY_CHARS], reached=reached)

    async def _carried(self, carried: Carried, raw: bytes, known: Parcel) -> tuple[str, bool]:
        """Why it was not taken, "" where it was; and whether that is the last word."""
        try:
            if carried.kind is not ErrandKind.WEBHOOK:
                return await self.learn(raw, carried.kind is ErrandKind.LEARN_SPAM), True
            if self.gateway.dry_run:
                return DRY, True
            document = await self.beside(parcel.written, carried.id, raw, known, self.book().quotes)
            answer = await self.post(carried.target, document, str(carried.id), self.clock())
        except Unanswered as trouble:
            return str(trouble), False
        return ("", True) if answer.good else (f"it answered {answer.status}", False)

    def _heard(self, target: str, *, reached: bool) -> None:
        if reached:
            del self._failures[target]
            return
        self._failures[target] += 1
        if self._failures[target] >= FAILURES:
            self._rests[target] = self.clock() + retry.host_wait(self._failures[target] - FAILURES + 1)

    # ── Settle ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _written(self, carried: Carried, why: str, *, reached: bool) -> None:
        now = self.clock()
        again = None if reached else hooks.next_try(carried.attempts, now, carried.give_up_at)
        state = ErrandState.DONE if reached else ErrandState.DUE if again else ErrandState.FAILED
        try:
            await self.database.write(partial(self._settled, carried=carried, state=state, then=again or now, why=why))
        except TryAgain as trouble:
            self.log.warning(Event.STORE_TROUBLE, error=str(trouble))
            return
        self.meter.carried(carried.kind, state)
        said = self.log.error if state is ErrandState.FAILED else self.log.info
        said(
            Event.ERRAND_TRIED,
            errand_id=carried.id,
            kind=carried.kind,
            target=carried.target,
            attempt=carried.attempts,
            state=state,
            why=why,
        )
        if state is ErrandState.FAILED:
            self.on_news()

    def _settled(self, conn: Connection, carried: Carried, state: ErrandState, then: datetime, why: str) -> None:
        if errands.settle(conn, carried, state, then, why) and state is ErrandState.FAILED:
            record.apply(conn, self._told(conn, carried, why), then)

    def _told(self, conn: Connection, carried: Carried, why: str) -> list[Effect]:
        """What people learn of it."""
        ticket_id = errands.ticket_of(conn, carried.message_id)
        name = hooks.name_of(carried.kind, carried.target)
        known = ticket_id or errands.operators_ticket(conn, hooks.topic(name))
        mailbox, now, new_id = self.gateway.mailboxes[0].address, self.clock(), self.mint.new_id
        return hooks.given_up(name, why, carried.id, known, mailbox=mailbox, now=now, new_id=new_id)
