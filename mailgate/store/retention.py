"""Store: takes away what has been kept long enough, a few at a time, and keeps the accounts right.

The house rules of this file:
* What waits for a person stays: held mail that nobody judged spam, and mail that was set aside.
* Permits stay for `PERMIT_DAYS`, longer than any limit looks back; those of a ticket stay as long as the ticket, since
  its limits count for ever.
* Whatever goes is counted, so that the ledger still accounts for every mail that was ever accepted.
* Each step is a transaction of its own and looks again whether what it takes is still due.
* Bytes are kept once and shared; they go with the last row that points to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, assert_never

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, func, or_, select, update

from mailgate.model import HeldState, Purpose, State, TicketState
from mailgate.store import marks, tables
from mailgate.store.dialect import add, is_one_of
from mailgate.store.ledger import PRUNED, PRUNED_AUTOMATIC, PRUNED_REFUSED, PRUNED_SUPPRESSED
from mailgate.store.tables import Direction

PERMIT_DAYS = 400


class Kind(StrEnum):
    """What may go, each by a rule of its own."""

    CLOSED_TICKETS = "closed-tickets"
    QUIET_TICKETS = "quiet-tickets"  # of machines' mail alone, that no person touched
    PARKED = "parked"  # machines' mail, reports and repeated mail that stand in no ticket
    SPAM = "spam"  # that a person judged so
    LIKELY_SPAM = "likely-spam"  # that nobody judged
    PERMITS = "permits"  # with the challenges they were for


@dataclass(frozen=True, slots=True)
class Due:
    """What is due of one kind: so many tickets, mails or permits, and so many mails that came in."""

    kind: Kind
    items: int
    mails: int


def due(conn: Connection, kind: Kind, until: datetime) -> Due:
    """How much of `kind` has been kept since `until` or longer."""
    items = _due(kind, until).subquery()
    number = conn.execute(select(func.count()).select_from(items)).scalar_one()
    if kind in _TICKETS:
        theirs = select(func.count()).where(_MESSAGE.direction == Direction.IN, _MESSAGE.ticket_id.in_(select(items)))
        return Due(kind, number, conn.execute(theirs).scalar_one())
    return Due(kind, number, number if kind in _MAILS else 0)


def some(conn: Connection, kind: Kind, until: datetime, after: int, limit: int) -> list[int]:
    """The ids of up to `limit` of what is due, in order, the first of them greater than `after`."""
    question = _due(kind, until)
    (number,) = question.selected_columns
    return list(conn.execute(question.where(number > after).order_by(number).limit(limit)).scalars())


def remove(conn: Connection, kind: Kind, until: datetime, ids: Sequence[int]) -> int:
    """Take away those of `ids` that are still due; how many that were."""
    question = _due(kind, until)
    (number,) = question.selected_columns
    still = list(conn.execute(question.where(is_one_of(number, ids)).with_for_update(of=number)).scalars())
    if not still:
        return 0
    # An id that was given stays given, though its row goes.
    marks.remember(conn)
    match kind:
        case Kind.CLOSED_TICKETS | Kind.QUIET_TICKETS:
            _remove_tickets(conn, still)
        case Kind.PARKED | Kind.SPAM | Kind.LIKELY_SPAM:
            remove_messages(conn, is_one_of(_MESSAGE.journal_id, still))
        case Kind.PERMITS:
            remove_permits(conn, still)
        case _:
            assert_never(kind)
    return len(still)


def remove_refusals(conn: Connection, until: datetime) -> int:
    """Take away the counts of refusals of that day and before; the ledger keeps their sum. How many rows that were."""
    old = tables.refusal.c.day <= until.date()
    refused = conn.execute(select(func.sum(tables.refusal.c["count"])).where(old)).scalar()
    _count(conn, {PRUNED_REFUSED: int(refused or 0)})
    return conn.execute(delete(tables.refusal).where(old)).rowcount


# ── What is due ───────────────────────────────────────────────────────────────────────────────────────────────────────

_JOURNAL, _MESSAGE, _TICKET, _EVENT, _OUTBOX, _PERMIT = (
    tables.journal.c,
    tables.message.c,
    tables.ticket.c,
    tables.ticket_event.c,
    tables.outbox.c,
    tables.permit.c,
)
_TICKETS = (Kind.CLOSED_TICKETS, Kind.QUIET_TICKETS)
_MAILS = (Kind.PARKED, Kind.SPAM, Kind.LIKELY_SPAM)


def _due(kind: Kind, until: datetime) -> Select[Any]:
    """The ids of what is due."""
    journal_ids = select(_JOURNAL.id).join(tables.message, _MESSAGE.journal_id == _JOURNAL.id)
    match kind:
        case Kind.CLOSED_TICKETS:
            closed = _TICKET.state == TicketState.CLOSED, _TICKET.closed_at <= until
            return select(_TICKET.id).where(*closed, ~_on_its_way(), ~_goes_on())
        case Kind.QUIET_TICKETS:
            quiet = _TICKET.updated_at <= until, ~_of_persons(), ~_on_its_way(), ~_goes_on()
            return select(_TICKET.id).where(*quiet)
        case Kind.PARKED:
            machines = _JOURNAL.state.in_((State.PARKED, State.CONSUMED, State.DUPLICATE))
            return journal_ids.where(machines, _JOURNAL.accepted_at <= until, _MESSAGE.ticket_id.is_(None))
        case Kind.SPAM:
            # Settled, that is judged so: however old a mail was by then, it can be accepted for this long.
            return journal_ids.where(
                _MESSAGE.held.in_((HeldState.SPAM, HeldState.ARCHIVED)), _JOURNAL.settled_at <= until
            )
        case Kind.LIKELY_SPAM:
            return journal_ids.where(_MESSAGE.held == HeldState.LIKELY_SPAM, _JOURNAL.settled_at <= until)
        case Kind.PERMITS:
            waits = select(_OUTBOX.id).where(_OUTBOX.permit_id == _PERMIT.id, _OUTBOX.settled_at.is_(None)).exists()
            return select(_PERMIT.id).where(_PERMIT.at <= until, _PERMIT.ticket_id.is_(None), ~waits)
        case _:
            assert_never(kind)


def _on_its_way() -> ColumnElement[bool]:
    """Is a mail of this ticket still to be delivered?"""
    leaving = select(_OUTBOX.id).join(tables.message, _MESSAGE.id == _OUTBOX.message_id)
    return leaving.where(_MESSAGE.ticket_id == _TICKET.id, _OUTBOX.settled_at.is_(None)).exists()


def _goes_on() -> ColumnElement[bool]:
    """Is this ticket part of another that is there? Its people reach that one through it."""
    whole = tables.ticket.alias("whole")
    return select(whole.c.id).where(whole.c.id == _TICKET.merged_into).exists()


def _of_persons() -> ColumnElement[bool]:
    """Did a person write in this ticket, or one of ours touch it?"""
    wrote = (
        select(_MESSAGE.id)
        .outerjoin(tables.journal, _JOURNAL.id == _MESSAGE.journal_id)
        .where(_MESSAGE.ticket_id == _TICKET.id)
        .where(or_(_JOURNAL.state.in_((State.TICKETED, State.APPENDED)), _MESSAGE.purpose == Purpose.AGENT))
    )
    touched = select(_EVENT.id).where(_EVENT.ticket_id == _TICKET.id, _EVENT.actor.startswith("agent:"))
    return or_(wrote.exists(), touched.exists())


# ── Taking away ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _remove_tickets(conn: Connection, ids: Sequence[int]) -> None:
    remove_messages(conn, is_one_of(_MESSAGE.ticket_id, ids))
    for table in (tables.ticket_event, tables.participant, tables.ticket_tag):
        conn.execute(delete(table).where(is_one_of(table.c.ticket_id, ids)))
    # The permits count against address and domain until they are old themselves.
    conn.execute(update(tables.permit).where(is_one_of(_PERMIT.ticket_id, ids)).values(ticket_id=None))
    conn.execute(delete(tables.ticket).where(is_one_of(_TICKET.id, ids)))


def remove_permits(conn: Connection, ids: Sequence[int]) -> None:
    """Take permits away with the mails that left by them and stand in no ticket; the ledger counts on."""
    purposes = select(_PERMIT.purpose, func.count()).where(is_one_of(_PERMIT.id, ids)).group_by(_PERMIT.purpose)
    _count(conn, {f"{PRUNED_AUTOMATIC}{purpose}": number for purpose, number in conn.execute(purposes)})
    message_ids = list(conn.execute(select(_OUTBOX.message_id).where(is_one_of(_OUTBOX.permit_id, ids))).scalars())
    conn.execute(delete(tables.outbox).where(is_one_of(_OUTBOX.permit_id, ids)))
    remove_messages(conn, and_(is_one_of(_MESSAGE.id, message_ids), _MESSAGE.ticket_id.is_(None)))
    conn.execute(delete(tables.permit).where(is_one_of(_PERMIT.id, ids)))


def remove_messages(conn: Connection, which: ColumnElement[bool]) -> int:
    """Take mails away with all that is theirs alone: journal, outbox, challenge, bytes. How many that were."""
    columns = (_MESSAGE.id, _MESSAGE.journal_id, _MESSAGE.raw_id, _MESSAGE.token_id, _MESSAGE.suppressed)
    found = conn.execute(select(*columns).where(which)).all()
    message_ids, raw_ids = [row.id for row in found], {row.raw_id for row in found}
    journal_ids = [row.journal_id for row in found if row.journal_id is not None]
    asked = is_one_of(tables.challenge.c.token_id, [row.token_id for row in found if row.token_id is not None])
    conn.execute(delete(tables.challenge).where(asked))
    conn.execute(delete(tables.outbox).where(is_one_of(_OUTBOX.message_id, message_ids)))
    conn.execute(delete(tables.errand).where(is_one_of(tables.errand.c.message_id, message_ids)))
    conn.execute(delete(tables.message).where(is_one_of(_MESSAGE.id, message_ids)))
    conn.execute(delete(tables.journal).where(is_one_of(_JOURNAL.id, journal_ids)))
    conn.execute(delete(tables.raw).where(is_one_of(tables.raw.c.id, raw_ids), ~_is_used()))
    _count(conn, {PRUNED: len(journal_ids), PRUNED_SUPPRESSED: sum(row.suppressed != "" for row in found)})
    return len(found)


def remove_unfiled(conn: Connection, which: ColumnElement[bool]) -> int:
    """Take mails away that were set aside before they became messages. How many that were."""
    found = conn.execute(select(_JOURNAL.id, _JOURNAL.raw_id).where(which, _JOURNAL.state == State.SHUNTED)).all()
    conn.execute(delete(tables.journal).where(is_one_of(_JOURNAL.id, [row.id for row in found])))
    raw_ids = {row.raw_id for row in found}
    conn.execute(delete(tables.raw).where(is_one_of(tables.raw.c.id, raw_ids), ~_is_used()))
    _count(conn, {PRUNED: len(found)})
    return len(found)


def _is_used() -> ColumnElement[bool]:
    """Does any row still point to these bytes?"""
    users = (tables.journal, tables.message, tables.outbox)
    return or_(*(select(table.c.id).where(table.c.raw_id == tables.raw.c.id).exists() for table in users))


def _count(conn: Connection, more: Mapping[str, int]) -> None:
    rows = [{"name": name, "value": number} for name, number in sorted(more.items()) if number]
    if rows:
        conn.execute(add(conn, tables.counter, key="name", column="value"), rows)
