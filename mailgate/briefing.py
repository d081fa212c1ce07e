"""Our own people: told by mail, within seconds, of what comes into the tickets of their queues.

The house rules of this file:
* Each mail takes its permit from the one gate. Its number is made from what it tells and whom, so that whoever looks,
  and however often, tells once; what a digest told stands in the database beside it.
* What the gate refuses waits. Once it has waited long, one digest tells of all that waits, as often as the gate lets
  one pass; nothing is told that is older than a day.
* Texts are made before the transaction, for the few mails that may leave at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mailgate import letters
from mailgate.briefs import Text, Words, Writer
from mailgate.context import Context
from mailgate.errors import TryAgain
from mailgate.judge import answer, brief, token
from mailgate.judge.canonical import canonical, domain_of
from mailgate.judge.docket import Planned
from mailgate.judge.governor import ANSWERED, Refusal
from mailgate.judge.history import History
from mailgate.log import Event
from mailgate.model import Agent, Ask, Effect, Happening, Permit, Purpose, Sending
from mailgate.store import agents, facts, grants, happenings, locks, record
from mailgate.stragglers import happens

if TYPE_CHECKING:
    from sqlalchemy import Connection

LOOK_EVERY_S = 4.0  # what another process wrote is told no later than this
ASK_AGAIN = timedelta(seconds=60)  # how soon the gate is asked again for whom it refused
A_DAY = timedelta(days=1)
MOST_PAIRS = 20_000  # of news and readers that are looked at together, the newest
MOST_TEXTS = 40  # mails that are read for one transaction

Pair = tuple[Happening, Agent]


@dataclass(slots=True)
class _Round:
    """One transaction in which people are told, and what came of it."""

    history: History
    now: datetime
    effects: list[Effect] = field(default_factory=list)
    planned: list[tuple[Planned, Text]] = field(default_factory=list)
    digested: list[tuple[str, int]] = field(default_factory=list)
    refusals: dict[str, Refusal] = field(default_factory=dict)  # by reader
    left: bool = False  # more may be told at once, but its text is not read yet


class Briefing:
    """Tells our own people; where there are none, and in a dry run, nobody is told anything."""

    def __init__(self, context: Context, *, on_outgoing: Callable[[], None] = lambda: None) -> None:
        self.database = context.database
        self.gateway = context.gateway
        self.book = context.book
        self.mint = context.mint
        self.clock = context.clock
        self.log = context.log
        self.meter = context.meter
        self.on_outgoing = on_outgoing
        self._awake = asyncio.Event()
        self._after = 0  # ids of events up to this need no second look
        self._refused: dict[str, datetime] = {}  # when the gate last refused a reader

    def wake(self) -> None:
        """There is something new in a ticket."""
        self._awake.set()

    async def run(self) -> None:
        """Tell until cancelled; trouble of the database is waited out."""
        while True:
            self._awake.clear()
            try:
                await self.settle()
            except TryAgain as trouble:
                self.log.warning(Event.STORE_TROUBLE, error=str(trouble))
            await happens(self._awake, LOOK_EVERY_S)

    async def settle(self) -> int:
        """Tell what is to be told now; how many mails that made. Raises TryAgain."""
        if self.gateway.dry_run:
            return 0
        people = await self.database.read(agents.current)
        if not people:
            return 0
        made = await self._tell_of_unreachable()
        while True:
            told = await self._tell_news(people)
            made += len(told.planned) if told else 0
            if told is None or not (told.left and told.planned):
                return made

    # ── What is new ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _tell_news(self, people: Sequence[Agent]) -> _Round | None:
        now, after = self.clock(), self._after
        found = await self.database.read(lambda conn: happenings.gather(conn, now - A_DAY, after))
        waiting = await self.database.read(lambda conn: _untold(conn, list(_pairs(found, people))))
        if found and not waiting:
            self._after = max(self._after, found[-1].id - happenings.OVERLAP)
        asked_of_late = {one for one, at in self._refused.items() if now - at < ASK_AGAIN}
        waiting = [pair for pair in waiting if pair[1].address not in asked_of_late]
        if not waiting:
            return None
        words = await self._words(waiting)
        told = await self.database.write(lambda conn: self._tell(conn, waiting, words, now))
        self._say(told)
        return told

    async def _words(self, waiting: Sequence[Pair]) -> dict[int, Words]:
        """What the first of these mails say, by the id of their bytes."""
        now, late_s = self.clock(), self.book().limits.agents.digest_after_s
        soon = dict.fromkeys(one.raw_id for one, _ in waiting if one.raw_id and not brief.is_late(one, now, late_s))
        wanted = list(soon)[:MOST_TEXTS]
        raws = await self.database.read(lambda conn: happenings.raws(conn, wanted))
        writer = Writer(self.gateway, self.book())
        return await asyncio.to_thread(lambda: {number: writer.words_of(raw) for number, raw in raws.items()})

    def _tell(self, conn: Connection, waiting: Sequence[Pair], words: Mapping[int, Words], now: datetime) -> _Round:
        readers = {reader.address: reader for _, reader in waiting}
        self._alone(conn, readers)
        # Another process may have told some of it while we read.
        still = _untold(conn, waiting)
        late_s = self.book().limits.agents.digest_after_s
        told = self._round(conn, readers, frozenset(brief.cause(*pair) for pair in still), now)
        for address, reader in readers.items():
            his = [one for one, who in still if who.address == address]
            if any(brief.is_late(one, now, late_s) for one in his):
                self._digest(told, reader, his)
            else:
                self._one_by_one(told, reader, his, words)
        self._send(conn, told)
        happenings.tell(conn, told.digested, now)
        return told

    def _one_by_one(self, told: _Round, reader: Agent, his: Sequence[Happening], words: Mapping[int, Words]) -> None:
        """A mail for each, until the gate refuses one."""
        writer = Writer(self.gateway, self.book())
        for news in his:
            to_writer = news.event in brief.TO_WRITER
            if not to_writer and news.raw_id not in words:
                told.left = True
                return
            permit = self._granted(told, reader.address, Purpose.NOTICE, brief.cause(news, reader), news.mailbox)
            if permit is None:
                return
            text = writer.of_his_own(news, reader) if to_writer else writer.news(news, words[news.raw_id or 0], reader)
            told.planned.append((self._planned(permit, reader.address, news), text))

    def _digest(self, told: _Round, reader: Agent, his: Sequence[Happening]) -> None:
        """One mail for all."""
        number, mailbox = brief.digest_cause(reader, told.now), self.gateway.mailboxes[0].address
        permit = self._granted(told, reader.address, Purpose.DIGEST, number, mailbox)
        if permit is not None:
            text = Writer(self.gateway, self.book()).digest(his)
            told.planned.append((self._planned(permit, reader.address), text))
            told.digested += [(reader.address, one.id) for one in his]

    # ── Who cannot be told ────────────────────────────────────────────────────────────────────────────────────────────

    async def _tell_of_unreachable(self) -> int:
        """Whoever looks after the gateway hears that mail to one of us comes back."""
        now, to = self.clock(), self.gateway.notify.address
        gone = await self.database.read(lambda conn: agents.unreachable(conn, now)) if to else []
        numbers = {brief.unreachable_cause(*one): one for one in gone if one[0].address != canonical(to)}
        known = await self.database.read(lambda conn: grants.causes(conn, frozenset(numbers)))
        fresh = {number: one for number, one in numbers.items() if number not in known}
        if not fresh:
            return 0

        def work(conn: Connection) -> _Round:
            key, mailbox = canonical(to), self.gateway.mailboxes[0].address
            self._alone(conn, {key})
            told, writer = self._round(conn, {key}, frozenset(fresh), now), Writer(self.gateway, self.book())
            for number, one in fresh.items():
                permit = self._granted(told, key, Purpose.NOTICE, number, mailbox)
                if permit is not None:
                    told.planned.append((self._planned(permit, to), writer.unreachable(*one)))
            self._send(conn, told)
            return told

        told = await self.database.write(work)
        self._say(told)
        return len(told.planned)

    # ── How it is sent ────────────────────────────────────────────────────────────────────────────────────────────────

    def _granted(self, told: _Round, reader: str, purpose: Purpose, cause: int, mailbox: str) -> Permit | None:
        """Ask the gate. What it knows of a reader is written with the mail: it may come back."""
        known = told.history.acquaintance(reader, told.now)
        wanted = replace(answer.wish(purpose, known, told.history, told.now, mailbox), cause=cause)
        follows, decision = answer.gate(wanted, known, told.history, told.now)
        if isinstance(decision, Refusal):
            told.refusals[reader] = decision
            return None
        told.history.learn(follows, [decision])
        told.effects += follows
        return decision

    def _send(self, conn: Connection, told: _Round) -> None:
        sendings: list[Sending] = [letters.to_staff(one, *text, self.gateway) for one, text in told.planned]
        record.apply(conn, [*told.effects, *sendings], told.now)

    def _round(self, conn: Connection, readers: Collection[str], causes: frozenset[int], now: datetime) -> _Round:
        limits = self.book().limits
        ask = Ask(
            now,
            addresses=frozenset(readers),
            domains=frozenset(map(domain_of, readers)),
            causes=causes,
            reach=limits.reach,
            windows=limits.windows_of_all,
            staff=frozenset(readers),
            mailboxes=frozenset(box.address for box in self.gateway.mailboxes),
        )
        return _Round(History(facts.gather(conn, ask), limits, self.gateway, self.mint), now)

    def _alone(self, conn: Connection, readers: Collection[str]) -> None:
        """Until the end of the transaction no other process tells these anything."""
        locks.together(conn, readers)
        locks.spending(conn)

    def _planned(self, permit: Permit, to: str, news: Happening | None = None) -> Planned:
        """`news` is what it tells of: its answers belong to that ticket, and all mails of one ticket stand together."""
        grant, mint = permit.grant, self.mint
        domain = grant.mailbox.rpartition("@")[2]
        return Planned(
            purpose=grant.purpose,
            permit=permit,
            outbox_id=mint.new_id(),
            message_id=mint.new_id(),
            token_id=mint.nonce(),
            mailbox=grant.mailbox,
            to=to,
            answers=token.made_up_id(f"ticket {news.ticket_id}", domain) if news else "",
            references=(),
            at=grant.at,
            not_before=grant.at,
            give_up_at=grant.at + timedelta(seconds=self.book().limits.timing.automatic_give_up_s),
            ticket_id=news.ticket_id if news else None,
        )

    def _say(self, told: _Round) -> None:
        """What left, and who should have been told and was not; that it is too much for now is no trouble."""
        if told.planned:
            self.meter.granted([one for one, _ in told.planned])
            self.on_outgoing()
        for reader, refusal in told.refusals.items():
            if refusal.reason != ANSWERED:
                if refusal.limit is None and reader not in self._refused:
                    self.log.error(Event.STAFF_NOT_TOLD, reason=refusal.reason, rule=refusal.rule)
                self._refused[reader] = told.now
        for planned, _ in told.planned:
            if planned.permit.grant.address not in told.refusals:
                self._refused.pop(planned.permit.grant.address, None)


def _pairs(found: Sequence[Happening], people: Sequence[Agent]) -> Iterator[Pair]:
    newest = found[-max(MOST_PAIRS // len(people), 1) :]
    return ((news, reader) for news in newest for reader in brief.readers(news, people))


def _untold(conn: Connection, pairs: Sequence[Pair]) -> list[Pair]:
    """Those of which nobody has told yet; of two with one number the first."""
    numbered = {brief.cause(*pair): pair for pair in reversed(pairs)}
    known = grants.causes(conn, frozenset(numbered))
    left = [pair for number, pair in reversed(numbered.items()) if number not in known]
    told = happenings.told(conn, [(reader.address, news.id) for news, reader in left])
    return [(news, reader) for news, reader in left if (reader.address, news.id) not in told]
