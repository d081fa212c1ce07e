"""What the demo's console shows and may ask for: view values in words for people, and the `Console` that gives them.

Knows neither the store nor the mail format; `console_source` does, and translates.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mailgate.model import Reply


@dataclass(frozen=True, slots=True)
class Count:
    """One number with its word: `Count(3, "held")`."""

    number: int
    word: str


@dataclass(frozen=True, slots=True)
class LedgerView:
    """The road's counters. `balanced` means that the places add up to what was accepted, and that each can be shown."""

    accepted: int
    places: tuple[Count, ...]  # where the accepted mail is now
    automatic: tuple[Count, ...]  # what was sent that no person wrote
    balanced: bool


@dataclass(frozen=True, slots=True)
class FindingView:
    """One sign that a mail gave, and the line of the rule that saw it."""

    value: str
    weight: str
    rule: str  # "signals.toml:42"


@dataclass(frozen=True, slots=True)
class DecisionView:
    """A mail that came in, what was decided, and the whole way to it."""

    id: int
    at: datetime
    sender: str
    recipient: str
    subject: str
    place: str  # "held", "new ticket"
    reason: str
    proof: str  # "proven by DKIM of example.com"
    steps: tuple[tuple[str, str], ...]  # what was asked, what came of it
    findings: tuple[FindingView, ...]


@dataclass(frozen=True, slots=True)
class MessageView:
    """One message of a ticket. `ours` went out, or will."""

    at: datetime
    who: str
    ours: bool
    word: str  # "mail from a person", "acknowledgement"
    text: str
    hidden: str = ""  # quotes, signatures and notices
    id: int = 0
    files: tuple[str, ...] = ()  # "report.pdf (application/pdf, 12 KB)"
    has_html: bool = False
    pending: bool = False  # of somebody who takes no part in the ticket, until he is let in


@dataclass(frozen=True, slots=True)
class EventView:
    """One line of a ticket's history."""

    at: datetime
    actor: str
    text: str


@dataclass(frozen=True, slots=True)
class TicketView:
    """A ticket with its conversation, oldest message first. `closed` is all that its state forbids or offers."""

    number: int
    subject: str
    state: str  # "open", "put off until 8 Jan", "closed"
    closed: bool
    queue: str
    contact: str
    messages: tuple[MessageView, ...]
    history: tuple[EventView, ...]
    assignee: str = ""
    priority: str = ""  # "" where it presses as much as any other
    tags: tuple[str, ...] = ()
    waits_since: datetime | None = None  # the oldest word of the customer that nobody has answered
    due_at: datetime | None = None  # until when an answer is promised
    late: bool = False


@dataclass(frozen=True, slots=True)
class HeldView:
    """A mail that waits for its sender or for a person, and why."""

    id: int
    at: datetime
    sender: str
    subject: str
    reason: str
    waits: str  # "waits for its sender"
    text: str
    spam: bool
    files: tuple[str, ...] = ()
    has_html: bool = False
    points: str = ""  # of spam, and the strongest reasons for them, in words


@dataclass(frozen=True, slots=True)
class CaughtView:
    """A mail as the customer's server got it; `headers` are the few that people look at."""

    id: int
    headers: tuple[tuple[str, str], ...]
    text: str


@dataclass(frozen=True, slots=True)
class OutgoingView:
    """A mail that leaves, with its fate. `caught` is None while it waits, and where it was never caught."""

    id: int
    at: datetime
    word: str  # "acknowledgement"
    recipient: str
    subject: str
    state: str
    last_reply: str
    caught: CaughtView | None


@dataclass(frozen=True, slots=True)
class HtmlView:
    """A message as HTML: `html` does nothing and fetches nothing; `cut` where its end is missing."""

    html: str
    cut: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that the page shows, newest first."""

    mailboxes: tuple[str, ...]
    first_mail: str  # a line to paste into a terminal
    ledger: LedgerView
    decisions: tuple[DecisionView, ...] = ()
    tickets: tuple[TicketView, ...] = ()
    held: tuple[HeldView, ...] = ()
    outgoing: tuple[OutgoingView, ...] = ()


@dataclass(frozen=True, slots=True)
class Letter:
    """What somebody writes as a customer."""

    sender: str
    mailbox: str
    subject: str
    text: str


class Console(Protocol):
    """What a person at the demo sees and does. Every act raises NotFound, NotAllowed or TryAgain with words."""

    async def snapshot(self) -> Snapshot:
        """Show how things stand."""

    async def html(self, message_id: int) -> HtmlView:
        """Show a message, held or of a ticket, as HTML."""

    async def accept(self, held_id: int) -> None:
        """Let a held mail in, and trust its sender."""

    async def spam(self, held_id: int) -> None:
        """Judge a held mail spam; it is kept."""

    async def reply(self, number: int, text: str) -> None:
        """Answer a ticket as a person of ours."""

    async def close(self, number: int) -> None:
        """Close a ticket."""

    async def reopen(self, number: int) -> None:
        """Open a closed ticket again."""

    async def let_in(self, message_id: int) -> None:
        """Let a pending message into its ticket; who wrote it takes part from then on."""

    async def discard(self, message_id: int) -> None:
        """Put a pending message out of view; it is kept."""

    async def part(self, number: int, message_id: int) -> None:
        """Give a message of a ticket a ticket of its own."""

    async def write(self, letter: Letter) -> Reply:
        """Send a mail as a customer; the answer is the listener's."""

    async def answer(self, caught_id: int, text: str, *, robot: bool) -> Reply:
        """Answer a caught mail as the customer, or as his absence notice; the answer is the listener's."""
