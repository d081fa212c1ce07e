"""Store: all that is held of one person, as rows by their names, for whoever may see it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, select

from mailgate.store import tables
from mailgate.store.dialect import is_one_of

Rows = list[dict[str, Any]]


def of_person(conn: Connection, addresses: Collection[str], tickets: Collection[int]) -> dict[str, Rows]:
    """What stands of these canonical addresses beside their mail; `tickets` are the ids of those they opened."""
    address, participant = tables.address.c, tables.participant.c
    contacts = list(conn.execute(select(address.contact_id).where(is_one_of(address.address, addresses))).scalars())
    takes_part = select(participant.ticket_id).where(is_one_of(participant.address, addresses))
    joined = set(conn.execute(takes_part).scalars()) | set(tickets)
    return {
        "contact": _rows(conn, tables.contact, is_one_of(tables.contact.c.id, contacts)),
        "history": _rows(conn, tables.contact_event, is_one_of(tables.contact_event.c.contact_id, contacts)),
        "addresses": _rows(conn, tables.address, is_one_of(address.address, addresses)),
        "questions": _rows(conn, tables.challenge, is_one_of(tables.challenge.c.address, addresses)),
        "automatic_mail": _rows(conn, tables.permit, is_one_of(tables.permit.c.address, addresses)),
        "troubles": _rows(conn, tables.mishap, is_one_of(tables.mishap.c.address, addresses)),
        "tickets": _rows(conn, tables.ticket, is_one_of(tables.ticket.c.id, joined)),
        "ticket_history": _rows(conn, tables.ticket_event, is_one_of(tables.ticket_event.c.ticket_id, tickets)),
    }


def of_message(conn: Connection, message_id: int) -> dict[str, Any]:
    """What stands of one message beside its bytes: the verdict on it, and how it was delivered."""
    (row,) = _rows(conn, tables.message, tables.message.c.id == message_id)
    left = _rows(conn, tables.outbox, tables.outbox.c.message_id == message_id)
    came = _rows(conn, tables.journal, tables.journal.c.id == row["journal_id"]) if row["journal_id"] else []
    return {**row, "accepted": next(iter(came), None), "delivery": next(iter(left), None)}


def _rows(conn: Connection, table: Table, which: ColumnElement[bool]) -> Rows:
    found: Iterable[Any] = conn.execute(select(table).where(which).order_by(*table.primary_key))
    return [dict(row._mapping) for row in found]
