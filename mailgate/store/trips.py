"""Store: how far a mail of ours has got that was sent to see whether it comes back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from mailgate.model import OutboxState, Sending, State
from mailgate.store import tables
from mailgate.store.tables import Direction


@dataclass(frozen=True, slots=True)
class Trip:
    """Where it stands. What has not happened yet is None; `reply` is what the next hop last said, "" before."""

    state: OutboxState
    attempts: int
    reply: str
    left_at: datetime | None  # when the next hop answered for good
    back_at: datetime | None = None  # when we accepted it again
    judged_at: datetime | None = None
    place: State | None = None
    reason: str = ""


def trip(conn: Connection, sent: Sending) -> Trip:
    """How far `sent` has got."""
    outbox, message, journal = tables.outbox.c, tables.message.c, tables.journal.c
    out = conn.execute(select(tables.outbox).where(outbox.id == sent.outbox_id)).one()
    reply = f"{out.last_code} {out.last_reply}" if out.last_code else out.last_reply
    arrived = (
        select(journal.accepted_at, journal.settled_at, journal.state, message.verdict)
        .join(tables.journal, journal.id == message.journal_id)
        .where(message.identity == sent.identity, message.direction == Direction.IN)
        .order_by(message.id)
        .limit(1)
    )
    back = conn.execute(arrived).one_or_none()
    if back is None:
        return Trip(out.state, out.attempts, reply, out.settled_at)
    return Trip(
        out.state,
        out.attempts,
        reply,
        out.settled_at,
        back_at=back.accepted_at,
        judged_at=back.settled_at,
        place=back.state,
        reason=back.verdict["reason"],
    )
