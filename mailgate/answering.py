"""What an answer takes from the mail that it answers: its words as a quote, its language, and what may fit it.

Shared by whoever lets a person of ours answer: the desk, its faces, and the notices to agents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from mailgate.judge.canonical import canonical
from mailgate.judge.history import Mint
from mailgate.judge.suggest import Suggestion, suggested
from mailgate.judge.waiting import answered as no_longer_waits
from mailgate.mail import cite, language
from mailgate.mail.compose import MARKER_LINE
from mailgate.mail.language import FIRST
from mailgate.mail.parse import read as read_mail
from mailgate.mail.reply import reply_of
from mailgate.mail.text import text_of
from mailgate.model import Effect, Sending, TicketChange

if TYPE_CHECKING:
    from mailgate.rulebook import Rulebook

MOST_BYTES = 1024 * 1024  # of a mail that are read for its words; files stand behind them


class Answered(Struct, frozen=True):
    """A mail of a customer as whoever answers it needs it."""

    identity: str  # its Message-ID
    at: datetime
    name: str  # what its author calls himself, "" where he says nothing
    subject: str
    own: str  # what he wrote himself
    language: str  # one that we have words in
    quoted: str  # his words behind marks, "" where there is nothing to quote
    had: frozenset[str]  # who has this mail, canonical: its author, and whom he sent it to


def read(raw: bytes, identity: str, at: datetime, book: Rulebook) -> Answered:
    """The mail with these bytes. Never raises; of a very long mail the beginning counts."""
    beginning = raw[:MOST_BYTES]
    mail, parts = read_mail(beginning)
    text = text_of(beginning, parts, book.quotes)
    own = reply_of(text, book.quotes, MARKER_LINE).own
    guessed = language.guess(mail, own, book.tongues)
    people = (*mail.authors, *mail.to, *mail.cc)
    return Answered(
        identity=identity,
        at=at,
        name=mail.author.name if mail.author else "",
        subject=mail.subject,
        own=own,
        language=guessed if guessed in book.phrases else FIRST,
        quoted=cite.quote(text, book.quotes, MARKER_LINE, book.limits.answers.quoted_lines),
        had=frozenset(key for key in (canonical(person.address) for person in people) if key),
    )


def suggestions(answered: Answered, book: Rulebook) -> tuple[Suggestion, ...]:
    """The canned answers that may fit, best first: by the hints in the customer's language and in English."""
    hints: dict[str, tuple[str, ...]] = {}
    for code in dict.fromkeys((answered.language, FIRST)):
        canned: Mapping[str, tuple[str, ...]] = {name: one.suggests for name, one in book.canned.get(code, {}).items()}
        hints |= {name: (*hints.get(name, ()), *words) for name, words in canned.items()}
    return suggested(answered.subject, answered.own, hints, book.limits.answers.suggested)


def body(text: str, answered: Answered | None, recipient: str, book: Rulebook) -> str:
    """The text of an answer to `recipient`, with the mail that it answers below where he has that already.

    Nobody gets to read here what was not sent to him.
    """
    if answered is None or not answered.quoted or canonical(recipient) not in answered.had:
        return text
    citing = book.phrases[answered.language].citing
    return cite.under(text, answered.quoted, citing, answered.name, answered.at)


def follows(ticket_id: int, sendings: Sequence[Sending], agent: str, at: datetime, mint: Mint) -> list[Effect]:
    """What a ticket knows of an answer: who wrote it, to whom it went, the requester first, and that nobody waits."""
    told = [("replied", sendings[0].identity), *(("copied-to", one.rcpt_to) for one in sendings[1:])]
    changes = (TicketChange(mint.new_id(), ticket_id, at, event, f"agent:{agent}", detail) for event, detail in told)
    return [*changes, no_longer_waits(ticket_id, at)]
