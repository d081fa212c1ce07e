"""Store: what an act on one ticket or one held mail needs to know of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select

from mailgate.model import HeldMail, Level, State, TicketState
from mailgate.store import rows, tables
from mailgate.store.tables import Direction


@dataclass(frozen=True, slots=True)
class Conversation:
    """A ticket as whoever answers it sees it."""

    ticket_id: int
    number: int
    subject: str
    mailbox: str
    requester: str  # the address to answer, as its owner wrote it; "" where no mail names one author
    newest: str  # Message-ID of the newest mail that came in, "" where there is none
    references: tuple[str, ...]  # of that mail
    state: TicketState
    flood: bool  # it takes what one address sends too much of
    bound: Level  # how well the requester is proven; A0 where nobody is known


def of_ticket(conn: Connection, number: int) -> Conversation | None:
    """The conversation of ticket `number`, or None. One that was merged goes on in its target, with its own people."""
    t, m = tables.ticket.c, tables.message.c
    p, whole = tables.participant.c, tables.ticket.alias("whole")
    columns = (whole.c.id, whole.c.number, whole.c.subject, whole.c.mailbox, whole.c.state, whole.c.flood)
    who = and_(p.ticket_id == t.id, p.address == t.requester)
    one = (
        select(*columns, t.requester, p.bound)
        .join(whole, whole.c.id == func.coalesce(t.merged_into, t.id))
        .outerjoin(tables.participant, who)
        .where(t.number == number)
    )
    found = conn.execute(one).one_or_none()
    if found is None:
        return None
    bound = found.bound or Level.A0
    his = select(m.identity, m.references, m.author, m.level).where(
        m.ticket_id == found.id, m.direction == Direction.IN, m.proposed.is_(False), m.sender == found.requester
    )
    newest = conn.execute(his.order_by(m.at.desc(), m.id.desc()).limit(1)).one_or_none()
    return Conversation(
        ticket_id=found.id,
        number=found.number,
        subject=found.subject,
        mailbox=found.mailbox,
        requester=_written(conn, his, bound) or found.requester,
        newest=newest.identity if newest else "",
        references=tuple(newest.references) if newest else (),
        state=found.state,
        flood=found.flood,
        bound=bound,
    )


def _written(conn: Connection, his: Select[Any], bound: Level) -> str:
    """The address of a participant as he wrote it in the newest mail that is proven to be his; where none is, in the
    first that has it. No other says where he is to be answered.
    """
    m = tables.message.c
    good = [level for level in Level if level is not Level.A0 and level.reaches(bound)]
    proven = his.where(m.level.in_(good)).order_by(m.at.desc(), m.id.desc())
    for question in (proven, his.order_by(m.at, m.id)):
        row = conn.execute(question.limit(1)).one_or_none()
        if row and row.author:
            return str(row.author)
    return ""


def closed_since(conn: Connection, address: str, since: datetime) -> bool:
    """Did a person close a ticket that `address` (canonical) takes part in as solved, after `since`?"""
    e, p = tables.ticket_event.c, tables.participant.c
    found = (
        select(e.id)
        .join(tables.participant, p.ticket_id == e.ticket_id)
        .where(p.address == address, ~p.copied, e.at > since)
    )
    solved = found.where(e.event == "closed", e.actor.startswith("agent:"))
    return conn.execute(solved.limit(1)).first() is not None


def ticket_of(conn: Connection, message_id: int) -> int:
    """The ticket that holds this message. Raises LookupError where it stands in none."""
    m = tables.message.c
    found = conn.execute(select(m.ticket_id).where(m.id == message_id)).scalar()
    if found is None:
        raise LookupError(f"message {message_id} stands in no ticket")
    return int(found)


def held(conn: Connection, message_id: int) -> HeldMail | None:
    """The held mail of this id, or None where nothing of this id is held."""
    return _waiting(conn, message_id, tables.journal.c.state == State.HELD)


def parked(conn: Connection, message_id: int) -> HeldMail | None:
    """The parked mail of this id, as if it were held, or None where nothing of this id is parked."""
    return _waiting(conn, message_id, tables.journal.c.state == State.PARKED)


def _waiting(conn: Connection, message_id: int, state: ColumnElement[bool]) -> HeldMail | None:
    m = tables.message.c
    found = select(*rows.HELD_COLUMNS).join(tables.journal, tables.journal.c.id == m.journal_id)
    row = conn.execute(found.where(m.id == message_id, state)).one_or_none()
    return rows.held_mail(row) if row else None
