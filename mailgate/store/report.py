"""Store: what left by itself within a span, what was withheld and why, and what a dry run kept back."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from mailgate.model import Level, OutboxState, Purpose
from mailgate.store import tables

REASONS_MOST = 10_000  # different ones that are read; numbers in them make many of one
DRY_MOST = 200_000  # mails that a dry run kept back and that are looked at, the newest
TOP = 10  # addresses that are named

_DRY_RUN, _DRY_END = "dry run: ", " would have left"
_PERMIT, _OUTBOX, _MESSAGE = tables.permit.c, tables.outbox.c, tables.message.c


@dataclass(frozen=True, slots=True)
class Left:
    """Automatic mails of one kind that got their permit, by what became of them."""

    kind: Purpose
    granted: int
    sent: int
    waiting: int
    failed: int
    cancelled: int


@dataclass(frozen=True, slots=True)
class Withheld:
    """How many automatic mails were withheld for one reason."""

    reason: str
    mails: int


@dataclass(frozen=True, slots=True)
class DryDay:
    """What would have left on one day, UTC, and to how many addresses."""

    day: str
    mails: int
    addresses: int


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a dry run kept back in all."""

    kinds: dict[str, int]
    mails: int
    addresses: int
    days: tuple[DryDay, ...]
    top: tuple[tuple[str, int], ...]  # the addresses that would have got most


@dataclass(frozen=True, slots=True)
class Report:
    """All of it, since a moment."""

    since: datetime
    left: tuple[Left, ...]
    withheld: tuple[Withheld, ...]
    dry_run: DryRun
    backscatter: int  # automatic mails in answer to a sender who was not proven; 0 is the promise


def report(conn: Connection, since: datetime) -> Report:
    """What happened after `since`. Reads all mail there is, so it takes a moment in a large database."""
    return Report(
        since,
        tuple(_left(conn, since)),
        tuple(_withheld(conn, since)),
        _dry_run(conn, since),
        _backscatter(conn, since),
    )


def _backscatter(conn: Connection, since: datetime) -> int:
    """Counted from the rows themselves, apart from whoever decided."""
    unproven = (
        select(func.count())
        .select_from(tables.permit.join(tables.message, _MESSAGE.journal_id == _PERMIT.cause))
        .where(_PERMIT.at > since, _MESSAGE.level == Level.A0)
    )
    return conn.execute(unproven).scalar_one()


def _left(conn: Connection, since: datetime) -> list[Left]:
    counted = (
        select(_PERMIT.purpose, _OUTBOX.state, func.count().label("number"))
        .join(tables.outbox, _OUTBOX.permit_id == _PERMIT.id)
        .where(_PERMIT.at > since)
        .group_by(_PERMIT.purpose, _OUTBOX.state)
    )
    states: dict[Purpose, Counter[OutboxState]] = defaultdict(Counter)
    for row in conn.execute(counted):
        states[row.purpose][row.state] += row.number
    return [
        Left(
            kind=purpose,
            granted=sum(found.values()),
            sent=found[OutboxState.SENT],
            waiting=found[OutboxState.READY] + found[OutboxState.LEASED] + found[OutboxState.HANDED],
            failed=found[OutboxState.FAILED],
            cancelled=found[OutboxState.CANCELLED],
        )
        for purpose in Purpose
        if purpose is not Purpose.AGENT
        for found in (states[purpose],)
    ]


def _withheld(conn: Connection, since: datetime) -> list[Withheld]:
    counted = (
        select(_MESSAGE.suppressed, func.count().label("number"))
        .where(_MESSAGE.at > since, _MESSAGE.suppressed != "", ~_MESSAGE.suppressed.startswith(_DRY_RUN))
        .group_by(_MESSAGE.suppressed)
        .limit(REASONS_MOST)
    )
    reasons: Counter[str] = Counter()
    for row in conn.execute(counted):
        reasons[_reason(row.suppressed)] += row.number
    return [Withheld(reason, number) for reason, number in reasons.most_common()]


def _reason(words: str) -> str:
    """The same limit says with each mail how far it is exceeded, "5 of 4 ...": that is left out."""
    count, of, rest = words.partition(" of ")
    return f"limit of {rest}" if of and count.isdecimal() else words


def _dry_run(conn: Connection, since: datetime) -> DryRun:
    page = (
        select(_MESSAGE.suppressed, _MESSAGE.sender, _MESSAGE.at)
        .where(_MESSAGE.at > since, _MESSAGE.suppressed.startswith(_DRY_RUN))
        .order_by(_MESSAGE.id.desc())
        .limit(DRY_MOST)
    )
    kinds: Counter[str] = Counter()
    addresses: Counter[str] = Counter()
    days: dict[str, Counter[str]] = defaultdict(Counter)
    for row in conn.execute(page):
        kinds[row.suppressed.removeprefix(_DRY_RUN).removesuffix(_DRY_END)] += 1
        addresses[row.sender] += 1
        days[row.at.date().isoformat()][row.sender] += 1
    by_day = (DryDay(day, sum(found.values()), len(found)) for day, found in sorted(days.items()))
    return DryRun(dict(kinds), sum(kinds.values()), len(addresses), tuple(by_day), tuple(addresses.most_common(TOP)))
