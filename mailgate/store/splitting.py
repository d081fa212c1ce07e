"""Store: takes a flood apart: what one address sent too much of, each mail into a ticket of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from mailgate.model import Disposition, Level, NewTicket, Participant, State
from mailgate.store import tables
from mailgate.store.tables import Direction

SPLIT_MOST = 1000  # mails of one ticket at once; what is left is split by the next

_MESSAGE, _TICKET, _JOURNAL = tables.message.c, tables.ticket.c, tables.journal.c


@dataclass(frozen=True, slots=True)
class FloodMail:
    """One mail of a flood, with all that a ticket of its own needs."""

    message_id: int
    subject: str
    queue: str
    mailbox: str
    sender: str  # canonical
    name: str
    level: Level
    at: datetime


def rest(conn: Connection, ticket_id: int) -> list[FloodMail]:
    """The mails that came into a flood ticket after its first, in order of arrival; none where it is no flood's."""
    page = (
        select(tables.message, _TICKET.queue.label("of_queue"))
        .join(tables.ticket, _TICKET.id == _MESSAGE.ticket_id)
        .where(_MESSAGE.ticket_id == ticket_id, _TICKET.flood, _MESSAGE.direction == Direction.IN)
        .where(_MESSAGE.sender == _TICKET.requester, _MESSAGE.disposition != Disposition.DUPLICATE)
        .order_by(_MESSAGE.at, _MESSAGE.id)
        .limit(SPLIT_MOST + 1)
    )
    return [
        FloodMail(
            message_id=row.id,
            subject=row.subject,
            queue=row.queue or row.of_queue,
            mailbox=row.mailbox,
            sender=row.sender,
            name=row.author_name,
            level=row.level,
            at=row.at,
        )
        for row in conn.execute(page).all()[1:]
    ]


def opened(mail: FloodMail, ticket_id: int) -> NewTicket:
    """The ticket that such a mail gets, as old as the mail."""
    who = Participant(mail.sender, mail.level)
    return NewTicket(ticket_id, mail.subject, mail.queue, mail.mailbox, who, mail.name, mail.at)


def move(conn: Connection, tickets: Mapping[int, int], now: datetime) -> None:
    """Put each message into its ticket; its row of the journal says that it opened one."""
    rows = [{"of_message": message_id, "to_ticket": ticket_id} for message_id, ticket_id in tickets.items()]
    conn.execute(_MOVE, rows)
    conn.execute(_SETTLE, [{"of_message": row["of_message"], "at": now} for row in rows])


_MOVE = update(tables.message).where(_MESSAGE.id == bindparam("of_message")).values(ticket_id=bindparam("to_ticket"))
_SETTLE = (
    update(tables.journal)
    .where(
        _JOURNAL.id == select(_MESSAGE.journal_id).where(_MESSAGE.id == bindparam("of_message")).scalar_subquery(),
        _JOURNAL.state == State.APPENDED,
    )
    .values(state=State.TICKETED, settled_at=bindparam("at"))
)
