"""A mail that goes on as it came, with our fields above it and not one of its own bytes changed.

Its signatures hold, for what they cover is below. What we add is trace alone, as Sieve's redirect adds it (RFC 5228
section 4.2): no Resent- field, which is for a person who sends a mail again (RFC 5322 section 3.6.6), and no
Auto-Submitted, for what a person wrote stays his (RFC 3834 section 5). Pure: times and names are given.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

from msgspec import Struct

from mailgate.mail import words

LONGEST_NAME = 255  # characters of a host's name


class Passage(Struct, frozen=True):
    """How a mail came to us, and the names that stand for its passage."""

    client: str  # its IP address, "" where it is not known
    helo: str
    host: str  # who we are
    protocol: str  # "ESMTP", "ESMTPS", "LMTP", … (RFC 3848)
    id: str  # the number it was given here, with our MAC
    at: datetime
    mailbox: str  # that it was delivered to
    trace: str  # value of Mailgate-Trace


def onward(raw: bytes, passage: Passage) -> bytes:
    """`raw` (CRLF lines, as received) below our trace fields.

    Received (RFC 5321 section 4.4) counts the hop for every host on the way; Delivered-To (RFC 9228) and Mailgate-Trace
    let whoever brings it back know, and us most of all.
    """
    client = f" ([{'IPv6:' if ':' in passage.client else ''}{_word(passage.client)}])" if passage.client else ""
    fields = (
        f"Delivered-To: {_word(passage.mailbox)}",
        f"Mailgate-Trace: {words.clean(passage.trace)}".replace("; t=", ";\r\n t="),
        f"Received: from {_word(passage.helo) or 'unknown'}{client}",
        f" by {_word(passage.host)} with {_word(passage.protocol)} id {_word(passage.id)};",
        f" {format_datetime(passage.at.astimezone(UTC))}",
    )
    return "\r\n".join((*fields, "")).encode("utf-8", "replace") + raw


def _word(text: str) -> str:
    """One word of a trace field: nothing that could end it or begin another."""
    return "".join(char for char in text if char.isprintable() and char not in " ()<>;\\")[:LONGEST_NAME]
