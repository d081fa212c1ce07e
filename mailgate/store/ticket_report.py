"""Store: what happened to tickets, and what came in, within a span: rows of the histories, and counts of mail.

Rows are found by ranges of indexes; what a span holds is read, and not what was before it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Integer, cast, func, select

from mailgate.errors import NotAllowed
from mailgate.model import Disposition, HeldState, Kind, State, TicketState
from mailgate.store import tables
from mailgate.store.dialect import is_one_of

EVENTS_MOST = 1_000_000  # of one report
SENDERS_MOST = 10  # that are named
SLACK = timedelta(hours=1)  # by which rows of the journal may stand in another order than that of their times

OPENS = ("opened", "split-off")
CLOSES = ("closed", "closed-as-spam")
JOINS = ("merged",)  # end a ticket as well: it goes on in another
TOOK_IN = "merged-in"  # opens a closed one where the other was not closed
REOPENS = ("reopened", "reopened-by-agent", "needs-a-look", "let-in", TOOK_IN)
ANSWER = "replied"
MOVES = (*OPENS, *CLOSES, *JOINS, *REOPENS)
# A person's mail, or what is treated as such.
PERSONS = (Kind.HUMAN, Kind.CALENDAR, Kind.UNKNOWN_NULL)

_EVENT, _TICKET, _JOURNAL, _MESSAGE = tables.ticket_event.c, tables.ticket.c, tables.journal.c, tables.message.c


class HistoryLine(NamedTuple):
    """A line of a ticket's history, with what the ticket is now."""

    ticket_id: int
    at: datetime
    event: str
    actor: str
    detail: str
    queue: str
    mailbox: str
    created_at: datetime
    answered_at: datetime | None


class Mails(NamedTuple):
    """Mail that was accepted within a span, once for each recipient, by what it is and where it is now."""

    accepted: int
    persons: int
    held: int
    let_in: int
    spam: int
    waiting: int


class Sender(NamedTuple):
    """Who brought most."""

    address: str  # canonical, "" of mail without a single author
    mails: int
    persons: int  # how many of them a person wrote


def histories(conn: Connection, since: datetime) -> list[HistoryLine]:
    """All that moved tickets, and all answers, from `since` until now, in order.

    Raises:
        NotAllowed: there is more than a report can hold.
    """
    page = (
        select(
            _EVENT.ticket_id, _EVENT.at, _EVENT.event, _EVENT.actor, _EVENT.detail,
            _TICKET.queue, _TICKET.mailbox, _TICKET.created_at, _TICKET.answered_at,
        )
        .join(tables.ticket, _TICKET.id == _EVENT.ticket_id)
        .where(_EVENT.at >= since, _EVENT.event.in_((*MOVES, ANSWER)))
        .order_by(_EVENT.at, _EVENT.id)
        .limit(EVENTS_MOST + 1)
    )  # fmt: skip
    found = [HistoryLine(*row) for row in conn.execute(page)]
    if len(found) > EVENTS_MOST:
        raise NotAllowed(f"more than {EVENTS_MOST} events since {since:%Y-%m-%d}: ask for a shorter span")
    return found


def closed_before(conn: Connection, ticket_ids: Collection[int], since: datetime) -> dict[int, bool]:
    """Was each of these tickets closed at `since`? Of those of which no history says it, nothing."""
    if not ticket_ids:
        return {}
    newest = func.row_number().over(partition_by=_EVENT.ticket_id, order_by=(_EVENT.at.desc(), _EVENT.id.desc()))
    numbered = (
        select(_EVENT.ticket_id, _EVENT.event, newest.label("place"))
        .where(is_one_of(_EVENT.ticket_id, ticket_ids), _EVENT.at < since, _EVENT.event.in_(MOVES))
        .subquery()
    )
    page = select(numbered.c.ticket_id, numbered.c.event).where(numbered.c.place == 1)
    return {row.ticket_id: row.event in (*CLOSES, *JOINS) for row in conn.execute(page)}


def open_now(conn: Connection) -> dict[str, int]:
    """How many tickets of each queue are open or put off."""
    counted = select(_TICKET.queue, func.count()).where(_TICKET.state.in_((TicketState.OPEN, TicketState.PENDING)))
    return {row[0]: row[1] for row in conn.execute(counted.group_by(_TICKET.queue))}


def mails(conn: Connection, start: datetime, end: datetime) -> tuple[Mails, list[Sender]]:
    """What was accepted from `start` on and before `end`, and who brought most of it."""
    inside = (
        _JOURNAL.id >= _first_id(conn, start - SLACK),
        _JOURNAL.id < _first_id(conn, end + SLACK),
        _JOURNAL.accepted_at >= start,
        _JOURNAL.accepted_at < end,
    )
    rows = tables.journal.join(tables.message, _MESSAGE.journal_id == _JOURNAL.id)
    person = _MESSAGE.kind.in_(PERSONS)
    was_held, still = _MESSAGE.disposition == Disposition.HOLD, _MESSAGE.held
    counted = (
        func.count(),
        *(
            func.coalesce(func.sum(cast(which, Integer)), 0)
            for which in (
                person,
                was_held,
                was_held & _JOURNAL.state.in_((State.TICKETED, State.APPENDED)),
                was_held & still.in_((HeldState.LIKELY_SPAM, HeldState.SPAM, HeldState.ARCHIVED)),
                was_held & still.in_((HeldState.WAIT, HeldState.HUMAN)),
            )
        ),
    )
    found = Mails._make(conn.execute(select(*counted).select_from(rows).where(*inside)).one())
    senders = (
        select(_MESSAGE.sender, func.count().label("mails"), func.sum(cast(person, Integer)))
        .select_from(rows)
        .where(*inside, _MESSAGE.sender != "")
        .group_by(_MESSAGE.sender)
        .order_by(func.count().desc(), _MESSAGE.sender)
        .limit(SENDERS_MOST)
    )
    return found, [Sender(*row) for row in conn.execute(senders)]


def _first_id(conn: Connection, at: datetime) -> int:
    """The id of the first row of the journal that was accepted at `at` or later, found as a word in a dictionary."""
    low, high = 0, (conn.execute(select(func.max(_JOURNAL.id))).scalar() or 0) + 1
    while low < high:
        middle = (low + high) // 2
        page = select(_JOURNAL.id, _JOURNAL.accepted_at).where(_JOURNAL.id >= middle).order_by(_JOURNAL.id).limit(1)
        row = conn.execute(page).one_or_none()
        if row is None or row.accepted_at >= at:
            high = middle
        else:
            low = row.id + 1
    return low
