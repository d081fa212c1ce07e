"""A message as bytes, read into the one value that all others judge. Never raises, whatever the bytes are.

The header is read in full, the body only where its type says that parts stand in it. Nothing is repaired: what is
broken, and what was left unread because it passed a bound, is named in `Mail.defects` by a word of `DEFECTS`.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice

from msgspec.structs import replace

from mailgate.digest import sha256_of
from mailgate.mail import address, charset, headers, words
from mailgate.mail.headers import Fields
from mailgate.mail.structure import Part, Structure, structure
from mailgate.model import Mail, Mailaddr

MOST_REFERENCES = 200  # the first and the newest ones are kept
LONGEST_ID = 998  # RFC 5322 section 2.1.1: it has to fit on a line
LONGEST_DATE = 128
GUID_PLACE, GUID_END = 6, 22  # in the header block of a conversation index ([MS-OXOMSG] 2.2.1.3)
GUID_CHARS = 32  # of base64 in which that block stands
MOST_REPORT_BYTES = 256 * 1024  # of one report, calendar or enclosed header
MOST_ACTIONS = 1000  # recipients of one delivery report

_ONCE = frozenset(
    {
        *("date", "sender", "reply-to", "to", "cc", "bcc", "message-id", "in-reply-to", "references", "subject"),
        *("mime-version", "content-type", "content-transfer-encoding", "content-disposition", "content-id"),
    }
)  # RFC 5322 section 3.6, RFC 2045 section 3; From is looked at by itself
DEFECTS = frozenset(
    {
        # The author.
        *("no-from", "two-from", "from-without-address"),
        # The header block; two-… where a field that may stand once says two different things, repeated-field where
        # it says one thing twice.
        *("header-too-long", "too-many-fields", "bad-header-line", "stray-control", "repeated-field"),
        *(f"two-{name}" for name in _ONCE),
        *("no-date", "bad-date", "bad-message-id", "too-many-references", "too-many-addresses"),
        # The parts.
        *("no-boundary", "no-parts", "too-many-parts", "too-deep", "unclosed-multipart", "too-many-parameters"),
        *("part-header-too-long", "bad-part-header", "unknown-encoding", "unknown-charset"),
        # What a report or a calendar inside says.
        *("report-too-long", "too-many-actions"),
    }
)

_MONTHS = {
    "Jan": "01", "Feb": "02", "Mar": "03", "Apr": "04", "May": "05", "Jun": "06",
    "Jul": "07", "Aug": "08", "Sep": "09", "Oct": "10", "Nov": "11", "Dec": "12",
}  # fmt: skip
_STATUS = frozenset({"message/delivery-status", "message/global-delivery-status"})
_ENCLOSED = frozenset({"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"})
_WITH_STRUCTURE = ("multipart/", "message/", "text/rfc822-headers", "text/calendar")


def parse(raw: bytes) -> Mail:
    """Read a message, as received. The body is walked only as far as its type makes it necessary."""
    return read(raw)[0]


def read(raw: bytes) -> tuple[Mail, Structure]:
    """The same, and where its parts stand, for whoever wants the text as well."""
    header_end, start = headers.body_start(raw)
    fields = headers.fields(raw[:header_end])
    values = fields.values
    authors = address.parse(values.get("from", ()))
    parts = structure(raw, fields, start)
    whole = parts.parts[0]
    inside = _inside(raw, parts) if whole.content_type.startswith(_WITH_STRUCTURE) else _Inside()
    in_reply_to, references = ids(values.get("in-reply-to", ())), ids(values.get("references", ()))
    to, cc = _both(fields, "to", "resent-to"), _both(fields, "cc", "resent-cc")
    mail = Mail(
        headers=values,
        message_id=next(iter(ids(values.get("message-id", ()))), ""),
        in_reply_to=in_reply_to[:MOST_REFERENCES],
        references=_first_and_newest(references),
        thread_guid=thread_guid(fields.first("thread-index")),
        authors=authors,
        to=to,
        cc=cc,
        reply_to=address.parse(values.get("reply-to", ())),
        subject=words.decode(fields.first("subject")),
        date=date(fields.first("date")),
        content_type=whole.content_type,
        report_type=whole.parameters.get("report-type", "").lower() if whole.content_type == "multipart/report" else "",
        parts=inside.types,
        file_names=tuple(words.decode(name) for part in parts.parts if (name := part.file_name)),
        calendar_method=inside.calendar_method,
        enclosed_ids=inside.ids,
        enclosed_traces=inside.traces,
        report_actions=inside.actions,
        hops=len(values.get("received", ())),
        body_hash=_body_hash(raw, start),
        size_bytes=len(raw),
        passed_through=tuple(_passed_through(fields)),
    )
    cut = _cut(authors, to, cc, in_reply_to, references)
    defects = (*fields.defects, *_header_defects(mail), *cut, *parts.defects, *inside.defects)
    return replace(mail, defects=defects) if defects else mail, parts


def ids(values: tuple[str, ...]) -> tuple[str, ...]:
    """The message identifiers in these field values, angle brackets included, each once and as written.

    Identifiers without brackets are accepted where there are none with (RFC 7103 section 7.5.2 is as tolerant).
    """
    found: dict[str, None] = {}
    for value in values:
        inside = [piece.rpartition("<")[2] for piece in value.split(">")[:-1] if "<" in piece]
        for text in inside or [word for word in value.split() if "@" in word]:
            identifier = "".join(text.split())
            if 0 < len(identifier) <= LONGEST_ID - 2:
                found[f"<{identifier}>"] = None
    return tuple(found)


def thread_guid(value: str) -> str:
    """The 16 bytes by which Outlook knows a conversation, from a Thread-Index, hexadecimal; "" where there are none.

    What follows them says which answer in it this is, so only they are the same in every mail of it.
    """
    text = "".join(value[: 4 * GUID_CHARS].split())[:GUID_CHARS]
    try:
        found = binascii.a2b_base64(text)[GUID_PLACE:GUID_END]
    except ValueError:
        return ""
    # Nothing but zeros is what programs write that know of none.
    return found.hex() if len(found) == GUID_END - GUID_PLACE and any(found) else ""


def date(value: str) -> datetime | None:
    """The moment in UTC that a Date field names; None where it names none."""
    try:
        return _plain_date(value)
    except (ValueError, KeyError, OverflowError):
        return _any_date(value)


def _plain_date(value: str) -> datetime:
    """The form that nearly all mail has (RFC 5322 section 3.3), read in a third of the time. Raises for all others."""
    weekday, number, month, year, clock, zone, *_ = value[:LONGEST_DATE].split(None, 6)
    if weekday[3:] != "," or len(clock) != 8 or len(zone) != 5 or not value.isascii():
        raise ValueError(value)
    # A year that begins with 0 is one of two digits to the standard library.
    if len(year) != 4 or year[0] == "0":
        raise ValueError(value)
    day, offset = f"{year}-{_MONTHS[month]}-{number:0>2}", f"{zone[:3]}:{zone[3:]}"
    return datetime.fromisoformat(f"{day}T{clock}{offset}").astimezone(UTC)


def _any_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value[:LONGEST_DATE])
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _first_and_newest(references: tuple[str, ...]) -> tuple[str, ...]:
    if len(references) <= MOST_REFERENCES:
        return references
    return (references[0], *references[1 - MOST_REFERENCES :])


def _header_defects(mail: Mail) -> Iterator[str]:
    values = mail.headers
    if "from" not in values:
        yield "no-from"
    elif len(values["from"]) > 1:
        yield "two-from"
    elif not mail.authors:
        yield "from-without-address"
    # A mail may be without (RFC 5322 section 3.6.4).
    if "message-id" in values and not mail.message_id:
        yield "bad-message-id"
    if not mail.date:
        yield "bad-date" if "date" in values else "no-date"
    yield from _repeated(values)


def _repeated(values: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Fields that stand more often than they may (RFC 7103 section 7.5.1)."""
    often = [name for name, each in values.items() if len(each) > 1 and name in _ONCE]
    if not often:
        return
    agreeing = [name for name in often if len(set(values[name])) == 1]
    yield from (f"two-{name}" for name in often if name not in agreeing)
    if agreeing:
        yield "repeated-field"


def _cut(
    authors: tuple[Mailaddr, ...],
    to: tuple[Mailaddr, ...],
    cc: tuple[Mailaddr, ...],
    in_reply_to: tuple[str, ...],
    references: tuple[str, ...],
) -> Iterator[str]:
    """What of these lists is not kept, or was not read."""
    if address.MOST_ADDRESSES in (len(authors), len(to), len(cc)):
        yield "too-many-addresses"
    if max(len(in_reply_to), len(references)) > MOST_REFERENCES:
        yield "too-many-references"


@dataclass(slots=True)
class _Inside:
    """What the parts of a message say."""

    types: tuple[str, ...] = ()
    defects: list[str] = field(default_factory=list)
    ids: tuple[str, ...] = ()
    traces: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    calendar_method: str = ""


def _inside(raw: bytes, read: Structure) -> _Inside:
    found = _Inside()
    found.types = tuple(part.content_type for part in read.parts[1:])
    for part in read.parts:
        if part.content_type in _STATUS:
            found.actions += tuple(islice(_actions(_report(part, raw, found)), MOST_ACTIONS + 1))
        elif part.content_type in _ENCLOSED:
            enclosed = _header_of(part, raw)
            found.ids += ids(enclosed.values.get("message-id", ()))
            found.traces += enclosed.values.get("mailgate-trace", ())
        elif part.content_type == "text/calendar" and not found.calendar_method:
            found.calendar_method = _calendar_method(part, _report(part, raw, found))
    if len(found.actions) > MOST_ACTIONS:
        found.actions = found.actions[:MOST_ACTIONS]
        found.defects.append("too-many-actions")
    return found


def _report(part: Part, raw: bytes, found: _Inside) -> bytes:
    """The body of a part that is read for what it says."""
    if part.end - part.start > MOST_REPORT_BYTES and "report-too-long" not in found.defects:
        found.defects.append("report-too-long")
    return part.body(raw, MOST_REPORT_BYTES)


def _header_of(part: Part, raw: bytes) -> Fields:
    body = part.body(raw, MOST_REPORT_BYTES).lstrip(b"\r\n")
    return headers.fields(body[: headers.body_start(body)[0]])


def _actions(report: bytes) -> Iterator[str]:
    """The Action of every recipient of a delivery report (RFC 3464 section 2.3.3), in lower case."""
    for line in report.split(b"\n"):
        name, colon, value = line.partition(b":")
        if colon and name.strip().lower() == b"action":
            yield headers.uncommented(charset.decode(value)).lower()


def _calendar_method(part: Part, calendar: bytes) -> str:
    """What a calendar object asks for (RFC 6047 section 2.4), in upper case: REQUEST, REPLY, CANCEL …"""
    if method := part.parameters.get("method"):
        return words.clean(method).upper()
    for line in calendar.split(b"\n"):
        name, colon, value = line.partition(b":")
        if colon and name.strip().upper() == b"METHOD":
            return words.clean(charset.decode(value).strip()).upper()
    return ""


def _both(fields: Fields, name: str, resent: str) -> tuple[Mailaddr, ...]:
    return address.parse((*fields.values.get(name, ()), *fields.values.get(resent, ())))


def _body_hash(raw: bytes, start: int) -> str:
    return sha256_of(memoryview(raw)[start:]).hex()


def _passed_through(fields: Fields) -> Iterator[str]:
    """Delivered-To and X-Original-To values below a Received field: written on an earlier leg of the way."""
    if "delivered-to" not in fields.values and "x-original-to" not in fields.values:
        return
    received = False
    for name, value in fields.order:
        received = received or name == "received"
        if received and name in ("delivered-to", "x-original-to"):
            yield value
