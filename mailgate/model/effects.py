"""Ground: what follows from a decision, as values: the judge makes them, the store writes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import UNSET, Struct, UnsetType

from mailgate.model.known import (
    Acquaintance,
    Agent,
    Breaker,
    Challenge,
    DomainCredit,
    Grant,
    Mishap,
    Participant,
    Routed,
)
from mailgate.model.terms import ErrandKind, HeldState, Priority, Purpose, State, TicketState
from mailgate.model.verdict import Case, Verdict


class Filing(Struct, frozen=True):
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
    recheck_at: datetime | None = None  # when DNS is asked once more who it is from
    suggests: int | None = None  # the ticket that it may belong to, for a person to say
    alias: str = ""  # the Message-ID that it bears, where that is another mail's
    copied: tuple[str, ...] = ()  # canonical; whom it names in To and Cc, ours left out
    routed: Routed = Routed()
    agent: str = ""  # the name of the one of our own people who wrote it


class Rejudged(Struct, frozen=True):
    """A mail that has its place was judged once more: its row says so, and its trail grows by that of this filing."""

    filing: Filing


class NewTicket(Struct, frozen=True):
    """A ticket is opened. Its number is given by the store."""

    id: int
    subject: str
    queue: str
    mailbox: str
    participant: Participant
    name: str
    at: datetime
    flood: bool = False  # it takes what one address sends too much of
    topic: str = ""  # its subject, as two are compared
    follow_up_of: int | None = None  # the ticket whose conversation it goes on
    priority: Priority = Priority.NORMAL
    assignee: str = ""
    waits_since: datetime | None = None  # since when its customer waits for an answer, and
    due_at: datetime | None = None  # until when one is promised


class TicketChange(Struct, frozen=True):
    """One line of a ticket's history; `state` is set where it changes."""

    id: int
    ticket_id: int
    at: datetime
    event: str  # "opened", "appended", "closed", "reopened", "replied", "noted", "assigned", …
    actor: str  # "mail", "agent:anne", "clock"
    detail: str = ""
    state: TicketState | None = None
    waits_since: datetime | None = None  # its customer waits from here on, where he did not before,
    due_at: datetime | None = None  # and until then an answer is promised


class Amended(Struct, frozen=True):
    """What a ticket is said to be from now on; what is UNSET stays. Its history is told by a TicketChange beside it."""

    ticket_id: int
    assignee: str | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    queue: str | UnsetType = UNSET
    answered_at: datetime | UnsetType = UNSET  # the first answer stays
    waits_since: datetime | UnsetType | None = UNSET
    due_at: datetime | UnsetType | None = UNSET
    warned_at: datetime | UnsetType | None = UNSET
    pending_until: datetime | UnsetType | None = UNSET
    merged_into: int | UnsetType | None = UNSET


class Tagged(Struct, frozen=True):
    """Words that a ticket bears, or bears no more."""

    ticket_id: int
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


class Joined(Struct, frozen=True):
    """An address becomes a participant of a ticket."""

    ticket_id: int
    participant: Participant


class Met(Struct, frozen=True):
    """An address stands anew."""

    acquaintance: Acquaintance


class ContactChange(Struct, frozen=True):
    """One line of a customer's history: addresses joined or parted, data brought in."""

    id: int
    contact_id: int
    at: datetime
    event: str  # "linked", "unlinked", "imported", …
    actor: str
    detail: str = ""


class Described(Struct, frozen=True):
    """What a customer is called, and the company he is of. A contact that is new is made by it."""

    contact_id: int
    name: str
    company: str
    at: datetime


class Linked(Struct, frozen=True):
    """Two contacts are one person: all addresses and the history of `gone` are the other's, and it is no more."""

    contact_id: int
    gone: int


class Unlinked(Struct, frozen=True):
    """An address has a contact of its own again; a `Described` makes that one."""

    address: str  # canonical
    contact_id: int


class Enrolled(Struct, frozen=True):
    """One of our own people stands anew."""

    agent: Agent


class Credited(Struct, frozen=True):
    """A domain's balance stands anew."""

    domain: DomainCredit


class Asked(Struct, frozen=True):
    """A challenge stands anew."""

    challenge: Challenge


class Broken(Struct, frozen=True):
    """A breaker stands anew."""

    breaker: Breaker


class Suffered(Struct, frozen=True):
    """Something went wrong with automatic mail."""

    mishap: Mishap


class Released(Struct, frozen=True):
    """A held or parked mail goes into a ticket."""

    journal_id: int
    message_id: int
    ticket_id: int
    state: State  # ticketed, or appended where it joins one


class Reheld(Struct, frozen=True):
    """Held mail now waits for somebody else, or is judged spam."""

    message_ids: tuple[int, ...]
    held: HeldState
    reason: str


class HandedOver(Struct, frozen=True):
    """All held mail of an address that waits for its sender now waits for a person."""

    address: str  # canonical
    reason: str
    before: int  # of the mails whose row of `message` has a smaller id: whatever comes later waits for itself


class Permit(Struct, frozen=True):
    """The right to send one automatic mail. Only `judge.governor` makes one (a law test says so)."""

    id: int
    grant: Grant


class Sending(Struct, frozen=True):
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
    agent: str = ""  # who wrote it
    thread_guid: str = ""  # of its Thread-Index, hexadecimal


class Errand(Struct, frozen=True):
    """A mail is carried outside by HTTP, now and again until that succeeds or is given up."""

    id: int
    kind: ErrandKind
    target: str  # the name of the webhook, "" where the kind says all
    message_id: int  # row of `message`
    at: datetime
    give_up_at: datetime


Effect = (
    Filing
    | Rejudged
    | NewTicket
    | TicketChange
    | Amended
    | Tagged
    | Joined
    | Met
    | ContactChange
    | Described
    | Linked
    | Unlinked
    | Enrolled
    | Credited
    | Asked
    | Broken
    | Suffered
    | Released
    | Reheld
    | HandedOver
    | Sending
    | Errand
)
Effects = Sequence[Effect]
