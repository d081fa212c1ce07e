"""Store: what monitoring asks: can the journal be written, and how much waits since when. Knows no metric."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Select, Table, func, literal_column, select

from mailgate.model import HeldState
from mailgate.store import tables
from mailgate.store.dialect import upsert

PROBED = "probed"  # the name of the row that a probe writes


class Queue(StrEnum):
    """Where mail waits for somebody."""

    PENDING = "pending"  # accepted and not yet judged
    SHUNTED = "shunted"  # set aside, because processing it failed
    HELD_FOR_SENDER = "held-for-sender"
    HELD_FOR_PEOPLE = "held-for-people"
    READY = "outbox-ready"  # waits for its time, or for another try
    AWAY = "outbox-away"  # with the next hop just now
    UNANSWERED = "unanswered"  # tickets and held mails of people who wait for an answer
    OVERDUE = "overdue"  # those of them who wait longer than they were promised


@dataclass(frozen=True, slots=True)
class Depth:
    """How many mails wait in a queue, and since when the oldest does; None where none waits."""

    queue: Queue
    mails: int
    oldest_at: datetime | None


def probe(conn: Connection, at: datetime) -> None:
    """Write one small row, so that the commit says whether the disk still takes what it is given."""
    counter = tables.counter
    conn.execute(upsert(conn, counter, key="name", change=("value",)), [{"name": PROBED, "value": int(at.timestamp())}])


def depths(conn: Connection) -> list[Depth]:
    """Every queue. Each question is answered by an index over the mails that wait, however many do not."""
    found = [Depth(queue, *conn.execute(question).one()) for queue, question in _DEPTHS.items()]
    held = {row[0]: row[1:] for row in conn.execute(_HELD)}
    return found + [Depth(queue, *held.get(state, (0, None))) for queue, state in _HELD_FOR.items()]


def _waiting(table: Table, since: str, state: str) -> Select[int, Any]:
    # Spelled out and not a parameter, so that the planner sees which partial index it may use.
    return select(func.count(), func.min(table.c[since])).where(literal_column(f"{table.name}.state {state}"))


_DEPTHS = {
    Queue.PENDING: _waiting(tables.journal, "accepted_at", "= 'pending'"),
    Queue.SHUNTED: _waiting(tables.journal, "accepted_at", "= 'shunted'"),
    Queue.READY: _waiting(tables.outbox, "created_at", "= 'ready'"),
    Queue.AWAY: _waiting(tables.outbox, "created_at", "IN ('leased', 'handed')"),
}
# One question for both, because it looks at all that is held; what was judged spam waits for nobody.
_MESSAGE = tables.message.c
_HELD = select(_MESSAGE.held, func.count(), func.min(_MESSAGE.at)).where(_MESSAGE.held.is_not(None)).group_by("held")
_HELD_FOR = {Queue.HELD_FOR_SENDER: HeldState.WAIT, Queue.HELD_FOR_PEOPLE: HeldState.HUMAN}
