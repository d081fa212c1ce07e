"""Store: what an answer to a ticket needs beside the conversation: the mail that it answers, and who takes part."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, select

from mailgate.model import Kind
from mailgate.store import tables
from mailgate.store.journal import decompressed
from mailgate.store.tables import Direction


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest mail of the requester of a ticket, whole."""

    identity: str
    at: datetime
    by_person: bool  # a person wrote it, as far as we know
    raw: bytes = field(repr=False)


def newest(conn: Connection, number: int) -> Newest | None:
    """The mail that an answer to ticket `number` answers, or None."""
    m, t, r = tables.message.c, tables.ticket.c, tables.raw.c
    found = (
        select(m.identity, m.at, m.kind, r.zstd, r.size_bytes)
        .join(tables.ticket, t.id == m.ticket_id)
        .join(tables.raw, r.id == m.raw_id)
        .where(t.number == number, m.direction == Direction.IN, m.proposed.is_(False), m.sender == t.requester)
        .order_by(m.at.desc(), m.id.desc())
        .limit(1)
    )
    row = conn.execute(found).one_or_none()
    if row is None:
        return None
    return Newest(row.identity, row.at, row.kind is Kind.HUMAN, decompressed(row.zstd, row.size_bytes))


def participants(conn: Connection, ticket_id: int) -> frozenset[str]:
    """The canonical addresses that take part in a ticket; who was only named in a mail of it does not."""
    p = tables.participant.c
    found = select(p.address).where(p.ticket_id == ticket_id, p.copied.is_(False))
    return frozenset(conn.execute(found).scalars())
