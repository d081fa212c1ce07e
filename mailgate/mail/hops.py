"""How often a mail was handed on: counted at the door, where nothing else of it has been read yet."""

from __future__ import annotations

from mailgate.mail.headers import MOST_BYTES


def count_hops(raw: bytes) -> int:
    """The Received fields of a message (RFC 5321 section 6.3), as far as its header block is read at all.

    Each server writes its own on top, so that none stands below what others wrote to hide it.
    """
    end = raw.find(b"\r\n\r\n", 0, MOST_BYTES)
    head = b"\n" + raw[: MOST_BYTES if end < 0 else end].lower()
    return head.count(b"\nreceived:") + head.count(b"\nreceived :")
