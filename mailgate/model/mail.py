"""Ground: a mail on its way in: the session that brought it, the place it was given, and what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from mailgate.model.terms import Level, Protocol, Role, Sign, TokenKind


class Reply(Struct, frozen=True):
    """An SMTP reply: `Reply(250, "2.0.0 Ok")`. `close` asks the listener to hang up after it."""

    code: int
    text: str
    close: bool = False

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


class Peer(Struct, frozen=True):
    """The client of a session. `ip` is empty on a unix socket; `known` is false where the peer is only our own MTA.

    `via` is the address of the MTA that speaks for the client (XFORWARD), None where the client speaks for himself.
    """

    ip: str = ""
    helo: str = ""
    tls: bool = False
    known: bool = True
    protocol: Protocol = Protocol.SMTP
    role: Role = Role.EDGE
    utf8: bool = False
    via: str | None = None

    @property
    def speaker(self) -> str:
        """The address of who hands the mail over, "" on a unix socket."""
        return self.ip if self.via is None else self.via


class Arrival(Struct, frozen=True):
    """One finished transaction: `raw` as received after dot-unstuffing; `notes` are the wire's own observations."""

    mail_from: str  # "" is the null reverse-path
    recipients: tuple[str, ...]  # as accepted at RCPT, in order
    raw: bytes
    peer: Peer
    at: datetime
    notes: tuple[str, ...] = ()  # "bare-line-end", "long-line", "bad-reverse-path"


class Receipt(Struct, frozen=True):
    """One recipient's place in the journal. `fresh` is false where the very same mail had been accepted before."""

    queue_id: str
    journal_id: int
    fresh: bool
    raw_id: int = 0


class Accepted(Struct, frozen=True):
    """A journal row claimed for processing: one mail for one recipient."""

    journal_id: int
    queue_id: str
    at: datetime
    mail_from: str
    rcpt_to: str
    peer: Peer
    raw: bytes
    notes: tuple[str, ...] = ()
    attempts: int = 1  # this one included; committed before it begins
    last_error: str = ""  # "" with attempts > 1: an earlier attempt died without a word
    replayed: bool = False  # put back by a person after it was shunted
    raw_id: int = 0  # where the bytes are stored; 0 where they are not


class Mailaddr(Struct, frozen=True):
    """One address of a header: `address` is addr-spec, its domain in lower case; `name` the decoded display name."""

    address: str
    name: str = ""


class Mail(Struct, frozen=True):
    """What one message says of itself. Header values are unfolded, undecoded text, in order of appearance."""

    headers: Mapping[str, tuple[str, ...]]  # by lower-case name
    message_id: str = ""  # with angle brackets; "" where there is none
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()  # oldest first, as written
    thread_guid: str = ""  # of Thread-Index, hexadecimal; "" where there is none
    authors: tuple[Mailaddr, ...] = ()  # every mailbox of every From field
    to: tuple[Mailaddr, ...] = ()  # To and Resent-To
    cc: tuple[Mailaddr, ...] = ()  # Cc and Resent-Cc
    reply_to: tuple[Mailaddr, ...] = ()
    subject: str = ""  # decoded, one line, no control characters
    date: datetime | None = None
    content_type: str = "text/plain"
    report_type: str = ""  # of multipart/report
    parts: tuple[str, ...] = ()  # every MIME type inside, lower case; () for a mail of one part
    file_names: tuple[str, ...] = ()  # of parts that have one, decoded and on one line
    calendar_method: str = ""
    enclosed_ids: tuple[str, ...] = ()  # Message-ID values found inside enclosed messages or returned headers
    enclosed_traces: tuple[str, ...] = ()  # Mailgate-Trace values found there
    report_actions: tuple[str, ...] = ()  # what a report says was done: its Action fields, or its words; lower case
    report_status: str = ""  # "5.1.1": of the first recipient that it says was not reached, "" where it says none
    report_reason: str = ""  # and what the other host said, on one line
    hops: int = 0  # Received fields
    body_hash: str = ""  # SHA-256 of the body's bytes, hexadecimal
    size_bytes: int = 0
    defects: tuple[str, ...] = ()
    passed_through: tuple[str, ...] = ()  # Delivered-To and X-Original-To values below a Received field

    @property
    def author(self) -> Mailaddr | None:
        """The one author, or None where there is none or more than one."""
        return self.authors[0] if len(self.authors) == 1 else None


class Shape(Struct, frozen=True):
    """How a mail is made, of which its header says nothing. Texts are as they stand in it, hosts in lower case."""

    words: str = ""  # the beginning of what people read in it
    text_chars: int = 0  # all of that
    html_only: bool = False
    links: int = 0  # to the web
    hosts: tuple[str, ...] = ()  # where they lead, each once
    disguised: tuple[str, ...] = ()  # "shop.example > other.test": what a link says, and where it leads instead
    pictures: int = 0
    signs: tuple[Sign, ...] = ()
    archived: tuple[str, ...] = ()  # names inside the first archive that it carries, lower case


class Authentication(Struct, frozen=True):
    """Who the mail comes from, as proven. Results are the words of RFC 8601; `domain` is the one that aligned."""

    level: Level = Level.A0
    spf: str = "none"
    dkim: str = "none"
    dmarc: str = "none"
    arc: str = "none"
    domain: str = ""
    why: str = ""  # words for a person: "proven by DKIM of example.com"


class Token(Struct, frozen=True):
    """A signed identifier whose MAC was right. What it is bound to stands in the store under `id`."""

    kind: TokenKind
    kid: str
    id: int  # 64 bits
