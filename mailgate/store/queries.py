"""Store: what faces read. Every list has an end; nothing here writes, and nothing here reads what a mail says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Select, and_, case, func, literal_column, or_, select, tuple_

from mailgate.model import Acquaintance, Challenge, HeldState, OutboxState, Standing, State
from mailgate.searchwords import Sought, sought
from mailgate.store import rows, tables
from mailgate.store import search as index
from mailgate.store.dialect import is_one_of, is_one_of_given, listed
from mailgate.store.documents import against
from mailgate.store.held import LIKELIEST_FIRST
from mailgate.store.journal import decompressed
from mailgate.store.ledger import Ledger, ledger
from mailgate.store.tables import Direction
from mailgate.store.tickets import PAGE, ticket, tickets, tickets_whole
from mailgate.store.views import (
    Backlog,
    HeldLine,
    HeldView,
    JudgedLine,
    OutboxLine,
    SenderView,
    ShuntedLine,
)

__all__ = [
    "Ledger",
    "acquaintance",
    "acquaintances",
    "backlog",
    "challenge",
    "held",
    "held_one",
    "judged",
    "ledger",
    "outgoing",
    "raw_of_journal",
    "raw_of_message",
    "sender",
    "senders",
    "shunted",
    "ticket",
    "tickets",
    "tickets_whole",
    "verdict",
]


_TICKET, _MESSAGE, _JOURNAL, _RAW, _OUTBOX = (
    tables.ticket.c,
    tables.message.c,
    tables.journal.c,
    tables.raw.c,
    tables.outbox.c,
)
# Spelled out and not parameters, so that the planner sees which partial index it may use.
_PENDING = _JOURNAL.state == literal_column("'pending'")
_SHUNTED = _JOURNAL.state == literal_column("'shunted'")
_READY = _OUTBOX.state == literal_column("'ready'")
_IS_HELD = _MESSAGE.held.is_not(None)
_ACQUAINTANCES = select(tables.address).where(is_one_of_given(tables.address.c.address, "wanted"))


# ── Held mail ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_HELD = select(
    _MESSAGE.id,
    _MESSAGE.journal_id,
    _MESSAGE.sender,
    _MESSAGE.author,
    _MESSAGE.author_name,
    _MESSAGE.subject,
    _MESSAGE.held,
    _MESSAGE.held_reason,
    _MESSAGE.at,
    _MESSAGE.mailbox,
    _MESSAGE.spam,
    _MESSAGE.verdict,
    _JOURNAL.mail_from,
    _JOURNAL.state,
    select(_TICKET.number).where(_TICKET.id == _MESSAGE.suggests_id).scalar_subquery().label("suggests"),
).join(tables.journal, _JOURNAL.id == _MESSAGE.journal_id)
_WAITS = or_(_IS_HELD, _JOURNAL.state == State.PARKED)


def held(
    conn: Connection,
    limit: int = PAGE,
    *,
    after: int | None = None,
    parked: bool = False,
    archived: bool = False,
    search: str = "",
) -> list[HeldLine]:
    """Held mail, what is likely a person's first, then the oldest; from the id `after` on, the last of the page above.

    With `parked`, parked mail too; with `archived`, what is archived too, and so where words are looked for with
    `search`, which finds the oldest first.
    """
    waits = _WAITS if parked else _IS_HELD
    if search:
        return _held_with(conn, _HELD.where(waits), sought(search), after or 0, limit)
    page = select(_MESSAGE.id).where(waits).order_by(*LIKELIEST_FIRST).limit(limit)
    if parked:
        page = page.join(tables.journal, _JOURNAL.id == _MESSAGE.journal_id)
    if not archived:
        page = page.where(or_(_MESSAGE.held.is_(None), _MESSAGE.held != HeldState.ARCHIVED))
    if after is not None:
        last = select(*LIKELIEST_FIRST).where(_MESSAGE.id == after)
        page = page.where(tuple_(*LIKELIEST_FIRST) > tuple_(*conn.execute(last).one()))
    ids = conn.execute(page).scalars().all()
    rows = {row.id: row for row in conn.execute(_HELD.where(is_one_of(_MESSAGE.id, ids)))} if ids else {}
    return [_held_line(rows[one]) for one in ids]


def _held_with(conn: Connection, page: Select[Any], asked: Sought, after: int, limit: int) -> list[HeldLine]:
    lines: list[HeldLine] = []
    most = 2 * limit
    while len(lines) < limit and (ids := index.held(conn, asked, after, most)):
        after, most = ids[-1], 4 * most
        found = page.where(is_one_of(_MESSAGE.id, ids)).order_by(_MESSAGE.id).limit(limit)
        lines += [_held_line(row) for row in conn.execute(found)]
    return lines[:limit]


def held_one(conn: Connection, message_id: int) -> HeldView | None:
    """One held or parked mail with its bytes, or None."""
    found = _HELD.add_columns(_RAW.zstd, _RAW.size_bytes).join(tables.raw, _RAW.id == _MESSAGE.raw_id)
    row = conn.execute(found.where(_MESSAGE.id == message_id, _WAITS)).one_or_none()
    return HeldView(_held_line(row), row.verdict, decompressed(row.zstd, row.size_bytes)) if row else None


def _held_line(row: Any) -> HeldLine:
    return HeldLine(
        id=row.id,
        from_=row.author or row.mail_from,
        subject=row.subject,
        reason=row.held_reason or row.verdict["reason"],
        points=row.spam,
        because=against(row.verdict),
        since=row.at,
        state=row.held or row.state,
        journal_id=row.journal_id,
        name=row.author_name,
        to=row.mailbox,
        proof=row.verdict["authentication"]["why"],
        may_belong_to=row.suggests,
    )


# ── Queues ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def outgoing(
    conn: Connection, limit: int = PAGE, *, states: Iterable[OutboxState] = OutboxState, before: int | None = None
) -> list[OutboxLine]:
    """Mail that leaves, newest first, of the given states; ids smaller than `before`."""
    page = (
        select(tables.outbox, _MESSAGE.subject, _TICKET.number)
        .join(tables.message, _MESSAGE.id == _OUTBOX.message_id)
        .outerjoin(tables.ticket, _TICKET.id == _MESSAGE.ticket_id)
        .where(_OUTBOX.state.in_(list(states)))
    )
    if before is not None:
        page = page.where(_OUTBOX.id < before)
    return [_outbox_line(row) for row in conn.execute(page.order_by(_OUTBOX.id.desc()).limit(limit))]


def _outbox_line(row: Any) -> OutboxLine:
    ended = row.settled_at is not None
    reply = f"{row.last_code} {row.last_reply}" if row.last_code else row.last_reply
    return OutboxLine(
        id=row.id,
        kind=row.purpose,
        to=row.rcpt_to,
        state=row.state,
        attempts=row.attempts,
        next_at=None if ended else row.next_at,
        last_reply=reply,
        subject=row.subject,
        created_at=row.created_at,
        ticket=row.number,
    )


def shunted(conn: Connection, limit: int = PAGE) -> list[ShuntedLine]:
    """Mail that was set aside, oldest first."""
    page = select(tables.journal).where(_SHUNTED).order_by(_JOURNAL.id).limit(limit)
    return [
        ShuntedLine(row.id, row.queue_id, row.mail_from, row.rcpt_to, row.accepted_at, row.attempts, row.last_error)
        for row in conn.execute(page)
    ]


def judged(conn: Connection, limit: int = PAGE, *, before: int | None = None) -> list[JudgedLine]:
    """Accepted mail, newest first, with what was decided; journal ids smaller than `before`."""
    page = (
        select(tables.journal, _MESSAGE.author, _MESSAGE.subject, _MESSAGE.kind, _MESSAGE.verdict, _TICKET.number)
        .outerjoin(tables.message, _MESSAGE.journal_id == _JOURNAL.id)
        .outerjoin(tables.ticket, _TICKET.id == _MESSAGE.ticket_id)
    )
    if before is not None:
        page = page.where(_JOURNAL.id < before)
    return [_judged_line(row) for row in conn.execute(page.order_by(_JOURNAL.id.desc()).limit(limit))]


def _judged_line(row: Any) -> JudgedLine:
    return JudgedLine(
        id=row.id,
        queue_id=row.queue_id,
        at=row.accepted_at,
        mail_from=row.mail_from,
        from_=row.author or row.mail_from,
        to=row.rcpt_to,
        subject=row.subject or "",
        state=row.state,
        kind=row.kind,
        reason=row.verdict["reason"] if row.verdict else row.last_error,
        ticket=row.number,
        verdict=row.verdict,
    )


def verdict(conn: Connection, queue_id: str) -> dict[str, Any] | None:
    """The verdict on the mail of this queue id, of its first recipient; None where there is none yet."""
    found = (
        select(_MESSAGE.verdict)
        .join(tables.journal, _JOURNAL.id == _MESSAGE.journal_id)
        .where(_JOURNAL.queue_id == queue_id)
        .order_by(_JOURNAL.id)
        .limit(1)
    )
    document: dict[str, Any] | None = conn.execute(found).scalar()
    return document


def raw_of_journal(conn: Connection, journal_id: int) -> bytes | None:
    """The bytes of an accepted mail as received, or None."""
    return _raw(conn, select(_JOURNAL.raw_id).where(_JOURNAL.id == journal_id))


def raw_of_message(conn: Connection, message_id: int) -> bytes | None:
    """The bytes of a message, received or sent, or None."""
    return _raw(conn, select(_MESSAGE.raw_id).where(_MESSAGE.id == message_id))


def _raw(conn: Connection, which: Select[Any]) -> bytes | None:
    found = select(_RAW.zstd, _RAW.size_bytes).where(_RAW.id == which.scalar_subquery())
    row = conn.execute(found).one_or_none()
    return decompressed(row.zstd, row.size_bytes) if row else None


def backlog(conn: Connection) -> Backlog:
    """What waits, and since when."""
    human = _MESSAGE.held == HeldState.HUMAN
    counted = (
        select(func.count(), func.min(_JOURNAL.accepted_at)).where(_PENDING),
        select(func.count(), func.min(_OUTBOX.created_at)).where(_READY),
        select(
            func.count(case((_MESSAGE.held == HeldState.WAIT, 1))),
            func.count(case((human, 1))),
            func.min(case((human, _MESSAGE.at))),
        ).where(_IS_HELD),
        select(func.count()).select_from(tables.journal).where(_SHUNTED),
    )
    return Backlog(*(value for one in counted for value in conn.execute(one).one()))


# ── People ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def acquaintance(conn: Connection, address: str) -> Acquaintance | None:
    """What is stored of a canonical address, or None."""
    row = conn.execute(select(tables.address).where(tables.address.c.address == address)).one_or_none()
    return rows.acquaintance(row) if row else None


def acquaintances(conn: Connection, addresses: Iterable[str]) -> list[Acquaintance]:
    """What is stored of these canonical addresses, as far as there is anything."""
    return [rows.acquaintance(row) for row in conn.execute(_ACQUAINTANCES, {"wanted": listed(addresses)})]


def senders(
    conn: Connection, limit: int = PAGE, *, search: str = "", after: str = "", standing: Standing | None = None
) -> list[Acquaintance]:
    """Known addresses in alphabetical order, from `after` on; those that were written down as of `standing`."""
    column = tables.address.c.address
    found = or_(column.icontains(search, autoescape=True), tables.address.c.name.icontains(search, autoescape=True))
    page = select(tables.address).where(and_(column > after, found)).order_by(column).limit(limit)
    if standing:
        page = page.where(tables.address.c.standing == standing)
    return [rows.acquaintance(row) for row in conn.execute(page)]


def sender(conn: Connection, address: str) -> SenderView | None:
    """What is known of a canonical address and how much mail there is of it, or None."""
    known = acquaintance(conn, address)
    if known is None:
        return None
    counts = select(func.count(), func.count(_MESSAGE.held), func.count(_MESSAGE.ticket_id.distinct())).where(
        _MESSAGE.sender == address, _MESSAGE.direction == Direction.IN
    )
    return SenderView(known, *conn.execute(counts).one())


def challenge(conn: Connection, token_id: int) -> Challenge | None:
    """The challenge of this token, or None."""
    row = conn.execute(select(tables.challenge).where(tables.challenge.c.token_id == token_id)).one_or_none()
    return rows.challenge(row) if row else None
