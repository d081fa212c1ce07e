"""Mail of before, judged again: by other rules, with the history that each mail was judged by then. Writes nothing.

Every batch that intake judges is kept with its facts (`remembering`). Here its mails are read anew, judged in the same
order by those facts, and what comes of each is held against what came of it then. Where the two differ, the facts of
later batches are changed as if it had come so (`judge.overlay`): a mail that would have been held opens no ticket for
the next one to join, and an answer that would not have left leaves its limit unspent.

With the rules that judged then, no mail may come out differently: a test holds us to it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from mailgate.cases import case_of
from mailgate.judge import verdict
from mailgate.judge.ask import ask
from mailgate.judge.decided import Batch, Decided, Judged
from mailgate.judge.difference import Change, because, changes
from mailgate.judge.history import History
from mailgate.judge.overlay import Overlay
from mailgate.mail import parse
from mailgate.model import Accepted, Case, Facts, Gateway
from mailgate.remembering import as_judged, read_batch, read_facts
from mailgate.store import judgements
from mailgate.store.database import Database
from mailgate.store.judgements import Kept

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mailgate.rulebook import Rulebook

PAGE_BATCHES = 50  # that are in memory at once,
PAGE_BYTES = 64 << 20  # and of their mails; one batch is always taken, for intake bounds it likewise
FIRST_ID = 1 << 62  # of what only the other world has: no row of this century has so large an id

_Read = tuple[Batch, Facts]


@dataclass(frozen=True, slots=True)
class Replayed:
    """One mail judged again. `changes` is empty where nothing is different."""

    journal_id: int
    queue_id: str
    at: datetime
    sender: str
    subject: str
    mailbox: str
    before: Decided
    after: Decided
    changes: tuple[Change, ...] = ()
    because: tuple[str, ...] = ()  # which rules say so, each with its file and line


@dataclass(slots=True)
class Gaps:
    """What could not be judged again, and what was first judged by other rules than the newest."""

    gone: int = 0  # mails that are no longer stored
    unreadable: int = 0  # batches of which another version of mailgate wrote the record
    rules: set[str] = field(default_factory=set)  # the versions that judged then


class _Mint:
    """Ids that nothing in the store has; the same in every replay."""

    def __init__(self) -> None:
        self._numbers = count(FIRST_ID)

    def new_id(self) -> int:
        return next(self._numbers)

    def nonce(self) -> int:
        return next(self._numbers)


class Replaying:
    """Judges the mail of some days again by the rules of `book`."""

    def __init__(self, database: Database, gateway: Gateway, book: Rulebook) -> None:
        self.database = database
        self.gateway = gateway
        self.book = book
        self.gaps = Gaps()
        self._mint = _Mint()
        self._overlay = Overlay(book.limits)

    async def mails(self, since: datetime, until: datetime) -> int:
        """How many mails there are to judge. Raises TryAgain."""
        return await self.database.read(lambda conn: judgements.mails(conn, since, until))

    async def run(
        self, since: datetime, until: datetime, *, tell: Callable[[int], None] = lambda mails: None
    ) -> AsyncIterator[Replayed]:
        """Every mail of that time that is still stored, in the order in which it was judged. Raises TryAgain.

        `tell` is told how many more are done. Nothing is written, and between two pages nothing is held open.
        """
        after: tuple[datetime, int] | None = None
        while True:
            batches, mails = await self.database.read(partial(self._page, since=since, until=until, after=after))
            for kept, read in batches:
                for one in self._judged(read, mails):
                    yield one
                tell(len(_mails_of(read)))
                after = kept.at, kept.id
            if not batches:
                return

    def _page(
        self, conn: Connection, *, since: datetime, until: datetime, after: tuple[datetime, int] | None
    ) -> tuple[list[tuple[Kept, _Read | None]], dict[int, Accepted]]:
        kept = judgements.page(conn, since, until, after, PAGE_BATCHES)
        batches = [(one, _read(one.document)) for one in kept]
        sizes = judgements.sizes(conn, [number for _, read in batches for number in _mails_of(read)])
        taken, size_bytes = 0, 0
        for _, read in batches:
            size_bytes += sum(sizes.get(number, 0) for number in _mails_of(read))
            if taken and size_bytes > PAGE_BYTES:
                break
            taken += 1
        wanted = [number for _, read in batches[:taken] for number in _mails_of(read)]
        return batches[:taken], judgements.accepted(conn, wanted)

    def _judged(self, read: _Read | None, mails: dict[int, Accepted]) -> list[Replayed]:
        """The mails of one batch; what they change is remembered for later ones."""
        if read is None:
            self.gaps.unreadable += 1
            return []
        batch, known = read
        then = [one for one in batch.mails if one.journal_id in mails]
        self.gaps.gone += len(batch.mails) - len(then)
        self.gaps.rules.add(batch.rules)
        cases = [self._case(one, mails[one.journal_id]) for one in then]
        if not cases:
            return []
        before = dict(known.acquaintances)
        if self._overlay:
            self._overlay.lay(known, ask(cases, self.gateway, self.book.limits))
        history = History(known, self.book.limits, self.gateway, self._mint)
        outcomes = [verdict.judge(case, self.book.signals, history) for case in cases]
        now = as_judged(cases, outcomes)
        self._overlay.learn(cases, then, now, outcomes, before=before, facts=history.facts)
        return [_compared(*three) for three in zip(cases, then, now, strict=True)]

    def _case(self, then: Judged, accepted: Accepted) -> Case:
        mail, parts = parse.read(accepted.raw)
        case = case_of(
            replace(accepted, at=then.at),
            mail,
            parts,
            then.proof,
            gateway=self.gateway,
            book=self.book,
            now=then.judged_at,
        )
        return replace(case, opinions=then.opinions)


def _read(document: bytes) -> _Read | None:
    """What was kept of a batch; None where another version of mailgate wrote it."""
    try:
        batch = read_batch(document)
        return batch, read_facts(batch.facts)
    except msgspec.DecodeError:
        return None


def _mails_of(read: _Read | None) -> list[int]:
    return [mail.journal_id for mail in read[0].mails] if read else []


def _compared(case: Case, then: Judged, now: Judged) -> Replayed:
    author = case.mail.author
    found = changes(then.decided, now.decided)
    return Replayed(
        journal_id=case.accepted.journal_id,
        queue_id=case.accepted.queue_id,
        at=case.accepted.at,
        sender=author.address if author else case.accepted.mail_from,
        subject=case.mail.subject,
        mailbox=case.mailbox.address,
        before=then.decided,
        after=now.decided,
        changes=found,
        because=because(then.decided, now.decided) if found else (),
    )
