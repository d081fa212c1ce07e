"""Mail in: from the door to the journal, and from the journal to a ticket. Read me first.

Two steps, so that slow DNS never holds a sender and a crash never half-does:

1. `Door.accept`: the listener brings a finished transaction; it goes into the journal, one row per recipient, and only
   after the commit is on disk does the sender hear 250.
2. `Intake`: what was accepted here comes from memory, leased since its acceptance; what was left by others or found
   no room is claimed from the journal. In both ways an attempt is committed before it begins. A batch is parsed and
   authenticated side by side; then one transaction reads what the judge may ask, judges each mail in order, and writes
   all that follows, outgoing mail included. A crash anywhere leaves the leases, and the next start frees them.

A mail that fails alone is tried three times, then set aside for people with the traceback; the others go on.
"""

from __future__ import annotations

import asyncio
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from mailgate import alarm, judging, opinions
from mailgate.backlog import MAILS_MOST, MAILS_MOST_SHARED, Backlog
from mailgate.cases import case_of
from mailgate.context import Context
from mailgate.errors import Overtaken, TryAgain
from mailgate.judge import admission
from mailgate.judge.ask import apart
from mailgate.judge.docket import Outcome
from mailgate.log import Event, without_addresses
from mailgate.mail.parse import read
from mailgate.mail.whole import whole
from mailgate.meter import UNHEARD, Meter
from mailgate.model import Accepted, Arrival, Authentication, Case, Gateway, Mode, Peer, Receipt, Reply, TicketChange
from mailgate.origins import Origins
from mailgate.refusing import Heard, Refusing
from mailgate.store import journal
from mailgate.store.database import Database
from mailgate.stragglers import Stragglers, happens
from mailgate.threshold import Threshold

if TYPE_CHECKING:
    from sqlalchemy import Connection

BATCH = 200  # all that 50 sessions bring while the one before is judged; a sender behind it waits some 40 ms
BATCHES_AT_ONCE = 2  # one is written while the next is prepared
LEASE_S = 60.0
AT_ONCE_BYTES = 8 * 1024  # a larger mail is read in a thread: the worst that can be written takes some 10 ms
IN_THREAD_BYTES = 256 * 1024  # a larger one beside us, where nobody waits for the interpreter
MOST_ATTEMPTS = 3
TROUBLE_WAIT_S = 1.0  # between tries while the database is in trouble
IDLE_WAIT_S = 30.0  # how late a row is found whose word went unheard, or whose lease ended
OPENEST_FIRST = (Mode.OFF, Mode.OPEN, Mode.GUARDED)

Authenticate = Callable[[bytes, str, Peer, str], Awaitable[Authentication]]
Beside = Callable[..., Awaitable[Any]]  # runs a function beside the event loop


# ── Accept ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Door(Threshold):
    """What a listener asks: is the sender welcome, is the recipient ours, and, at the end, is the mail safe?"""

    def __init__(
        self,
        database: Database,
        gateway: Gateway,
        *,
        on_accepted: Callable[[], None] = lambda: None,
        ready: Callable[[], Reply | None] = lambda: None,
        meter: Meter = UNHEARD,
        intake: Intake | None = None,
        origins: Origins | None = None,
    ) -> None:
        """`intake` judges what comes in here; without it the mail waits in the journal, and `on_accepted` says so."""
        super().__init__(gateway, ready=ready, origins=origins)
        self.database = database
        self.on_accepted = on_accepted
        self.meter = meter
        self.intake = intake
        if intake:
            self.refused = Refusing(intake, origins).refusal
        # Equal for every mail, so that concurrent sessions share one transaction.
        self._accept = journal.Acceptance(database.new_id)
        self._accept_and_keep = journal.Acceptance(database.new_id, intake.owner, LEASE_S) if intake else None

    async def take(self, arrival: Arrival) -> Sequence[Reply]:
        """Write the mail down; one reply per recipient. Raises TryAgain: nothing was written."""
        # The most open mailbox comes first in the journal: a copy that waits must not hide one that need not.
        ordered = arrival
        if len(arrival.recipients) > 1:
            ordered = replace(arrival, recipients=tuple(sorted(arrival.recipients, key=self._guard)))
        begun = perf_counter()
        receipts = await self._write_down(ordered)
        self.meter.accepted(arrival.peer, sum(receipt.fresh for receipt in receipts), perf_counter() - begun)
        queued = dict(zip(ordered.recipients, receipts, strict=True))
        return [Reply(250, f"2.0.0 Ok: queued as {queued[to].queue_id}") for to in arrival.recipients]

    async def _write_down(self, arrival: Arrival) -> list[Receipt]:
        intake, work = self.intake, self._accept_and_keep
        if intake is None or work is None or not intake.backlog.reserve(arrival):
            receipts = await self.database.together(self._accept, arrival)
            if any(receipt.fresh for receipt in receipts):
                self.on_accepted()
            return receipts
        kept: list[Accepted] = []
        try:
            receipts = await self.database.together(work, arrival)
            kept = journal.kept(arrival, receipts)
        finally:
            intake.take(arrival, kept)
        return receipts

    def _guard(self, recipient: str) -> int:
        mailbox = admission.mailbox_of(recipient, self.gateway)
        return OPENEST_FIRST.index(mailbox.mode if mailbox else Mode.GUARDED)


# ── Process ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class Intake:
    """Takes accepted mail to its place."""

    # Long because it keeps one thing after the other that it is given, and that is all it does.
    def __init__(
        self,
        context: Context,
        authenticate: Authenticate,
        *,
        owner: str,
        on_outgoing: Callable[[], None] = lambda: None,
        on_backlog: Callable[[], None] = lambda: None,
        on_trusted: Callable[[Peer], object] = lambda peer: None,
        on_news: Callable[[], None] = lambda: None,
        beside: Beside = asyncio.to_thread,
        opine: opinions.Opine = opinions.nobody,
    ) -> None:
        """`owner` holds the leases; `on_backlog` is told of more than a batch can hold, `on_trusted` of where somebody
        wrote from whom we trust, `on_news` of something new in tickets; `beside` reads large mail; `opine` asks others.
        """
        self.database = context.database
        self.gateway = context.gateway
        self.book = context.book
        self.mint = context.mint
        self.clock = context.clock
        self.log = context.log
        self.meter = context.meter
        self.authenticate = authenticate
        self.owner = owner
        self.on_outgoing = on_outgoing
        self.on_backlog = on_backlog
        self.on_trusted = on_trusted
        self.on_news = on_news
        self.beside = beside
        self.opine = opine
        self.backlog, self.heard = Backlog(MAILS_MOST_SHARED if context.database.shared else MAILS_MOST), Heard()
        self._awake = asyncio.Event()
        self.slow = Stragglers(self.prepare, on_ready=self._awake.set)
        self._under_way: deque[asyncio.Task[None]] = deque()
        self._known: set[int] = set()  # journal ids that are under way
        self._in_doubt = False
        self._must_look = True
        self._took_own = False
        self._stopping = False

    def wake(self) -> None:
        """There is something in the journal."""
        self._must_look = True
        self._awake.set()

    def take(self, arrival: Arrival, kept: Sequence[Accepted]) -> None:
        """What became of an arrival that had room in the backlog: mails that are leased to us, or nothing."""
        self.backlog.put(arrival, kept)
        self._awake.set()

    def stop(self) -> None:
        """Finish what was accepted, then let `run` end."""
        self._stopping = True
        self._awake.set()

    async def run(self) -> None:
        """Process until `stop`; trouble of the database is waited out, never given up on."""
        while True:
            self._awake.clear()
            try:
                worked = await self._work()
            except TryAgain as trouble:
                self.log.warning(Event.STORE_TROUBLE, error=str(trouble))
                self._must_look = True
                if self._stopping:
                    return
                await asyncio.sleep(TROUBLE_WAIT_S)
                continue
            if self._stopping and not worked and not self.slow:
                return
            if not worked and not await happens(self._awake, IDLE_WAIT_S):
                self._must_look = True

    async def recover(self) -> None:
        """Free what a dead daemon had claimed."""
        await self.database.write(lambda conn: journal.release(conn, self.owner))

    async def settle(self) -> int:
        """Process all that is there now; the number of journal rows that were processed."""
        self._must_look = True
        done = await self._work()
        while self.slow:
            await self.slow.wait()
            done += await self._work()
        return done

    async def _work(self) -> int:
        """Judge batch after batch until nothing is left. While one is written, the next is read and authenticated."""
        done, under_way = 0, self._under_way
        try:
            while batch := await self._next_batch():
                done += len(batch)
                before = under_way[-1] if under_way else None
                under_way.append(asyncio.create_task(self._process_after(before, batch)))
                if len(under_way) == BATCHES_AT_ONCE:
                    await under_way.popleft()
        finally:
            await asyncio.gather(*under_way, return_exceptions=True)
            under_way.clear()
        return done

    async def _next_batch(self) -> list[Accepted]:
        """Mail from the journal and from our own memory by turns; nothing once both are empty and all is written."""
        while True:
            looks = self._must_look and (self._took_own or not self.backlog)
            batch = await self._claimed() if looks else []
            self._took_own = not batch
            batch = batch or self.slow.take(BATCH) or self.backlog.take(BATCH)
            if batch or not self._under_way:
                return batch
            # Whatever fails there is put back, and must be looked for.
            await self._under_way.popleft()

    async def _claimed(self) -> list[Accepted]:
        # Before and not after: a mail that fails while we look here must be looked for again.
        self._must_look = False
        now = self.clock()
        # Only what was kept for as long as a lease could be claimed anew; but in doubt we name all that is ours.
        ours = self.backlog if self._in_doubt else self.backlog.accepted_until(now - timedelta(seconds=LEASE_S))
        known = self._known | {accepted.journal_id for accepted in ours} | set(self.slow)
        try:
            batch = await self.database.write(partial(self._claim, now, known, in_doubt=self._in_doubt))
        except TryAgain:
            self._in_doubt = True
            raise
        self._in_doubt = False
        self._must_look |= bool(batch)
        if len(batch) == BATCH:
            self.on_backlog()
        return batch

    def _claim(self, now: datetime, known: set[int], conn: Connection, *, in_doubt: bool) -> list[Accepted]:
        if in_doubt:
            # What bears our name and is not known here was claimed by a commit of which we never heard.
            journal.release(conn, self.owner, known)
        return journal.claim(conn, now, BATCH, self.owner, LEASE_S, known=known)

    async def _process_after(self, before: asyncio.Task[None] | None, batch: Sequence[Accepted]) -> None:
        ids = {accepted.journal_id for accepted in batch}
        self._known |= ids
        try:
            await self._process(batch, before)
        finally:
            self._known -= ids

    async def _process(self, batch: Sequence[Accepted], before: asyncio.Task[None] | None = None) -> None:
        """Take a batch to its place, once `before` is at its own: mail is judged in the order in which it came."""
        try:
            await self._judge_and_record(batch, before)
        except TryAgain:
            raise
        # Broad, because whatever a mail does to us, it is set aside whole and the others go on.
        except Exception as error:
            if len(batch) == 1 and isinstance(error, Overtaken):
                return
            if len(batch) == 1:
                await self._failed(batch[0], traceback.format_exc())
                return
            # One bad mail must not hold up the others: each is tried by itself.
            for accepted in batch:
                if accepted.journal_id not in self.slow:
                    await self._process([accepted])

    async def _judge_and_record(self, batch: Sequence[Accepted], before: asyncio.Task[None] | None) -> None:
        begun = perf_counter()
        for dead in [accepted for accepted in batch if _killed_us(accepted)]:
            await self._shunt(dead, "processing ended without a word twice; set aside unread")
        alive = [accepted for accepted in batch if not _killed_us(accepted)]
        if not alive:
            return
        cases = await self.slow.prepared(alive)
        prepare_s = perf_counter() - begun
        if before:
            await asyncio.wait([before])
        for part in apart(cases, self.book().limits):
            await self._record(part, prepare_s * len(part) / len(cases))

    async def _record(self, cases: Sequence[Case], prepare_s: float) -> None:
        begun = perf_counter()
        outcomes = await self._persist(partial(self._decide, cases=cases))
        took_s = {"prepare": prepare_s, "record": perf_counter() - begun}
        self.meter.batch(*took_s.values())
        stages_ms = {stage: round(seconds * 1e3 / len(cases), 2) for stage, seconds in took_s.items()}
        now = self.clock()
        for outcome in outcomes:
            self._tell(outcome, stages_ms, now)
            alarm.tell(outcome.effects, self.log)
        if any(outcome.planned or outcome.relays for outcome in outcomes):
            self.on_outgoing()
        if any(isinstance(effect, TicketChange) for outcome in outcomes for effect in outcome.effects):
            self.on_news()

    async def _persist(self, work: Callable[[Connection], list[Outcome]]) -> list[Outcome]:
        """Write what was judged. Trouble of the database is no fault of the mail, so it costs no attempt."""
        while True:
            try:
                return await self.database.write(work)
            except TryAgain as trouble:
                if self._stopping:
                    raise
                self.log.warning(Event.STORE_TROUBLE, error=str(trouble))
                await asyncio.sleep(TROUBLE_WAIT_S)

    async def prepare(self, accepted: Accepted) -> Case:
        """Read a mail and find out who it is from."""
        if heard := self.heard.take(accepted, self.gateway, self.book().version):
            return replace(heard, judged_at=self.clock())
        raw, text = accepted.raw, None
        if len(raw) <= AT_ONCE_BYTES:
            mail, parts = read(raw)
        elif len(raw) <= IN_THREAD_BYTES:
            mail, parts = await asyncio.to_thread(read, raw)
        else:
            mail, parts, text = await self.beside(whole, raw, self.book().quotes)
        author = mail.author
        domain = author.address.rpartition("@")[2] if author else ""
        proving = self.authenticate(raw, accepted.mail_from, accepted.peer, domain)
        proof, said = await opinions.beside(proving, accepted, domain, self.gateway, self.opine)
        case = partial(
            case_of, accepted, mail, parts, proof, gateway=self.gateway, book=self.book(), now=self.clock(), text=text
        )
        found = case() if len(raw) <= AT_ONCE_BYTES else await asyncio.to_thread(case)
        return replace(found, opinions=said)

    def _decide(self, conn: Connection, cases: Sequence[Case]) -> list[Outcome]:
        """Read, judge, write: one transaction."""
        return judging.decide(conn, cases, gateway=self.gateway, book=self.book(), mint=self.mint, now=self.clock())

    async def _failed(self, accepted: Accepted, error: str) -> None:
        if accepted.attempts >= MOST_ATTEMPTS:
            await self._shunt(accepted, error)
            return
        await self.database.write(lambda conn: journal.fail(conn, accepted.journal_id, error, self.clock()))
        self._must_look = True
        self.log.warning(Event.MAIL_FAILED, journal_id=accepted.journal_id, attempt=accepted.attempts, error=error)

    async def _shunt(self, accepted: Accepted, error: str) -> None:
        await self.database.write(lambda conn: journal.shunt(conn, accepted.journal_id, error, self.clock()))
        self.log.error(Event.MAIL_SHUNTED, journal_id=accepted.journal_id, queue_id=accepted.queue_id, error=error)

    def _tell(self, outcome: Outcome, stages_ms: dict[str, float], now: datetime) -> None:
        filing = outcome.filing
        found, accepted = filing.verdict, filing.case.accepted
        waited_s = (now - accepted.at).total_seconds()
        self.meter.judged(outcome, waited_s)
        if outcome.trusted:
            self.on_trusted(accepted.peer)
        self.log.info(
            Event.MAIL_JUDGED,
            journal_id=accepted.journal_id,
            queue_id=accepted.queue_id,
            kind=found.kind,
            disposition=found.disposition,
            state=filing.state,
            reasons=[without_addresses(words) for words in (found.reason, found.suppressed) if words],
            withheld_by=found.withheld_by,
            rules=[hit.rule for hit in found.hits if not hit.shadow],
            shadow=[hit.rule for hit in found.hits if hit.shadow],
            ms={"since_accepted": round(waited_s * 1e3, 1), **stages_ms},
        )
        if any(finding.pin for finding in found.findings):
            self.log.warning(Event.OPERATOR_ASKED, journal_id=accepted.journal_id, asks=without_addresses(found.reason))


def _killed_us(accepted: Accepted) -> bool:
    return accepted.attempts >= MOST_ATTEMPTS and not accepted.last_error and not accepted.replayed
