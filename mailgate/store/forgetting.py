"""Store: finds all that is held of one person, and takes it away.

The house rules of this file:
* What somebody wrote goes, and so does what we wrote to him, with bytes, verdicts, questions and reports. What others
  wrote is theirs and stays, also where it stands in a ticket that he opened.
* Ticket numbers, moments and counts stay, so that reports and the ledger go on adding up.
* In rows that stay, a text that names him no longer does. `TEXTS` lists every column where that can be: a new table
  with words of people in it belongs there.
* What stays of him is an address without a name where the send gate needs it: see docs/decisions/0027.
* Work is done in steps, each a short transaction, and the last rows to go are those that say that he is known: whoever
  is interrupted says the same once more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import re2
from sqlalchemy import Connection, Text, delete, func, insert, or_, select, type_coerce, update

from mailgate.model import BreakerState, Purpose, Scope, Standing, State, TicketState
from mailgate.store import marks, retention, tables
from mailgate.store.dialect import is_one_of, overwrite_deleted
from mailgate.store.tables import Direction

ERASED = "erased on request"
SOMEBODY = "(erased)"  # in the place of his address
WRITTEN_MOST = 1000  # ways in which he wrote his addresses
PERMITS_KEPT = timedelta(days=retention.PERMIT_DAYS)

_MESSAGE, _JOURNAL, _TICKET, _EVENT, _ADDRESS, _PERMIT, _OUTBOX = (
    tables.message.c,
    tables.journal.c,
    tables.ticket.c,
    tables.ticket_event.c,
    tables.address.c,
    tables.permit.c,
    tables.outbox.c,
)
# Columns in rows of others that may name somebody, by table.
TEXTS: dict[Any, tuple[str, ...]] = {
    tables.message: ("verdict", "held_reason", "suppressed", "references", "subject", "copied", "route"),
    tables.journal: ("last_error", "mail_from"),
    tables.outbox: ("last_reply",),
    tables.ticket_event: ("detail",),
    tables.contact_event: ("detail",),
    tables.breaker: ("reason",),
    tables.ticket: ("subject", "topic", "requester_name"),
}
# An address without a name stays for these, or he would be written to again by machine.
_SILENT = (Standing.BLOCKED, Standing.ROBOT, Standing.UNDELIVERABLE)


@dataclass(frozen=True, slots=True)
class Traces:
    """Where somebody's mail is, and how he wrote his addresses."""

    messages: tuple[int, ...]  # ids
    shunted: tuple[int, ...]  # ids of `journal`, of mails that were never judged
    tickets: tuple[int, ...]  # ids of those that he opened
    written: frozenset[str]
    pending: int  # mails of his that are being judged


def traces(conn: Connection, addresses: Collection[str], is_his: Callable[[str], bool]) -> Traces:
    """All mail of these canonical addresses; `is_his` says whether a reverse-path is one of them."""
    tickets = _ids(conn, select(_TICKET.id).where(is_one_of(_TICKET.requester, addresses)))
    incoming, outgoing = _MESSAGE.direction == Direction.IN, _MESSAGE.direction == Direction.OUT
    of_staff = _MESSAGE.sender.in_(select(tables.agent.c.address))
    his = or_(
        is_one_of(_MESSAGE.sender, addresses) & incoming,
        is_one_of(_MESSAGE.recipient, addresses) & outgoing,
        is_one_of(_MESSAGE.ticket_id, tickets) & (outgoing | of_staff),
    )
    messages = set(_ids(conn, select(_MESSAGE.id).where(his)))
    sent = _sent(conn, addresses, is_his)
    by_path = [number for number, _ in sent]
    messages |= set(_ids(conn, select(_MESSAGE.id).where(is_one_of(_MESSAGE.journal_id, by_path))))
    authors = select(_MESSAGE.author).distinct().where(is_one_of(_MESSAGE.sender, addresses), incoming)
    written = {author for author in conn.execute(authors.limit(WRITTEN_MOST)).scalars() if author}
    return Traces(
        messages=tuple(sorted(messages)),
        shunted=tuple(number for number, state in sent if state is State.SHUNTED),
        tickets=tuple(tickets),
        written=frozenset(written),
        pending=sum(state is State.PENDING for _, state in sent),
    )


def _sent(conn: Connection, addresses: Collection[str], is_his: Callable[[str], bool]) -> list[tuple[int, State]]:
    """The journal rows that came by one of his reverse-paths, tagged or dressed as they may be."""
    # A dress keeps the domain; gmail.com has a second name.
    domains = {address.rpartition("@")[2] for address in addresses}
    domains |= {"googlemail.com"} if "gmail.com" in domains else set()
    named = or_(*(_JOURNAL.mail_from.icontains(domain, autoescape=True) for domain in sorted(domains)))
    found = conn.execute(select(_JOURNAL.id, _JOURNAL.mail_from, _JOURNAL.state).where(named))
    return [(row.id, row.state) for row in found if is_his(row.mail_from)]


def notices(conn: Connection) -> list[int]:
    """The mails to our own people that may name anybody: notices and digests."""
    return _ids(conn, select(_MESSAGE.id).where(_MESSAGE.purpose.in_((Purpose.NOTICE, Purpose.DIGEST))))


def mentions(conn: Connection, needles: Iterable[str]) -> dict[str, list[int]]:
    """The rows that name one of `needles`, by table, wherever others' rows may. Reads much; give it no locks."""
    found = {}
    for table, columns in TEXTS.items():
        key = table.c.key if "id" not in table.c else table.c.id
        wanted = [
            type_coerce(table.c[name], Text).icontains(form, autoescape=True)
            for name in columns
            for needle in needles
            for form in {needle, json.dumps(needle)[1:-1]}
        ]
        found[table.name] = list(conn.execute(select(key).where(or_(*wanted))).scalars())
    return {name: keys for name, keys in found.items() if keys}


# ── Taking away ───────────────────────────────────────────────────────────────────────────────────────────────────────


def remove_messages(conn: Connection, ids: Sequence[int]) -> int:
    """Take these messages away with all that is theirs alone; how many that were."""
    overwrite_deleted(conn)
    marks.remember(conn)
    return retention.remove_messages(conn, is_one_of(_MESSAGE.id, ids))


def remove_shunted(conn: Connection, ids: Sequence[int]) -> int:
    """Take mails away that were set aside and never judged; how many that were."""
    overwrite_deleted(conn)
    marks.remember(conn)
    return retention.remove_unfiled(conn, is_one_of(_JOURNAL.id, ids))


def silence(conn: Connection, mentioned: dict[str, list[int]], needles: Iterable[str]) -> int:
    """Take his name out of the rows that `mentions` found; how many that were."""
    overwrite_deleted(conn)
    pattern = _pattern(needles)
    changed = 0
    for table, columns in TEXTS.items():
        keys = mentioned.get(table.name, [])
        key = table.c.key if "id" not in table.c else table.c.id
        wanted = select(key.label("row_key"), *(table.c[name] for name in columns)).where(is_one_of(key, keys))
        for row in conn.execute(wanted).all() if keys else ():
            after = {name: _silenced(row._mapping[name], pattern) for name in columns}
            conn.execute(update(table).where(key == row.row_key).values(**after))
            changed += 1
    return changed


def _pattern(needles: Iterable[str]) -> Any:
    options = re2.Options()
    options.case_sensitive = False
    forms = {form for needle in needles for form in (needle, json.dumps(needle)[1:-1])}
    return re2.compile("|".join(re2.escape(form) for form in sorted(forms, key=len, reverse=True)), options)


def _silenced(value: Any, pattern: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, str):
        return pattern.sub(SOMEBODY, value)
    return json.loads(pattern.sub(SOMEBODY, json.dumps(value)))


def finish(conn: Connection, addresses: Collection[str], now: datetime, actor: str, new_id: Callable[[], int]) -> int:
    """Empty his tickets, take his name from everything else, and forget that he is known; how many tickets that were.

    To be called when his messages are gone.
    """
    overwrite_deleted(conn)
    tickets = _ids(conn, select(_TICKET.id).where(is_one_of(_TICKET.requester, addresses)))
    _empty(conn, tickets, now, actor, new_id)
    conn.execute(delete(tables.participant).where(is_one_of(tables.participant.c.address, addresses)))
    conn.execute(delete(tables.challenge).where(is_one_of(tables.challenge.c.address, addresses)))
    # What went wrong counts on for its domain.
    mishap = tables.mishap
    conn.execute(update(mishap).where(is_one_of(mishap.c.address, addresses)).values(address=""))
    breaker = tables.breaker.c
    closed = (breaker.scope == Scope.ADDRESS) & (breaker.state == BreakerState.CLOSED)
    conn.execute(delete(tables.breaker).where(is_one_of(breaker.key, addresses), closed))
    _forget_permits(conn, addresses, now)
    _forget_contacts(conn, addresses, now, actor, new_id)
    return len(tickets)


def _empty(conn: Connection, tickets: list[int], now: datetime, actor: str, new_id: Callable[[], int]) -> None:
    """A number, a queue and moments stay of each ticket, and whatever others wrote in it."""
    mine = is_one_of(_TICKET.id, tickets)
    still = select(_MESSAGE.id).where(_MESSAGE.ticket_id == _TICKET.id).exists()
    nothing = dict.fromkeys(("waits_since", "due_at", "warned_at", "pending_until"))
    bare = {"subject": ERASED, "requester": "", "requester_name": "", "topic": "", "flood": False}
    conn.execute(update(tables.ticket).where(mine).values(**bare, **nothing))
    over = {"state": TicketState.CLOSED, "closed_at": now}
    conn.execute(update(tables.ticket).where(mine, ~still, _TICKET.state != TicketState.CLOSED).values(**over))
    # Who was given a ticket is said of one of us.
    words = is_one_of(_EVENT.ticket_id, tickets), _EVENT.event != "assigned"
    conn.execute(update(tables.ticket_event).where(*words).values(detail=""))
    told = {"at": now, "event": "erased", "actor": actor, "detail": ""}
    rows = [{"id": new_id(), "ticket_id": ticket, **told} for ticket in tickets]
    if rows:
        conn.execute(insert(tables.ticket_event), rows)


def _forget_permits(conn: Connection, addresses: Collection[str], now: datetime) -> None:
    """No limit looks at the old ones; the others go by `retention`, in their time."""
    his = is_one_of(_PERMIT.address, addresses)
    conn.execute(update(tables.permit).where(his).values(ticket_id=None))
    retention.remove_permits(conn, _ids(conn, select(_PERMIT.id).where(his, _PERMIT.at <= now - PERMITS_KEPT)))


def _forget_contacts(
    conn: Connection, addresses: Collection[str], now: datetime, actor: str, new_id: Callable[[], int]
) -> None:
    known = conn.execute(select(_ADDRESS.contact_id, _ADDRESS.standing).where(is_one_of(_ADDRESS.address, addresses)))
    silent = {row.contact_id for row in known if row.standing in _SILENT}
    contacts = _ids(conn, select(_ADDRESS.contact_id).distinct().where(is_one_of(_ADDRESS.address, addresses)))
    his = is_one_of(_ADDRESS.address, addresses)
    conn.execute(delete(tables.address).where(his, _ADDRESS.standing.not_in(_SILENT)))
    bare = {"name": "", "trust": None, "bound": None, "turns": 0, "turned_at": None}
    conn.execute(update(tables.address).where(his).values(**bare))
    conn.execute(delete(tables.contact_event).where(is_one_of(tables.contact_event.c.contact_id, contacts)))
    conn.execute(update(tables.contact).where(is_one_of(tables.contact.c.id, contacts)).values(name="", company=""))
    gone = [contact for contact in contacts if contact not in silent]
    conn.execute(delete(tables.contact).where(is_one_of(tables.contact.c.id, gone)))
    told = {"at": now, "event": "erased", "actor": actor, "detail": ""}
    if silent:
        rows = [{"id": new_id(), "contact_id": contact, **told} for contact in sorted(silent)]
        conn.execute(insert(tables.contact_event), rows)


def remains(conn: Connection, addresses: Collection[str]) -> tuple[int, list[str]]:
    """How many permits keep one of these addresses, and the addresses whose bare standing stays."""
    permits = select(func.count()).select_from(tables.permit).where(is_one_of(_PERMIT.address, addresses))
    standing = select(_ADDRESS.address).where(is_one_of(_ADDRESS.address, addresses)).order_by(_ADDRESS.address)
    return conn.execute(permits).scalar_one(), list(conn.execute(standing).scalars())


def _ids(conn: Connection, question: Any) -> list[int]:
    return list(conn.execute(question).scalars())
