"""How often a mail was handed on: counted at the door, where nothing else of it has been read yet."""

from __future__ import annotations


def count_hops(raw: bytes) -> int:
    """The Received fields of a message (RFC 5321 section 6.3). Linear, and it reads only the header block."""
    end = raw.find(b"\r\n\r\n")
    head = b"\n" + (raw if end < 0 else raw[:end]).lower()
    return head.count(b"\nreceived:") + head.count(b"\nreceived :")
