"""Who our customers are: which of a list become known, and what follows when addresses are joined or parted.

An import says of an address that it is a customer's, not that he wrote anything: it adds no credit, answers nobody and
lifts nothing that is held against the address.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from mailgate.domains import a_label
from mailgate.judge import trust
from mailgate.judge.canonical import canonical
from mailgate.judge.history import History, Mint
from mailgate.judge.rules import Signals
from mailgate.judge.token import looks_signed
from mailgate.model import (
    Acquaintance,
    Contact,
    ContactChange,
    Customer,
    Described,
    Effect,
    Gateway,
    Linked,
    Met,
    Standing,
    Strength,
    Unlinked,
)

ADDRESSES_MOST = 20  # of one contact; whoever has more is no person
LOCAL_FIELDS = ("from_local", "sender_local")  # what the rules look at to know a machine by its address


class Kept(StrEnum):
    """What an import made of one address."""

    NEW = "new"
    CHANGED = "changed"  # it is trusted now or for longer, or has another name
    UNCHANGED = "unchanged"
    SILENT = "blocked, robot or undeliverable"  # and stays so
    OURS = "ours"
    STAFF = "of our own people"
    MACHINE = "a machine's"


NO_CUSTOMERS = (Kept.OURS, Kept.STAFF, Kept.MACHINE)
_SILENT = (Standing.BLOCKED, Standing.ROBOT, Standing.UNDELIVERABLE)


class Brought(Struct, frozen=True):
    """What an import makes of one address, and what has to be written for it."""

    kept: Kept
    effects: tuple[Effect, ...] = ()


def left_out(address: str, gateway: Gateway, signals: Signals, staff: Collection[str]) -> Kept | None:
    """Why an address is no customer's; None where it may be. `staff` are canonical addresses of our own people."""
    key = canonical(address)
    mailboxes = {canonical(box.address) for box in gateway.mailboxes}
    if key in mailboxes or (looks_signed(address) and a_label(address.rpartition("@")[2]) in gateway.domains):
        return Kept.OURS
    if key in staff:
        return Kept.STAFF
    return Kept.MACHINE if is_machines(key, signals) else None


def is_machines(address: str, signals: Signals) -> bool:
    """Do the rules know this address for one that no person reads or writes from?"""
    local = address.rpartition("@")[0]
    watched = [signals.by_field[name] for name in LOCAL_FIELDS if name in signals.by_field]
    given = [signal for one in watched for signal, _ in one.given((local,))]
    heavy = (Strength.DECISIVE, Strength.STRONG)
    return any(signal.strength in heavy and not signal.also for signal in given)


def brought(
    customer: Customer,
    contact: Contact | None,
    history: History,
    at: datetime,
    actor: str,
    *,
    trusted: bool,
    source: str,
) -> Brought:
    """A customer of the list becomes known, and with `trusted` his proven mail makes tickets at once."""
    key = canonical(customer.address)
    known = history.facts.acquaintances.get(key)
    stands = history.acquaintance(key, at, customer.name)
    after = trust.imported(stands, at, history.limits.timing) if trusted else stands
    after = replace(after, name=customer.name or after.name)
    names = _names(customer, contact)
    changed = known is None or (after.trust, after.until, after.name) != (stands.trust, stands.until, stands.name)
    if not changed and contact and names == (contact.name, contact.company):
        return Brought(Kept.SILENT if stands.standing in _SILENT else Kept.UNCHANGED)
    kept = Kept.NEW if known is None else Kept.SILENT if stands.standing in _SILENT else Kept.CHANGED
    contact_id = contact.id if contact else after.contact_id
    told = ContactChange(history.mint.new_id(), contact_id, at, "imported", actor, source)
    return Brought(kept, (Described(contact_id, *names, at), Met(after), told))


def _names(customer: Customer, contact: Contact | None) -> tuple[str, str]:
    """The contact is called as the list says; what it does not say stays."""
    if contact is None:
        return customer.name, customer.company
    return customer.name or contact.name, customer.company or contact.company


def linked(mine: Contact, theirs: Contact, at: datetime, actor: str, mint: Mint) -> list[Effect]:
    """Two contacts are one person: `mine` takes all that `theirs` had."""
    joined = ", ".join(one.address for one in theirs.addresses)
    name, company = mine.name or theirs.name, mine.company or theirs.company
    return [
        Described(mine.id, name, company, at),
        Linked(mine.id, theirs.id),
        ContactChange(mint.new_id(), mine.id, at, "linked", actor, joined),
    ]


def unlinked(contact: Contact, address: Acquaintance, at: datetime, actor: str, mint: Mint) -> list[Effect]:
    """An address of `contact` is another person's: it has a contact of its own again."""
    own = mint.new_id()
    rest = ", ".join(one.address for one in contact.addresses if one.address != address.address)
    return [
        Described(own, address.name, "", at),
        Unlinked(address.address, own),
        ContactChange(mint.new_id(), contact.id, at, "unlinked", actor, address.address),
        ContactChange(mint.new_id(), own, at, "unlinked", actor, rest),
    ]
