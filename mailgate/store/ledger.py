"""Store: accounts for every mail that was ever accepted, and for every automatic one that was allowed."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from mailgate.model import Purpose, State
from mailgate.store import tables

ACCEPTED = "accepted/"  # begins the name of each counter of acceptances; the number of a process follows


@dataclass(frozen=True, slots=True)
class Automatic:
    """Automatic mails that were ever granted, by purpose, and those that the send gate withheld."""

    acknowledge: int
    challenge: int
    notice: int
    digest: int
    suppressed: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """Every row of the journal, counted once, by where it stands now."""

    accepted: int
    ticketed: int
    appended: int
    quiet: int
    held: int
    parked: int
    consumed: int
    duplicate: int
    shunted: int
    refused: int
    pending: int
    automatic: Automatic
    balanced: bool


def ledger(conn: Connection) -> Ledger:
    """Count everything. It is `balanced` where nothing is missing and every state agrees with what it points to.

    `accepted` was counted when the mail came in, apart from the rows, so a row that went missing shows.
    """
    journal = tables.journal.c
    states: dict[State, int] = {}
    disagree = 0
    counted = (
        select(journal.state, func.count(), func.sum(case((_agrees(), 0), else_=1)))
        .select_from(tables.journal.outerjoin(tables.message, tables.message.c.journal_id == journal.id))
        .group_by(journal.state)
    )
    for state, number, wrong in conn.execute(counted):
        states[state] = number
        disagree += wrong
    counter = tables.counter.c
    counts = select(func.sum(counter.value)).where(counter.name.startswith(ACCEPTED))
    accepted = int(conn.execute(counts).scalar() or 0)
    return Ledger(
        accepted=accepted,
        **{state.value: states.get(state, 0) for state in State},
        refused=int(conn.execute(select(func.sum(tables.refusal.c["count"]))).scalar() or 0),
        automatic=_automatic(conn),
        balanced=accepted == sum(states.values()) and not disagree,
    )


def _agrees() -> ColumnElement[bool]:
    """Does the state of a journal row agree with its message?"""
    state, message = tables.journal.c.state, tables.message.c
    filed = message.id.is_not(None)
    in_ticket = and_(message.ticket_id.is_not(None), message.held.is_(None))
    return or_(
        and_(state.in_((State.PENDING, State.SHUNTED)), message.id.is_(None)),
        and_(state.in_((State.TICKETED, State.APPENDED, State.QUIET)), filed, in_ticket),
        and_(state == State.HELD, filed, message.held.is_not(None), message.ticket_id.is_(None)),
        and_(state.in_((State.PARKED, State.CONSUMED, State.DUPLICATE)), filed, message.held.is_(None)),
    )


def _automatic(conn: Connection) -> Automatic:
    permit, message = tables.permit.c, tables.message.c
    by_purpose = conn.execute(select(permit.purpose, func.count().label("number")).group_by(permit.purpose))
    granted = {row.purpose: row.number for row in by_purpose}
    withheld = select(func.count()).select_from(tables.message).where(message.suppressed != "")
    return Automatic(
        acknowledge=granted.get(Purpose.ACKNOWLEDGE, 0),
        challenge=granted.get(Purpose.CHALLENGE, 0),
        notice=0,
        digest=0,
        suppressed=conn.execute(withheld).scalar_one(),
    )
