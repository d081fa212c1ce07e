"""Store: old mail that is brought in: what of it is here already, and where its like stands."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select, update

from mailgate.store import tables
from mailgate.store.dialect import is_one_of

_MESSAGE, _EVENT = tables.message.c, tables.ticket_event.c


def known(conn: Connection, identities: Collection[str]) -> set[tuple[str, str]]:
    """Which mails of these names are here, brought in or received: each with the hash of its body."""
    found = select(_MESSAGE.identity, _MESSAGE.body_hash).where(is_one_of(_MESSAGE.identity, identities))
    return {(row.identity, row.body_hash) for row in conn.execute(found)}


def tickets(conn: Connection, identities: Collection[str], event: str) -> dict[str, int]:
    """The tickets of the mails of these names, as far as their history has such an `event`; by name."""
    begun = select(_EVENT.id).where(_EVENT.ticket_id == _MESSAGE.ticket_id, _EVENT.event == event).exists()
    found = select(_MESSAGE.identity, _MESSAGE.ticket_id).where(is_one_of(_MESSAGE.identity, identities), begun)
    return {row.identity: row.ticket_id for row in conn.execute(found.order_by(_MESSAGE.id.desc()))}


def forget_keys(conn: Connection, journal_ids: Collection[int]) -> None:
    """No client will hand these in once more; they are known by their names."""
    journal = tables.journal
    conn.execute(update(journal).where(is_one_of(journal.c.id, journal_ids)).values(acceptance_key=None))
