"""What a machine's report says in words: whom the mail did not reach and why, and whose mail it was. Never raises.

Only the beginning of a mail is looked at, line by line: the notice, up to where the returned mail begins, then its
header. Nothing here decides whether a mail is a report; that is done with the evidence collected here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice, pairwise
from typing import Any

import re2
from msgspec import Struct

from mailgate.mail import address, charset, headers, words
from mailgate.mail.html import from_html
from mailgate.mail.parse import ids
from mailgate.mail.report.forms import Forms
from mailgate.mail.structure import Structure
from mailgate.model import Mailaddr

MOST_BYTES = 64 * 1024
MOST_LINES = 1000
LONGEST_LINE = 1000  # characters; RFC 5322 section 2.1.1 allows 998
MOST_OPENING_LINES = 40  # in which a report says that it is one; mobile operators say it in their own language first
MOST_RECIPIENTS = 1000
MOST_IDS = 20
LONGEST_REASON = 500  # characters; servers tell long stories

_WITH_RETURNED = frozenset(
    {"message/rfc822", "message/global", "message/partial", "text/rfc822-headers", "message/global-headers"}
)
_MIME = ("--", "content-", "boundary=")
_ADDRESS = re2.compile(r"[A-Za-z0-9][A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{0,63}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
# RFC 3463 section 2. A dot or a digit on either side would make it a network address.
_ENHANCED = re2.compile(r"(?:^|[^\d.])([45]\.\d{1,3}\.\d{1,3})(?:[^\d.]|\.?$|\.[^\d])")
_REPLY = re2.compile(r"(?:^|[^\d.:-])([45][0-5]\d)(?:[ -]|$)")  # RFC 5321 section 4.2
# The same where it can hardly be anything else: people write of 500 boxes too.
_CITED = re2.compile(
    r"(?i)(?:^\s*|<<<\s*|[:>]\s+|[(\[]\s*|\bsaid:?\s+|\berror:?\s+)[45][0-5]\d(?:[ -]+[^\s\d]|[ -][245]\.\d)"
)


class Notice(Struct, frozen=True):
    """The words of a report, in lines; `returned` are those from where the mail is returned that it is about."""

    lines: tuple[str, ...]
    returned: tuple[str, ...] = ()
    encloses: bool = False  # the mail is returned as a part of its own

    def opening(self) -> Iterator[str]:
        """The first lines that have words."""
        return islice((line for line in self.lines if line.strip()), MOST_OPENING_LINES)


class Found(Struct, frozen=True):
    """A recipient whom the notice names, and what it says of him."""

    address: str
    reason: str
    status: str


def notice_of(raw: bytes, parts: Structure, forms: Forms) -> Notice:
    """The words of a mail as those of a report."""
    lines = _lines(text_of_notice(raw, parts))
    at = next((at for at, line in enumerate(lines) if forms.returned.begin(line)), len(lines))
    enclosed = next((part for part in parts.parts[1:] if part.content_type in _WITH_RETURNED), None)
    returned = lines[at:]
    if enclosed and not returned:
        body = enclosed.body(raw, MOST_BYTES).lstrip(b"\r\n")
        returned = _lines(charset.decode(body[: headers.body_start(body)[0]]))
    return Notice(lines[:at], returned, enclosed is not None)


def recipients(notice: Notice, forms: Forms, senders: Collection[str] = ()) -> tuple[Found, ...]:
    """Whom the notice names, each once; whoever sent the mail is named by some too and is none of them."""
    lines = notice.lines
    places = _places(lines, forms, senders) or _only_one(lines, forms, senders) or _places(lines, forms, ())
    blocks: dict[str, list[str]] = {}
    for (at, name), (end, _) in pairwise([*places, (len(lines), "")]):
        blocks.setdefault(name, []).extend(_told(lines[at:end], name))
    shared, alone = of_all(notice, forms), len(blocks) == 1
    found: list[Found] = []
    for name, block in reversed(blocks.items()):
        said = words.clean(" ".join(block))
        # Recipients in a row have their reason in common: it stands behind the last of them, or before them all.
        if said and ((code := status(said, forms)) or not alone):
            shared = said[:LONGEST_REASON], code
        found.append(Found(name, *shared))
    return tuple(reversed(found))


def of_all(notice: Notice, forms: Forms) -> tuple[str, str]:
    """The reason and the status that a notice gives for all: its first line that says why, else all of it."""
    first = next(((line, code) for line in notice.lines if (code := status(line, forms))), None)
    line, code = first or (" ".join(notice.lines), "")
    return words.clean(" ".join(line.split()))[:LONGEST_REASON], code


def status(text: str, forms: Forms) -> str:
    """The enhanced status code (RFC 3463) that a text has, or stands for by its words or its reply code; else ""."""
    raw = text.encode("utf-8", "replace")
    if enhanced := _ENHANCED.search(raw):
        return str(enhanced.group(1).decode())
    reply = _REPLY.search(raw)
    code = reply.group(1).decode() if reply else ""
    meant = next((status for status, pattern in forms.statuses if pattern.search(raw)), "")
    if meant:
        return code[:1] + meant[1:] if code else meant
    return forms.codes.get(code, f"{code[0]}.0.0") if code else ""


def has_reply(notice: Notice) -> bool:
    """Does the notice cite what a mail server said?"""
    return any(_CITED.search(line.encode("utf-8", "replace")) for line in notice.lines)


def names_somebody(notice: Notice, forms: Forms, senders: Collection[str]) -> bool:
    """Does the notice name a recipient other than `senders`, in the way of reports?"""
    return bool(_places(notice.lines[:MOST_OPENING_LINES], forms, senders))


def returned_ids(notice: Notice, raw: bytes = b"") -> tuple[str, ...]:
    """The Message-IDs of the mail that the report is about, looked for in `raw` where the notice has none."""
    values = [value for name in ("message-id", "original-message-id") for value in _values(notice, name)]
    if not values and raw:
        start = headers.body_start(raw)[1]
        values = list(_values(Notice(_lines(charset.decode(raw[start : start + MOST_BYTES]))), "message-id"))
    return ids(tuple(values))[:MOST_IDS]


def returned_traces(notice: Notice) -> tuple[str, ...]:
    """The Mailgate-Trace values of that mail."""
    return tuple(_values(notice, "mailgate-trace"))[:MOST_IDS]


def returned_to(notice: Notice) -> str:
    """The one address that the returned mail was sent to, or ""."""
    named = _returned(notice, "to")
    return named[0].address if len(named) == 1 else ""


def returned_path(notice: Notice) -> tuple[Mailaddr, ...]:
    """The reverse-path of the returned mail."""
    return _returned(notice, "return-path")


def text_of_notice(raw: bytes, parts: Structure) -> str:
    """The first text of a mail; of one whose parts cannot be told apart, its whole body without what parts it."""
    for wanted in ("text/plain", "text/html"):
        for part in parts.parts:
            if part.content_type == wanted and part.end > part.start:
                text = charset.decode(part.body(raw, MOST_BYTES), part.parameters.get("charset", ""))
                text = from_html(text) if wanted == "text/html" else text
                if text.strip():
                    return text
    start = headers.body_start(raw)[1]
    lines = charset.decode(raw[start : start + MOST_BYTES]).splitlines()
    return "\n".join(line for line in lines if not line.lower().startswith(_MIME))


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line[:LONGEST_LINE] for line in text.splitlines()[:MOST_LINES])


def _places(lines: Sequence[str], forms: Forms, senders: Collection[str]) -> list[tuple[int, str]]:
    """The lines that name a recipient, and whom."""
    for patterns in (forms.recipients, forms.otherwise):
        named = ((at, patterns.address(line)) for at, line in enumerate(lines))
        if found := [(at, name) for at, name in named if name and name.lower() not in senders][:MOST_RECIPIENTS]:
            return found
    return []


def _only_one(lines: Sequence[str], forms: Forms, senders: Collection[str]) -> list[tuple[int, str]]:
    """The first line with the one address that is named at all, mail systems and `senders` aside."""
    others = {*senders, *forms.daemons, *forms.offices}
    first = enumerate(lines[:MOST_OPENING_LINES])
    named = [(at, one[0].decode("utf-8", "replace")) for at, line in first for one in _addresses(line)]
    people = [(at, name) for at, name in named if others.isdisjoint({name.lower(), name.lower().rpartition("@")[0]})]
    return people[:1] if len({name.lower() for _, name in people}) == 1 else []


def _addresses(line: str) -> Iterator[Any]:
    return iter(_ADDRESS.finditer(line.encode("utf-8", "replace"))) if "@" in line else iter(())


def _told(lines: Sequence[str], name: str) -> list[str]:
    """What is said of a recipient: the lines from the one that names him, without his bare name."""
    first, *others = (" ".join(line.split()) for line in lines)
    bare = first.replace(name, "").strip(" <>\"':.,*-")
    return [line for line in (first if bare else "", *others) if line]


def _returned(notice: Notice, field: str) -> tuple[Mailaddr, ...]:
    return address.parse(tuple(_values(Notice((), notice.returned), field))[:1])


def _values(notice: Notice, field: str) -> Iterator[str]:
    """The values of a header field of the returned mail, however far it is indented or quoted."""
    lines = (*notice.lines, *notice.returned)
    for at, line in enumerate(lines):
        name, colon, value = line.lstrip(" \t>").partition(":")
        if colon and name.rstrip().lower() == field:
            yield " ".join([value, *_folded(lines[at + 1 : at + 11], len(line) - len(line.lstrip(" \t>")))]).strip()


def _folded(lines: Sequence[str], indent: int) -> Iterator[str]:
    """The lines that go on with a field: they stand further in than its name (RFC 5322 section 2.2.3)."""
    for line in lines:
        if not line[indent : indent + 1].isspace():
            return
        yield line.lstrip(" \t>")
