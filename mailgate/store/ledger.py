"""Store: accounts for every mail that was ever accepted, and for every automatic one that was allowed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from mailgate.model import Purpose, State
from mailgate.store import tables

ACCEPTED = "accepted/"  # begins the name of each counter of acceptances; the number of a process follows
# Counters of what retention took away: mails, refusals, mails without an answer, and permits by purpose.
PRUNED = "pruned"
PRUNED_REFUSED = "pruned/refused"
PRUNED_SUPPRESSED = "pruned/suppressed"
PRUNED_AUTOMATIC = "pruned/automatic/"


@dataclass(frozen=True, slots=True)
class Automatic:
    """Automatic mails that were ever granted, by purpose, and those that the send gate withheld."""

    acknowledge: int
    challenge: int
    notice: int
    digest: int
    suppressed: int
    redirect: int = 0


@dataclass(frozen=True, slots=True)
class Ledger:
    """Every mail that was ever accepted, counted once, by where it stands now; `pruned` ones stand nowhere any more."""

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
    pruned: int = 0


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
    counters: dict[str, int] = {row.name: row.value for row in conn.execute(select(tables.counter))}
    accepted = sum(value for name, value in counters.items() if name.startswith(ACCEPTED))
    pruned = counters.get(PRUNED, 0)
    refused = conn.execute(select(func.sum(tables.refusal.c["count"]))).scalar() or 0
    return Ledger(
        accepted=accepted,
        **{state.value: states.get(state, 0) for state in State},
        refused=int(refused) + counters.get(PRUNED_REFUSED, 0),
        automatic=_automatic(conn, counters),
        balanced=accepted == sum(states.values()) + pruned and not disagree,
        pruned=pruned,
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


def _automatic(conn: Connection, counters: Mapping[str, int]) -> Automatic:
    permit, message = tables.permit.c, tables.message.c
    by_purpose = conn.execute(select(permit.purpose, func.count().label("number")).group_by(permit.purpose))
    granted = Counter({row.purpose: row.number for row in by_purpose})
    for purpose in Purpose:
        granted[purpose] += counters.get(f"{PRUNED_AUTOMATIC}{purpose}", 0)
    withheld = select(func.count()).select_from(tables.message).where(message.suppressed != "")
    return Automatic(
        acknowledge=granted[Purpose.ACKNOWLEDGE],
        challenge=granted[Purpose.CHALLENGE],
        notice=granted[Purpose.NOTICE],
        digest=granted[Purpose.DIGEST],
        suppressed=conn.execute(withheld).scalar_one() + counters.get(PRUNED_SUPPRESSED, 0),
        redirect=granted[Purpose.REDIRECT],
    )
