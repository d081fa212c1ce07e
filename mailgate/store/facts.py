"""Store: answers what a batch of mails wants to know, in a fixed number of statements however large the batch is.

House rules: whatever a verdict may change must be read here first. An address that is met again without its row would
look like a newcomer and get a newcomer's credit, so the recipients of every mail of ours that is named come along.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CompoundSelect, Connection, Select, bindparam, func, select, union_all

from mailgate.model import (
    Ask,
    Facts,
    HeldMail,
    KnownMessage,
    KnownTicket,
    Level,
    Participant,
    Purpose,
    Standing,
)
from mailgate.store import agents, conduct, grants, locks, restored, rows, tables, traces
from mailgate.store.dialect import is_one_of_given, listed
from mailgate.store.ids import LARGEST
from mailgate.store.types import Utc

Question = Select[Any] | CompoundSelect[Any]

REOPENED_DAYS = 7
SAME_IDENTITY_MOST = 20  # newest mails of one Message-ID; a mail that loops has thousands
HELD_MOST = 5000  # mails let in or moved by one batch

_MESSAGE, _PERMIT, _TICKET, _EVENT = tables.message.c, tables.permit.c, tables.ticket.c, tables.ticket_event.c
_CHALLENGE, _PARTICIPANT, _ADDRESS, _DOMAIN = (
    tables.challenge.c,
    tables.participant.c,
    tables.address.c,
    tables.domain.c,
)


def _addresses_of_requesters() -> Select[Any]:
    """The other addresses of whoever opened the tickets that are asked for; the desk bounds how many one has."""
    mine, theirs = tables.address.alias(), tables.address.alias()
    return (
        select(_TICKET.id.label("ticket_id"), theirs.c.address, theirs.c.bound)
        .join(mine, mine.c.address == _TICKET.requester)
        .join(theirs, theirs.c.contact_id == mine.c.contact_id)
        .where(is_one_of_given(_TICKET.id, "wanted"), theirs.c.address != mine.c.address)
        .where(theirs.c.standing != Standing.BLOCKED)
    )


def _newest_of_each_identity() -> Select[Any]:
    newest_first = func.row_number().over(partition_by=_MESSAGE.identity, order_by=_MESSAGE.id.desc())
    numbered = (
        select(*rows.MESSAGE_COLUMNS, newest_first.label("place"))
        .where(is_one_of_given(_MESSAGE.identity, "wanted"))
        .subquery()
    )
    return select(numbered).where(numbered.c.place <= SAME_IDENTITY_MOST).order_by(numbered.c.at, numbered.c.id)


# Built once: to build a statement costs more than to run it.
_BY_IDENTITY = _newest_of_each_identity()
_BY_TOKEN = select(*rows.MESSAGE_COLUMNS).where(is_one_of_given(_MESSAGE.token_id, "wanted"))
_ACQUAINTANCES = select(tables.address).where(is_one_of_given(_ADDRESS.address, "wanted"))
_DOMAINS = select(tables.domain).where(is_one_of_given(_DOMAIN.domain, "wanted"))
_TICKETS = select(tables.ticket).where(is_one_of_given(_TICKET.id, "wanted"))
_WHO = (_PARTICIPANT.address, _PARTICIPANT.bound, _PARTICIPANT.copied)
# Whoever takes part in a ticket, or in one that was merged into it.
_PARTICIPANTS = union_all(
    select(_PARTICIPANT.ticket_id, *_WHO).where(is_one_of_given(_PARTICIPANT.ticket_id, "wanted")),
    select(_TICKET.merged_into.label("ticket_id"), *_WHO)
    .join(tables.participant, _PARTICIPANT.ticket_id == _TICKET.id)
    .where(is_one_of_given(_TICKET.merged_into, "wanted"), _TICKET.merged_into.is_not(None)),
)
_LINKED = _addresses_of_requesters()
_REOPENED = (
    select(_EVENT.ticket_id, _EVENT.at)
    .where(is_one_of_given(_EVENT.ticket_id, "wanted"), _EVENT.at > bindparam("since", type_=Utc()))
    .where(_EVENT.event == "reopened", _EVENT.actor == "mail")
    .order_by(_EVENT.at)
)
# Oldest first, so that the newest of each address is the one that stays.
_CHALLENGES = (
    select(tables.challenge)
    .where(is_one_of_given(_CHALLENGE.address, "wanted"))
    .order_by(_CHALLENGE.created_at, _CHALLENGE.id)
)
_HELD = (
    select(*rows.HELD_COLUMNS)
    .where(is_one_of_given(_MESSAGE.sender, "wanted"), _MESSAGE.held.is_not(None))
    .order_by(_MESSAGE.at, _MESSAGE.id)
    .limit(HELD_MOST)
)


def gather(conn: Connection, ask: Ask) -> Facts:
    """All facts that `ask` wants; what is not there is not in the answer.

    Until the end of the transaction nobody else gathers for the same senders and mails.
    """
    tokens = alone(conn, ask)
    by_identity = _by_identity(conn, ask.message_ids | ask.references)
    aliases, conversations = traces.aliases(conn, ask), traces.conversations(conn, ask)
    markers, numbers, topics = traces.markers(conn, ask), traces.numbers(conn, ask), traces.topics(conn, ask)
    addresses = ask.addresses | ask.targets | {message.recipient for message in tokens.values() if message.recipient}
    asked = {message.recipient for message in tokens.values() if message.purpose is Purpose.CHALLENGE}
    by_name = (*by_identity.values(), *aliases.values(), *conversations.values(), *markers.values())
    linked = [*tokens.values(), *(message for messages in by_name for message in messages)]
    ticket_ids = ask.ticket_ids | {message.ticket_id for message in linked if message.ticket_id is not None}
    ticket_ids |= {*numbers.values(), *(number for ids in topics.values() for number in ids)}
    challenges = {row.address: rows.challenge(row) for row in _rows(conn, _CHALLENGES, addresses)}
    known = Facts(
        acquaintances={row.address: rows.acquaintance(row) for row in _rows(conn, _ACQUAINTANCES, addresses)},
        domains={row.domain: rows.domain_credit(row) for row in _rows(conn, _DOMAINS, ask.domains)},
        spent=grants.spent(conn, ask, addresses, ticket_ids),
        # A confirmation is caused by its challenge.
        causes=grants.causes(conn, ask.causes | {challenge.id for challenge in challenges.values()}),
        totals=grants.everybodys(conn, ask) if addresses else [],
        messages=by_identity,
        tokens=tokens,
        tickets=_tickets(conn, ticket_ids, ask.now),
        aliases=aliases,
        conversations=conversations,
        markers=markers,
        numbers=numbers,
        topics=topics,
        challenges=challenges,
        held=_held(conn, ask.held_of | asked),
        silent_until=restored.silent_until(conn) if addresses else None,
    )
    conduct.gather(conn, ask, addresses, known)
    agents.gather(conn, ask, addresses, tokens.values(), known)
    return known


def alone(conn: Connection, ask: Ask) -> dict[int, KnownMessage]:
    """Let nobody else gather for the senders and mails of `ask`, nor for those to whom the mails of ours went that it
    names, until the end of the transaction; these mails of ours, by token.
    """
    token_ids = {number for number in ask.token_ids if number <= LARGEST}  # a larger one was never stored
    # To whom a mail went never changes, so this may be read before anybody else is kept out.
    tokens = {row.token_id: rows.known_message(row) for row in _rows(conn, _BY_TOKEN, token_ids)}
    locks.together(conn, ask.addresses | ask.message_ids | {one.recipient for one in tokens.values()})
    return tokens


def _rows(conn: Connection, question: Question, wanted: Collection[int] | Collection[str], **more: Any) -> Any:
    """The rows that `question` has for `wanted`; where nothing is wanted, nothing is asked."""
    return conn.execute(question, {"wanted": listed(wanted), **more}) if wanted else ()


def _by_identity(conn: Connection, identities: Collection[str]) -> dict[str, list[KnownMessage]]:
    messages: dict[str, list[KnownMessage]] = defaultdict(list)
    for row in _rows(conn, _BY_IDENTITY, identities):
        messages[row.identity].append(rows.known_message(row))
    return dict(messages)


def _tickets(conn: Connection, ticket_ids: frozenset[int], now: datetime) -> dict[int, KnownTicket]:
    """These tickets, and those that some of them were merged into; a merge leads to a ticket that stands."""
    found = list(_rows(conn, _TICKETS, ticket_ids))
    beyond = {row.merged_into for row in found if row.merged_into is not None} - ticket_ids
    found += _rows(conn, _TICKETS, beyond)
    ticket_ids |= beyond
    participants = _participants(conn, ticket_ids)
    reopened: dict[int, list[datetime]] = defaultdict(list)
    for row in _rows(conn, _REOPENED, ticket_ids, since=now - timedelta(days=REOPENED_DAYS)):
        reopened[row.ticket_id].append(row.at)
    return {
        row.id: KnownTicket(
            id=row.id,
            number=row.number,
            state=row.state,
            queue=row.queue,
            mailbox=row.mailbox,
            subject=row.subject,
            participants=participants.get(row.id, ()),
            requester=row.requester,
            closed_at=row.closed_at,
            reopened_at=tuple(reopened[row.id]),
            updated_at=row.updated_at,
            merged_into=row.merged_into,
        )
        for row in found
    }


def _participants(conn: Connection, ticket_ids: Collection[int]) -> dict[int, tuple[Participant, ...]]:
    """By ticket, in the order of their addresses; who takes part is more than who is only named."""
    found: dict[int, dict[str, Participant]] = defaultdict(dict)
    for row in _rows(conn, _PARTICIPANTS, ticket_ids):
        before = found[row.ticket_id].get(row.address)
        if before is None or (before.copied and not row.copied):
            found[row.ticket_id][row.address] = Participant(row.address, row.bound, row.copied)
    for row in sorted(_rows(conn, _LINKED, ticket_ids)):
        before = found[row.ticket_id].get(row.address)
        if before is None or before.copied:
            # Who was never trusted by an address takes part by the best proof alone.
            found[row.ticket_id][row.address] = Participant(row.address, row.bound or Level.A2)
    return {ticket_id: tuple(who[address] for address in sorted(who)) for ticket_id, who in found.items()}


def _held(conn: Connection, addresses: frozenset[str]) -> dict[str, list[HeldMail]]:
    held: dict[str, list[HeldMail]] = defaultdict(list)
    for row in _rows(conn, _HELD, addresses - {""}):
        held[row.sender].append(rows.held_mail(row))
    return dict(held)
