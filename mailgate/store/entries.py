"""Store: values as the rows they become."""

from __future__ import annotations

from typing import Any

from msgspec.structs import asdict

from mailgate.digest import sha256_of
from mailgate.model import (
    Acquaintance,
    Breaker,
    Challenge,
    Filing,
    Kind,
    Mishap,
    NewTicket,
    OutboxState,
    Permit,
    Routed,
    Sending,
    TicketChange,
    TicketState,
)
from mailgate.store.documents import verdict_document
from mailgate.store.journal import compressed
from mailgate.store.tables import Direction

Entry = dict[str, Any]

ROUTE = ("priority", "tags", "assignee", "template", "webhooks")
SHORT = (1 << 40) - 1  # of a token id: what its marker shows of it


def acquaintance(known: Acquaintance) -> Entry:
    """A row of `address`."""
    return asdict(known)


def challenge(asked: Challenge) -> Entry:
    """A row of `challenge`."""
    return asdict(asked)


def ticket(opened: NewTicket, number: int) -> Entry:
    """A row of `ticket`."""
    return {
        "id": opened.id,
        "number": number,
        "subject": opened.subject,
        "state": TicketState.OPEN,
        "queue": opened.queue,
        "mailbox": opened.mailbox,
        "requester": opened.participant.address,
        "requester_name": opened.name,
        "created_at": opened.at,
        "updated_at": opened.at,
        "flood": opened.flood,
        "topic": opened.topic,
        "follow_up_of": opened.follow_up_of,
        "priority": opened.priority,
        "assignee": opened.assignee,
        "waits_since": opened.waits_since,
        "due_at": opened.due_at,
    }


def route(routed: Routed) -> Entry | None:
    """What a held mail takes along to its ticket beside the queue; None where that is nothing."""
    return {name: getattr(routed, name) for name in ROUTE} if routed != Routed(routed.queue) else None


def event(change: TicketChange) -> Entry:
    """A row of `ticket_event`."""
    return {
        "id": change.id,
        "ticket_id": change.ticket_id,
        "at": change.at,
        "event": change.event,
        "actor": change.actor,
        "detail": change.detail,
    }


# Long because it has one line for each column.
def incoming(filing: Filing) -> Entry:
    """A row of `message` for a mail that came in."""
    case, verdict, mail = filing.case, filing.verdict, filing.case.mail
    author = mail.author
    return {
        "id": filing.message_id,
        "direction": Direction.IN,
        "raw_id": case.accepted.raw_id,
        "journal_id": case.accepted.journal_id,
        "ticket_id": filing.ticket_id,
        "kind": verdict.kind,
        "disposition": verdict.disposition,
        "identity": filing.identity,
        "sender": filing.sender,
        "author": author.address if author else "",
        "author_name": author.name if author else "",
        "recipient": case.accepted.rcpt_to,
        "mailbox": case.mailbox.address,
        "queue": filing.routed.queue or case.mailbox.queue,
        "route": route(filing.routed),
        "subject": mail.subject,
        "at": case.accepted.at,
        "body_hash": mail.body_hash,
        # What a machine says is known again whatever the subject: no two answers have the same.
        "fingerprint": case.words if verdict.kind is Kind.AUTO_REPLY or filing.agent else case.fingerprint,
        "level": case.authentication.level,
        "proposed": verdict.proposed,
        "held": filing.held,
        "held_reason": verdict.reason if filing.held else "",
        "acknowledge": verdict.respond.acknowledge,
        "suppressed": verdict.suppressed,
        "duplicate_of": filing.duplicate_of,
        "recheck_at": filing.recheck_at,
        "references": (*mail.references, *mail.in_reply_to),
        "alias": filing.alias,
        "thread_guid": mail.thread_guid,
        "suggests_id": filing.suggests,
        "copied": filing.copied,
        "verdict": verdict_document(filing),
        "agent": filing.agent,
        "spam": verdict.spam,
    }


def raw(sending: Sending) -> Entry:
    """A row of `raw` for a mail that leaves; its bytes share the id of its outbox row."""
    return {
        "id": sending.outbox_id,
        "sha256": sha256_of(sending.raw),
        "size_bytes": len(sending.raw),
        "zstd": compressed(sending.raw),
    }


def permit(spent: Permit) -> Entry:
    """A row of `permit`."""
    grant = spent.grant
    return {
        "id": spent.id,
        "at": grant.at,
        "purpose": grant.purpose,
        "address": grant.address,
        "domain": grant.domain,
        "origin": grant.origin,
        "fingerprint": grant.fingerprint,
        "shared": grant.shared,
        "unproven": grant.unproven,
        "ticket_id": grant.ticket_id,
        "cause": grant.cause,
        "mailbox": grant.mailbox,
    }


def breaker(stands: Breaker) -> Entry:
    """A row of `breaker`."""
    return asdict(stands)


def mishap(suffered: Mishap) -> Entry:
    """A row of `mishap`."""
    return asdict(suffered)


def outgoing(sending: Sending) -> Entry:
    """A row of `message` for a mail that leaves."""
    return {
        "id": sending.message_id,
        "direction": Direction.OUT,
        "raw_id": sending.outbox_id,
        "ticket_id": sending.ticket_id,
        "purpose": sending.purpose,
        "identity": sending.identity,
        "sender": sending.mailbox,
        "author": sending.mailbox,
        "recipient": sending.recipient,
        "mailbox": sending.mailbox,
        "subject": sending.subject,
        "at": sending.at,
        "token_id": sending.token_id,
        "marker": sending.token_id & SHORT,
        "agent": sending.agent,
        "thread_guid": sending.thread_guid,
    }


def queued(sending: Sending) -> Entry:
    """A row of `outbox`."""
    return {
        "id": sending.outbox_id,
        "message_id": sending.message_id,
        "raw_id": sending.outbox_id,
        "permit_id": sending.permit.id if sending.permit else None,
        "purpose": sending.purpose,
        "mail_from": sending.mail_from,
        "rcpt_to": sending.rcpt_to,
        "utf8": sending.utf8,
        "cause": sending.cause,
        "state": OutboxState.READY,
        "created_at": sending.at,
        "next_at": sending.not_before,
        "give_up_at": sending.give_up_at,
    }
