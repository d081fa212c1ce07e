"""Store: how far a database has come. What was given once, an id or a ticket's number, is never given again."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Table, func, select

from mailgate.store import tables
from mailgate.store.dialect import last_ticket_number, set_ticket_number, upsert

LARGEST_ID = "largest-id"  # the name of the counter that outlives the rows

_IDENTIFIED: tuple[Table, ...] = (tables.journal, tables.message, tables.ticket_event, tables.permit, tables.outbox)
_COUNTER = tables.counter.c


@dataclass(frozen=True, slots=True)
class Mark:
    """The largest id that stands in a database, and the number of its newest ticket."""

    largest_id: int
    ticket_number: int


def mark(conn: Connection) -> Mark:
    """How far this database has come."""
    return Mark(largest_id(conn), last_ticket_number(conn))


def largest_id(conn: Connection) -> int:
    """The largest id that was ever used, whether or not its row is still there."""
    remembered = conn.execute(select(_COUNTER.value).where(_COUNTER.name == LARGEST_ID)).scalar() or 0
    return max(remembered, *(conn.execute(select(func.max(table.c.id))).scalar() or 0 for table in _IDENTIFIED))


def remember(conn: Connection) -> None:
    """Keep the largest id, because its row is about to go."""
    row = {"name": LARGEST_ID, "value": largest_id(conn)}
    conn.execute(upsert(conn, tables.counter, key="name", change=("value",)), row)


def skip_to(conn: Connection, ticket_number: int) -> None:
    """Give no ticket a number up to `ticket_number`: some customer may know another ticket by it."""
    if ticket_number > last_ticket_number(conn):
        set_ticket_number(conn, ticket_number)
