"""Store: frees what dead processes had claimed, where many share a database. A lease that ends does so by itself."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select, text, union

from mailgate.store import journal, outbox, tables
from mailgate.store.dialect import has_one_daemon
from mailgate.store.member import life

_OWNERS = union(
    select(tables.journal.c.lease_owner).where(journal.PENDING, tables.journal.c.lease_owner.is_not(None)),
    select(tables.outbox.c.lease_owner).where(outbox.AWAY, tables.outbox.c.lease_owner.is_not(None)),
)
# Whoever lives holds the lock under his name; whoever gets it here holds it until the rows are free.
_IS_DEAD = text("SELECT pg_try_advisory_xact_lock(:life)")


def bury(conn: Connection, now: datetime) -> int:
    """Free what is claimed under names that no living process bears; how many rows that were.

    A process that is only cut off from the database counts as dead. When it comes back, whatever it did meanwhile is
    refused, for its mail stands in another state or under another name.
    """
    if has_one_daemon(conn):
        return 0
    freed = 0
    for owner in conn.execute(_OWNERS).scalars().all():
        if conn.execute(_IS_DEAD, {"life": life(owner)}).scalar():
            freed += journal.release(conn, owner) + outbox.recover(conn, owner, now)
    return freed
