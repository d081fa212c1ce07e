"""Store: answers what a batch of mails wants to know, in a fixed number of statements however large the batch is.

House rules: whatever a verdict may change must be read here first. An address that is met again without its row would
look like a newcomer and get a newcomer's credit, so the recipients of every mail of ours that is named come along.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, union

from mailgate.model import (
    Acquaintance,
    Ask,
    Challenge,
    DomainCredit,
    Facts,
    Grant,
    HeldMail,
    KnownMessage,
    KnownTicket,
    Participant,
    Purpose,
)
from mailgate.store import rows, tables
from mailgate.store.dialect import is_one_of
from mailgate.store.ids import LARGEST

GRANT_DAYS = 30  # the longest window but one
CHALLENGE_DAYS = 365  # that one: challenges to an address
TOTAL_HOURS = 24  # the longest window that counts everybody's mail
REOPENED_DAYS = 7
SAME_IDENTITY_MOST = 20  # newest mails of one Message-ID; a mail that loops has thousands
HELD_MOST = 5000  # mails let in or moved by one batch

_MESSAGE, _PERMIT = tables.message.c, tables.permit.c


def gather(conn: Connection, ask: Ask) -> Facts:
    """All facts that `ask` wants; what is not there is not in the answer."""
    token_ids = {number for number in ask.token_ids if number <= LARGEST}  # a larger one was never stored
    by_identity = _by_identity(conn, ask.message_ids)
    tokens = {message.token_id: message for message in _by_token(conn, token_ids) if message.token_id is not None}
    addresses = ask.addresses | {message.recipient for message in tokens.values() if message.recipient}
    asked = {message.recipient for message in tokens.values() if message.purpose is Purpose.CHALLENGE}
    linked = [*tokens.values(), *(message for messages in by_identity.values() for message in messages)]
    ticket_ids = ask.ticket_ids | {message.ticket_id for message in linked if message.ticket_id is not None}
    return Facts(
        acquaintances={known.address: known for known in _acquaintances(conn, addresses)},
        domains={known.domain: known for known in _domains(conn, ask.domains)},
        grants=_grants(conn, ask, addresses, ticket_ids),
        messages=by_identity,
        tokens=tokens,
        tickets=_tickets(conn, ticket_ids, ask.now),
        challenges={challenge.address: challenge for challenge in _challenges(conn, addresses)},
        held=_held(conn, ask.held_of | asked),
    )


def _by_identity(conn: Connection, identities: Iterable[str]) -> dict[str, list[KnownMessage]]:
    wanted = list(identities)
    if not wanted:
        return {}
    newest_first = func.row_number().over(partition_by=_MESSAGE.identity, order_by=_MESSAGE.id.desc())
    numbered = (
        select(*rows.MESSAGE_COLUMNS, newest_first.label("place"))
        .where(is_one_of(_MESSAGE.identity, wanted))
        .subquery()
    )
    found = select(numbered).where(numbered.c.place <= SAME_IDENTITY_MOST).order_by(numbered.c.at, numbered.c.id)
    messages: dict[str, list[KnownMessage]] = defaultdict(list)
    for row in conn.execute(found):
        messages[row.identity].append(rows.known_message(row))
    return dict(messages)


def _by_token(conn: Connection, token_ids: set[int]) -> list[KnownMessage]:
    if not token_ids:
        return []
    found = select(*rows.MESSAGE_COLUMNS).where(is_one_of(_MESSAGE.token_id, token_ids))
    return [rows.known_message(row) for row in conn.execute(found)]


def _acquaintances(conn: Connection, addresses: frozenset[str]) -> Iterable[Acquaintance]:
    if not addresses:
        return ()
    found = select(tables.address).where(is_one_of(tables.address.c.address, addresses))
    return map(rows.acquaintance, conn.execute(found))


def _domains(conn: Connection, domains: frozenset[str]) -> Iterable[DomainCredit]:
    if not domains:
        return ()
    return map(
        rows.domain_credit, conn.execute(select(tables.domain).where(is_one_of(tables.domain.c.domain, domains)))
    )


def _grants(conn: Connection, ask: Ask, addresses: frozenset[str], ticket_ids: frozenset[int]) -> list[Grant]:
    """The permits that any limit could count, each once. Those of a future that a clock once showed count too."""
    month, year = ask.now - timedelta(days=GRANT_DAYS), ask.now - timedelta(days=CHALLENGE_DAYS)
    recent = _PERMIT.at > month
    wanted: list[ColumnElement[bool]] = []
    if addresses:
        of_year = and_(_PERMIT.purpose == Purpose.CHALLENGE, _PERMIT.at > year)
        wanted.append(and_(is_one_of(_PERMIT.address, addresses), or_(recent, of_year)))
        wanted.append(_PERMIT.at > ask.now - timedelta(hours=TOTAL_HOURS))
    for column, keys in (
        (_PERMIT.domain, ask.domains),
        (_PERMIT.origin, ask.origins),
        (_PERMIT.fingerprint, ask.fingerprints),
    ):
        if keys:
            wanted.append(and_(is_one_of(column, keys), recent))
    if ticket_ids:
        wanted.append(is_one_of(_PERMIT.ticket_id, ticket_ids))
    if not wanted:
        return []
    # A union of selects, since each has an index of its own; one condition with OR would have none.
    parts: list[Select[tuple[object, ...]]] = [select(tables.permit).where(condition) for condition in wanted]
    return [rows.grant(row) for row in conn.execute(union(*parts))]


def _tickets(conn: Connection, ticket_ids: frozenset[int], now: datetime) -> dict[int, KnownTicket]:
    if not ticket_ids:
        return {}
    participants = _participants(conn, ticket_ids)
    reopened = _reopened(conn, ticket_ids, now - timedelta(days=REOPENED_DAYS))
    return {
        row.id: KnownTicket(
            id=row.id,
            number=row.number,
            state=row.state,
            queue=row.queue,
            mailbox=row.mailbox,
            subject=row.subject,
            participants=tuple(participants[row.id]),
            closed_at=row.closed_at,
            reopened_at=tuple(reopened[row.id]),
        )
        for row in conn.execute(select(tables.ticket).where(is_one_of(tables.ticket.c.id, ticket_ids)))
    }


def _participants(conn: Connection, ticket_ids: frozenset[int]) -> dict[int, list[Participant]]:
    table = tables.participant
    found: dict[int, list[Participant]] = defaultdict(list)
    for row in conn.execute(select(table).where(is_one_of(table.c.ticket_id, ticket_ids)).order_by(table.c.address)):
        found[row.ticket_id].append(Participant(row.address, row.bound))
    return found


def _reopened(conn: Connection, ticket_ids: frozenset[int], since: datetime) -> dict[int, list[datetime]]:
    event = tables.ticket_event.c
    by_mail = and_(event.event == "reopened", event.actor == "mail", event.at > since)
    found: dict[int, list[datetime]] = defaultdict(list)
    for row in conn.execute(
        select(event.ticket_id, event.at).where(is_one_of(event.ticket_id, ticket_ids), by_mail).order_by(event.at)
    ):
        found[row.ticket_id].append(row.at)
    return found


def _challenges(conn: Connection, addresses: frozenset[str]) -> list[Challenge]:
    """Oldest first, so that the newest of each address is the one that stays."""
    if not addresses:
        return []
    table = tables.challenge
    found = select(table).where(is_one_of(table.c.address, addresses)).order_by(table.c.created_at, table.c.id)
    return [rows.challenge(row) for row in conn.execute(found)]


def _held(conn: Connection, addresses: frozenset[str]) -> dict[str, list[HeldMail]]:
    wanted = {address for address in addresses if address}
    if not wanted:
        return {}
    found = (
        select(*rows.HELD_COLUMNS)
        .where(is_one_of(_MESSAGE.sender, wanted), _MESSAGE.held.is_not(None))
        .order_by(_MESSAGE.at, _MESSAGE.id)
        .limit(HELD_MOST)
    )
    held: dict[str, list[HeldMail]] = defaultdict(list)
    for row in conn.execute(found):
        held[row.sender].append(rows.held_mail(row))
    return dict(held)
