"""Store: who waits for an answer, in tickets and with mail that is held, and who of our people was told of it.

That of a held mail they were told is a row of `counter`, which goes when the mail does; a ticket bears it itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Text,
    and_,
    bindparam,
    case,
    cast,
    delete,
    func,
    literal,
    literal_column,
    or_,
    select,
    update,
)

from mailgate.model import Horizon, Priority
from mailgate.store import tables
from mailgate.store.bulk import put, run
from mailgate.store.dialect import upsert
from mailgate.store.tickets import sorted_as
from mailgate.store.tickets import tags_of as tags_of_many
from mailgate.store.types import EPOCH
from mailgate.store.views import WaitingLine
from mailgate.store.watch import Depth, Queue

LATE_MOST = 1000  # that are told of at once
WARNED = "warned/"  # begins the name of a counter; the id of a held mail follows, and the value is the stage
WARNED_AT = "warned-at"  # the name of the counter: when our people were warned last, in seconds
SOON, LATE = 1, 2  # stages: most of the promised time is over, and all of it

_TICKET, _MESSAGE, _EVENT, _COUNTER = tables.ticket.c, tables.message.c, tables.ticket_event.c, tables.counter.c
# Spelled out and not parameters, so that the planner sees which partial index it may use.
_WAITS: ColumnElement[bool] = _TICKET.waits_since.is_not(None)
_DUE: ColumnElement[bool] = _TICKET.due_at.is_not(None)
_HELD: ColumnElement[bool] = literal_column("message.held IN ('wait', 'human')")
_HELD_COLUMNS = (
    _MESSAGE.id,
    _MESSAGE.subject,
    _MESSAGE.held,
    _MESSAGE.queue,
    _MESSAGE.mailbox,
    _MESSAGE.author,
    _MESSAGE.author_name,
    _MESSAGE.sender,
    _MESSAGE.at,
)
_WARNED_NAME: ColumnElement[str] = literal(WARNED) + cast(_MESSAGE.id, Text)


# ── Who waits ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def unanswered(
    conn: Connection,
    limit: int,
    *,
    queue: str = "",
    assignee: str | None = None,
    tag: str = "",
    priority: Priority | None = None,
) -> list[WaitingLine]:
    """Who waits for an answer, whoever has waited longest first; of a held mail nobody knows here when it is due.

    A held mail has no assignee and no tag yet, and is of normal priority.
    """
    page = (
        select(tables.ticket)
        .where(_WAITS, *sorted_as(queue, assignee, tag, priority))
        .order_by(_TICKET.waits_since, _TICKET.id)
        .limit(limit)
    )
    lines = [_of_ticket(row) for row in conn.execute(page)]
    if not assignee and not tag and priority in (None, Priority.NORMAL):
        lines += _held(conn, limit, queue)
    return sorted(lines, key=lambda line: line.since)[:limit]


def _held(conn: Connection, limit: int, queue: str) -> list[WaitingLine]:
    page = select(*_HELD_COLUMNS).where(_HELD)
    if queue:
        page = page.where(_MESSAGE.queue == queue)
    return [_of_held(row) for row in conn.execute(page.order_by(_MESSAGE.at, _MESSAGE.id).limit(limit))]


def depths(conn: Connection, now: datetime, horizons: Iterable[Horizon]) -> list[Depth]:
    """All who wait for an answer, and those of them who wait longer than they were promised."""
    tickets = conn.execute(select(func.count(), func.min(_TICKET.waits_since)).where(_WAITS)).one()
    mails = conn.execute(select(func.count(), func.min(_MESSAGE.at)).where(_HELD)).one()
    late = select(func.count(), func.min(_TICKET.waits_since)).where(_DUE, _TICKET.due_at <= now)
    overdue = [conn.execute(late).one()]
    for one in horizons:
        theirs = select(func.count(), func.min(_MESSAGE.at)).where(_HELD)
        overdue.append(conn.execute(theirs.where(_MESSAGE.mailbox == one.mailbox, _MESSAGE.at <= one.breach)).one())
    return [_depth(Queue.UNANSWERED, [tickets, mails]), _depth(Queue.OVERDUE, overdue)]


def _depth(queue: Queue, found: Iterable[Any]) -> Depth:
    counts, oldest = zip(*found, strict=True)
    return Depth(queue, sum(counts), min((at for at in oldest if at), default=None))


def since(conn: Connection, ticket_id: int) -> tuple[datetime | None, datetime | None]:
    """Since when somebody waits in this ticket, and until when he was promised an answer; None where nobody does."""
    row = conn.execute(select(_TICKET.waits_since, _TICKET.due_at).where(_TICKET.id == ticket_id)).one()
    return row.waits_since, row.due_at


def tags_of(conn: Connection, ticket_id: int) -> tuple[str, ...]:
    """What a ticket bears."""
    return tuple(tags_of_many(conn, [ticket_id]).get(ticket_id, ()))


def answered_by_another(conn: Connection, ticket_id: int, actor: str, since: datetime) -> tuple[str, datetime] | None:
    """Who else than `actor` answered this ticket after `since`, and when; the newest, or None."""
    found = (
        select(_EVENT.actor, _EVENT.at)
        .where(_EVENT.ticket_id == ticket_id, _EVENT.at > since, _EVENT.event == "replied", _EVENT.actor != actor)
        .order_by(_EVENT.at.desc())
        .limit(1)
    )
    row = conn.execute(found).one_or_none()
    return (row.actor, row.at) if row else None


def asleep(conn: Connection, now: datetime, limit: int = LATE_MOST) -> list[int]:
    """Tickets that were put off until `now` or before, and still are."""
    over = (
        _TICKET.pending_until.is_not(None),
        _TICKET.pending_until <= now,
        _TICKET.state == literal_column("'pending'"),
    )
    return list(conn.execute(select(_TICKET.id).where(*over).order_by(_TICKET.pending_until).limit(limit)).scalars())


# ── Who of our people was told ────────────────────────────────────────────────────────────────────────────────────────


def late(conn: Connection, now: datetime, horizons: Sequence[Horizon]) -> list[WaitingLine]:
    """Who has waited for most of the promised time, or for all of it, without anybody being told; longest first."""
    latest = max([now, *(one.due_soon for one in horizons)])
    soon = or_(False, *(and_(_TICKET.mailbox == one.mailbox, _TICKET.due_at <= one.due_soon) for one in horizons))
    untold = or_(
        and_(_TICKET.due_at <= now, or_(_TICKET.warned_at.is_(None), _TICKET.warned_at < _TICKET.due_at)),
        and_(_TICKET.warned_at.is_(None), soon),
    )
    page = select(tables.ticket).where(_DUE, _TICKET.due_at <= latest, untold).order_by(_TICKET.due_at)
    lines = [_of_ticket(row) for row in conn.execute(page.limit(LATE_MOST))]
    for one in horizons:
        stage = case((_MESSAGE.at <= one.breach, LATE), else_=SOON)
        told = select(_COUNTER.value).where(_COUNTER.name == _WARNED_NAME).scalar_subquery()
        held = select(*_HELD_COLUMNS).where(_HELD, _MESSAGE.mailbox == one.mailbox, _MESSAGE.at <= one.early)
        held = held.where(func.coalesce(told, 0) < stage).order_by(_MESSAGE.at).limit(LATE_MOST)
        lines += [_of_held(row) for row in conn.execute(held)]
    return sorted(lines, key=lambda line: line.since)[:LATE_MOST]


_WARN = update(tables.ticket).where(_TICKET.number == bindparam("of_number")).values(warned_at=bindparam("at"))


def warned(conn: Connection, lines: Iterable[WaitingLine], at: datetime, horizons: Iterable[Horizon]) -> None:
    """Our people were told of these at that moment; what no longer waits is forgotten."""
    told, breach = list(lines), {one.mailbox: one.breach for one in horizons}
    run(conn, _WARN, [{"of_number": one.number, "at": at} for one in told if one.number is not None])
    still = select(_WARNED_NAME).where(_HELD)
    conn.execute(delete(tables.counter).where(_COUNTER.name.startswith(WARNED), _COUNTER.name.not_in(still)))
    rows = [
        {"name": f"{WARNED}{one.held}", "value": LATE if one.since <= breach[one.mailbox] else SOON}
        for one in told
        if one.held is not None
    ]
    rows.append({"name": WARNED_AT, "value": int((at - EPOCH).total_seconds())})
    put(conn, upsert(conn, tables.counter, key="name", change=("value",)), rows)


def warned_at(conn: Connection) -> datetime | None:
    """When our people were warned last."""
    found = conn.execute(select(_COUNTER.value).where(_COUNTER.name == WARNED_AT)).scalar()
    return None if found is None else EPOCH + found * (datetime.resolution * 1_000_000)


def _of_ticket(row: Any) -> WaitingLine:
    return WaitingLine(
        number=row.number,
        held=None,
        subject=row.subject,
        state=row.state,
        queue=row.queue,
        mailbox=row.mailbox,
        contact=row.requester,
        since=row.waits_since,
        due_at=row.due_at,
        priority=row.priority,
        assignee=row.assignee,
        name=row.requester_name,
    )


def _of_held(row: Any) -> WaitingLine:
    return WaitingLine(
        number=None,
        held=row.id,
        subject=row.subject,
        state=row.held,
        queue=row.queue,
        mailbox=row.mailbox,
        contact=row.author or row.sender,
        since=row.at,
        name=row.author_name,
    )
