"""How well the points of spam sort mail that waits for people: the laboratory gets it all as strangers' mail."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, select

from benchmarks.corpus import OWNERS, Sorted
from mailgate.cases import case_of
from mailgate.context import Mint
from mailgate.judge import verdict
from mailgate.judge.history import History
from mailgate.mail.parse import read
from mailgate.model import (
    Accepted,
    Authentication,
    Facts,
    Gateway,
    HeldState,
    Mailbox,
    Opinion,
    Peer,
    Purpose,
    State,
)
from mailgate.rulebook import Rulebook
from mailgate.store import tables
from mailgate.store.held import LIKELIEST_FIRST
from mailgate.testing import KEYS, Lab

HAM_SEEN = 0.95  # how far down people read
TOGETHER = 100  # mails that are handed in before they are judged

Curve = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Placed:
    """Where one mail stands."""

    spam: bool
    points: float
    state: State
    held: HeldState | None


@dataclass(frozen=True, slots=True)
class Ranking:
    """All mails in the order in which people see them, likely people first."""

    placed: Sequence[Placed]

    @property
    def held(self) -> Ranking:
        """What of it waits for people or stands apart."""
        return Ranking([one for one in self.placed if one.held])

    def count(self, *, spam: bool) -> int:
        """How many mails of one sort there are."""
        return sum(one.spam is spam for one in self.placed)

    def tickets(self, *, spam: bool) -> int:
        """How many mails of one sort are in tickets."""
        return sum(one.spam is spam and one.state in (State.TICKETED, State.APPENDED) for one in self.placed)

    def from_points(self, points: float, *, spam: bool) -> float:
        """The share of one sort that has so many points or more."""
        return sum(one.spam is spam and one.points >= points for one in self.placed) / (self.count(spam=spam) or 1)

    def curve(self) -> Curve:
        """After each mail, top down: which share of ham was seen, and which share of spam on the way."""
        ham, spam = self.count(spam=False) or 1, self.count(spam=True) or 1
        seen, points = [0, 0], [(0.0, 0.0)]
        for one in self.placed:
            seen[one.spam] += 1
            points.append((seen[0] / ham, seen[1] / spam))
        return points

    def spam_before(self, ham_seen: float = HAM_SEEN) -> float:
        """The share of spam that stands before so much ham is seen."""
        return next((spam for ham, spam in self.curve() if ham >= ham_seen), 1.0)


async def in_laboratory(mails: Sequence[Sorted], *, known: Collection[str] = ()) -> tuple[Ranking, int]:
    """Hand all in to guarded mailboxes; the ranking, and how many strangers were asked.

    Nobody is proven, since no key of then can be asked for. The addresses in `known` are trusted before.
    """
    boxes = [{"address": address, "queue": "support", "mode": "guarded"} for address in OWNERS]
    spam: dict[str, bool] = {}
    async with Lab(start=mails[0].at - timedelta(days=1), overrides={"mailbox": boxes}) as lab:
        for address in known:
            await lab.desk.trust(address, "anne")
        for number, mail in enumerate(mails, 1):
            lab.advance(max(timedelta(), mail.at - lab.now))
            handed = await lab.receive(mail.raw, mail_from=mail.mail_from, rcpt_to=[mail.rcpt_to], auth="A0")
            spam[handed.queue_id] = mail.spam
            if number % TOGETHER == 0 or number == len(mails):
                await lab.settle()
        rows = lab.database.look(_rows)
        asked = sum(one.kind == Purpose.CHALLENGE for one in lab.sent)
    return Ranking([Placed(spam[row.queue_id], row.spam, row.state, row.held) for row in rows]), asked


def _rows(conn: Connection) -> Sequence[Any]:
    message, journal = tables.message, tables.journal
    found = select(journal.c.queue_id, journal.c.state, message.c.spam, message.c.held)
    joined = found.join(journal, journal.c.id == message.c.journal_id)
    return conn.execute(joined.order_by(*LIKELIEST_FIRST)).all()


def alone(mails: Sequence[Sorted], book: Rulebook, opinions: Mapping[str, Opinion] | None = None) -> Ranking:
    """Judge each as if nothing else were known; `opinions` of others outside by the names of the mails."""
    gateway = Gateway("mx.g.test", tuple(Mailbox(address, "support") for address in OWNERS), KEYS)
    mint = Mint(count(1).__next__)
    found = []
    for mail in mails:
        accepted = Accepted(1, "ranked", mail.at, mail.mail_from, mail.rcpt_to, Peer(), mail.raw)
        case = case_of(accepted, *read(mail.raw), Authentication(), gateway=gateway, book=book, now=mail.at)
        if opinions and mail.name in opinions:
            case = replace(case, opinions=(opinions[mail.name],))
        filing = verdict.judge(case, book.signals, History(Facts(), book.limits, gateway, mint)).filing
        found.append(Placed(mail.spam, filing.verdict.spam or 0.0, filing.state, filing.held))
    return Ranking(sorted(found, key=lambda one: (one.held is HeldState.LIKELY_SPAM, one.points)))


def every_other(mails: Sequence[Sorted]) -> set[str]:
    """The addresses of half of those who wrote wanted mail, chosen by the addresses alone."""
    people = {mail.mail.author.address for mail in mails if mail.mail.author and not mail.spam}
    return {address for address in people if hashlib.sha256(address.encode()).digest()[0] < 0x80}
