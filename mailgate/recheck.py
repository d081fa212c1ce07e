"""Mail in, once more: whom DNS could not tell at the first look is asked about a second time, some minutes later.

The mail has had its place since then, and people may have acted on it. What was read and asked for outside is judged
and written in one transaction that first takes the row: so an answer goes out once or not at all, however often this
is tried, by however many processes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mailgate import letters
from mailgate.context import Context
from mailgate.errors import TryAgain
from mailgate.judge import verdict
from mailgate.judge.ask import ask
from mailgate.judge.docket import Outcome
from mailgate.judge.history import History
from mailgate.log import Event
from mailgate.looking import now_and_then
from mailgate.model import Accepted, Case
from mailgate.store import facts, locks, rechecks

if TYPE_CHECKING:
    from sqlalchemy import Connection

LOOK_S = 60.0  # between looks at what is due

Prepare = Callable[[Accepted], Awaitable[Case]]


class Recheck:
    """Asks again about mail whose sender could not be told from a forger."""

    def __init__(self, context: Context, prepare: Prepare, *, on_outgoing: Callable[[], None] = lambda: None) -> None:
        """`prepare` reads a mail and authenticates it, as if it had just come."""
        self.database = context.database
        self.gateway = context.gateway
        self.book = context.book
        self.mint = context.mint
        self.clock = context.clock
        self.log = context.log
        self.meter = context.meter
        self.prepare = prepare
        self.on_outgoing = on_outgoing

    async def run(self) -> None:
        """Look once a minute until cancelled; trouble of the database is waited out."""
        await now_and_then(self.settle, LOOK_S, self.log)

    async def settle(self) -> int:
        """Ask about all that is due now; how many mails that were. Raises TryAgain."""
        done = 0
        while batch := await self._due():
            await asyncio.gather(*(self._look_again(message_id, accepted) for message_id, accepted in batch))
            done += len(batch)
        return done

    async def _due(self) -> list[tuple[int, Accepted]]:
        now = self.clock()
        oldest = now - timedelta(seconds=self.book().limits.timing.recheck_within_s)
        while batch := await self.database.read(lambda conn: rechecks.due(conn, now)):
            in_time = [(message_id, accepted) for message_id, accepted in batch if accepted.at >= oldest]
            if in_time:
                return in_time
            await self.database.write(lambda conn: rechecks.lapse(conn, now, oldest))
        return []

    async def _look_again(self, message_id: int, accepted: Accepted) -> None:
        try:
            case = await self.prepare(replace(accepted, at=self.clock()))
            outcome = await self.database.write(lambda conn: self._decide(conn, message_id, case))
        except TryAgain:
            raise
        # Broad, because one mail that does this to us must not keep the others waiting; it stays where it is.
        except Exception:
            self.log.exception(Event.MAIL_FAILED, journal_id=accepted.journal_id)
            await self.database.write(lambda conn: rechecks.take(conn, message_id))
            return
        if outcome:
            self._tell(outcome)

    def _decide(self, conn: Connection, message_id: int, case: Case) -> Outcome | None:
        book = self.book()
        wanted = ask([case], self.gateway, book.limits)
        facts.alone(conn, wanted)
        locks.spending(conn)
        known = facts.gather(conn, wanted)
        stands = rechecks.take(conn, message_id)
        if stands is None:
            return None
        history = History(known, book.limits, self.gateway, self.mint)
        outcome = verdict.judge_again(case, stands, book.signals, history)
        letters.record_with_mail(
            conn,
            outcome.effects,
            outcome.planned,
            gateway=self.gateway,
            book=book,
            now=self.clock(),
            tickets=known.tickets.values(),
            mails={case.accepted.journal_id: case.accepted},
        )
        return outcome

    def _tell(self, outcome: Outcome) -> None:
        filing = outcome.filing
        self.meter.granted(outcome.planned)
        if outcome.planned:
            self.on_outgoing()
        self.log.info(
            Event.MAIL_JUDGED_AGAIN,
            journal_id=filing.case.accepted.journal_id,
            proven=filing.case.authentication.level,
            state=filing.state,
            answered=[planned.purpose for planned in outcome.planned],
            withheld_by=filing.verdict.withheld_by,
        )
