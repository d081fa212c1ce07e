"""Store: what monitoring asks: can the journal be written, and how much waits since when. Knows no metric."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, FromClause, Select, func, literal_column, select

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
    return [Depth(queue, *conn.execute(question).one()) for queue, question in _DEPTHS.items()]


def _waiting(table: FromClause, since: Any, state: str) -> Select[Any]:
    # Spelled out and not a parameter, so that the planner sees which partial index it may use.
    return select(func.count(), func.min(since)).select_from(table).where(literal_column(state))


_JOURNAL, _MESSAGE, _OUTBOX = tables.journal, tables.message, tables.outbox
_DEPTHS = {
    Queue.PENDING: _waiting(_JOURNAL, _JOURNAL.c.accepted_at, "journal.state = 'pending'"),
    Queue.SHUNTED: _waiting(_JOURNAL, _JOURNAL.c.accepted_at, "journal.state = 'shunted'"),
    Queue.HELD_FOR_SENDER: _waiting(_MESSAGE, _MESSAGE.c.at, "message.held = 'wait'"),
    Queue.HELD_FOR_PEOPLE: _waiting(_MESSAGE, _MESSAGE.c.at, "message.held = 'human'"),
    Queue.READY: _waiting(_OUTBOX, _OUTBOX.c.created_at, "outbox.state = 'ready'"),
    Queue.AWAY: _waiting(_OUTBOX, _OUTBOX.c.created_at, "outbox.state IN ('leased', 'handed')"),
}
