"""Ground: what follows from a decision, as values: the judge makes them, the store writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mailgate.model.known import Acquaintance, Challenge, DomainCredit, Grant, Participant
from mailgate.model.terms import HeldState, Purpose, State, TicketState
from mailgate.model.verdict import Case, Verdict


@dataclass(frozen=True, slots=True)
class Filing:
    """The mail takes its place: one row of `message`, one step of the journal."""

    message_id: int
    case: Case
    verdict: Verdict
    state: State
    sender: str  # canonical author, "" where there is none
    identity: str  # Message-ID, or the one made up for a mail without
    ticket_id: int | None = None
    held: HeldState | None = None
    duplicate_of: int | None = None


@dataclass(frozen=True, slots=True)
class NewTicket:
    """A ticket is opened. Its number is given by the store."""

    id: int
    subject: str
    queue: str
    mailbox: str
    participant: Participant
    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TicketChange:
    """One line of a ticket's history; `state` is set where it changes."""

    id: int
    ticket_id: int
    at: datetime
    event: str  # "opened", "appended", "closed", "reopened", "replied", "noted", "assigned", …
    actor: str  # "mail", "agent:anne", "clock"
    detail: str = ""
    state: TicketState | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """An address becomes a participant of a ticket."""

    ticket_id: int
    participant: Participant


@dataclass(frozen=True, slots=True)
class Met:
    """An address stands anew."""

    acquaintance: Acquaintance


@dataclass(frozen=True, slots=True)
class Credited:
    """A domain's balance stands anew."""

    domain: DomainCredit


@dataclass(frozen=True, slots=True)
class Asked:
    """A challenge stands anew."""

    challenge: Challenge


@dataclass(frozen=True, slots=True)
class Released:
    """A held or parked mail goes into a ticket."""

    journal_id: int
    message_id: int
    ticket_id: int
    state: State  # ticketed, or appended where it joins one


@dataclass(frozen=True, slots=True)
class Reheld:
    """Held mail now waits for somebody else, or is judged spam."""

    message_ids: tuple[int, ...]
    held: HeldState
    reason: str


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to send one automatic mail. Only `judge.governor` makes one (a law test says so)."""

    id: int
    grant: Grant


@dataclass(frozen=True, slots=True)
class Sending:
    """A mail for the outbox, ready to leave; its raw bytes are composed before the store sees it."""

    outbox_id: int
    message_id: int  # row of `message`
    purpose: Purpose
    mail_from: str
    rcpt_to: str
    recipient: str  # canonical
    mailbox: str
    identity: str  # our signed Message-ID
    token_id: int
    subject: str
    raw: bytes
    at: datetime
    not_before: datetime
    give_up_at: datetime
    permit: Permit | None = None  # None only for AGENT
    ticket_id: int | None = None
    cause: int | None = None  # journal id
    utf8: bool = False  # needs SMTPUTF8 at the next hop


Effect = Filing | NewTicket | TicketChange | Joined | Met | Credited | Asked | Released | Reheld | Sending
Effects = Sequence[Effect]
