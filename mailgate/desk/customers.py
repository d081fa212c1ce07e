"""People: who our customers are: a list of them is brought in, and addresses of one person are joined and parted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mailgate.desk.acts import Acts, key_of
from mailgate.errors import NotAllowed, NotFound, TryAgain
from mailgate.judge import customers as judge
from mailgate.judge.canonical import canonical
from mailgate.judge.customers import ADDRESSES_MOST, Brought, Kept
from mailgate.judge.history import History
from mailgate.model import Contact, Customer, Facts, Met
from mailgate.store import customers, locks, record

if TYPE_CHECKING:
    from sqlalchemy import Connection

MOST = locks.MOST  # customers of one step, each a transaction of its own


@dataclass(slots=True)
class Imported:
    """How many addresses became what, and those that are no customer's."""

    kept: Counter[Kept] = field(default_factory=Counter)
    left_out: list[tuple[str, Kept]] = field(default_factory=list)


class Customers(Acts):
    """Bring in a list of customers, join the addresses of one person, and part them again."""

    async def bring_in(
        self, listed: Sequence[Customer], agent: str, *, trusted: bool, source: str, dry_run: bool = False
    ) -> Imported:
        """Make up to `MOST` customers known, all or none, and say what they became. Nothing is ever sent for it.

        The last word on an address counts. `source` is for the history. With `dry_run` nothing is written.
        """

        def work(conn: Connection) -> Imported:
            of_list = {canonical(one.address): one for one in listed}
            if not dry_run:
                locks.together(conn, of_list)
            done = self._brought(conn, of_list, f"agent:{agent}", trusted=trusted, source=source)
            if not dry_run:
                record.apply(conn, [effect for one in done.values() for effect in one.effects], self.clock())
            left_out = [(key, one.kept) for key, one in done.items() if one.kept in judge.NO_CUSTOMERS]
            return Imported(Counter(one.kept for one in done.values()), left_out)

        return await (self.database.read(work) if dry_run else self.database.write(work))

    def _brought(
        self, conn: Connection, of_list: Mapping[str, Customer], actor: str, *, trusted: bool, source: str
    ) -> dict[str, Brought]:
        book, now = self.book(), self.clock()
        staff = customers.staff(conn) | {canonical(self.gateway.notify.address)}
        contacts = {one.address: contact for contact in customers.contacts(conn, of_list) for one in contact.addresses}
        known = {one.address: one for contact in contacts.values() for one in contact.addresses}
        history = History(Facts(acquaintances=known), book.limits, self.gateway, self.mint)
        done = {}
        for key, one in of_list.items():
            out = judge.left_out(one.address, self.gateway, book.signals, staff)
            done[key] = (
                Brought(out)
                if out
                else judge.brought(one, contacts.get(key), history, now, actor, trusted=trusted, source=source)
            )
        return done

    async def link(self, address: str, other: str, agent: str) -> Contact:
        """Say that two addresses are one person's, with all that each is linked to already; who that is then.

        Raises:
            NotAllowed: one is ours, both are linked already, or the person would have too many.
        """

        def work(conn: Connection) -> Contact:
            keys = [key_of(address), key_of(other)]
            return link(self, conn, keys[0], keys[1], f"agent:{agent}")

        return await self.database.write(work)

    async def unlink(self, address: str, agent: str) -> Contact:
        """Say that an address is another person's than those it is linked to; who these are then.

        Raises:
            NotFound: nothing is known of it, or it is linked to none.
        """

        def work(conn: Connection) -> Contact:
            key, now = key_of(address), self.clock()
            contact = _together(conn, [key]).get(key)
            mine = next((one for one in contact.addresses if one.address == key), None) if contact else None
            if contact is None or mine is None or len(contact.addresses) == 1:
                raise NotFound(f"{key} is linked to no other address")
            record.apply(conn, judge.unlinked(contact, mine, now, f"agent:{agent}", self.mint), now)
            rest = next(one.address for one in contact.addresses if one.address != key)
            return _contact(conn, rest)

        return await self.database.write(work)


def link(acts: Acts, conn: Connection, address: str, other: str, actor: str) -> Contact:
    """Make one person of those of two canonical addresses, in this transaction. Raises as `Customers.link`."""
    now = acts.clock()
    mailboxes = {canonical(box.address) for box in acts.gateway.mailboxes}
    if ours := mailboxes & {address, other}:
        raise NotAllowed(f"{min(ours)} is our own mailbox")
    contacts = _together(conn, [address, other])
    _meet(acts, conn, [one for one in (address, other) if one not in contacts])
    mine, theirs = _contact(conn, address), _contact(conn, other)
    if mine.id == theirs.id:
        raise NotAllowed(f"{address} and {other} are one person already")
    if len(mine.addresses) + len(theirs.addresses) > ADDRESSES_MOST:
        raise NotAllowed(f"one person has at most {ADDRESSES_MOST} addresses")
    record.apply(conn, judge.linked(mine, theirs, now, actor, acts.mint), now)
    return _contact(conn, address)


def _meet(acts: Acts, conn: Connection, unknown: Sequence[str]) -> None:
    """Whoever is linked before he ever wrote is a newcomer like any other."""
    history, now = History(Facts(), acts.book().limits, acts.gateway, acts.mint), acts.clock()
    met = [history.acquaintance(address, now) for address in unknown]
    record.apply(conn, [Met(one) for one in met], now)


def _together(conn: Connection, keys: Sequence[str]) -> dict[str, Contact]:
    """The contacts of these addresses; nobody else judges mail of any of their addresses until this is over."""
    before = {one.address for contact in customers.contacts(conn, keys) for one in contact.addresses}
    locks.together(conn, before | set(keys))
    found = {one.address: contact for contact in customers.contacts(conn, keys) for one in contact.addresses}
    if found.keys() != before:
        raise TryAgain("somebody else is linking the same addresses")
    return found


def _contact(conn: Connection, address: str) -> Contact:
    found = customers.contact(conn, address)
    assert found is not None, address
    return found
