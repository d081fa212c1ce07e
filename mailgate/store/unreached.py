"""Store: what follows where a next hop does not take a person's letter: for its ticket, and for the address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, case, update

from mailgate.model import OutboxState, Purpose, Settlement, Standing, TicketState
from mailgate.store import tables
from mailgate.store.bulk import run
from mailgate.store.dialect import upsert
from mailgate.store.types import Utc

# A robot stays one, and a blocked address blocked.
_GONE = (
    update(tables.address)
    .where(tables.address.c.address == bindparam("of_address"))
    .where(tables.address.c.standing.not_in((Standing.ROBOT, Standing.BLOCKED)))
    .values(standing=Standing.UNDELIVERABLE, since=bindparam("then"), until=bindparam("ends"), trust=None, bound=None)
)

_TICKET = tables.ticket.c
_WRITTEN = bindparam("written", type_=Utc())
_WAITS_AGAIN = (
    update(tables.ticket)
    .where(_TICKET.id == bindparam("of_ticket"))
    .values(
        state=TicketState.OPEN,
        closed_at=None,
        pending_until=None,
        waits_since=case((_TICKET.waits_since < _WRITTEN, _TICKET.waits_since), else_=_WRITTEN),
    )
)


def told(conn: Connection, ended: Iterable[tuple[Any, Settlement]]) -> None:
    """A person's mail that did not arrive is a line in the history of its ticket, which waits again for one who looks.

    One that a person cancelled only has the line. Each stands with its row, as `store.outbox` reads it.
    """
    lost = [(row, one) for row, one in ended if row.ticket_id is not None]
    events = [
        {
            "id": row.message_id,  # one end, one line, however often it is told
            "ticket_id": row.ticket_id,
            "at": one.at,
            "event": _event(row, one),
            "actor": "mail",
            "detail": f"{row.recipient}: {f'{one.answer.code} ' if one.answer.code else ''}{one.answer.text}",
        }
        for row, one in lost
    ]
    run(conn, upsert(conn, tables.ticket_event, key="id", change=("at", "event", "detail")), events)
    # What was to be sent on has nobody but us, whoever gave it up.
    failed = [row for row, one in lost if one.state is OutboxState.FAILED or row.purpose is Purpose.REDIRECT]
    run(conn, _WAITS_AGAIN, [{"of_ticket": row.ticket_id, "written": row.at} for row in failed])


def _event(row: Any, settled: Settlement) -> str:
    if row.purpose is Purpose.REDIRECT:
        return "redirect-failed"
    return "undelivered" if settled.state is OutboxState.FAILED else "delivery-cancelled"


def nobody_there(conn: Connection, refused: Mapping[str, Settlement], undeliverable_days: int) -> None:
    """Trust in an address (canonical) ends where its letter failed because nobody is there."""
    days = timedelta(days=undeliverable_days)
    rows = [
        {"of_address": address, "then": one.at, "ends": one.at + days} for address, one in refused.items() if one.nobody
    ]
    if rows:
        conn.execute(_GONE, rows)
