"""Faces: an address in plain words: how it stands, why, and what may be sent to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mailgate.model import Acquaintance, Level, Standing, Trust
from mailgate.store.contacts import Lately
from mailgate.store.views import SenderView

STANDINGS = {
    Standing.UNKNOWN: "nobody here has met it",
    Standing.CHALLENGED: "it was asked whether it is there, and has not answered yet",
    Standing.TRUSTED: "its mail makes tickets at once",
    Standing.EXPIRED: "it was asked whether it is there, and did not answer in time",
    Standing.ROBOT: "it answered like a machine, so it gets no automatic mail; its mail comes in as ever",
    Standing.UNDELIVERABLE: "mail to it came back for good, so it gets no automatic mail",
    Standing.BLOCKED: "a person of ours blocked it: its mail is kept as spam, and nothing automatic is sent to it",
}
TRUSTS = {
    Trust.MANUAL: "by a person of ours",
    Trust.WROTE: "because a person of ours wrote to it",
    Trust.CONFIRMED: "because it confirmed that it is there",
    Trust.IMPORT: "because it stands in our customer base",
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
    if current.asks_back:
        yield "A machine of it asks whoever writes to it, so it is sent no challenge."
    if current.spam_marks:
        yield f"{current.spam_marks} of its mails were judged spam since a person last spoke for it."
    yield f"{found.messages} mails, {found.held} held, {found.tickets} tickets."
    yield f"It may get {credit} automatic mails more, within the limits, before a person of ours has to act for it."
    yield from _lately(lately)
    if current.standing in CLEARED:
        yield f"To clear its name: mailgate senders clear {known.address}"


def _lately(lately: Lately) -> Iterator[str]:
    sent = Counter(f"{one.kind} {one.state}" for one in lately.sent)
    yield "Automatic mails of the last 30 days: " + (", ".join(f"{n} {what}" for what, n in sent.items()) or "none")
    reasons = Counter(one.reason for one in lately.withheld)
    for reason, number in reasons.most_common(WITHHELD_SHOWN):
        yield f"  {number} withheld: {reason}"
