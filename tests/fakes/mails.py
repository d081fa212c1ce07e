"""Mails of every making for properties to hold over: built from fields and bodies, so that they can be built otherwise.

A mail here is a value: its header fields in order and its body. `raw` writes it; what a standard lets a mail program
do with it on the way (order, case, folding, comments) is done to the value, and must change nothing that is decided.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st

# RFC 5322 section 3.6: these are not reordered, for they tell a way.
TRACE = frozenset({"received", "return-path", "delivered-to", "x-original-to", "resent-from", "resent-to"})
# Fields whose grammar allows comments: RFC 5322 section 3.3 to 3.6, RFC 2045 section 5.1, RFC 3834 section 5.
COMMENTED = frozenset(
    {
        *("from", "to", "cc", "sender", "reply-to", "date", "message-id", "in-reply-to", "references"),
        *("content-type", "content-transfer-encoding", "mime-version", "auto-submitted"),
    }
)

Field = tuple[str, str]


@dataclass(frozen=True)
class Mail:
    """A mail before it is bytes."""

    fields: tuple[Field, ...]
    body: bytes = b"Hello,\r\n\r\nmy printer burns.\r\n"

    def raw(self, written: Callable[[Field], str] = ": ".join) -> bytes:
        """Its bytes; `written` writes a field."""
        return "".join(f"{written(field)}\r\n" for field in self.fields).encode() + b"\r\n" + self.body

    def plus(self, field: Field, at: int = 0) -> Mail:
        """The same with one field more."""
        return replace(self, fields=(*self.fields[:at], field, *self.fields[at:]))

    def reordered(self, order: Sequence[int]) -> Mail:
        """The same in another order; fields of one name, and those that tell the way, keep theirs."""
        rank = sorted(range(len(self.fields)), key=lambda at: order[at % len(order)] if order else at)
        waiting = {_group(self.fields[at]): [] for at in rank}
        for field in self.fields:
            waiting[_group(field)].append(field)
        return replace(self, fields=tuple(waiting[_group(self.fields[at])].pop(0) for at in rank))

    def commented(self, comment: str, *, before: bool = False) -> Mail:
        """The same with a comment at one end of the value of each field that may have one."""
        form = f"({comment}) {{}}" if before else f"{{}} ({comment})"
        written = tuple(
            (name, form.format(value) if value and name.lower() in COMMENTED else value) for name, value in self.fields
        )
        return replace(self, fields=written)


def _group(field: Field) -> str:
    name = field[0].lower()
    return "trace" if name in TRACE else name


def folded(field: Field) -> str:
    """A field with a line of its own for each of its words (RFC 5322 section 2.2.3)."""
    name, value = field
    return f"{name}: " + value.replace(" ", "\r\n ")


# ── What mails are made of ────────────────────────────────────────────────────────────────────────────────────────────

_ADDRESSES = st.sampled_from(
    [
        *("joe@x.test", "anne@y.test", "support@g.test", "mailer-daemon@x.test", "noreply@x.test", "root@x.test"),
        *('"a b"@x.test', "jürgen@bücher.test", "postmaster@g.test", "users-request@lists.test", "broken"),
    ]
)
_NAMES = st.sampled_from(["", "Joe", '"Joe, the Plumber"', "=?utf-8?q?J=C3=BCrgen?=", "Mail Delivery System"])
_MAILBOXES = st.builds(lambda name, address: f"{name} <{address}>".strip(), _NAMES, _ADDRESSES)
_AUTHORS = _MAILBOXES | _ADDRESSES | st.lists(_MAILBOXES, max_size=3).map(", ".join)
_SUBJECTS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=20) | st.sampled_from(
    [
        *("My printer burns", "Re: My printer burns", "Automatic reply: away", "Out of office", "[#12] Invoice"),
        *("Undelivered Mail Returned to Sender", "=?utf-8?b?w6TDtsO8?=", "Abwesenheitsnotiz", "", "failure notice"),
        *("Read: your mail", "DMARC report", "Accepted: meeting", "=?utf-8?q?=E2=9C?= =?utf-8?q?=85?="),
    ]
)
_IDS = st.integers(0, 5).map(lambda number: f"<{number}@x.test>")
_DATES = st.sampled_from(["Mon, 5 Jan 2026 09:00:00 +0000", "5 Jan 2026 09:00 +0100", "soon", ""])
_HOPS = st.sampled_from(["from a by b; Mon, 5 Jan 2026 09:00:00 +0000", "by mx.g.test with ESMTP id 1.abc"])
_FIELDS: dict[str, st.SearchStrategy[str]] = {
    "Received": _HOPS,
    "Delivered-To": _ADDRESSES,
    "Return-Path": st.sampled_from(["<>", "<joe@x.test>"]),
    "Sender": _MAILBOXES,
    "Reply-To": _AUTHORS,
    "Cc": _AUTHORS,
    "In-Reply-To": _IDS,
    "References": st.lists(_IDS, max_size=4).map(" ".join),
    "MIME-Version": st.just("1.0"),
    "Auto-Submitted": st.sampled_from(["no", "auto-replied", "auto-generated (cron)", "auto-notified; x=y", "odd", ""]),
    "Precedence": st.sampled_from(["bulk", "list", "junk", "first-class", "auto_reply"]),
    "List-Id": st.sampled_from(["<users.x.test>", ""]),
    "List-Unsubscribe": st.just("<mailto:leave@x.test>"),
    "X-Auto-Response-Suppress": st.sampled_from(["All", "OOF, DR", "none"]),
    "X-Loop": st.sampled_from(["support@g.test", "other"]),
    "X-Mailer": st.sampled_from(["Thunderbird", "PHPMailer 6.9", "vacation"]),
    "X-Failed-Recipients": _ADDRESSES,
    "Mailgate-Trace": st.just("v=1; i=laborat1; k=1"),
    "Subject": _SUBJECTS,
    "Date": _DATES,
    "X-Any": st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
}

_TEXT = b"Hello,\r\n\r\nmy printer burns.\r\n> quoted\r\n"
_HTML = b"<p>Hello,<br>my <b>printer</b> burns."
_DSN = (
    b"Reporting-MTA: dns; mx.x.test\r\n\r\nFinal-Recipient: rfc822; a@x.test\r\nAction: failed\r\nStatus: 5.1.1\r\n",
    b"Reporting-MTA: dns; mx.x.test\r\n\r\nFinal-Recipient: rfc822; a@x.test\r\nAction: delayed\r\nStatus: 4.4.1\r\n",
    b"",
)
_MDN = b"Final-Recipient: rfc822; a@x.test\r\nDisposition: automatic-action/MDN-sent-automatically; displayed\r\n"
_CALENDAR = b"BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nEND:VCALENDAR\r\n"
_ENCLOSED = b"From: support@g.test\r\nMessage-ID: <1@g.test>\r\nAuto-Submitted: auto-replied\r\n\r\nours\r\n"
_LEAVES = st.sampled_from(
    [
        *(("text/plain; charset=utf-8", _TEXT), ("text/plain", b""), ("text/html", _HTML)),
        *(("message/delivery-status", report) for report in _DSN),
        *(("message/disposition-notification", _MDN), ("message/feedback-report", b"Feedback-Type: abuse\r\n")),
        *(("text/calendar; method=REPLY", _CALENDAR), ("text/calendar", _CALENDAR), ("message/rfc822", _ENCLOSED)),
        *(("text/rfc822-headers", _ENCLOSED), ("application/ms-tnef; name=winmail.dat", b"\x78\x9f\x3e\x22")),
        ("application/pdf; name*=utf-8''%C3%A4.pdf", b"%PDF"),
    ]
)
_GROUPS = st.sampled_from(
    [
        *("mixed", "alternative", "signed", "report; report-type=delivery-status", "report; report-type=tlsrpt"),
        *("report; report-type=disposition-notification", "report", "digest"),
    ]
)
Body = tuple[str, bytes]  # its Content-Type, "" for none, and its bytes


def _multipart(group: str, parts: Sequence[Body], number: int) -> Body:
    boundary = f"b{number}".encode()
    inner = [b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body for content_type, body in parts]
    closed = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in inner) + b"--" + boundary + b"--\r\n"
    return f"multipart/{group}; boundary={boundary.decode()}", closed


BODIES: st.SearchStrategy[Body] = st.just(("", _TEXT)) | st.recursive(
    _LEAVES,
    lambda inner: st.builds(_multipart, _GROUPS, st.lists(inner, min_size=1, max_size=3), st.integers(0, 999)),
    max_leaves=5,
)
_USUAL = st.tuples(_AUTHORS, st.just("support@g.test") | _AUTHORS, _SUBJECTS, _IDS, _DATES).map(
    lambda given: tuple(zip(("From", "To", "Subject", "Message-ID", "Date"), given, strict=True))
)
_OTHERS = st.lists(
    st.sampled_from(sorted(_FIELDS)).flatmap(lambda name: st.tuples(st.just(name), _FIELDS[name])), max_size=6
)
MAILS: st.SearchStrategy[Mail] = st.builds(
    lambda usual, others, body: Mail((*others, *usual, *([("Content-Type", body[0])] if body[0] else [])), body[1]),
    _USUAL,
    _OTHERS,
    BODIES,
)
# What a person writes, by all that can be seen of it.
HUMAN: st.SearchStrategy[Mail] = st.builds(
    lambda subject, body: Mail(
        (
            ("From", "Joe <joe@x.test>"),
            ("To", "support@g.test"),
            ("Subject", subject),
            ("Message-ID", "<1@x.test>"),
            ("Date", "Mon, 5 Jan 2026 09:00:00 +0000"),
            *([("MIME-Version", "1.0"), ("Content-Type", body[0])] if body[0] else []),
        ),
        body[1],
    ),
    st.sampled_from(["My printer burns", "=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Invoice 2041"]),
    st.sampled_from([("", _TEXT), ("text/html; charset=utf-8", _HTML)])
    | st.builds(
        _multipart,
        st.sampled_from(["mixed", "alternative"]),
        st.lists(
            st.sampled_from([("text/plain", _TEXT), ("text/html", _HTML), ("image/png", b"png")]),
            min_size=1,
            max_size=3,
        ),
        st.integers(0, 999),
    ),
)
