"""Store: our own people, and what of their doings bears on a mail of theirs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select

from mailgate.model import Agent, Ask, Facts, KnownMessage, Purpose, Right, Said, Standing, State
from mailgate.store import tables
from mailgate.store.dialect import is_one_of_given, listed
from mailgate.store.types import Utc

MOST = 1000  # of them
SAID_DAYS = 31  # what they wrote is looked for so far back,
SAID_MOST = 2000  # newest first
RELAYED_WITHIN = timedelta(days=1)

_AGENT, _MESSAGE, _OUTBOX, _TICKET = tables.agent.c, tables.message.c, tables.outbox.c, tables.ticket.c
_SINCE = bindparam("since", type_=Utc())
_ALL = select(tables.agent).order_by(_AGENT.name).limit(MOST)
_OF_ADDRESSES = select(tables.agent).where(is_one_of_given(_AGENT.address, "wanted"))
_SAID = (
    select(_MESSAGE.sender, _MESSAGE.at, _MESSAGE.ticket_id, _MESSAGE.fingerprint, tables.journal.c.state)
    .join(tables.journal, tables.journal.c.id == _MESSAGE.journal_id)
    .where(is_one_of_given(_MESSAGE.sender, "people"), _MESSAGE.at > _SINCE, _MESSAGE.agent != "")
    .order_by(_MESSAGE.at.desc())
    .limit(SAID_MOST)
)
_RELAYED = (
    select(_MESSAGE.ticket_id, _MESSAGE.at)
    .join(tables.outbox, _OUTBOX.message_id == _MESSAGE.id)
    .where(is_one_of_given(_MESSAGE.ticket_id, "tickets"), _MESSAGE.at > _SINCE)
    .where(_OUTBOX.purpose == Purpose.AGENT, _OUTBOX.cause.is_not(None))
)
_REQUESTERS = (
    select(_TICKET.requester, _TICKET.merged_into)
    .join(tables.message, _MESSAGE.ticket_id == _TICKET.id)
    .where(is_one_of_given(_MESSAGE.token_id, "tokens"), _MESSAGE.purpose == Purpose.NOTICE)
)
_REQUESTERS_OF = select(_TICKET.requester, _TICKET.merged_into).where(is_one_of_given(_TICKET.id, "tickets"))
_UNREACHABLE = (
    select(tables.agent, tables.address.c.since.label("unreachable_since"))
    .join(tables.address, tables.address.c.address == _AGENT.address)
    .where(_AGENT.left_at.is_(None), tables.address.c.standing == Standing.UNDELIVERABLE)
    .where(or_(tables.address.c.until.is_(None), tables.address.c.until > bindparam("now", type_=Utc())))
)
MOST_MERGES = 5  # a ticket that went into another that went into another


def everybody(conn: Connection) -> list[Agent]:
    """All our own people by name, those who left too."""
    return [_agent(row) for row in conn.execute(_ALL)]


def current(conn: Connection) -> list[Agent]:
    """Those who have not left."""
    return [one for one in everybody(conn) if one.left_at is None]


def one(conn: Connection, address: str) -> Agent | None:
    """Who has this canonical address, or had it before he left."""
    row = conn.execute(select(tables.agent).where(_AGENT.address == address)).one_or_none()
    return _agent(row) if row else None


def unreachable(conn: Connection, now: datetime) -> list[tuple[Agent, datetime]]:
    """Whose mail came back for good, and since when."""
    return [(_agent(row), row.unreachable_since) for row in conn.execute(_UNREACHABLE, {"now": now})]


def requesters(conn: Connection, token_ids: Collection[int]) -> frozenset[str]:
    """Who asked in the tickets of which these mails of ours told our own people; merged ones come along."""
    if not token_ids:
        return frozenset()
    found = conn.execute(_REQUESTERS, {"tokens": listed(token_ids)}).all()
    people = {row.requester for row in found}
    for _ in range(MOST_MERGES):
        further = {row.merged_into for row in found if row.merged_into is not None}
        if not further:
            break
        found = conn.execute(_REQUESTERS_OF, {"tickets": listed(further)}).all()
        people |= {row.requester for row in found}
    return frozenset(people - {""})


def gather(conn: Connection, ask: Ask, addresses: frozenset[str], tokens: Iterable[KnownMessage], facts: Facts) -> None:
    """Add to `facts` who of these `addresses` is one of us; where a mail may answer what we told one of us, everybody
    and what they wrote of late.
    """
    told = [one for one in tokens if one.purpose is Purpose.NOTICE and one.ticket_id is not None]
    if not told:
        found = conn.execute(_OF_ADDRESSES, {"wanted": listed(addresses)}) if addresses else ()
        facts.agents = {row.address: _agent(row) for row in found}
        return
    facts.agents = {one.address: one for one in everybody(conn)}
    people = ask.addresses & facts.agents.keys()
    since = {"since": ask.now - timedelta(days=SAID_DAYS)}
    for row in conn.execute(_SAID, {"people": listed(people), **since}) if people else ():
        said = Said(row.at, row.ticket_id, row.fingerprint, row.state == State.APPENDED)
        facts.said.setdefault(row.sender, []).append(said)
    relayed: dict[int, list[datetime]] = defaultdict(list)
    since = {"since": ask.now - RELAYED_WITHIN}
    for answer in conn.execute(_RELAYED, {"tickets": listed(facts.tickets.keys()), **since}):
        relayed[answer.ticket_id].append(answer.at)
    facts.relayed = dict(relayed)


def _agent(row: Any) -> Agent:
    rights = tuple(Right(one) for one in row.rights)
    return Agent(row.address, row.name, rights, tuple(row.queues), row.added_at, row.left_at)
