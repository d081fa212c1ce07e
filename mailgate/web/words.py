"""The console's words for what the program knows by name: nobody at the page has to learn our codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from mailgate.judge.machine import LABELS
from mailgate.model import HeldState, Kind, OutboxState, Purpose, State, Strength, TicketState

KIND: Mapping[Kind, str] = {**LABELS, Kind.HUMAN: "mail from a person"}

PURPOSE: Mapping[Purpose, str] = {
    Purpose.ACKNOWLEDGE: "acknowledgement",
    Purpose.CHALLENGE: "question to a stranger",
    Purpose.NOTICE: "notice to our own people",
    Purpose.DIGEST: "digest of what waits",
    Purpose.AGENT: "answer by a person",
    Purpose.REDIRECT: "mail sent on by a rule",
}

# Where an accepted mail is, in the order of the sum on the page.
PLACE: Mapping[State, str] = {
    State.TICKETED: "new ticket",
    State.APPENDED: "added to a ticket",
    State.QUIET: "filed quietly",
    State.HELD: "held",
    State.PARKED: "parked",
    State.CONSUMED: "report about our own mail",
    State.DUPLICATE: "duplicate",
    State.SHUNTED: "set aside",
    State.PENDING: "being judged",
}

# The same, before the number of the ticket.
IN_TICKET: Mapping[State, str] = {
    **PLACE,
    State.APPENDED: "added to ticket",
    State.QUIET: "filed quietly in ticket",
    State.DUPLICATE: "duplicate in ticket",
}

WAITS: Mapping[HeldState, str] = {
    HeldState.WAIT: "waits for its sender",
    HeldState.HUMAN: "waits for a person",
    HeldState.LIKELY_SPAM: "likely spam",
    HeldState.SPAM: "judged spam",
    HeldState.ARCHIVED: "spam, archived",
}

TICKET: Mapping[TicketState, str] = {
    TicketState.OPEN: "open",
    TicketState.PENDING: "put off",
    TicketState.CLOSED: "closed",
}

OUTGOING: Mapping[OutboxState, str] = {
    OutboxState.READY: "waits",
    OutboxState.LEASED: "leaving now",
    OutboxState.HANDED: "being handed over",
    OutboxState.SENT: "sent",
    OutboxState.FAILED: "failed",
    OutboxState.CANCELLED: "cancelled",
}

WEIGHT: Mapping[Strength, str] = {
    Strength.DECISIVE: "decides what the mail is, and forbids every automatic answer",
    Strength.STRONG: "forbids every automatic answer",
    Strength.HINT: "a hint: no question to a stranger",
    Strength.WEAK: "half a hint",
    Strength.DISTRUST: "proves that the sender is not proven",
    Strength.NOTE: "only noted",
}

# What happened to a ticket; an event that is not listed is shown by its own name.
EVENT: Mapping[str, str] = {
    "opened": "opened",
    "appended": "a mail was added",
    "proposed": "a stranger's mail was added, without effect until somebody lets it in",
    "appended-quietly": "a mail was filed quietly",
    "linked": "may belong to another ticket",
    "also-received": "the same mail came again",
    "report": "a report came in",
    "undelivered": "an answer did not arrive",
    "errand-failed": "it could not be handed on",
    "delivery-cancelled": "an answer was called back",
    "redirected": "sent on by a rule",
    "redirect-failed": "what was sent on did not arrive, so it waits here",
    "complained": "the customer complained about our mail",
    "needs-a-look": "opened so often by mails that a person should look",
    "reopened": "opened again by a mail",
    "reopened-by-agent": "opened again",
    "closed": "closed",
    "closed-as-spam": "closed as spam",
    "asks-back": "a question of another system came in",
    "replied": "answered",
    "noted": "noted",
    "not-sent": "an answer by mail was not sent",
    "refused": "an order by mail was refused",
    "erased": "data of a person were erased",
    "assigned": "assigned",
    "prioritised": "presses",
    "tagged": "tagged",
    "untagged": "no more tagged",
    "moved": "moved to another queue",
    "pending": "put off",
    "woken": "its time has come",
}
# Of these, those whose detail is a moment.
UNTIL = frozenset({"pending"})

# Those of the trail's steps whose names are not plain words.
STEP: Mapping[str, str] = {
    "kind": "what it is",
    "sender": "who sent it",
    "opinion": "what others think of it",
    "thread": "what it belongs to",
    "gate": "may it be answered",
    "acknowledge": "acknowledgement",
    "challenge": "question to a stranger",
    "spam": "points of spam",
    "place": "where it goes",
}

# Beside a number that is not one.
MANY: Mapping[str, str] = {
    "new ticket": "new tickets",
    "added to a ticket": "added to tickets",
    "report about our own mail": "reports about our own mail",
    "duplicate": "duplicates",
    "acknowledgement": "acknowledgements",
    "question to a stranger": "questions to strangers",
}


def moment(at: datetime) -> str:
    """A moment to come, on this machine's own clock."""
    here = at.astimezone()
    return f"{here.day} {here:%b, %H:%M}"


def points(counted: float | None, because: Sequence[str]) -> str:
    """How likely a mail is spam, and why; "" where nobody counted."""
    if counted is None:
        return ""
    reasons = f" ({', '.join(because)})" if because else ""
    return f"Points of spam: {counted:g}{reasons}"


def plural(number: int, word: str) -> str:
    """`word` of PLACE or PURPOSE as it stands beside `number`."""
    return word if number == 1 else MANY.get(word, word)
