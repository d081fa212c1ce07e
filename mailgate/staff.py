"""Our own people: told at once of what needs them, and at fixed times of what waits for them.

The house rules of this file:
* Each mail takes its permit from the one gate, like any other that no person wrote. What the gate refuses is said in
  the log, loudly, and never by a mail about a mail.
* What was told stands in the database: the number of each notice among the permits, the last digest in a counter. So a
  restart tells nothing twice, and of several processes one tells it.
* It looks once a minute and writes only when there is something to tell.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as in_time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mailgate import bulletin, letters
from mailgate.context import Context
from mailgate.judge import answer, notice
from mailgate.judge import waiting as promises
from mailgate.judge.canonical import canonical, domain_of
from mailgate.judge.docket import Planned
from mailgate.judge.governor import ANSWERED, Refusal
from mailgate.judge.history import History
from mailgate.judge.notice import Notice
from mailgate.log import Event
from mailgate.looking import now_and_then
from mailgate.model import Agent, Ask, Effect, HeldState, Horizon, Permit, Purpose, Sending
from mailgate.store import agents, facts, grants, held, locks, news, record, waiting
from mailgate.store.views import WaitingLine

if TYPE_CHECKING:
    from sqlalchemy import Connection

LOOK_EVERY_S = 60.0

Text = tuple[str, str]  # subject and body


@dataclass(frozen=True, slots=True)
class _Told:
    """What came of wanting to tell something."""

    planned: tuple[Planned, ...] = ()
    refusals: tuple[tuple[int, Refusal], ...] = ()  # each with the number of what was not told


class Staff:
    """Tells the [notify] address, and of promises whoever has the ticket; in a dry run nobody is told anything."""

    def __init__(self, context: Context, *, on_outgoing: Callable[[], None] = lambda: None) -> None:
        self.database = context.database
        self.gateway = context.gateway
        self.book = context.book
        self.mint = context.mint
        self.clock = context.clock
        self.log = context.log
        self.meter = context.meter
        self.on_outgoing = on_outgoing
        self._after: int | None = None
        self._logged: set[int] = set()

    async def run(self) -> None:
        """Look now and then until cancelled; trouble of the database is waited out."""
        await now_and_then(self.settle, LOOK_EVERY_S, self.log)

    async def settle(self) -> int:
        """Tell what is to be told now; how many mails that made. Raises TryAgain."""
        if self.gateway.dry_run:
            return 0
        told = [await self._tell_who_waits()]
        if self.gateway.notify.address:
            told += [await self._tell_news(), await self._tell_what_waits()]
        self._say_refused([one for each in told for one in each.refusals])
        planned = [one for each in told for one in each.planned]
        if planned:
            self.meter.granted(planned)
            self.on_outgoing()
        return len(planned)

    # ── Notices ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _tell_news(self) -> _Told:
        now, numbers = self.clock(), self.book().limits.report
        before = self._after
        found, after = await self.database.read(lambda conn: news.gather(conn, now, numbers.withheld_per_day, before))
        worth = notice.worth(found, now, numbers, canonical(self.gateway.notify.address))
        causes = frozenset(one.cause for one in worth)
        known = await self.database.read(lambda conn: grants.causes(conn, causes))
        fresh = [one for one in worth if one.cause not in known]
        told = await self.database.write(lambda conn: self._notices(conn, fresh, now)) if fresh else _Told()
        # Only now, for what was read and not written must be read again.
        self._after = after
        return told

    def _notices(self, conn: Connection, worth: Sequence[Notice], now: datetime) -> _Told:
        texts = {one.cause: bulletin.notice(one, now, self.gateway, self.book()) for one in worth}
        return self._send(conn, Purpose.NOTICE, texts, now)

    # ── Promises ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _tell_who_waits(self) -> _Told:
        """All who have waited for most of the promised time, or for all of it: each twice at most, together."""
        now, numbers = self.clock(), self.book().limits.waiting
        horizons = promises.horizons(self.gateway.mailboxes, now, numbers.warn_at_percent)
        every = timedelta(seconds=numbers.warn_every_s)

        def late(conn: Connection) -> list[WaitingLine]:
            before = waiting.warned_at(conn)
            return waiting.late(conn, now, horizons) if before is None or now - before >= every else []

        def work(conn: Connection) -> _Told:
            people = agents.current(conn)
            self._alone(conn, self._by_reader(late(conn), people))
            # Once more, for another process may have told of some until we were alone.
            return self._warn(conn, self._by_reader(late(conn), people), horizons, now)

        return await self.database.write(work) if await self.database.read(late) else _Told()

    def _warn(
        self, conn: Connection, lines: dict[str, list[WaitingLine]], horizons: Sequence[Horizon], now: datetime
    ) -> _Told:
        """Tell each reader of his; of what none of them could be told, the [notify] address."""
        overdue = waiting.depths(conn, now, horizons)[-1].mails
        told = [self._warned(conn, to, his, overdue, now) for to, his in lines.items()]
        last, unheard = self.gateway.notify.address, _unheard(lines, told)
        if unheard and last and last not in lines:
            lines[last] = unheard
            told.append(self._warned(conn, last, unheard, overdue, now))
        left = set(_unheard(lines, told))
        heard = {one for his in lines.values() for one in his} - left
        if heard:
            waiting.warned(conn, heard, now, horizons)
        return _Told(
            tuple(one for each in told for one in each.planned), tuple(one for each in told for one in each.refusals)
        )

    def _by_reader(self, lines: Sequence[WaitingLine], people: Sequence[Agent]) -> dict[str, list[WaitingLine]]:
        """Who hears of which: whoever has the ticket, else the people of its queue, else the [notify] address."""
        found: dict[str, list[WaitingLine]] = defaultdict(list)
        for one in lines:
            readers = promises.readers(one.queue, one.assignee, people) or (self.gateway.notify.address,)
            for to in filter(None, readers):
                found[to].append(one)
        return found

    def _warned(self, conn: Connection, to: str, lines: list[WaitingLine], overdue: int, now: datetime) -> _Told:
        text = bulletin.late(self._with_due(lines), overdue, now, self.gateway, self.book())
        told = self._send(conn, Purpose.NOTICE, {notice.late_cause(now, to): text}, now, to=to)
        # It is tried again each minute, and said in the log once a day.
        same = notice.late_cause(now.replace(hour=0, minute=0, second=0, microsecond=0), to)
        return _Told(told.planned, tuple((same, refusal) for _, refusal in told.refusals))

    def _with_due(self, lines: Sequence[WaitingLine]) -> list[WaitingLine]:
        """The same; of a held mail it is worked out here until when its sender may expect an answer."""
        boxes = self.gateway
        return [
            one if one.due_at else in_time(one, due_at=promises.due(boxes.mailbox(one.mailbox), one.since))
            for one in lines
        ]

    # ── The digest ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _tell_what_waits(self) -> _Told:
        now = self.clock()
        moment = notice.digest_moment(self.gateway.notify, now)
        if moment is None:
            return _Told()
        looked = await self.database.read(held.digest_at)
        if looked is not None and looked >= moment:
            return _Told()
        return await self.database.write(lambda conn: self._digest(conn, moment, now))

    def _digest(self, conn: Connection, moment: datetime, now: datetime) -> _Told:
        self._alone(conn)
        looked = held.digest_at(conn)
        if looked is not None and looked >= moment:
            return _Told()
        held.looked(conn, moment)
        fresh = held.untold(conn, canonical(self.gateway.notify.address))
        # Whoever begins at noon wants no digest of the morning.
        if looked is None or not fresh:
            return _Told()
        most = self.book().limits.report.contacts_listed
        contacts = held.by_sender(conn, most, states=[HeldState.HUMAN])
        text = bulletin.digest(contacts, held.waiting(conn), now, self.gateway, self.book())
        told = self._send(conn, Purpose.DIGEST, {notice.digest_cause(moment): text}, now)
        if told.planned:
            held.tell(conn, fresh, now)
        return told

    # ── How it is sent ────────────────────────────────────────────────────────────────────────────────────────────────

    def _send(
        self, conn: Connection, purpose: Purpose, texts: dict[int, Text], now: datetime, *, to: str = ""
    ) -> _Told:
        """Ask the gate for each text by its number, and queue what it grants; without `to`, for [notify] address."""
        to = to or self.gateway.notify.address
        key = canonical(to)
        history = self._history(conn, key, texts, now)
        mailbox = self.gateway.mailboxes[0].address
        effects: list[Effect] = []
        planned, refusals = [], []
        for cause, text in texts.items():
            known = history.acquaintance(key, now)
            wanted = replace(answer.wish(purpose, known, history, now, mailbox), cause=cause)
            follows, decision = answer.gate(wanted, known, history, now)
            if isinstance(decision, Refusal):
                refusals.append((cause, decision))
                continue
            history.learn(follows, [decision])
            effects += follows
            planned.append((self._planned(decision, to), text))
        sendings: list[Sending] = [letters.to_staff(one, *text, self.gateway) for one, text in planned]
        record.apply(conn, [*effects, *sendings], now)
        return _Told(tuple(one for one, _ in planned), tuple(refusals))

    def _history(self, conn: Connection, key: str, causes: dict[int, Text], now: datetime) -> History:
        limits = self.book().limits
        self._alone(conn, [key])
        ask = Ask(
            now,
            addresses=frozenset({key}),
            domains=frozenset({domain_of(key)}),
            causes=frozenset(causes),
            reach=limits.reach,
            windows=limits.windows_of_all,
            staff=frozenset({key}),
            mailboxes=frozenset({self.gateway.mailboxes[0].address}),
        )
        return History(facts.gather(conn, ask), limits, self.gateway, self.mint)

    def _alone(self, conn: Connection, readers: Iterable[str] = ()) -> None:
        """Until the end of the transaction no other process tells these, or [notify] address, anything."""
        locks.together(conn, {canonical(one) for one in (*readers, self.gateway.notify.address) if one})
        locks.spending(conn)

    def _planned(self, permit: Permit, to: str) -> Planned:
        grant, mint = permit.grant, self.mint
        give_up = timedelta(seconds=self.book().limits.timing.automatic_give_up_s)
        return Planned(
            purpose=grant.purpose,
            permit=permit,
            outbox_id=mint.new_id(),
            message_id=mint.new_id(),
            token_id=mint.nonce(),
            mailbox=grant.mailbox,
            to=to,
            answers="",
            references=(),
            at=grant.at,
            not_before=grant.at,
            give_up_at=grant.at + give_up,
        )

    def _say_refused(self, refusals: Sequence[tuple[int, Refusal]]) -> None:
        """Once for each thing that our people should have heard and did not; told before is no refusal."""
        real = [(cause, refusal) for cause, refusal in refusals if refusal.reason != ANSWERED]
        for cause, refusal in real:
            if cause not in self._logged:
                self.log.error(Event.STAFF_NOT_TOLD, reason=refusal.reason, rule=refusal.rule)
        self._logged = {cause for cause, _ in real}


def _unheard(lines: Mapping[str, Sequence[WaitingLine]], told: Sequence[_Told]) -> list[WaitingLine]:
    """Of these, by reader, those of whom no reader was told."""
    reached = {one.to for each in told for one in each.planned}
    heard = {one for to, his in lines.items() if to in reached for one in his}
    return [one for one in dict.fromkeys(one for his in lines.values() for one in his) if one not in heard]
