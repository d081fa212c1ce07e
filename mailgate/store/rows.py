"""Store: rows as the values that travel, and the columns each of them needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import convert

from mailgate.model import (
    Acquaintance,
    Breaker,
    Challenge,
    DomainCredit,
    HeldMail,
    HeldState,
    KnownMessage,
    Routed,
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
    _MESSAGE.kind,
    _MESSAGE.subject,
    _MESSAGE.held,
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
    _MESSAGE.copied,
    _MESSAGE.route,
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
        kind=row.kind,
        subject=row.subject,
        spam=row.held in (HeldState.SPAM, HeldState.ARCHIVED),
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
        copied=tuple(row.copied),
        routed=_routed(row.queue, row.route),
    )


def _routed(queue: str, route: Mapping[str, Any] | None) -> Routed:
    return convert({**route, "queue": queue}, Routed) if route else Routed()


def acquaintance(row: Any) -> Acquaintance:
    """A row of `address`."""
    return Acquaintance(**row._mapping)


def breaker(row: Any) -> Breaker:
    """A row of `breaker`."""
    return Breaker(**row._mapping)


def domain_credit(row: Any) -> DomainCredit:
    """A row of `domain`."""
    return DomainCredit(row.domain, row.credit, row.credit_at)


def challenge(row: Any) -> Challenge:
    """A row of `challenge`."""
    return Challenge(**row._mapping)
