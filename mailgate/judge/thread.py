"""Which ticket a mail belongs to: by proof that its sender holds our mail, never by what a subject says.

Evidence says what a mail proves; relation says who brings it; the table says what follows from both.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct

from mailgate.judge.canonical import domain_of
from mailgate.model import Authentication, Case, Facts, KnownMessage, KnownTicket, Level, Token, TokenKind

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


class Link(Struct, frozen=True):
    """A mail is linked to one that we sent. `message` is None where the store has forgotten what the token meant."""

    evidence: Evidence
    message: KnownMessage | None
    ticket: KnownTicket | None


def link(case: Case, facts: Facts) -> Link | None:
    """The strongest evidence that `case` follows a mail of ours, or None. What the store still knows goes first."""
    links = [_linked(evidence, token, facts) for evidence, token in _proofs(case)]
    return next((found for found in links if found.message), links[0] if links else None)


def _proofs(case: Case) -> Iterator[tuple[Evidence, Token]]:
    """Signed names of ours that the mail bears, strongest first."""
    token = case.recipient
    if token and token.kind in (TokenKind.REPLY, TokenKind.CHALLENGE):
        yield Evidence.ADDRESS, token
    yield from ((Evidence.MESSAGE_ID, case.ours[name]) for name in named_ids(case) if name in case.ours)


def named_ids(case: Case) -> tuple[str, ...]:
    """The Message-IDs that a mail names, nearest first, each once: In-Reply-To, then References from the right."""
    mail = case.mail
    return tuple(dict.fromkeys((*mail.in_reply_to, *reversed(mail.references))))[:MOST_REFERENCES]


def relation(sender: str, authentication: Authentication, ticket: KnownTicket, shared: frozenset[str]) -> Relation:
    """Who `sender` (canonical, "" for nobody) is to `ticket`. An address alone, without proof, is never him."""
    level = authentication.level
    proven = level is not Level.A0
    bounds = {one.address: one.bound for one in ticket.participants if one.address}
    if sender in bounds:
        return Relation.PARTICIPANT if proven and level.reaches(bounds[sender]) else Relation.UNVERIFIED
    if not proven:
        return Relation.NOBODY
    domain = domain_of(sender)
    return Relation.COLLEAGUE if domain not in shared and domain in map(domain_of, bounds) else Relation.OTHER


def _linked(evidence: Evidence, token: Token, facts: Facts) -> Link:
    message = facts.tokens.get(token.id)
    ticket = facts.tickets.get(message.ticket_id) if message and message.ticket_id else None
    return Link(evidence, message, ticket)
