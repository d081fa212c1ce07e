"""Store: what faces are shown of the rows, under names that outlive the columns."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from mailgate.model import Acquaintance, HeldState, Kind, Level, OutboxState, Priority, Purpose, State, TicketState
from mailgate.store.tables import Direction


@dataclass(frozen=True, slots=True)
class TicketLine:
    """A ticket in a list."""

    number: int
    subject: str
    state: TicketState
    queue: str
    contact: str  # the address that opened it
    created_at: datetime
    messages: int
    name: str = ""
    assignee: str = ""
    updated_at: datetime | None = None
    priority: Priority = Priority.NORMAL
    tags: tuple[str, ...] = ()
    waits_since: datetime | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WaitingLine:
    """Somebody who waits for an answer: in a ticket, or with a mail that is held."""

    number: int | None  # of his ticket, or
    held: int | None  # the id of his held mail
    subject: str
    state: TicketState | HeldState
    queue: str
    mailbox: str
    contact: str
    since: datetime
    due_at: datetime | None = None
    priority: Priority = Priority.NORMAL
    assignee: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message of a ticket. `raw` are its bytes; what they say is for whoever reads mail."""

    id: int
    direction: Direction
    from_: str
    to: str
    at: datetime
    subject: str
    message_id: str
    kind: Kind | Purpose  # what came in is of a kind, what goes out has a purpose
    proposed: bool
    delivery: OutboxState | None  # of what goes out
    verdict: dict[str, Any] | None = field(repr=False)  # of what came in
    raw: bytes = field(repr=False)
    marks: tuple[str, ...] = ()  # what whoever reads it must know
    discarded: bool = False  # a person put it out of view
    may_belong_to: int | None = None  # number of a ticket, for a person to say
    agent: str = ""  # the name of the one of our own people who wrote it, by mail or at the desk


@dataclass(frozen=True, slots=True)
class EventLine:
    """A line of a ticket's history."""

    at: datetime
    event: str
    actor: str
    detail: str


@dataclass(frozen=True, slots=True)
class TicketView:
    """A ticket with everything in it, oldest first."""

    number: int
    subject: str
    state: TicketState
    queue: str
    contact: str
    created_at: datetime
    participants: tuple[str, ...]
    messages: tuple[MessageView, ...]
    history: tuple[EventLine, ...]
    name: str = ""
    mailbox: str = ""
    assignee: str = ""
    closed_at: datetime | None = None
    priority: Priority = Priority.NORMAL
    tags: tuple[str, ...] = ()
    waits_since: datetime | None = None
    due_at: datetime | None = None
    pending_until: datetime | None = None
    named: tuple[str, ...] = ()  # in To or Cc of its mail, and no participants
    follow_up_of: int | None = None  # numbers of tickets
    merged_into: int | None = None
    merged: tuple[int, ...] = ()  # that are part of it
    with_them: tuple[str, ...] = ()  # who took part in these, and still reaches it


@dataclass(frozen=True, slots=True)
class HeldLine:
    """A mail that waits for its sender or for a person, or is parked."""

    id: int  # row of `message`
    from_: str
    subject: str
    reason: str
    since: datetime
    state: HeldState | State  # wait, human, spam; or parked
    journal_id: int
    name: str = ""
    to: str = ""
    proof: str = ""  # "proven by DKIM of x.test"
    may_belong_to: int | None = None  # number of a ticket
    points: float | None = None  # of spam; None where nobody counted
    because: tuple[str, ...] = ()  # the strongest reasons for them


@dataclass(frozen=True, slots=True)
class HeldView:
    """A held mail with its bytes and its verdict."""

    line: HeldLine
    verdict: dict[str, Any] = field(repr=False)
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class HeldContact:
    """A sender whose mail is held, as one line; what else is said of it is that of the oldest."""

    id: int  # row of `message`, of the oldest
    from_: str
    mails: int
    since: datetime
    newest_at: datetime
    state: HeldState
    kind: Kind
    level: Level
    reason: str
    subject: str
    points: float | None = None  # of spam; None where nobody counted
    because: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OutboxLine:
    """A mail that leaves, with its fate."""

    id: int
    kind: Purpose
    to: str
    state: OutboxState
    attempts: int
    next_at: datetime | None  # None once it ended
    last_reply: str
    subject: str = ""
    created_at: datetime | None = None
    ticket: int | None = None  # number


@dataclass(frozen=True, slots=True)
class ShuntedLine:
    """A mail that was set aside because processing it failed; `error` is the end of the traceback."""

    id: int  # row of `journal`
    queue_id: str
    from_: str
    to: str
    since: datetime
    attempts: int
    error: str


@dataclass(frozen=True, slots=True)
class JudgedLine:
    """A mail that came in and what was decided; `verdict` is None until it was judged."""

    id: int  # row of `journal`
    queue_id: str
    at: datetime
    mail_from: str  # "" is the null reverse-path
    from_: str
    to: str
    subject: str
    state: State
    kind: Kind | None
    reason: str
    ticket: int | None  # number
    verdict: dict[str, Any] | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class SenderView:
    """What is known of an address, and how much mail there is of it."""

    known: Acquaintance
    messages: int
    held: int
    tickets: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits, and since when."""

    pending: int
    oldest_pending_at: datetime | None
    outgoing: int
    oldest_outgoing_at: datetime | None
    waiting: int  # held for the sender
    for_people: int  # held for a person
    oldest_for_people_at: datetime | None
    shunted: int


def document(value: Any) -> Any:
    """`value` for JSON: `from_` is "from", a time is ISO 8601, bytes are left out."""
    if is_dataclass(value):
        pairs = ((one.name.rstrip("_"), getattr(value, one.name)) for one in fields(value))
        return {name: document(item) for name, item in pairs if not isinstance(item, bytes)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (tuple, list)):
        return [document(item) for item in value]
    return value
