"""Mail as customers and machines write it, for the laboratory."""

from __future__ import annotations

import email
from datetime import datetime
from email.message import Message
from email.utils import format_datetime
from itertools import count

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
    head = {
        "From": author,
        "To": to,
        "Subject": subject,
        "Message-ID": message_id or f"<letter-{next(_serial)}@x.test>",
        **({"Date": format_datetime(date)} if date else {}),
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    lines = [f"{name}: {value}" for name, value in head.items() if value]
    return "\r\n".join([*lines, "", *text.split("\n"), ""]).encode()


def answer(mail: bytes, author: str, *, text: str = "Yes, it is me.", **fields: str) -> tuple[bytes, str]:
    """An answer to `mail` as a mail program writes it, and the address it goes to."""
    asked = read(mail)
    to = asked["Reply-To"] or asked["From"]
    identity = str(asked["Message-ID"])
    references = " ".join(f"{asked.get('References', '')} {identity}".split())
    quoted = "\n".join(f"> {line}" for line in body(mail).splitlines())
    raw = letter(
        author,
        to.strip("<>"),
        subject=f"Re: {asked['Subject']}",
        text=f"{text}\n\n{quoted}",
        In_Reply_To=identity,
        References=references,
        **fields,
    )
    return raw, to.strip("<>")


def read(mail: bytes) -> Message:
    """The header fields of a mail."""
    return email.message_from_bytes(mail)


def body(mail: bytes) -> str:
    """The text of a mail of one part."""
    payload = read(mail).get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


def link(mail: bytes) -> str:
    """The one link to a confirmation page in a mail."""
    return next(word for word in body(mail).split() if "/c/" in word)
