"""Which ticket a mail belongs to: by proof that its sender holds our mail, never by what a subject says.

Evidence says what a mail proves; relation says who brings it; the table says what follows from both.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mailgate.judge.canonical import domain_of
from mailgate.model import Authentication, Case, Facts, KnownMessage, KnownTicket, Level, TokenKind

MOST_REFERENCES = 100  # looked up per mail, newest first


class Evidence(StrEnum):
    """What a mail proves, strongest first."""

    ADDRESS = "sent to a signed reply address"
    MESSAGE_ID = "answers a mail of ours"


class Relation(StrEnum):
    """Who the sender is to a ticket."""

    PARTICIPANT = "participant"
    UNVERIFIED = "participant's address, not proven"
    COLLEAGUE = "same company as a participant"
    OTHER = "somebody else, proven"
    NOBODY = "somebody else, not proven"


class Place(StrEnum):
    """What the table says."""

    APPEND = "append"
    UNVERIFIED = "append, sender not verified"
    PROPOSE = "append as a proposal"
    NEW = "begin anew"
    HOLD = "hold"


TABLE = {
    (Relation.PARTICIPANT, Evidence.ADDRESS): Place.APPEND,
    (Relation.PARTICIPANT, Evidence.MESSAGE_ID): Place.APPEND,
    (Relation.UNVERIFIED, Evidence.ADDRESS): Place.UNVERIFIED,
    (Relation.UNVERIFIED, Evidence.MESSAGE_ID): Place.UNVERIFIED,
    (Relation.COLLEAGUE, Evidence.ADDRESS): Place.PROPOSE,
    (Relation.COLLEAGUE, Evidence.MESSAGE_ID): Place.PROPOSE,
    (Relation.OTHER, Evidence.ADDRESS): Place.PROPOSE,
    (Relation.OTHER, Evidence.MESSAGE_ID): Place.NEW,
    (Relation.NOBODY, Evidence.ADDRESS): Place.PROPOSE,
    (Relation.NOBODY, Evidence.MESSAGE_ID): Place.HOLD,
}


@dataclass(frozen=True, slots=True)
class Link:
    """A mail is linked to one that we sent. `message` is None where the store has forgotten what the token meant."""

    evidence: Evidence
    message: KnownMessage | None
    ticket: KnownTicket | None


def link(case: Case, facts: Facts) -> Link | None:
    """The strongest evidence that `case` follows a mail of ours, or None."""
    token = case.recipient
    if token and token.kind in (TokenKind.REPLY, TokenKind.CHALLENGE):
        return _linked(Evidence.ADDRESS, facts.tokens.get(token.id), facts)
    found = [facts.tokens.get(case.ours[text].id) for text in named_ids(case) if text in case.ours]
    if not found:
        return None
    return _linked(Evidence.MESSAGE_ID, next((message for message in found if message), None), facts)


def named_ids(case: Case) -> tuple[str, ...]:
    """The Message-IDs that a mail names, nearest first: In-Reply-To, then References from the right."""
    return newest_first(case.mail.in_reply_to, case.mail.references)


def newest_first(in_reply_to: tuple[str, ...], references: tuple[str, ...]) -> tuple[str, ...]:
    """The same for the two fields alone, each id once, at most `MOST_REFERENCES`."""
    return tuple(dict.fromkeys((*in_reply_to, *reversed(references))))[:MOST_REFERENCES]


def relation(sender: str, authentication: Authentication, ticket: KnownTicket, shared: frozenset[str]) -> Relation:
    """Who `sender` (canonical, "" for nobody) is to `ticket`."""
    proven = authentication.level is not Level.A0
    bound = next((one.bound for one in ticket.participants if sender and one.address == sender), None)
    if bound is not None:
        return Relation.PARTICIPANT if authentication.level.reaches(bound) else Relation.UNVERIFIED
    domain = domain_of(sender) if sender else ""
    if (
        proven
        and domain
        and domain not in shared
        and any(domain_of(one.address) == domain for one in ticket.participants)
    ):
        return Relation.COLLEAGUE
    return Relation.OTHER if proven else Relation.NOBODY


def _linked(evidence: Evidence, message: KnownMessage | None, facts: Facts) -> Link:
    ticket = facts.tickets.get(message.ticket_id) if message and message.ticket_id else None
    return Link(evidence, message, ticket)
