"""What mail programs have in common: fields, parts, and what can be read of the mail that is answered."""

from __future__ import annotations

import binascii
import email
import hashlib
import html
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email import policy
from email.header import Header
from email.message import EmailMessage
from email.utils import format_datetime, formataddr, parseaddr
from typing import Protocol, cast

from mailgate.testing import START


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that goes along with a mail."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody has done in his mail program before he pressed Send."""

    who: str  # "Carla Brandt <carla@shop.test>"
    to: str
    subject: str  # "" is the subject of the mail that is answered
    text: str  # what he typed, lines end with \n
    answering: bytes | None
    attachments: tuple[Attached, ...]
    cc: tuple[str, ...]
    at: datetime
    signature: str  # as his program puts it below every mail
    forwarding: bytes | None
    also: Mapping[str, str] = field(default_factory=dict)  # header fields that he, or somebody on the way, added

    @property
    def address(self) -> str:
        return parseaddr(self.who)[1]

    @property
    def old(self) -> Old | None:
        """The mail below the new words."""
        raw = self.answering or self.forwarding
        return Old(cast(EmailMessage, email.message_from_bytes(raw, policy=policy.default))) if raw else None

    def digits(self, many: int, salt: str = "") -> str:
        """Hexadecimal digits that no other mail has."""
        own = f"{self.who}\0{self.to}\0{self.subject}\0{self.text}\0{self.at}\0{salt}"
        return hashlib.sha256(own.encode()).hexdigest()[:many]

    def uuid(self) -> str:
        digits = self.digits(32)
        return "-".join((digits[:8], digits[8:12], "4" + digits[13:16], "a" + digits[17:20], digits[20:]))

    def whole_subject(self, answers: str = "Re: ", forwards: str = "Fwd: ") -> str:
        """The subject, with the prefix of the program where it answers or forwards."""
        if not self.old:
            return self.subject
        plain = re.sub(r"(?i)^((re|fwd?|aw|wg):\s*)+", "", self.subject or self.old.subject)
        return f"{answers if self.answering else forwards}{plain}"

    def chain(self) -> dict[str, str]:
        """In-Reply-To and References as RFC 5322 section 3.6.4 has them."""
        if not (self.answering and self.old):
            return {}
        return {"References": f"{self.old.references} {self.old.id}".strip(), "In-Reply-To": self.old.id}


@dataclass(frozen=True, slots=True)
class Old:
    """A mail as the program of who answers it shows it."""

    mail: EmailMessage

    def _value(self, name: str) -> str:
        return " ".join(str(self.mail[name] or "").split())

    @property
    def id(self) -> str:
        return self._value("Message-ID")

    @property
    def references(self) -> str:
        return self._value("References")

    @property
    def subject(self) -> str:
        return self._value("Subject")

    @property
    def to(self) -> str:
        return self._value("To")

    @property
    def thread_index(self) -> str:
        return "".join(self._value("Thread-Index").split())

    @property
    def name(self) -> str:
        return parseaddr(self._value("From"))[0] or self.address

    @property
    def address(self) -> str:
        return parseaddr(self._value("From"))[1]

    @property
    def from_(self) -> str:
        return f"{self.name} <{self.address}>"

    @property
    def at(self) -> datetime:
        return datetime.strptime(self._value("Date"), "%a, %d %b %Y %H:%M:%S %z")

    @property
    def text(self) -> str:
        part = self.mail.get_body(("plain",))
        return part.get_content().replace("\r\n", "\n").rstrip("\n") if part else ""

    def quoted(self, sign: str = "> ", empty: str = ">") -> str:
        return "\n".join(f"{sign}{line}" if line else empty for line in self.text.split("\n"))

    def as_html(self) -> str:
        return html.escape(self.text, quote=False).replace("\n", "<br>\n")


class Client(Protocol):
    """A mail program: what it makes of what somebody did in it."""

    def __call__(
        self,
        who: str,
        to: str,
        subject: str,
        text: str,
        answering: bytes | None = None,
        *,
        attachments: Iterable[Attached] = (),
        cc: Iterable[str] = (),
        at: datetime = START,
        signature: str = "",
        forwarding: bytes | None = None,
        also: Mapping[str, str] | None = None,
    ) -> bytes: ...


def client(write: Callable[[Said], bytes]) -> Client:
    """A mail program of how it writes what was said."""

    def written(
        who: str,
        to: str,
        subject: str,
        text: str,
        answering: bytes | None = None,
        *,
        attachments: Iterable[Attached] = (),
        cc: Iterable[str] = (),
        at: datetime = START,
        signature: str = "",
        forwarding: bytes | None = None,
        also: Mapping[str, str] | None = None,
    ) -> bytes:
        files = tuple(attachments)
        said = Said(who, to, subject, text, answering, files, tuple(cc), at, signature, forwarding, also or {})
        return write(said)

    return written


# ── Bytes ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def whole(said: Said, fields: Mapping[str, str], body: bytes) -> bytes:
    """Header and body. `body` begins with its own Content-Type; a field that `said.also` names "" is left out."""
    head = {name.lower(): (name, value) for name, value in [*fields.items(), *said.also.items()]}
    return b"".join(_field(name, value) for name, value in head.values() if value) + body


def standing(said: Said) -> dict[str, str]:
    """From, To, Cc and Date; in every mail, whatever wrote it."""
    cc = ", ".join(map(address, said.cc))
    return {"From": address(said.who), "To": address(said.to), "Cc": cc, "Date": format_datetime(said.at)}


def address(written: str) -> str:
    return formataddr(parseaddr(written))


def text_part(kind: str, text: str, *, charset: str = "UTF-8", parameters: str = "", head: str = "") -> bytes:
    """A part of text: 7bit where it can be, else quoted-printable. `head` are further fields."""
    crlf = text.rstrip("\n").replace("\n", "\r\n") + "\r\n"
    plain = crlf.isascii() and all(len(line) < 998 for line in crlf.split("\r\n"))
    encoding = "7bit" if plain else "quoted-printable"
    body = crlf.encode() if plain else _quoted_printable(crlf)
    declared = (
        f'Content-Type: text/{kind}; charset="{charset}"{parameters}\r\nContent-Transfer-Encoding: {encoding}\r\n'
    )
    return f"{declared}{head}\r\n".encode() + body


def file_part(file: Attached, head: str = "") -> bytes:
    """A part with a file."""
    encoded = b64encode(file.content).decode()
    lines = "\r\n".join(encoded[at : at + 76] for at in range(0, len(encoded), 76))
    kind = f'Content-Type: {file.content_type}; name="{file.name}"\r\n'
    place = f'Content-Disposition: attachment; filename="{file.name}"\r\nContent-Transfer-Encoding: base64\r\n'
    return f"{kind}{place}{head}\r\n{lines}\r\n".encode()


def multipart(kind: str, boundary: str, parts: Iterable[bytes], parameters: str = "") -> bytes:
    """Parts together."""
    inside = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    declared = f'Content-Type: multipart/{kind};{parameters}\r\n\tboundary="{boundary}"\r\n\r\n'
    return declared.encode() + inside + f"--{boundary}--\r\n".encode()


def with_files(said: Said, boundary: str, body: bytes) -> bytes:
    """The body, and beside it what is attached."""
    if not said.attachments:
        return body
    return multipart("mixed", boundary, [body, *map(file_part, said.attachments)])


def flowed(text: str, width: int = 72) -> str:
    """Text as RFC 3676 has it: a line that goes on ends with a space, one that looks like a quote begins with one."""
    return "\n".join(line for paragraph in text.split("\n") for line in _flowed(paragraph, width))


def escaped(text: str) -> str:
    return html.escape(text, quote=False)


def blocks(text: str, block: str, empty: str) -> str:
    """A block of HTML for each line; `block` has {} where the line goes."""
    return "".join(block.format(escaped(line)) if line else empty for line in text.split("\n"))


def _flowed(paragraph: str, width: int) -> Iterable[str]:
    if paragraph.startswith(">") or len(paragraph) <= width:
        yield paragraph
        return
    line = ""
    for word in paragraph.split(" "):
        if line and len(line) + len(word) + 1 > width:
            yield f"{line} "
            line = ""
        line = f"{line} {word}" if line else word
    yield line


def _quoted_printable(crlf: str) -> bytes:
    lines = crlf.encode().replace(b"\r\n", b"\n")
    return binascii.b2a_qp(lines, istext=True).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _field(name: str, value: str) -> bytes:
    written = value if value.isascii() else Header(value, "utf-8").encode()
    if name in ("References", "Thread-Index") and len(written) > 70:
        written = "\r\n ".join(written.split(" ") if " " in written else re.findall(".{1,72}", written))
    return f"{name}: {written}\r\n".encode()
