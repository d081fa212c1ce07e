"""The MIME parts of a message, found in one pass over its bytes and never opened where nobody asks. Never raises.

How it works: only lines that begin with two hyphens can part a body. Each is compared with the boundaries that are
open at that place, the innermost first, so that nesting costs no second look at any byte. Enclosed messages are
leaves: what stands inside them says nothing about the mail that carries them.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from mailgate.mail import charset, headers, words

MOST_PARTS = 200
MOST_DEPTH = 50  # multiparts inside one another; mail clients make about five
MOST_DELIMITERS = 100_000  # lines that begin with two hyphens
LONGEST_BOUNDARY = 200  # RFC 2046 section 5.1.1 says 70
MOST_PART_HEADER_BYTES = 16 * 1024

_ENCODINGS = frozenset({"", "7bit", "8bit", "binary", "base64", "quoted-printable"})  # RFC 2045 section 6.1


class Part(Struct, frozen=True):
    """A MIME part: its body is `raw[start:end]`, still in its transfer encoding."""

    content_type: str
    parameters: Mapping[str, str]
    encoding: str
    start: int
    end: int
    attached: bool = False
    disposition: str = ""  # the Content-Disposition field as it stands
    content_id: str = ""  # likewise
    groups: tuple[int, ...] = ()  # the multiparts around it, as indexes into Structure.parts, outermost first

    @property
    def file_name(self) -> str:
        """The name as written, by RFC 2183, else the older one of the Content-Type; "" where it has none."""
        named = headers.parameters(self.disposition)[1].get("filename", "") if ";" in self.disposition else ""
        return named or self.parameters.get("name", "")

    def body(self, raw: bytes, most_bytes: int) -> bytes:
        """The first `most_bytes` of the body, its transfer encoding undone as far as it can be."""
        return decoded(raw[self.start : min(self.end, self.start + most_bytes)], self.encoding)


class Structure(Struct, frozen=True):
    """The parts of a message in order; the first is the message itself."""

    parts: tuple[Part, ...]
    defects: tuple[str, ...] = ()


def decoded(body: bytes, encoding: str) -> bytes:
    """`body` without its transfer encoding (RFC 2045 section 6); an unknown one counts as none."""
    match encoding:
        case "base64":
            return words.base64(body)
        case "quoted-printable":
            return binascii.a2b_qp(body)
        case _:
            return body


def structure_of(raw: bytes) -> Structure:
    """The parts of a message as received."""
    header_end, start = headers.body_start(raw)
    return structure(raw, headers.fields(raw[:header_end]), start)


def structure(raw: bytes, fields: headers.Fields, start: int) -> Structure:
    """The parts of the message whose header is `fields` and whose body begins at `start`."""
    walk = _Walk(raw)
    walk.add(fields, start)
    walk.run(start)
    return Structure(tuple(walk.parts), tuple(walk.defects))


@dataclass(slots=True)
class _Walk:
    raw: bytes
    parts: list[Part] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    boundaries: list[bytes] = field(default_factory=list)  # open now, outermost first
    groups: list[int] = field(default_factory=list)  # whose they are, as indexes into parts
    leaf: int | None = None  # the part whose end is not known yet

    def run(self, at: int) -> None:
        """Walk over the delimiter lines from the body's first byte on."""
        if not self.boundaries:
            return
        raw = self.raw
        seen = 0
        if not raw.startswith(b"--", at):
            at = _next_delimiter(raw, at)
        while self.boundaries and at >= 0:
            seen += 1
            if seen > MOST_DELIMITERS or len(self.parts) > MOST_PARTS:
                self.note("too-many-parts")
                break
            newline = raw.find(b"\n", at, at + LONGEST_BOUNDARY + 10)
            line_end = newline + 1 if newline >= 0 else min(len(raw), at + LONGEST_BOUNDARY)
            at = self.delimiter(raw[at + 2 : line_end].rstrip(), at, line_end)
        if len(self.parts) == 1 and self.boundaries:
            self.note("no-parts")
        elif self.boundaries and "too-many-parts" not in self.defects:
            self.note("unclosed-multipart")

    def delimiter(self, line: bytes, at: int, line_end: int) -> int:
        """Take one line that begins with two hyphens; return where the next one stands, -1 for nowhere."""
        for depth in range(len(self.boundaries) - 1, -1, -1):
            boundary = self.boundaries[depth]
            if not line.startswith(boundary) or line not in (boundary, boundary + b"--"):
                continue
            self.close(at)
            closing = line != boundary
            del self.boundaries[depth + (not closing) :], self.groups[depth + (not closing) :]
            return _next_delimiter(self.raw, line_end - 1) if closing else self.part(line_end)
        return _next_delimiter(self.raw, line_end - 1)

    def part(self, at: int) -> int:
        """Read the header of the part that begins at `at`; return where the next delimiter line stands."""
        end = min(len(self.raw), at + MOST_PART_HEADER_BYTES)
        header_end, body = headers.body_start(self.raw, at, end)
        cut = self.raw.find(b"\n--", at - 1, header_end)
        if cut >= 0:  # the part ends before its header does
            header_end = body = cut + 1
        elif body == end < len(self.raw):
            self.note("part-header-too-long")
        fields = headers.fields(self.raw[at:header_end])
        if fields.defects:
            self.note("bad-part-header")
        self.add(fields, body)
        return body if self.raw.startswith(b"--", body) else _next_delimiter(self.raw, max(body - 1, 0))

    def add(self, fields: headers.Fields, start: int) -> None:
        """Record a part; a multipart opens its boundary."""
        declared, disposition = fields.first("content-type"), fields.first("content-disposition")
        content_type, parameters = headers.parameters(declared)
        content_type = content_type.partition(" ")[0]  # what stands behind it lacks its semicolon
        if content_type.count("/") != 1:
            # RFC 2045 section 5.2; RFC 2046 section 5.1.5: inside a digest the default is a message.
            content_type = "text/plain"
        index = len(self.parts)
        encoding = headers.uncommented(fields.first("content-transfer-encoding")).lower()
        self.parts.append(
            Part(
                content_type,
                parameters,
                encoding,
                start,
                end=len(self.raw),
                attached=disposition.lower().startswith("attachment"),
                disposition=disposition,
                content_id=fields.first("content-id"),
                groups=tuple(self.groups),
            )
        )
        self.doubt(self.parts[-1], declared)
        boundary = parameters.get("boundary", "").rstrip().encode("utf-8", "replace")
        if not content_type.startswith("multipart/"):
            self.leaf = index
        elif not 0 < len(boundary) <= LONGEST_BOUNDARY:
            self.note("no-boundary")
        elif len(self.boundaries) == MOST_DEPTH:
            self.note("too-deep")
        else:
            self.boundaries.append(boundary)
            self.groups.append(index)

    def close(self, at: int) -> None:
        """The open leaf ends before the line break in front of the delimiter (RFC 2046 section 5.1.1)."""
        if self.leaf is None:
            return
        part = self.parts[self.leaf]
        end = at - 1 if self.raw[at - 1 : at] == b"\n" else at
        end -= self.raw[end - 1 : end] == b"\r"
        self.parts[self.leaf] = replace(part, end=max(part.start, end))
        self.leaf = None

    def doubt(self, part: Part, declared: str) -> None:
        """Name what is odd in how a part describes itself; `declared` is its Content-Type."""
        if headers.has_too_many_parameters(declared) or headers.has_too_many_parameters(part.disposition):
            self.note("too-many-parameters")
        if part.encoding not in _ENCODINGS:
            self.note("unknown-encoding")
        named = part.parameters.get("charset", "")
        if named and part.content_type.startswith("text/") and not charset.is_known(named):
            self.note("unknown-charset")

    def note(self, defect: str) -> None:
        if defect not in self.defects:
            self.defects.append(defect)


def _next_delimiter(raw: bytes, at: int) -> int:
    found = raw.find(b"\n--", at)
    return found + 1 if found >= 0 else -1
