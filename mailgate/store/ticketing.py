"""Store: writes what becomes of tickets: opened, joined by people, changed, with a line of history for each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, case, delete, func, insert, literal, update

from mailgate.model import Amended, Joined, NewTicket, Participant, Tagged, TicketChange, TicketState
from mailgate.store import entries, tables
from mailgate.store.bulk import put, run
from mailgate.store.dialect import is_one_of, next_ticket_numbers, upsert
from mailgate.store.types import Utc

_ADD_TICKET = insert(tables.ticket)
_TOUCH = update(tables.ticket).where(tables.ticket.c.id == bindparam("of_ticket")).values(updated_at=bindparam("at"))
_TICKET = tables.ticket.c
# Whoever waits already has waited since then, and was promised his answer for then.
_WAIT = (
    update(tables.ticket)
    .where(_TICKET.id == bindparam("of_ticket"))
    .values(
        updated_at=bindparam("at"),
        waits_since=func.coalesce(_TICKET.waits_since, bindparam("since", type_=Utc())),
        due_at=case((_TICKET.waits_since.is_(None), bindparam("due", type_=Utc())), else_=_TICKET.due_at),
    )
)
_SET_STATE = update(tables.ticket).where(_TICKET.id == bindparam("of_ticket")).values(state=bindparam("to_state"))
_STATES = {
    TicketState.OPEN: _SET_STATE.values(closed_at=None, pending_until=None),
    TicketState.PENDING: _SET_STATE.values(closed_at=None),
    # Nobody waits for what is closed.
    TicketState.CLOSED: _SET_STATE.values(
        closed_at=bindparam("at"), pending_until=None, waits_since=None, due_at=None, warned_at=None
    ),
}
_ASSIGN = (
    update(tables.ticket).where(tables.ticket.c.id == bindparam("of_ticket")).values(assignee=bindparam("to_whom"))
)


def open_new(conn: Connection, new_tickets: list[NewTicket]) -> dict[int, int]:
    """Write new tickets; the number of each by its id."""
    if not new_tickets:
        return {}
    ids = [effect.id for effect in new_tickets]
    numbers = dict(zip(ids, next_ticket_numbers(conn, len(ids)), strict=True))
    rows = [entries.ticket(effect, numbers[effect.id]) for effect in new_tickets]
    put(conn, _ADD_TICKET, rows)
    _participate(conn, ((effect.id, effect.participant) for effect in new_tickets))
    return numbers


def join(conn: Connection, joined: Iterable[Joined]) -> None:
    """Write who takes part from now on."""
    _participate(conn, ((effect.ticket_id, effect.participant) for effect in joined))


def _participate(conn: Connection, who: Iterable[tuple[int, Participant]]) -> None:
    """The last word counts; but to be named somewhere makes nobody less than he is."""
    every = [(to, one) for to, one in who if one.address]
    _put_participants(conn, {(to, one.address): one for to, one in every if not one.copied}, change=("bound", "copied"))
    _put_participants(conn, {(to, one.address): one for to, one in every if one.copied})


def _put_participants(
    conn: Connection, who: dict[tuple[int, str], Participant], *, change: tuple[str, ...] = ()
) -> None:
    rows = [
        {"ticket_id": to, "address": address, "bound": one.bound, "copied": one.copied}
        for (to, address), one in who.items()
    ]
    put(conn, upsert(conn, tables.participant, key=("ticket_id", "address"), change=change), rows)


def change(conn: Connection, changes: list[TicketChange], opened: dict[int, datetime]) -> None:
    """Write histories; a ticket that was `opened` just now bears that moment already."""
    events = [entries.event(effect) for effect in changes]
    put(conn, upsert(conn, tables.ticket_event, key="id"), events)
    touched = {effect.ticket_id: effect.at for effect in changes}
    waiting = {one.ticket_id: one for one in reversed(changes) if one.waits_since}
    moved = {one: at for one, at in touched.items() if opened.get(one) != at and one not in waiting}
    run(conn, _TOUCH, [{"of_ticket": one, "at": at} for one, at in moved.items()])
    # A quiet ticket may be opened and waited in at one moment.
    run(conn, _WAIT, [_begun(one, touched[ticket_id]) for ticket_id, one in waiting.items()])
    last = {effect.ticket_id: effect for effect in changes if effect.state}
    for state, statement in _STATES.items():
        run(conn, statement, [_moved(one, state) for one in last.values() if one.state is state])
    assigned = [{"of_ticket": one.ticket_id, "to_whom": one.detail} for one in changes if one.event == "assigned"]
    run(conn, _ASSIGN, assigned)


def _begun(change: TicketChange, at: datetime) -> dict[str, Any]:
    return {"of_ticket": change.ticket_id, "at": at, "since": change.waits_since, "due": change.due_at}


def _moved(change: TicketChange, state: TicketState) -> dict[str, Any]:
    row = {"of_ticket": change.ticket_id, "to_state": state}
    return row | {"at": change.at} if state is TicketState.CLOSED else row


def amend(conn: Connection, amended: Iterable[Amended]) -> None:
    """Write what tickets are said to be from now on. The first answer of a person stays the first."""
    ticket = tables.ticket.c
    for effect in amended:
        fields = ((name, getattr(effect, name)) for name in effect.__struct_fields__[1:])
        values = {name: value for name, value in fields if value is not msgspec.UNSET}
        if "answered_at" in values:
            values["answered_at"] = func.coalesce(ticket.answered_at, literal(values["answered_at"], Utc()))
        if values:
            conn.execute(update(tables.ticket).where(ticket.id == effect.ticket_id).values(**values))


def tag(conn: Connection, tagged: Iterable[Tagged]) -> None:
    """Write the words that tickets bear, and take away those they bear no more."""
    table = tables.ticket_tag
    for effect in tagged:
        if effect.remove:
            gone = is_one_of(table.c.tag, effect.remove)
            conn.execute(delete(table).where(table.c.ticket_id == effect.ticket_id, gone))
        rows = [{"ticket_id": effect.ticket_id, "tag": word} for word in dict.fromkeys(effect.add)]
        put(conn, upsert(conn, table, key=("ticket_id", "tag")), rows)
