"""Mail as customers and machines write it, for the laboratory."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime
from itertools import count

from mailgate.lab import letters
from mailgate.lab.letters import body, read

__all__ = ["answer", "body", "letter", "link", "read"]

_serial = count(1)


def letter(
    author: str = "anne@x.test",
    to: str = "support@g.test",
    *,
    subject: str = "The printer is on fire",
    text: str = "It burns. Please help.",
    message_id: str = "",
    date: datetime | None = None,
    **fields: str,
) -> bytes:
    """One mail as CRLF bytes. `fields` are further header fields; an underscore in a name is a hyphen."""
    head = {"Message_ID": message_id or f"<letter-{next(_serial)}@x.test>"}
    head |= {"Date": format_datetime(date)} if date else {}
    return letters.letter(author, to, identity="", subject=subject, text=text, **{**head, **fields})


def answer(mail: bytes, author: str, *, text: str = "Yes, it is me.", **fields: str) -> tuple[bytes, str]:
    """An answer to `mail` as a mail program writes it, and the address it goes to."""
    to = letters.where_to(mail)
    subject, whole = f"Re: {read(mail)['Subject']}", f"{text}\n\n{letters.quoted(mail)}"
    return letter(author, to, subject=subject, text=whole, **letters.in_thread(mail), **fields), to


def link(mail: bytes) -> str:
    """The one link to a confirmation page in a mail."""
    return next(word for word in body(mail).split() if "/c/" in word)
