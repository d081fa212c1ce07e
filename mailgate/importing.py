"""Old mail in: from a mailbox of before into tickets, answering nobody.

It never passes the judge or the send gate: in one transaction each mail is accepted, as every mail is, and stands in
its ticket already, so that no daemon ever sees it waiting. A mail that is here is not taken once more, so whoever was
interrupted begins again from the beginning.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mailgate.context import Context
from mailgate.digest import sha256_of
from mailgate.errors import TryAgain
from mailgate.judge import old
from mailgate.judge.canonical import canonical
from mailgate.judge.verdict import identity_of
from mailgate.mail.parse import read
from mailgate.model import Accepted, Arrival, Authentication, Case, Effect, Filing, Mail, Mailbox, Peer, Role
from mailgate.store import ids, journal, oldmail, record

if TYPE_CHECKING:
    from sqlalchemy import Connection

BATCH = 100  # mails of one transaction
BATCH_BYTES = 16 << 20  # of their bytes; a larger mail comes alone
LEASE_S = 60.0
MOST_TRIES = 10  # of one batch, while the database is in trouble
TROUBLE_WAIT_S = 1.0
_PEER = Peer(known=False, role=Role.BEHIND)
_NOT_PROVEN = Authentication(why="old mail, of which nobody can say any more who sent it")


@dataclass(frozen=True, slots=True)
class OldMail:
    """A mail as it lay in its mailbox, with CRLF line ends, and when it came."""

    raw: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Tally:
    """How many mails of a batch are new here, how many of them began a ticket, and how many were here."""

    new: int = 0
    tickets: int = 0
    known: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.new + other.new, self.tickets + other.tickets, self.known + other.known)


class Importing:
    """Brings old mail into one mailbox. Hand it in from the oldest on: who answers comes after whom he answers."""

    def __init__(
        self, context: Context, mailbox: Mailbox, *, closed_after: timedelta | None = None, dry_run: bool = False
    ) -> None:
        """Tickets are closed where their last mail is older than `closed_after`; without it all are. `dry_run` only
        counts.
        """
        self.database = context.database
        self.gateway = context.gateway
        self.clock = context.clock
        self.mailbox = mailbox
        self.closed_after = closed_after
        self.dry_run = dry_run
        self._ours = frozenset(canonical(box.address) for box in self.gateway.mailboxes)

    async def take(self, mails: Sequence[OldMail]) -> Tally:
        """Bring in a batch. Raises TryAgain: the database is in trouble for long; nothing of it was written."""
        cases = await asyncio.to_thread(lambda: [self._case(one) for one in mails])
        if self.dry_run:
            return await self.database.read(lambda conn: self._counted(conn, cases))
        begun = perf_counter()
        tally = await self._patiently(cases)
        # As long as senders had to wait for us.
        await asyncio.sleep(perf_counter() - begun)
        return tally

    async def _patiently(self, cases: Sequence[Case]) -> Tally:
        for _ in range(MOST_TRIES - 1):
            try:
                return await self.database.write(lambda conn: self._bring_in(conn, cases))
            except TryAgain:
                await asyncio.sleep(TROUBLE_WAIT_S)
        return await self.database.write(lambda conn: self._bring_in(conn, cases))

    def _case(self, one: OldMail) -> Case:
        try:
            mail, _ = read(one.raw)
        # Broad, because whatever keeps us from reading a mail, it has its ticket, with all its bytes.
        except Exception:
            mail = Mail(headers={}, body_hash=sha256_of(one.raw).hex(), size_bytes=len(one.raw))
        author = mail.author.address if mail.author else ""
        accepted = Accepted(0, "", one.at, author, self.mailbox.address, _PEER, one.raw)
        return Case(accepted, mail, _NOT_PROVEN, self.mailbox, self.clock())

    def _counted(self, conn: Connection, cases: Sequence[Case]) -> Tally:
        new = self._new(conn, cases)
        return Tally(new=len(new), known=len(cases) - len(new))

    def _new(self, conn: Connection, cases: Sequence[Case]) -> list[Case]:
        """Those that are not here, each once."""
        names = {identity_of(case, self.gateway.name): case for case in cases}
        seen = oldmail.known(conn, names)
        found: list[Case] = []
        for case in cases:
            key = identity_of(case, self.gateway.name), case.mail.body_hash
            if key not in seen:
                seen.add(key)
                found.append(case)
        return found

    def _bring_in(self, conn: Connection, cases: Sequence[Case]) -> Tally:
        new = self._accepted(conn, self._new(conn, cases))
        effects = self._placed(conn, new)
        record.apply(conn, effects, self.clock())
        oldmail.forget_keys(conn, [case.accepted.journal_id for case in new])
        begun = len(effects) - 2 * len(new)
        return Tally(len(new), begun, len(cases) - len(new))

    def _accepted(self, conn: Connection, cases: Sequence[Case]) -> list[Case]:
        arrivals = [_arrival(case.accepted) for case in cases]
        new_id = self.database.new_id
        receipts = journal.accept(conn, arrivals, new_id, ids.queue_id, owner=old.ACTOR, lease_s=LEASE_S)
        kept = (journal.kept(arrival, given) for arrival, given in zip(arrivals, receipts, strict=True))
        pairs = zip(cases, kept, strict=True)
        return [replace(case, accepted=accepted) for case, found in pairs for accepted in found]

    def _placed(self, conn: Connection, cases: Sequence[Case]) -> list[Effect]:
        named = {name for case in cases for name in (*case.mail.in_reply_to, *case.mail.references)}
        tickets = oldmail.tickets(conn, named, old.IMPORTED)
        effects: list[Effect] = []
        for case in cases:
            made = old.place(
                case,
                tickets,
                self.database.new_id,
                domain=self.gateway.name,
                ours=self._ours,
                open_=self._is_open(case.accepted.at),
            )
            effects += made
            filing = made[-1]
            assert isinstance(filing, Filing)
            assert filing.ticket_id
            tickets.setdefault(filing.identity, filing.ticket_id)
        return effects

    def _is_open(self, at: datetime) -> bool:
        return self.closed_after is not None and self.clock() - at < self.closed_after


def batches(sizes: Sequence[int]) -> list[range]:
    """Mails of these sizes, in their order, cut into batches."""
    found: list[range] = []
    start = total = 0
    for place, size_bytes in enumerate(sizes):
        if place > start and (place - start == BATCH or total + size_bytes > BATCH_BYTES):
            found.append(range(start, place))
            start, total = place, 0
        total += size_bytes
    return [*found, range(start, len(sizes))] if sizes else found


def _arrival(accepted: Accepted) -> Arrival:
    return Arrival(accepted.mail_from, (accepted.rcpt_to,), accepted.raw, accepted.peer, accepted.at)
