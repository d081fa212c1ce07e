"""The trace fields of a mail that we took in: what stands above the original bytes in the copy that people get."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

from mailgate.mail import words
from mailgate.model import Peer, Protocol

LONGEST_NAME = 255  # of a host (RFC 5321 section 4.5.3.1.2)

# Name of the protocol by (protocol, UTF-8 asked for, TLS): RFC 3848 and RFC 6531 section 4.3.
_WITH = {
    (Protocol.SMTP, False, False): "ESMTP",
    (Protocol.SMTP, False, True): "ESMTPS",
    (Protocol.SMTP, True, False): "UTF8SMTP",
    (Protocol.SMTP, True, True): "UTF8SMTPS",
    (Protocol.LMTP, False, False): "LMTP",
    (Protocol.LMTP, False, True): "LMTPS",
    (Protocol.LMTP, True, False): "UTF8LMTP",
    (Protocol.LMTP, True, True): "UTF8LMTPS",
}


def received_line(peer: Peer, *, by: str, queue_id: str, at: datetime, rcpt_to: str = "") -> bytes:
    """Our Received field (RFC 5321 section 4.4), CRLF included.

    `rcpt_to` is "" where the mail had several recipients: naming one would tell the others of him (section 7.2).
    """
    address = f"IPv6:{peer.ip}" if ":" in peer.ip else peer.ip
    helo = _atom(peer.helo) or (f"[{address}]" if address else "localhost")
    client = f"{helo} ([{_atom(address)}])" if address else helo
    by_clause = f"by {_atom(by)} with {_WITH[peer.protocol, peer.utf8, peer.tls]} id {_atom(queue_id)}"
    for_clause = f"\r\n\tfor <{_path(rcpt_to)}>" if rcpt_to else ""
    when = format_datetime(at.astimezone(UTC))
    return f"Received: from {client}\r\n\t{by_clause}{for_clause};\r\n\t{when}\r\n".encode()


def return_path_line(mail_from: str) -> bytes:
    """The Return-Path field of final delivery (RFC 5321 section 4.4), CRLF included; "" is the null reverse-path."""
    return f"Return-Path: <{_path(mail_from)}>\r\n".encode()


def _atom(text: str) -> str:
    """What of `text` may stand in a clause without being taken for another one."""
    return "".join(char for char in text[:LONGEST_NAME] if char.isascii() and (char.isalnum() or char in "-._:[]"))


def _path(address: str) -> str:
    return words.clean(address).translate({ord(char): None for char in "<>\r\n"})[: 2 * LONGEST_NAME]
