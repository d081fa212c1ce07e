"""Store: customers: which addresses are one person's, what he is called, and what was done about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from sqlalchemy import Connection, delete, select, update

from mailgate.model import Acquaintance, Contact, Described, Linked, Unlinked
from mailgate.store import rows, tables
from mailgate.store.bulk import put
from mailgate.store.dialect import is_one_of, upsert
from mailgate.store.views import EventLine

HISTORY_MOST = 100  # lines of one contact that are shown, the newest

_CONTACT, _ADDRESS, _EVENT = tables.contact.c, tables.address.c, tables.contact_event.c


def contacts(conn: Connection, addresses: Collection[str]) -> list[Contact]:
    """The contacts of these canonical addresses, as far as they are known, each with all of its addresses."""
    of_these = select(_ADDRESS.contact_id).where(is_one_of(_ADDRESS.address, addresses))
    found = conn.execute(select(tables.contact).where(_CONTACT.id.in_(of_these)).order_by(_CONTACT.id)).all()
    theirs: dict[int, list[Acquaintance]] = defaultdict(list)
    all_of_them = select(tables.address).where(is_one_of(_ADDRESS.contact_id, [row.id for row in found]))
    for row in conn.execute(all_of_them.order_by(_ADDRESS.address)):
        theirs[row.contact_id].append(rows.acquaintance(row))
    return [Contact(row.id, row.name, row.company, tuple(theirs[row.id])) for row in found]


def contact(conn: Connection, address: str) -> Contact | None:
    """The contact of a canonical address, or None."""
    return next(iter(contacts(conn, [address])), None)


def history(conn: Connection, contact_id: int, limit: int = HISTORY_MOST) -> list[EventLine]:
    """What was done about a contact, oldest first."""
    newest = select(tables.contact_event).where(_EVENT.contact_id == contact_id)
    found = conn.execute(newest.order_by(_EVENT.at.desc(), _EVENT.id.desc()).limit(limit)).all()
    return [EventLine(row.at, row.event, row.actor, row.detail) for row in reversed(found)]


def staff(conn: Connection) -> set[str]:
    """The canonical addresses of our own people."""
    return set(conn.execute(select(tables.agent.c.address).where(tables.agent.c.left_at.is_(None))).scalars())


def describe(conn: Connection, described: Iterable[Described]) -> None:
    """Write what contacts are called; a new one is made."""
    known = {one.contact_id: one for one in described}.values()  # the last word counts
    named = [{"id": one.contact_id, "name": one.name, "created_at": one.at, "company": one.company} for one in known]
    put(conn, upsert(conn, tables.contact, key="id", change=("name", "company")), named)


def link(conn: Connection, linked: Iterable[Linked]) -> None:
    """Make one contact of two."""
    for one in linked:
        for table in (tables.address, tables.contact_event):
            theirs = update(table).where(table.c.contact_id == one.gone)
            conn.execute(theirs.values(contact_id=one.contact_id))
        conn.execute(delete(tables.contact).where(_CONTACT.id == one.gone))


def unlink(conn: Connection, unlinked: Iterable[Unlinked]) -> None:
    """Give addresses contacts of their own."""
    for one in unlinked:
        conn.execute(update(tables.address).where(_ADDRESS.address == one.address).values(contact_id=one.contact_id))
