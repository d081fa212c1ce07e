"""Ground: what a mail of our own people says to us: orders in its first lines, a note, or somebody else's mail."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from mailgate.model.mail import Mailaddr
from mailgate.model.terms import Level


class Order(Struct, frozen=True):
    """One thing to do with a ticket: `word` is one of `mail.commands.WORDS`, `said` what stood behind it."""

    word: str
    said: str = ""


class Orders(Struct, frozen=True):
    """What an agent's mail asks for. With `faults` nothing of it may be done or sent."""

    given: tuple[Order, ...] = ()  # each is well formed; whether it can be done is asked elsewhere
    text: str = ""  # for the customer
    note: str = ""  # for us alone
    faults: tuple[str, ...] = ()  # in words for who wrote it


class Forwarded(Struct, frozen=True):
    """Somebody else's mail inside one of an agent."""

    author: Mailaddr
    subject: str
    text: str  # what he wrote
    above: str = ""  # what the agent wrote above it
    message_id: str = ""  # where the whole mail is enclosed
    at: datetime | None = None


class Relay(Struct, frozen=True):
    """An agent's answer by mail that may leave; `canned` names a text of the rules, "" where he wrote one himself."""

    ticket_id: int
    number: int  # of the ticket
    agent: str  # his name
    text: str
    canned: str = ""
    cause: int = 0  # journal id of his mail


class Happening(Struct, frozen=True):
    """A line of a ticket's history that our own people may want to hear of."""

    id: int
    at: datetime
    event: str
    actor: str  # "mail", "agent:anne"
    detail: str
    ticket_id: int
    number: int
    subject: str
    queue: str
    mailbox: str
    assignee: str
    requester: str
    raw_id: int | None = None  # the bytes of the mail that it speaks of
    sender: str = ""  # canonical
    author: str = ""
    author_name: str = ""
    level: Level = Level.A0
    forwarder: str = ""  # the name of the one of our own people who forwarded it
