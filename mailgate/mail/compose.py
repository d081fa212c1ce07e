"""Our own mail as ready bytes: which header fields each purpose needs, and nothing in them that does not belong there.

All tokens, markers and traces arrive ready in the draft; no key is known here. Every field is cleaned on its way out,
so that no value, whoever wrote it, can end its line, begin another field or name a second recipient.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from msgspec import Struct

from mailgate.mail import enclose, words
from mailgate.mail.address import LONGEST_ADDRESS, addr_spec
from mailgate.model import Attachment, Mailaddr, Purpose

MARKER_LABEL = "Ref: "
MARKER_LINE = f"{MARKER_LABEL}mg-"  # how the last line of every mail of ours begins, and of nobody else's
LINE_CHARS = 76  # where fields are folded (RFC 5322 section 2.1.1 says 78)
LONGEST_LINE = 998
LONGEST_WORD = 800  # characters of one word that is not encoded
LONGEST_NAME = 120  # characters of a display name
LONGEST_SUBJECT = 400
TEXT_TYPE = "text/plain; charset=utf-8"
NEWEST_REFERENCES = 10  # kept beside the first one
ENCODED_BYTES = 42  # 56 characters of base64: an encoded-word has at most 75 (RFC 2047 section 2)

# What says "a machine wrote this" to every system there is: RFC 3834 section 5, its Precedence of old, Exchange
# ([MS-OXOMSG] 2.2.1.77: not "All", which would forbid reports of failure too), and the helpdesks that know no better.
_AUTOMATIC = (
    ("Auto-Submitted", "auto-replied"),
    ("Precedence", "bulk"),
    ("X-Auto-Response-Suppress", "DR, RN, NRN, OOF, AutoReply"),
    ("X-Autoreply", "yes"),
)
_TO_STAFF = (("Auto-Submitted", "auto-generated"), *_AUTOMATIC[1:3])
MARKS: dict[Purpose, tuple[tuple[str, str], ...]] = {
    Purpose.ACKNOWLEDGE: _AUTOMATIC,
    Purpose.CHALLENGE: _AUTOMATIC,
    Purpose.NOTICE: _TO_STAFF,
    Purpose.DIGEST: _TO_STAFF,
    Purpose.AGENT: (),
}

_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)  # of a Windows FILETIME
_ATEXT = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~ ")


class Draft(Struct, frozen=True):
    """A mail to be composed. Identifiers carry their angle brackets; "" or () leaves a field out."""

    purpose: Purpose
    sender: Mailaddr  # the mailbox the customer wrote to, and the name of the desk
    to: Mailaddr
    subject: str
    body: str  # any line ends
    date: datetime
    message_id: str
    trace: str  # value of Mailgate-Trace
    marker: str  # "mg-…", the last line of the body
    reply_to: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()  # the whole chain, oldest first, the mail that is answered last
    thread_guid: bytes = b""  # 16 bytes that stand for the conversation
    cc: tuple[Mailaddr, ...] = ()  # who else gets it
    files: tuple[Attachment, ...] = ()


def compose(draft: Draft) -> bytes:
    """The mail as CRLF lines of at most 998 octets, ready to be signed and sent."""
    encoding, text = _body(draft)
    kind, encoding, body = _with_files(draft, encoding, text) if draft.files else (TEXT_TYPE, encoding, text)
    chain = _chain(draft.references)
    fields = (
        ("Date", [format_datetime(draft.date.astimezone(UTC))]),
        ("From", _mailbox(draft.sender)),
        ("To", _mailbox(draft.to)),
        ("Cc", _mailboxes(draft.cc)),
        ("Reply-To", _mailbox(Mailaddr(draft.reply_to)) if draft.reply_to else []),
        ("Subject", _text(draft.subject, LONGEST_SUBJECT)),
        ("Message-ID", _ids([draft.message_id])),
        ("In-Reply-To", _ids([draft.in_reply_to])),
        ("References", chain),
        *((name, [value]) for name, value in MARKS[draft.purpose]),
        ("Mailgate-Trace", _plain(draft.trace).split(" ")),
        ("Thread-Index", [_thread_index(draft.thread_guid, draft.date)] if draft.thread_guid else []),
        ("MIME-Version", ["1.0"]),
        ("Content-Type", [kind]),
        ("Content-Transfer-Encoding", [encoding]),
    )
    head = "".join(_field(name, tokens) for name, tokens in fields if any(tokens))
    return f"{head}\r\n".encode() + body


def needs_utf8(draft: Draft) -> bool:
    """Does an address need SMTPUTF8 (RFC 6531) at the next hop? Everything else is encoded."""
    copied = (each.address for each in draft.cc)
    return not "".join((draft.sender.address, draft.to.address, draft.reply_to, *copied)).isascii()


def _field(name: str, tokens: Iterable[str]) -> str:
    """One field, folded between its tokens (RFC 5322 section 2.2.3)."""
    lines = [f"{name}:"]
    for token in filter(None, tokens):
        if len(lines[-1]) + 1 + len(token) > LINE_CHARS and lines[-1] != f"{name}:":
            lines.append("")
        lines[-1] += f" {token}"
    return "\r\n".join(lines) + "\r\n"


def _mailbox(mailbox: Mailaddr) -> list[str]:
    written = words.clean(mailbox.address)
    if not addr_spec(written) or "<" in written or ">" in written:
        # Nothing may end the address early or begin another one.
        written = "".join(char for char in written if char not in '<>()[],;:"\\ ')[:LONGEST_ADDRESS]
    return [*_phrase(mailbox.name), f"<{written}>"]


def _mailboxes(several: tuple[Mailaddr, ...]) -> list[str]:
    """A list of addresses: tokens to fold between, a comma after each but the last (RFC 5322 section 3.4)."""
    written = [_mailbox(each) for each in several]
    return [token for each in written[:-1] for token in (*each[:-1], f"{each[-1]},")] + (written[-1] if written else [])


def _phrase(name: str) -> list[str]:
    """A display name: bare, quoted or encoded, whichever is the least that serves."""
    plain = " ".join(words.clean(name).split())[:LONGEST_NAME]
    if not plain.isascii() or "=?" in plain:
        return _encoded(plain)
    if _ATEXT.issuperset(plain):
        return [plain]
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"')
    return [f'"{escaped}"']


def _text(text: str, most_chars: int) -> list[str]:
    """Unstructured text as tokens to fold between, encoded (RFC 2047) where it has to be."""
    plain = " ".join(words.clean(text).split())[:most_chars]
    return plain.split(" ") if plain.isascii() and "=?" not in plain else _encoded(plain)


def _encoded(text: str) -> list[str]:
    tokens, chunk, size = [], "", 0
    for char in text:
        width = len(char.encode())
        if size + width > ENCODED_BYTES:
            tokens.append(chunk)
            chunk, size = "", 0
        chunk, size = chunk + char, size + width
    return [
        f"=?utf-8?b?{binascii.b2a_base64(each.encode(), newline=False).decode()}?=" for each in [*tokens, chunk] if each
    ]


def _plain(text: str) -> str:
    """A value that is ASCII by nature; what is not is not ours."""
    return "".join(char for char in " ".join(words.clean(text).split()) if char.isascii())[:LONGEST_WORD]


def _ids(ids: Iterable[str]) -> list[str]:
    """The identifiers that may stand in a field: one word each, in one pair of brackets."""
    return [each for each in ids if _is_id(each)]


def _is_id(text: str) -> bool:
    shaped = text[:1] == "<" and text[-1:] == ">" and 2 < len(text) <= LONGEST_WORD
    return shaped and text.isascii() and text.isprintable() and set(" <>").isdisjoint(text[1:-1])


def _chain(references: tuple[str, ...]) -> list[str]:
    """The first and the newest references: the root keeps the thread together, the newest are what clients look at."""
    good = list(dict.fromkeys(_ids(references)))
    return good if len(good) <= NEWEST_REFERENCES + 1 else [good[0], *good[-NEWEST_REFERENCES:]]


def _thread_index(guid: bytes, date: datetime) -> str:
    """The header block of a conversation index ([MS-OXOMSG] 2.2.1.3): the high bytes of a FILETIME, then the GUID."""
    ticks = max(0, (date - _EPOCH) // timedelta(microseconds=1)) * 10
    high = ticks.to_bytes(8, "big")[1:6]
    return binascii.b2a_base64(b"\x01" + high + guid[:16].ljust(16, b"\0"), newline=False).decode()


def _body(draft: Draft) -> tuple[str, bytes]:
    """Transfer encoding and body. Text that is not plain ASCII is quoted-printable, never 8bit: a relay that has to
    convert it on the way would break our signature (RFC 6376 section 5.3).
    """
    text = draft.body.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
    lines = [words.without_controls(line).rstrip() for line in text.rstrip().split("\n")]
    if draft.marker:
        lines += ["", f"{MARKER_LABEL}{_plain(draft.marker)}"]
    whole = "\n".join(lines) + "\n"
    if whole.isascii() and all(len(line) <= LONGEST_LINE for line in lines):
        return "7bit", whole.replace("\n", "\r\n").encode()
    quoted = binascii.b2a_qp(whole.encode(), istext=True)
    return "quoted-printable", quoted.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _with_files(draft: Draft, encoding: str, text: bytes) -> tuple[str, str, bytes]:
    """Content type, transfer encoding and body of a text with files behind it (RFC 2046 section 5.1.3)."""
    head = f"Content-Type: {TEXT_TYPE}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()
    # Of the text itself, so that the same draft makes the same bytes; "=_" stands in no encoded line (RFC 2045
    # section 6.7), and no text holds its own hash.
    boundary = f"=_mg{hashlib.sha256(draft.message_id.encode('utf-8', 'surrogatepass') + text).hexdigest()[:32]}"
    parts = [head + text, *(enclose.part(each) for each in draft.files)]
    body = b"".join(b"--%s\r\n%s" % (boundary.encode(), part) for part in parts)
    return f'multipart/mixed; boundary="{boundary}"', "7bit", body + b"--%s--\r\n" % boundary.encode()
