"""Store: what an act on one ticket or one held mail needs to know of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, select

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
    """The conversation of ticket `number`, or None."""
    t, m = tables.ticket.c, tables.message.c
    p = tables.participant.c
    columns = (t.id, t.subject, t.mailbox, t.requester, t.state, t.flood, p.bound)
    who = and_(p.ticket_id == t.id, p.address == t.requester)
    one = select(*columns).outerjoin(tables.participant, who).where(t.number == number)
    found = conn.execute(one).one_or_none()
    if found is None:
        return None
    incoming = (
        select(m.identity, m.references, m.author)
        .where(m.ticket_id == found.id, m.direction == Direction.IN, m.proposed.is_(False), m.sender == found.requester)
        .order_by(m.at.desc(), m.id.desc())
        .limit(1)
    )
    newest = conn.execute(incoming).one_or_none()
    return Conversation(
        ticket_id=found.id,
        number=number,
        subject=found.subject,
        mailbox=found.mailbox,
        requester=(newest.author if newest else "") or found.requester,
        newest=newest.identity if newest else "",
        references=tuple(newest.references) if newest else (),
        state=found.state,
        flood=found.flood,
        bound=found.bound or Level.A0,
    )


def closed_since(conn: Connection, address: str, since: datetime) -> bool:
    """Did a person close a ticket that `address` (canonical) takes part in as solved, after `since`?"""
    e, p = tables.ticket_event.c, tables.participant.c
    found = select(e.id).join(tables.participant, p.ticket_id == e.ticket_id).where(p.address == address, e.at > since)
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
