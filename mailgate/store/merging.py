"""Store: what joins and parts tickets: one that becomes part of another, mails that get one of their own, and what
somebody wrote who takes no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select, update

from mailgate.model import Disposition, Level, Participant, Purpose, State, TicketState
from mailgate.store import tables
from mailgate.store.dialect import is_one_of
from mailgate.store.tables import Direction

_MESSAGE, _TICKET, _JOURNAL, _WHO = tables.message.c, tables.ticket.c, tables.journal.c, tables.participant.c


@dataclass(frozen=True, slots=True)
class Standing:
    """A ticket as whoever joins or parts it sees it."""

    id: int
    number: int
    state: TicketState
    queue: str
    mailbox: str
    merged_into: int | None
    waits_since: datetime | None
    due_at: datetime | None
    people: tuple[Participant, ...]  # of it, and of what was merged into it


@dataclass(frozen=True, slots=True)
class Contribution:
    """A mail that came into a ticket."""

    id: int
    ticket_id: int
    sender: str  # canonical
    name: str
    level: Level
    identity: str
    subject: str
    at: datetime
    proposed: bool
    discarded: bool
    copied: tuple[str, ...]


def ticket(conn: Connection, which: ColumnElement[bool]) -> Standing | None:
    """The ticket that `which` names, as `by_number` and `by_id` do, or None."""
    row = conn.execute(select(tables.ticket).where(which)).one_or_none()
    if row is None:
        return None
    return Standing(
        id=row.id,
        number=row.number,
        state=row.state,
        queue=row.queue,
        mailbox=row.mailbox,
        merged_into=row.merged_into,
        waits_since=row.waits_since,
        due_at=row.due_at,
        people=_people(conn, row.id),
    )


def by_number(number: int) -> ColumnElement[bool]:
    """The ticket of this number."""
    return _TICKET.number == number


def by_id(ticket_id: int) -> ColumnElement[bool]:
    """The ticket of this id."""
    return _TICKET.id == ticket_id


def _people(conn: Connection, ticket_id: int) -> tuple[Participant, ...]:
    who = (_WHO.address, _WHO.bound, _WHO.copied)
    own = select(*who).where(_WHO.ticket_id == ticket_id).order_by(_WHO.address)
    of_parts = select(*who).join(tables.ticket, _TICKET.id == _WHO.ticket_id).where(_TICKET.merged_into == ticket_id)
    found = [*conn.execute(own), *conn.execute(of_parts.order_by(_WHO.address, _WHO.ticket_id))]
    return tuple(Participant(row.address, row.bound, row.copied) for row in found)


def takes_part(conn: Connection, ticket_id: int, address: str) -> bool:
    """Is `address` (canonical) a participant of this very ticket, and not only named in it?"""
    his = select(_WHO.address).where(_WHO.ticket_id == ticket_id, _WHO.address == address, ~_WHO.copied)
    return conn.execute(his).first() is not None


def merge(conn: Connection, ticket_id: int, into: int) -> None:
    """Move all that stands in a ticket into another, and whatever was merged into it before; who takes part stays.

    What our own people were told stays as well: an answer to it is for the one of whom it told.
    """
    moves = _MESSAGE.purpose.is_distinct_from(Purpose.NOTICE)
    conn.execute(update(tables.message).where(_MESSAGE.ticket_id == ticket_id, moves).values(ticket_id=into))
    conn.execute(update(tables.ticket).where(_TICKET.merged_into == ticket_id).values(merged_into=into))


def contributions(conn: Connection, message_ids: Sequence[int]) -> list[Contribution]:
    """Those of the mails of these ids that came into a ticket, in order of arrival."""
    came = and_(_MESSAGE.direction == Direction.IN, _MESSAGE.ticket_id.is_not(None))
    counted = _MESSAGE.disposition != Disposition.DUPLICATE
    found = select(tables.message).where(is_one_of(_MESSAGE.id, message_ids), came, counted)
    return [_contribution(row) for row in conn.execute(found.order_by(_MESSAGE.at, _MESSAGE.id))]


def _contribution(row: Any) -> Contribution:
    return Contribution(
        id=row.id,
        ticket_id=row.ticket_id,
        sender=row.sender,
        name=row.author_name,
        level=row.level or Level.A0,
        identity=row.identity,
        subject=row.subject,
        at=row.at,
        proposed=row.proposed,
        discarded=row.discarded,
        copied=tuple(row.copied),
    )


def stays_behind(conn: Connection, ticket_id: int, message_ids: Sequence[int]) -> bool:
    """Does any mail that came in stay in the ticket when these leave it?"""
    inside = select(_MESSAGE.id).where(_MESSAGE.ticket_id == ticket_id, _MESSAGE.direction == Direction.IN)
    ordinary = inside.where(~_MESSAGE.proposed, ~is_one_of(_MESSAGE.id, message_ids))
    return conn.execute(ordinary.limit(1)).first() is not None


def let_in(conn: Connection, message_id: int) -> None:
    """Make the word of somebody who takes no part an ordinary mail of its ticket."""
    conn.execute(update(tables.message).where(_MESSAGE.id == message_id).values(proposed=False, discarded=False))


def discard(conn: Connection, message_id: int) -> None:
    """Put it out of view; it stays kept."""
    conn.execute(update(tables.message).where(_MESSAGE.id == message_id).values(discarded=True))


def part(conn: Connection, message_ids: Sequence[int], ticket_id: int, now: datetime) -> None:
    """Move mails into a ticket that was opened for them; the row of the journal of the first says that it opened it."""
    moved = is_one_of(_MESSAGE.id, message_ids)
    conn.execute(update(tables.message).where(moved).values(ticket_id=ticket_id, proposed=False, discarded=False))
    opener = select(_MESSAGE.journal_id).where(_MESSAGE.id == message_ids[0]).scalar_subquery()
    conn.execute(
        update(tables.journal)
        .where(_JOURNAL.id == opener, _JOURNAL.state == State.APPENDED)
        .values(state=State.TICKETED, settled_at=now)
    )
