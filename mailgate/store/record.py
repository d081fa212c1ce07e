"""Store: writes what was decided. It decides nothing, and everything of one batch is one transaction of the caller's.

Effects are sorted by what they are and written table by table, in the order in which rows point to each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, TypeVar

from msgspec.structs import asdict
from sqlalchemy import Connection, bindparam, insert, or_, select, update

from mailgate.errors import Overtaken
from mailgate.model import (
    Amended,
    Asked,
    BreakerState,
    Broken,
    ContactChange,
    Credited,
    Described,
    Effects,
    Enrolled,
    Errand,
    Filing,
    HandedOver,
    HeldState,
    Joined,
    Linked,
    Met,
    NewTicket,
    OutboxState,
    Purpose,
    Reheld,
    Rejudged,
    Released,
    Sending,
    State,
    Suffered,
    Tagged,
    TicketChange,
    Unlinked,
)
from mailgate.store import customers, entries, errands, locks, outbox, tables, ticketing
from mailgate.store.bulk import put, run
from mailgate.store.dialect import is_one_of, is_one_of_given, listed, upsert
from mailgate.store.documents import verdict_document

Rows = list[dict[str, Any]]
_T = TypeVar("_T")

_ADDRESS_CHANGES = (
    *("name", "standing", "since", "until", "credit", "credit_at", "trust", "bound", "proven"),
    *("turns", "turned_at", "spam_marks", "asks_back"),
)
NO_LONGER_NEEDED = "no longer needed"

_BREAKER_CHANGES = ("state", "since", "until", "trial_until", "tripped_at", "reason", "actor")
_CHALLENGE_CHANGES = ("state", "expires_at", "sent_at", "seen_at")


# Built once, as all statements below that every batch needs: to build one costs as much as to run it.
_ADD_MESSAGE, _ADD_RAW = insert(tables.message), insert(tables.raw)
_ADD_PERMIT, _ADD_OUTGOING = insert(tables.permit), insert(tables.outbox)


def apply(conn: Connection, effects: Effects, now: datetime) -> dict[int, int]:
    """Write all `effects`; the number of each new ticket by its id.

    Raises:
        Overtaken: a mail among them was settled in the meantime; roll back and leave it.
    """
    kinds = _Kinds(effects)
    customers.describe(conn, kinds.take(Described))
    _meet(conn, kinds.take(Met), now)
    customers.link(conn, kinds.take(Linked))
    customers.unlink(conn, kinds.take(Unlinked))
    _tell_of_contacts(conn, kinds.take(ContactChange))
    _enrol(conn, kinds.take(Enrolled))
    _credit(conn, kinds.take(Credited))
    opened = kinds.take(NewTicket)
    numbers = ticketing.open_new(conn, opened)
    ticketing.join(conn, kinds.take(Joined))
    ticketing.change(conn, kinds.take(TicketChange), {effect.id: effect.at for effect in opened})
    ticketing.amend(conn, kinds.take(Amended))
    ticketing.tag(conn, kinds.take(Tagged))
    _file(conn, kinds.take(Filing), now)
    _rehold(conn, kinds.take(Reheld), now)
    _hand_over(conn, kinds.take(HandedOver))
    _release(conn, kinds.take(Released), now)
    _rejudge(conn, kinds.take(Rejudged))
    _send(conn, kinds.take(Sending))
    _ask(conn, kinds.take(Asked), now)
    _break(conn, kinds.take(Broken))
    _suffer(conn, kinds.take(Suffered))
    errands.add(conn, kinds.take(Errand))
    kinds.all_taken()
    return numbers


class _Kinds:
    """Effects by what they are, each kind in its order; whatever nobody takes would be lost."""

    def __init__(self, effects: Effects) -> None:
        self._left: dict[type[Any], list[Any]] = defaultdict(list)
        for effect in effects:
            self._left[type(effect)].append(effect)

    def take(self, kind: type[_T]) -> list[_T]:
        """All of one kind."""
        return self._left.pop(kind, [])

    def all_taken(self) -> None:
        """Say that every kind had its turn."""
        assert not self._left, f"nobody writes {', '.join(kind.__name__ for kind in self._left)}"


# ── People ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _meet(conn: Connection, met: Iterable[Met], now: datetime) -> None:
    known = {effect.acquaintance.address: effect.acquaintance for effect in met}.values()  # the last word counts
    contacts = [{"id": one.contact_id, "name": one.name, "created_at": now} for one in known]
    addresses = [entries.acquaintance(one) for one in known]
    put(conn, upsert(conn, tables.contact, key="id"), contacts)
    put(conn, upsert(conn, tables.address, key="address", change=_ADDRESS_CHANGES), addresses)


def _tell_of_contacts(conn: Connection, changes: Iterable[ContactChange]) -> None:
    put(conn, insert(tables.contact_event), [asdict(change) for change in changes])


def _enrol(conn: Connection, enrolled: Iterable[Enrolled]) -> None:
    agents = {one.agent.address: asdict(one.agent) for one in enrolled}.values()
    put(
        conn,
        upsert(conn, tables.agent, key="address", change=("name", "rights", "queues", "added_at", "left_at")),
        list(agents),
    )


def _credit(conn: Connection, credited: Iterable[Credited]) -> None:
    domains = {effect.domain.domain: effect.domain for effect in credited}.values()
    rows = [{"domain": one.domain, "credit": one.credit, "credit_at": one.credit_at} for one in domains]
    put(conn, upsert(conn, tables.domain, key="domain", change=("credit", "credit_at")), rows)


def _ask(conn: Connection, asked: Iterable[Asked], now: datetime) -> None:
    challenges = {effect.challenge.id: effect.challenge for effect in asked}.values()
    rows = [entries.challenge(one) for one in challenges]
    put(conn, upsert(conn, tables.challenge, key="id", change=_CHALLENGE_CHANGES), rows)
    call_back(conn, [one.token_id for one in challenges if not one.state.running], now)


def call_back(conn: Connection, token_ids: Collection[int], now: datetime) -> None:
    """Challenges that are over need not leave any more."""
    if not token_ids:
        return
    outbox, message = tables.outbox.c, tables.message.c
    theirs = select(message.id).where(is_one_of(message.token_id, token_ids), message.purpose == Purpose.CHALLENGE)
    # One that is claimed and not handed yet is stopped as well: whoever wants to hand it over is refused.
    waits = outbox.state.in_((OutboxState.READY, OutboxState.LEASED))
    ended = {"state": OutboxState.CANCELLED, "last_reply": NO_LONGER_NEEDED, "settled_at": now}
    conn.execute(
        update(tables.outbox)
        .where(outbox.message_id.in_(theirs), waits)
        .values(**ended, lease_owner=None, lease_until=None)
    )


# ── Mail in ───────────────────────────────────────────────────────────────────────────────────────────────────────────

_SETTLE = (
    update(tables.journal)
    .where(is_one_of_given(tables.journal.c.id, "waiting"), tables.journal.c.state == State.PENDING)
    .values(state=bindparam("to_state"), settled_at=bindparam("at"), lease_owner=None, lease_until=None)
)


def _file(conn: Connection, filings: list[Filing], now: datetime) -> None:
    if not filings:
        return
    by_state: dict[State, list[int]] = defaultdict(list)
    for filing in filings:
        by_state[filing.state].append(filing.case.accepted.journal_id)
    settled = sum(
        conn.execute(_SETTLE, {"waiting": listed(ids), "to_state": state, "at": now}).rowcount
        for state, ids in by_state.items()
    )
    if settled != len(filings):
        raise Overtaken(f"{len(filings) - settled} mails were settled by somebody else")
    put(conn, _ADD_MESSAGE, [entries.incoming(filing) for filing in filings])


_JUDGED = ("kind", "disposition", "level", "held", "held_reason", "acknowledge", "suppressed", "spam")
_DOCUMENT = select(tables.message.c.verdict).where(tables.message.c.id == bindparam("of_message"))


def _rejudge(conn: Connection, rejudged: list[Rejudged]) -> None:
    """The document says what holds now, and its trail how it came to that from the beginning."""
    for filing in (one.filing for one in rejudged):
        before = conn.execute(_DOCUMENT, {"of_message": filing.message_id}).scalar_one()
        after = verdict_document(filing)
        row = entries.incoming(filing)
        kept = {name: row[name] for name in _JUDGED}
        document = {**after, "trail": [*before["trail"], *after["trail"]]}
        message = tables.message
        conn.execute(update(message).where(message.c.id == filing.message_id).values(**kept, verdict=document))


# ── Held mail ─────────────────────────────────────────────────────────────────────────────────────────────────────────

# Two comparisons, because a list of values does not go with many rows a statement.
_IN_WAITING = or_(tables.journal.c.state == State.HELD, tables.journal.c.state == State.PARKED)
_LET_IN = (
    update(tables.message)
    .where(tables.message.c.id == bindparam("of_message"))
    .values(ticket_id=bindparam("to_ticket"), held=None, held_reason="")
)
_LET_IN_ROW = (
    update(tables.journal)
    .where(tables.journal.c.id == bindparam("of_journal"), _IN_WAITING)
    .values(state=bindparam("to_state"), settled_at=bindparam("at"))
)


def _release(conn: Connection, released: list[Released], now: datetime) -> None:
    run(conn, _LET_IN, [{"of_message": one.message_id, "to_ticket": one.ticket_id} for one in released])
    moved = [{"of_journal": one.journal_id, "to_state": one.state, "at": now} for one in released]
    run(conn, _LET_IN_ROW, moved)


def _rehold(conn: Connection, reheld: Iterable[Reheld], now: datetime) -> None:
    """Only what still waits is moved; a parked mail becomes a held one."""
    message, journal = tables.message.c, tables.journal.c
    for effect in reheld:
        waiting = select(journal.id).where(journal.id == message.journal_id, _IN_WAITING).exists()
        moved = is_one_of(message.id, effect.message_ids)
        conn.execute(update(tables.message).where(moved, waiting).values(held=effect.held, held_reason=effect.reason))
        theirs = select(message.journal_id).where(moved, message.held.is_not(None))
        conn.execute(
            update(tables.journal).where(journal.id.in_(theirs), _IN_WAITING).values(state=State.HELD, settled_at=now)
        )


_HAND_OVER = (
    update(tables.message)
    .where(tables.message.c.sender == bindparam("of_address"), tables.message.c.held == HeldState.WAIT)
    .where(tables.message.c.id < bindparam("before"))
    .values(held=HeldState.HUMAN, held_reason=bindparam("reason"))
)


def _hand_over(conn: Connection, handed_over: Iterable[HandedOver]) -> None:
    rows = [{"of_address": one.address, "reason": one.reason, "before": one.before} for one in handed_over]
    run(conn, _HAND_OVER, rows)


# ── Mail out ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _send(conn: Connection, sendings: list[Sending]) -> None:
    """Queue mail and spend its permits, in the same transaction and nowhere else."""
    put(conn, _ADD_RAW, [entries.raw(sending) for sending in sendings])
    permits = [sending.permit for sending in sendings if sending.permit]
    if permits and not locks.may_spend(conn):
        raise AssertionError("permits are spent by one process at a time")
    put(conn, _ADD_PERMIT, [entries.permit(permit) for permit in permits])
    put(conn, _ADD_MESSAGE, [entries.outgoing(sending) for sending in sendings])
    put(conn, _ADD_OUTGOING, [entries.queued(sending) for sending in sendings])


def _break(conn: Connection, broken: Iterable[Broken]) -> None:
    stands = {(one.breaker.scope, one.breaker.key): entries.breaker(one.breaker) for one in broken}  # the last counts
    put(conn, upsert(conn, tables.breaker, key=("scope", "key"), change=_BREAKER_CHANGES), list(stands.values()))
    for row in stands.values():
        if row["state"] in (BreakerState.OPEN, BreakerState.LATCHED):
            outbox.hold_back(conn, row["scope"], row["key"], row["since"])


def _suffer(conn: Connection, suffered: Iterable[Suffered]) -> None:
    told = upsert(conn, tables.mishap, key=("message_id", "trouble"))
    put(conn, told, [entries.mishap(one.mishap) for one in suffered])
