"""Store: mail of which DNS could not say who it is from, due to be asked about once more.

A row is due until it is taken, in the same transaction that writes what follows: a crash before leaves it due, and a
second process that took it up as well finds it taken.
"""

from __future__ import annotations

from datetime import datetime
from itertools import accumulate, takewhile
from typing import Any

from sqlalchemy import Connection, Select, bindparam, literal_column, select, update

from mailgate.model import Accepted, HeldState, Recheck
from mailgate.store import journal, tables
from mailgate.store.dialect import is_one_of, is_one_of_given, listed
from mailgate.store.journal import CLAIM_BYTES

ROWS_MOST = 50  # asked about at the same time

_MESSAGE, _JOURNAL, _RAW, _EVENT = tables.message.c, tables.journal.c, tables.raw.c, tables.ticket_event.c
_DUE = _MESSAGE.recheck_at <= bindparam("now")
_DUE_NOW = (
    select(_MESSAGE.id, _RAW.size_bytes)
    .join(tables.raw, _RAW.id == _MESSAGE.raw_id)
    .where(_DUE, _MESSAGE.recheck_at.is_not(None))
    .order_by(_MESSAGE.recheck_at, _MESSAGE.id)
    .limit(ROWS_MOST)
)
_AS_ACCEPTED = (
    select(_MESSAGE.id.label("message_id"), tables.journal, _RAW.zstd, _RAW.size_bytes)
    .join(tables.journal, _JOURNAL.id == _MESSAGE.journal_id)
    .join(tables.raw, _RAW.id == _JOURNAL.raw_id)
    .where(is_one_of_given(_MESSAGE.id, "wanted"))
    .order_by(_MESSAGE.id)
)
_TAKE = update(tables.message).where(_MESSAGE.id == bindparam("of_message"), _MESSAGE.recheck_at.is_not(None))
_STANDS = (
    select(_MESSAGE.identity, _MESSAGE.ticket_id, _MESSAGE.held, _MESSAGE.verdict, _JOURNAL.state)
    .join(tables.journal, _JOURNAL.id == _MESSAGE.journal_id)
    .where(_MESSAGE.id == bindparam("of_message"))
)
_BY_PEOPLE: Select[Any] = select(literal_column("1")).where(
    _EVENT.ticket_id == bindparam("of_ticket"), _EVENT.actor != literal_column("'mail'")
)


def lapse(conn: Connection, now: datetime, accepted: datetime) -> int:
    """Forget the rows that are due of mail accepted before `accepted`: whoever waited so long has given up."""
    old = select(_MESSAGE.id).where(_MESSAGE.recheck_at <= now, _MESSAGE.at < accepted).limit(ROWS_MOST)
    ids = conn.execute(old).scalars().all()
    if not ids:
        return 0
    return conn.execute(update(tables.message).where(is_one_of(_MESSAGE.id, ids)).values(recheck_at=None)).rowcount


def due(conn: Connection, now: datetime) -> list[tuple[int, Accepted]]:
    """What is due at `now`, longest due first, by its row of `message`; at most so much as fits into memory."""
    sizes = [tuple(row) for row in conn.execute(_DUE_NOW, {"now": now})]
    totals = accumulate(size for _, size in sizes)
    fitting = sum(1 for _ in takewhile(lambda total: total <= CLAIM_BYTES, totals))
    wanted = [message_id for message_id, _ in sizes[: max(fitting, 1)]]
    rows = conn.execute(_AS_ACCEPTED, {"wanted": listed(wanted)}) if wanted else ()
    return [(row.message_id, journal.accepted_of(row)) for row in rows]


def take(conn: Connection, message_id: int) -> Recheck | None:
    """Take what is due, once; None where somebody else did, or where a person has acted on the mail since."""
    named = {"of_message": message_id}
    if conn.execute(_TAKE.values(recheck_at=None), named).rowcount != 1:
        return None
    row = conn.execute(_STANDS, named).one()
    # Where it stands is where it was put at first; a mail that was let in has had its welcome.
    untouched = row.state == row.verdict["state"] and row.held in {None, HeldState.HUMAN}
    if not untouched or (row.ticket_id is not None and _touched(conn, row.ticket_id)):
        return None
    return Recheck(message_id, row.identity, row.ticket_id)


def _touched(conn: Connection, ticket_id: int) -> bool:
    """Whatever a person does to a ticket is a line of its history."""
    return conn.execute(_BY_PEOPLE.limit(1), {"of_ticket": ticket_id}).first() is not None
