"""Faces: an address in plain words: how it stands, why, and what may be sent to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from mailgate.model import Acquaintance, Contact, Level, Standing, Trust
from mailgate.store.contacts import Lately
from mailgate.store.views import EventLine, SenderView

STANDINGS = {
    Standing.UNKNOWN: "nobody here has met it",
    Standing.CHALLENGED: "it was asked whether it is there, and has not answered yet",
    Standing.TRUSTED: "its mail makes tickets at once",
    Standing.EXPIRED: "it was asked whether it is there, and did not answer in time",
    Standing.ROBOT: "it answered like a machine, so it gets no automatic mail; its mail comes in as ever",
    Standing.UNDELIVERABLE: "mail to it came back for good, so it gets no automatic mail",
    Standing.BLOCKED: "a person of ours blocked it: its mail is kept as spam, and nothing automatic is sent to it",
}
# What a standing means for mail of the address, and for mail of ours to it.
MEANS = {
    Standing.UNKNOWN: (
        "a first mail is asked about or waits for a person, as its mailbox says",
        "what is automatic leaves within the limits for strangers",
    ),
    Standing.CHALLENGED: (
        "it waits until the question is answered, or a person lets it in",
        "nothing automatic but the one question",
    ),
    Standing.TRUSTED: (
        "what is proven makes tickets at once; what is not makes one that says so, and is not answered",
        "what is automatic leaves within the limits",
    ),
    Standing.EXPIRED: (
        "it waits for a person, or is asked about once more after a month",
        "nothing automatic until then",
    ),
    Standing.ROBOT: ("as that of anybody whom we know as well", "nothing automatic; answers of a person leave"),
    Standing.UNDELIVERABLE: (
        "as that of a stranger; a proven mail of a person shows that it is there after all",
        "nothing automatic; answers of a person leave",
    ),
    Standing.BLOCKED: ("it is kept as spam, out of view", "nothing automatic; an answer of a person lifts the block"),
}
TRUSTS = {
    Trust.MANUAL: "by a person of ours",
    Trust.WROTE: "because a person of ours wrote to it",
    Trust.CONFIRMED: "because it confirmed that it is there",
    Trust.IMPORT: "because it stands in our customer base",
}
IN_SHORT = {
    Trust.MANUAL: "by one of us",
    Trust.WROTE: "we wrote to it",
    Trust.CONFIRMED: "it confirmed",
    Trust.IMPORT: "customer base",
}
PROOF = {
    Level.A2: "proven by DKIM",
    Level.A1: "proven by DKIM, or by SPF alone, the weaker proof",
    Level.A0: "from its address",
}
CLEARED = frozenset({Standing.ROBOT, Standing.UNDELIVERABLE, Standing.BLOCKED})
WITHHELD_SHOWN = 5  # reasons, those that withheld most


def words(known: Acquaintance, current: Acquaintance, credit: int, found: SenderView, lately: Lately) -> Iterator[str]:
    """All that is worth knowing of an address, a line each."""
    until = f", until {known.until:%Y-%m-%d}" if known.until else ""
    yield f"{known.address} is {known.standing} since {known.since:%Y-%m-%d}{until}: {STANDINGS[known.standing]}."
    if current.standing is not known.standing:
        yield f"That is over: it is {current.standing} now."
    if current.trust:
        bound = f", for mail that is {PROOF[current.bound]}" if current.bound else ""
        yield f"It is trusted {TRUSTS[current.trust]}{bound}."
    comes, leaves = MEANS[current.standing]
    yield f"Mail from it: {comes}."
    yield f"Mail to it: {leaves}."
    if current.asks_back:
        yield "A machine of it asks whoever writes to it, so it is sent no challenge."
    if current.spam_marks:
        yield f"{current.spam_marks} of its mails were judged spam since a person last spoke for it."
    yield f"{found.messages} mails, {found.held} held, {found.tickets} tickets."
    yield f"It may get {credit} automatic mails more, within the limits, before a person of ours has to act for it."
    yield from _lately(lately)
    if current.standing in CLEARED:
        yield f"To clear its name: mailgate senders clear {known.address}"


def in_short(current: Acquaintance) -> str:
    """How an address stands now, by whose word and until when, in one cell of a list."""
    by = f" ({IN_SHORT[current.trust]})" if current.trust and current.standing is Standing.TRUSTED else ""
    until = f", until {current.until:%Y-%m-%d}" if current.until else ""
    return f"{current.standing}{by}{until}"


def of_contact(contact: Contact, history: Iterable[EventLine], address: str) -> Iterator[str]:
    """Who the customer is, where he writes from beside this address, and what was done about him."""
    named = ", ".join(name for name in (contact.name, contact.company) if name)
    if named:
        yield f"Customer: {named}."
    others = [one for one in contact.addresses if one.address != address]
    if others:
        yield f"The same person writes from {', '.join(f'{one.address} ({one.standing})' for one in others)}."
    for line in history:
        yield f"  {line.at:%Y-%m-%d %H:%M} {line.event} by {line.actor}{f': {line.detail}' if line.detail else ''}"


def _lately(lately: Lately) -> Iterator[str]:
    sent = Counter(f"{one.kind} {one.state}" for one in lately.sent)
    yield "Automatic mails of the last 30 days: " + (", ".join(f"{n} {what}" for what, n in sent.items()) or "none")
    reasons = Counter(one.reason for one in lately.withheld)
    for reason, number in reasons.most_common(WITHHELD_SHOWN):
        yield f"  {number} withheld: {reason}"
