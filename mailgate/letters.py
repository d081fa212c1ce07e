"""What we write: from a planned mail to ready bytes with its signed names, in the transaction that causes it.

Shared by the roads that decide: mail in, and people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mailgate import answering, redirecting
from mailgate.judge import token
from mailgate.judge.canonical import canonical
from mailgate.judge.docket import Planned
from mailgate.judge.fingerprint import base_subject
from mailgate.judge.history import Mint
from mailgate.mail.compose import Draft, compose, needs_utf8
from mailgate.mail.language import FIRST
from mailgate.mail.phrases import promised
from mailgate.mail.template import fill, in_both
from mailgate.model import (
    Accepted,
    Asked,
    Attachment,
    Effects,
    Gateway,
    Keys,
    KnownTicket,
    Mailaddr,
    Permit,
    Purpose,
    Sending,
    TokenKind,
    Written,
)
from mailgate.store import record

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mailgate.answering import Answered
    from mailgate.rulebook import Rulebook
    from mailgate.store.conversation import Conversation

PAGE = "/c/"  # what stands before the token in the address of a challenge's page
DATE_FORMAT = "%Y-%m-%d"
# Where the recipient's answer goes: to the ticket, or to the question.
ANSWER_TO = {
    Purpose.ACKNOWLEDGE: TokenKind.REPLY,
    Purpose.CHALLENGE: TokenKind.CHALLENGE,
    Purpose.AGENT: TokenKind.REPLY,
    Purpose.NOTICE: TokenKind.AGENT,
}


@dataclass(frozen=True, slots=True)
class _Letter:
    """Everything that the envelope and the header are made from."""

    purpose: Purpose
    outbox_id: int
    message_id: int
    token_id: int
    mailbox: str
    to: str
    subject: str
    body: str
    answers: str  # Message-ID of the mail answered, "" for none
    references: tuple[str, ...]
    at: datetime
    not_before: datetime
    give_up_at: datetime
    ticket_id: int | None
    permit: Permit | None = None
    cause: int | None = None
    agent: str = ""
    shown: str = ""  # who stands in To where that is not `to`: a copy names him whom it is written to
    copied: tuple[str, ...] = ()  # who stands in Cc
    files: tuple[Attachment, ...] = ()


def record_with_mail(
    conn: Connection,
    effects: Effects,
    planned: Iterable[Planned],
    *,
    gateway: Gateway,
    book: Rulebook,
    now: datetime,
    tickets: Iterable[KnownTicket] = (),
    mails: Mapping[int, Accepted] | None = None,
) -> dict[int, int]:
    """Write what was decided, then the mail that speaks of it; the number of each new ticket by its id.

    In this order, because a mail names tickets whose numbers are given only when they are written. One that speaks of
    a ticket that was there before needs it among `tickets`, and one that is sent on its bytes among `mails`, by journal
    id.

    Raises: what `store.record.apply` raises.
    """
    numbers = record.apply(conn, effects, now)
    known = {ticket.id: ticket.number for ticket in tickets} | numbers
    sendings = [
        redirecting.sent_on(one, (mails or {})[one.cause or 0], gateway)
        if one.purpose is Purpose.REDIRECT
        else automatic(one, gateway, book, known)
        for one in planned
    ]
    record.apply(conn, sendings, now)
    # A challenge may end by the next mail of the batch, before its own is written.
    running = {one.challenge.token_id: one.challenge.state.running for one in effects if isinstance(one, Asked)}
    over = [one.token_id for one in sendings if not running.get(one.token_id, True)]
    record.call_back(conn, over, now)
    return numbers


def automatic(planned: Planned, gateway: Gateway, book: Rulebook, numbers: Mapping[int, int]) -> Sending:
    """An acknowledgement or a challenge, ready to leave. `numbers` gives the number of the ticket it speaks of."""
    number = numbers[planned.ticket_id] if planned.ticket_id else 0
    subject, body = _text(planned, gateway, book, number)
    if planned.subject:
        subject = _answer_subject(planned.subject, number, book)
    return _sending(_planned_letter(planned, subject, body), gateway)


def to_staff(planned: Planned, subject: str, body: str, gateway: Gateway) -> Sending:
    """A notice or a digest to our own people, with the text that the caller made of the templates."""
    return _sending(_planned_letter(planned, subject, body), gateway)


def agent_replies(
    to: Conversation,
    written: Written,
    gateway: Gateway,
    book: Rulebook,
    *,
    mint: Mint,
    now: datetime,
    about: Answered | None = None,
) -> list[Sending]:
    """A person's answer in the thread of the newest mail that the requester of a ticket sent: one mail for each who
    gets it (decision 29), the requester's first.

    `about` is that newest mail where it is to be quoted.
    """
    everybody = (to.requester, *written.cc)
    return [_agent_letter(one, to, written, gateway, book, mint=mint, now=now, about=about) for one in everybody]


def _agent_letter(
    recipient: str,
    to: Conversation,
    written: Written,
    gateway: Gateway,
    book: Rulebook,
    *,
    mint: Mint,
    now: datetime,
    about: Answered | None,
) -> Sending:
    letter = _Letter(
        Purpose.AGENT,
        mint.new_id(),
        mint.new_id(),
        mint.nonce(),
        to.mailbox,
        recipient,
        _answer_subject(to.subject, to.number, book),
        answering.body(written.text, about, recipient, book),
        to.newest,
        to.references,
        now,
        now,
        now + timedelta(seconds=book.limits.timing.agent_give_up_s),
        to.ticket_id,
        agent=written.agent,
        shown=to.requester,
        copied=written.cc,
        files=written.attachments,
    )
    return _sending(letter, gateway)


def test_mail(
    to: str, mailbox: str, subject: str, text: str, gateway: Gateway, *, mint: Mint, now: datetime, give_up_at: datetime
) -> Sending:
    """A person's mail from `mailbox` to `to`, to see whether it arrives. It belongs to no ticket."""
    letter = _Letter(
        Purpose.AGENT,
        mint.new_id(),
        mint.new_id(),
        mint.nonce(),
        mailbox,
        to,
        subject,
        text,
        "",
        (),
        now,
        now,
        give_up_at,
        None,
    )
    return _sending(letter, gateway)


def link(token_id: int, gateway: Gateway) -> str:
    """The address of a challenge's page, or "" where there are no pages."""
    if not gateway.web_url:
        return ""
    return f"{gateway.web_url.rstrip('/')}{PAGE}{token.token_text(TokenKind.CHALLENGE, token_id, gateway.keys)}"


def link_chars(web_url: str) -> int:
    """How long the address of a challenge's page is, whichever its token."""
    return len(web_url.rstrip("/")) + len(PAGE) + token.TOKEN_CHARS


def _planned_letter(planned: Planned, subject: str, body: str) -> _Letter:
    return _Letter(
        planned.purpose,
        planned.outbox_id,
        planned.message_id,
        planned.token_id,
        planned.mailbox,
        planned.to,
        subject,
        body,
        planned.answers,
        planned.references,
        planned.at,
        planned.not_before,
        planned.give_up_at,
        planned.ticket_id,
        planned.permit,
        planned.cause,
    )


def _text(planned: Planned, gateway: Gateway, book: Rulebook, number: int) -> tuple[str, str]:
    """Subject and body from the templates. Nothing of the stranger's is among the values."""
    language = planned.language if planned.language in book.templates else FIRST
    values = {"desk": planned.mailbox, "ticket": f"#{number}"}
    if not planned.challenge:
        return _in(*_chosen(planned.template, language, book), values, gateway, book)
    name = "challenge" if gateway.web_url else "challenge-by-reply"
    values["until"] = planned.challenge.expires_at.strftime(DATE_FORMAT)
    values["link"] = link(planned.token_id, gateway)
    subject, body = _in(language, name, values, gateway, book)
    if language == FIRST:
        return subject, body
    # A guess may be wrong, and this is a question that must be understood.
    return subject, in_both(body, _in(FIRST, name, values, gateway, book)[1])


def _chosen(name: str, language: str, book: Rulebook) -> tuple[str, str]:
    """The language and name of the text that a rule chose: in the language of the mail, else in the first one, else
    the ordinary one.
    """
    wanted = f"acknowledge-{name}"
    found = (one for one in (language, FIRST) if name and wanted in book.templates[one])
    return (first, wanted) if (first := next(found, "")) else (language, "acknowledge")


def _in(language: str, name: str, values: Mapping[str, str], gateway: Gateway, book: Rulebook) -> tuple[str, str]:
    answer_time = promised(book.phrases[language].promise, gateway.mailbox(values["desk"]))
    return fill(book.templates[language][name], {**values, "answer_time": answer_time})


def _answer_subject(subject: str, number: int, book: Rulebook) -> str:
    plain, tag = base_subject(subject, book.limits.reply_prefixes), f"[#{number}]"
    return f"Re: {plain}" if tag in plain else f"Re: {plain} {tag}"


def _answer_to(letter: _Letter, keys: Keys) -> str:
    """The signed address that an answer goes to; "" for a mail to our own people that is about no ticket."""
    kind = ANSWER_TO.get(letter.purpose) if letter.ticket_id or not letter.purpose.to_staff else None
    return token.address(kind, letter.token_id, letter.mailbox, keys) if kind else ""


def _sending(letter: _Letter, gateway: Gateway) -> Sending:
    keys, token_id = gateway.keys, letter.token_id
    draft = _draft(letter, gateway)
    return Sending(
        outbox_id=letter.outbox_id,
        message_id=letter.message_id,
        purpose=letter.purpose,
        mail_from=token.address(TokenKind.BOUNCE, token_id, letter.mailbox, keys, domain=gateway.bounce_domain),
        rcpt_to=letter.to,
        recipient=canonical(letter.to),
        mailbox=letter.mailbox,
        identity=draft.message_id,
        token_id=token_id,
        subject=letter.subject,
        raw=compose(draft),
        at=letter.at,
        not_before=letter.not_before,
        give_up_at=letter.give_up_at,
        permit=letter.permit,
        ticket_id=letter.ticket_id,
        cause=letter.cause,
        utf8=needs_utf8(draft),
        agent=letter.agent,
        thread_guid=draft.thread_guid.hex(),
    )


def _draft(letter: _Letter, gateway: Gateway) -> Draft:
    keys, token_id, box = gateway.keys, letter.token_id, gateway.mailbox(letter.mailbox)
    return Draft(
        purpose=letter.purpose,
        sender=Mailaddr(letter.mailbox, box.name if box else ""),
        to=Mailaddr(letter.shown or letter.to),
        cc=tuple(map(Mailaddr, letter.copied)),
        subject=letter.subject,
        body=letter.body,
        files=letter.files,
        date=letter.at,
        message_id=token.message_id(token_id, letter.mailbox.rpartition("@")[2], keys),
        trace=token.trace(letter.purpose, token_id, letter.at, keys),
        marker=token.marker(token_id, keys),
        reply_to=_answer_to(letter, keys),
        in_reply_to=letter.answers,
        references=(*letter.references, letter.answers),
        thread_guid=token.thread_guid(letter.ticket_id or token_id, keys),
    )
