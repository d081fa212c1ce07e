"""Mails as an mbox, which every mail program reads; knows nothing of tickets. Never raises.

Of the mbox formats this is mboxrd, the one that loses nothing: every line that begins with `From `, after any number of
`>`, gets one `>` more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

_BEGIN = b"From "
# RFC 4155 wants the C locale's, whatever ours is.
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
NOBODY = "MAILER-DAEMON"


class Leaf(NamedTuple):
    """One mail: who handed it in, "" for nobody; when; and its bytes."""

    sender: str
    at: datetime
    raw: bytes


def mbox(mails: Iterable[Leaf]) -> Iterator[bytes]:
    """The mails, one after the other. Their lines end in LF, as files have them; a last line that does not end does."""
    for mail in mails:
        yield _begin(mail) + _quoted(mail.raw) + b"\n"


def _begin(mail: Leaf) -> bytes:
    at = mail.at
    day, month = _DAYS[at.weekday()], _MONTHS[at.month - 1]
    time = f"{day} {month} {at.day:2} {at.hour:02}:{at.minute:02}:{at.second:02} {at.year:04}"
    # A blank would end the address.
    sender = "".join(char for char in mail.sender if char.isprintable() and not char.isspace()) or NOBODY
    return _BEGIN + f"{sender} {time}\n".encode("utf-8", "replace")


def _quoted(raw: bytes) -> bytes:
    lines = raw.replace(b"\r\n", b"\n").split(b"\n")
    quoted = [b">" + line if line.lstrip(b">").startswith(_BEGIN) else line for line in lines]
    return b"\n".join(quoted if not lines[-1] else [*quoted, b""])
