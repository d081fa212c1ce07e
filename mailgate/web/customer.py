"""The customer of the demo: writes mail as a mail program would, and answers as a person or as an absence notice.

Composes only; who hands the mail over, and what the gateway makes of it, is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

import re2

from mailgate.errors import NotAllowed
from mailgate.mail.text import text_of
from mailgate.web.console import Letter

# Not the grammar of RFC 5322, only what a person types into a form.
ADDRESS = re2.compile(r"[!#-'*+\-./0-9=?A-Z^_`a-z{|}~]{1,64}@[0-9A-Za-z.-]{1,255}")

ABSENCE = "I am out of the office until Monday. In urgent cases please write to my colleagues."


@dataclass(frozen=True, slots=True)
class Posting:
    """A mail with its envelope. `mail_from` is "" where nobody wants to hear of a failure."""

    mail_from: str
    rcpt_to: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Stamp:
    """What makes a mail unlike any other."""

    at: datetime
    message_id: str


def write(letter: Letter, stamp: Stamp) -> Posting:
    """Compose a first mail. Raises NotAllowed where the sender is no address."""
    if not ADDRESS.fullmatch(letter.sender):
        raise NotAllowed(f"{letter.sender!r} is not an address; write for example anna@customer.example.")
    mail = _mail(letter.sender, letter.mailbox, letter.subject, letter.text, stamp)
    return Posting(letter.sender, letter.mailbox, mail.as_bytes())


def answer(original: bytes, customer: str, text: str, stamp: Stamp) -> Posting:
    """Answer a mail to `customer` as a person does: to Reply-To, with the thread's ids, above the quoted mail."""
    mail = message_from_bytes(original, policy=policy.SMTP)
    quoted = "".join(f"> {line}\n" for line in text_of(original).splitlines())
    to = str(mail["Reply-To"] or mail["From"] or "")
    reply = _mail(customer, to, f"Re: {_bare_subject(mail)}", f"{text}\n\n{mail['From']} wrote:\n{quoted}", stamp)
    identity = str(mail["Message-ID"] or "")
    reply["In-Reply-To"] = identity
    reply["References"] = f"{mail['References'] or ''} {identity}".strip()
    return Posting(customer, parseaddr(to)[1], reply.as_bytes())


def answer_absent(original: bytes, mail_from: str, customer: str, stamp: Stamp) -> Posting:
    """Answer as a well-behaved program: marked, with a null sender, to the envelope sender `mail_from` of the original.

    Raises NotAllowed where such a program keeps silent: RFC 3834 section 2 forbids answering a null sender.
    """
    if not mail_from:
        raise NotAllowed("This mail came from the empty sender address, which no well-behaved program answers.")
    mail = message_from_bytes(original, policy=policy.SMTP)
    notice = _mail(customer, mail_from, f"Auto: {_bare_subject(mail)}", ABSENCE, stamp)
    notice["Auto-Submitted"] = "auto-replied"
    notice["In-Reply-To"] = str(mail["Message-ID"] or "")
    return Posting("", mail_from, notice.as_bytes())


def _mail(sender: str, to: str, subject: str, text: str, stamp: Stamp) -> EmailMessage:
    mail = EmailMessage(policy.SMTP)
    mail["From"] = sender
    mail["To"] = to
    mail["Subject"] = " ".join(subject.split())
    mail["Date"] = format_datetime(stamp.at)
    mail["Message-ID"] = stamp.message_id
    # A browser sends a textarea with CRLF.
    mail.set_content("\n".join(text.splitlines()) + "\n")
    return mail


def _bare_subject(mail: EmailMessage) -> str:
    return str(mail["Subject"] or "").removeprefix("Re: ")
