"""Store: rows as the values that travel, and the columns each of them needs."""

from __future__ import annotations

from typing import Any

from mailgate.model import (
    Acquaintance,
    Breaker,
    Challenge,
    DomainCredit,
    HeldMail,
    HeldState,
    KnownMessage,
    Mishap,
)
from mailgate.store import tables

_MESSAGE = tables.message.c

MESSAGE_COLUMNS = (
    _MESSAGE.id,
    _MESSAGE.identity,
    _MESSAGE.at,
    _MESSAGE.ticket_id,
    _MESSAGE.sender,
    _MESSAGE.body_hash,
    _MESSAGE.journal_id,
    _MESSAGE.purpose,
    _MESSAGE.token_id,
    _MESSAGE.recipient,
    _MESSAGE.mailbox,
)

HELD_COLUMNS = (
    _MESSAGE.id,
    _MESSAGE.journal_id,
    _MESSAGE.sender,
    _MESSAGE.author,
    _MESSAGE.author_name,
    _MESSAGE.mailbox,
    _MESSAGE.queue,
    _MESSAGE.subject,
    _MESSAGE.identity,
    _MESSAGE.references,
    _MESSAGE.at,
    _MESSAGE.level,
    _MESSAGE.held,
    _MESSAGE.acknowledge,
)


def known_message(row: Any) -> KnownMessage:
    """A row of `MESSAGE_COLUMNS`. Of a mail that came in, nobody asks to whom."""
    return KnownMessage(
        id=row.id,
        message_id=row.identity,
        at=row.at,
        ticket_id=row.ticket_id,
        sender=row.sender,
        body_hash=row.body_hash,
        journal_id=row.journal_id,
        purpose=row.purpose,
        token_id=row.token_id,
        recipient=row.recipient if row.purpose else "",
        mailbox=row.mailbox,
    )


def held_mail(row: Any) -> HeldMail:
    """A row of `HELD_COLUMNS`."""
    return HeldMail(
        journal_id=row.journal_id,
        message_id=row.id,
        address=row.sender,
        name=row.author_name,
        mailbox=row.mailbox,
        queue=row.queue,
        subject=row.subject,
        identity=row.identity,
        references=tuple(row.references),
        at=row.at,
        level=row.level,
        state=row.held or HeldState.HUMAN,  # of a parked mail that a person takes up
        acknowledge=row.acknowledge,
        author=row.author,
    )


def acquaintance(row: Any) -> Acquaintance:
    """A row of `address`."""
    return Acquaintance(
        address=row.address,
        contact_id=row.contact_id,
        standing=row.standing,
        since=row.since,
        credit=row.credit,
        credit_at=row.credit_at,
        until=row.until,
        trust=row.trust,
        bound=row.bound,
        proven=row.proven,
        name=row.name,
        turns=row.turns,
        turned_at=row.turned_at,
        spam_marks=row.spam_marks,
        asks_back=row.asks_back,
    )


def breaker(row: Any) -> Breaker:
    """A row of `breaker`."""
    return Breaker(
        scope=row.scope,
        key=row.key,
        state=row.state,
        since=row.since,
        until=row.until,
        trial_until=row.trial_until,
        tripped_at=row.tripped_at,
        reason=row.reason,
        actor=row.actor,
    )


def mishap(row: Any) -> Mishap:
    """A row of `mishap`."""
    return Mishap(row.id, row.at, row.trouble, row.address, row.domain, row.message_id)


def domain_credit(row: Any) -> DomainCredit:
    """A row of `domain`."""
    return DomainCredit(row.domain, row.credit, row.credit_at)


def challenge(row: Any) -> Challenge:
    """A row of `challenge`."""
    return Challenge(
        id=row.id,
        address=row.address,
        token_id=row.token_id,
        mailbox=row.mailbox,
        state=row.state,
        level=row.level,
        domain=row.domain,
        created_at=row.created_at,
        expires_at=row.expires_at,
        sent_at=row.sent_at,
        seen_at=row.seen_at,
    )
