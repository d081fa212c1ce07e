import hashlib
import time
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime, parsedate_to_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailgate.mail.parse import DEFECTS, MOST_REFERENCES, date, ids, parse
from mailgate.mail.structure import MOST_DEPTH, MOST_PARTS
from mailgate.model import Mail, Mailaddr
from tests.fakes.judging import rulebook


def mail(*lines: str) -> Mail:
    return parse("\r\n".join(lines).encode())


DSN = (
    "From: MAILER-DAEMON@mx.x.test",
    "Content-Type: multipart/report; report-type=Delivery-Status; boundary=b",
    "",
    "--b",
    "",
    "It failed.",
    "--b",
    "Content-Type: message/delivery-status",
    "",
    "Reporting-MTA: dns; mx.x.test",
    "",
    "Final-Recipient: rfc822; a@x.test",
    "Action: Failed (for good)",
    "",
    "Final-Recipient: rfc822; b@x.test",
    "ACTION : delayed",
    "--b",
    "Content-Type: text/rfc822-headers",
    "",
    "Message-ID: <mg1.am.1@g.test>",
    "Mailgate-Trace: v=1; i=lab",
    "Auto-Submitted: auto-replied",
    "--b--",
)


def test_an_ordinary_mail_is_read_in_full() -> None:
    read = mail(
        "Received: by a",
        "Received: by b",
        "From: Joe <joe@X.test>",
        "To: support@g.test",
        "Resent-To: other@g.test",
        "CC: a@x.test",
        "Subject: =?utf-8?q?Caf=C3=A9?=",
        "Date: Sun, 22 Nov 2026 10:00:00 +0100",
        "Message-ID: <1@x.test>",
        "In-Reply-To: <2@x.test>",
        "References: <3@x.test>",
        "\t<2@x.test>",
        "",
        "Hello",
    )
    assert read.authors == (Mailaddr("joe@x.test", "Joe"),)
    assert [each.address for each in read.to] == ["support@g.test", "other@g.test"]
    assert [each.address for each in read.cc] == ["a@x.test"]
    assert read.subject == "Café"
    assert read.date == datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert (read.message_id, read.in_reply_to) == ("<1@x.test>", ("<2@x.test>",))
    assert read.references == ("<3@x.test>", "<2@x.test>")
    assert (read.hops, read.content_type, read.parts, read.defects) == (2, "text/plain", (), ())
    assert read.body_hash == hashlib.sha256(b"Hello").hexdigest()


def test_header_names_are_known_in_any_case_and_with_space_before_the_colon() -> None:
    assert mail("AUTO-SUBMITTED : Auto-Generated", " (cron); x=1", "").headers["auto-submitted"] == (
        "Auto-Generated (cron); x=1",
    )


def test_every_instance_of_a_field_is_kept_in_order() -> None:
    assert mail("X-A: 1", "X-B: 2", "X-A: 3", "").headers["x-a"] == ("1", "3")


def test_the_body_hash_is_of_the_bytes_as_they_came() -> None:
    raw = b"From: a@x.test\r\n\r\none\r\ntwo\n"
    assert parse(raw).body_hash == hashlib.sha256(b"one\r\ntwo\n").hexdigest()


BODIES = {
    "CRLF": b"A: 1\r\n\r\nbody",
    "LF": b"A: 1\n\nbody",
    "LF, then CRLF": b"A: 1\n\r\nbody",
    "LF first, CRLF later": b"A: 1\n\nbody",
    "mailbox separator": b"From joe@x.test Sun Nov 22\nA: 1\n\nbody",
}


@pytest.mark.parametrize("raw", BODIES.values(), ids=BODIES)
def test_the_header_ends_at_the_first_empty_line(raw: bytes) -> None:
    read = parse(raw)
    assert read.headers == {"a": ("1",)}
    assert read.body_hash == hashlib.sha256(b"body").hexdigest()


WHOLE = ("From: a@x.test", "Date: Sun, 22 Nov 2026 10:00:00 +0100", "Message-ID: <1@x.test>")
MIXED = (*WHOLE, "Content-Type: multipart/mixed; boundary=b", "", "--b")
REPORT = (*WHOLE, "Content-Type: multipart/report; boundary=b", "", "--b", "Content-Type: message/delivery-status", "")

BROKEN = {
    "no From": (("Subject: x", ""), "no-from"),
    "two From fields": (("From: a@x.test", "From: b@x.test", ""), "two-from"),
    "From without an address": (("From: MAILER-DAEMON", ""), "from-without-address"),
    "a line that is no field": (("From: a@x.test", "no field here", ""), "bad-header-line"),
    "a name with spaces in it": (("From: a@x.test", "X y: z", ""), "bad-header-line"),
    "header of many fields": (("From: a@x.test", *["X: y"] * 5000, ""), "too-many-fields"),
    "header of many bytes": (("From: a@x.test", "X: " + "y" * 300_000, ""), "header-too-long"),
    "multipart without a boundary": (("From: a@x.test", "Content-Type: multipart/mixed", "", "x"), "no-boundary"),
    "multipart without parts": (("From: a@x.test", "Content-Type: multipart/mixed; boundary=b", "", "x"), "no-parts"),
    "many references": (("References: " + " ".join(f"<{n}@x>" for n in range(300)), ""), "too-many-references"),
    "answers to many": (("In-Reply-To: " + " ".join(f"<{n}@x>" for n in range(300)), ""), "too-many-references"),
    "many addresses": (("Cc: " + ", ".join(f"a{n}@x" for n in range(1500)), ""), "too-many-addresses"),
    "a zero byte": (("Subject: a\0b", ""), "stray-control"),
    "a bare carriage return": (("Subject: a\rb", ""), "stray-control"),
    "one subject twice": (("Subject: a", "Subject: a", ""), "repeated-field"),
    "no Date": (("Subject: a", ""), "no-date"),
    "a Date that is none": (("Date: soon", ""), "bad-date"),
    "a Message-ID that is none": (("Message-ID: " + "<" * 40, ""), "bad-message-id"),
    "a Message-ID longer than a line": (("Message-ID: <" + "a" * 2000 + "@x>", ""), "bad-message-id"),
    "an end that never comes": ((*MIXED, "", "x"), "unclosed-multipart"),
    "header of a part of many bytes": ((*MIXED, "X: " + "y" * 20_000, "", "x", "--b--"), "part-header-too-long"),
    "a broken header of a part": ((*MIXED, "no field here", "", "x", "--b--"), "bad-part-header"),
    "many parameters": ((*WHOLE, "Content-Type: text/plain" + "; a=b" * 60, ""), "too-many-parameters"),
    "long parameters": ((*WHOLE, "Content-Type: text/plain; a=" + "b" * 20_000, ""), "too-many-parameters"),
    "a transfer encoding of its own": ((*WHOLE, "Content-Transfer-Encoding: x-yenc", ""), "unknown-encoding"),
    "a charset of its own": ((*WHOLE, "Content-Type: text/plain; charset=x-unknown", ""), "unknown-charset"),
    "UTF-7": ((*WHOLE, "Content-Type: text/plain; charset=utf-7", ""), "unknown-charset"),
    "a long report": ((*REPORT, "X: " + "y" * 300_000, "--b--"), "report-too-long"),
    "a report on many": ((*REPORT, *["Action: failed"] * 1500, "--b--"), "too-many-actions"),
}


@pytest.mark.parametrize(("lines", "defect"), BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_named(lines: tuple[str, ...], defect: str) -> None:
    assert defect in mail(*lines).defects
    assert defect in DEFECTS


@pytest.mark.parametrize(
    "name", ["Subject", "Date", "Message-ID", "To", "Cc", "Reply-To", "Sender", "Content-Type", "In-Reply-To"]
)
def test_a_field_that_contradicts_itself_is_named(name: str) -> None:
    read = mail("From: a@x.test", f"{name}: a", f"{name}: b", "")
    assert f"two-{name.lower()}" in read.defects
    assert "repeated-field" not in read.defects


@pytest.mark.parametrize(
    ("declared", "content_type"),
    [
        ("TEXT/HTML", "text/html"),
        ("text/html charset=utf-8", "text/html"),
        ("text/html (of a kind) ; x", "text/html"),
        ("text", "text/plain"),
        ("a/b/c", "text/plain"),
        (";", "text/plain"),
        ("", "text/plain"),
    ],
)
def test_a_content_type_is_one_word_or_plain_text(declared: str, content_type: str) -> None:
    assert mail(f"Content-Type: {declared}", "").content_type == content_type


def test_a_whole_mail_has_no_defect() -> None:
    assert mail(*WHOLE, "Received: a", "Received: b", "", "Hello").defects == ()


def test_of_very_many_references_the_first_and_the_newest_stay() -> None:
    read = mail("References: " + " ".join(f"<{n}@x>" for n in range(300)), "").references
    assert (len(read), read[0], read[-1]) == (MOST_REFERENCES, "<0@x>", "<299@x>")


IDS = {
    "plain": ("<a@x>", ("<a@x>",)),
    "several": ("<a@x><b@x> <a@x>", ("<a@x>", "<b@x>")),
    "words around": ("Your message of Monday <a@x>", ("<a@x>",)),
    "no brackets": ("a@x", ("<a@x>",)),
    "folded inside": ("<a .b@x>", ("<a.b@x>",)),
    "bracket too many": ("<<a@x>>", ("<a@x>",)),
    "too long": (f"<{'a' * 2000}@x>", ()),
    "nothing": ("hello", ()),
}


@pytest.mark.parametrize(("value", "expected"), IDS.values(), ids=IDS)
def test_identifiers_are_found(value: str, expected: tuple[str, ...]) -> None:
    assert ids((value,)) == expected


@pytest.mark.parametrize("value", ["", "yesterday", "Sun, 99 Foo 2026", "1 Jan 99999999999 00:00:00 +9999", "\0" * 400])
def test_a_date_that_is_none_is_none(value: str) -> None:
    assert date(value) is None


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(9998, 12, 31)),
    st.integers(-1439, 1439),
    st.sampled_from(["", " (CET)"]),
)
def test_a_date_is_read_as_the_standard_library_reads_it(local: datetime, offset_min: int, comment: str) -> None:
    zone = timezone(timedelta(minutes=offset_min))
    written = format_datetime(local.replace(tzinfo=zone)) + comment

    assert date(written) == parsedate_to_datetime(written) == local.replace(tzinfo=zone, microsecond=0)
    assert date(written.partition(", ")[2]) == date(written)


@given(
    st.tuples(
        st.sampled_from(["Sat,", "Foo,", "June", "Sat", "12,"]),
        st.sampled_from(["1", "28", "31", "0"]),
        st.sampled_from(["Nov", "nov", "Feb", "13"]),
        st.sampled_from(["2026", "0001", "0026", "9999", "1000", "26"]),
        st.sampled_from(["10:00:00", "23:59:60", "24:00:00", "10.00.00", "10:00", "00:00:00", "23:59:59"]),
        st.sampled_from(["+0000", "-0000", "+0500", "-0500", "+2500", "+0560", "GMT", "EST", "00000"]),
    ),
)
def test_the_short_way_to_a_date_ends_where_the_long_one_does(words: tuple[str, ...]) -> None:
    written = " ".join(words)
    try:
        expected = parsedate_to_datetime(written)
        in_utc = expected.replace(tzinfo=expected.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        in_utc = None

    assert date(written) == in_utc


def test_a_delivery_report_gives_its_actions_and_what_it_encloses() -> None:
    read = mail(*DSN)
    assert (read.content_type, read.report_type) == ("multipart/report", "delivery-status")
    assert read.parts == ("text/plain", "message/delivery-status", "text/rfc822-headers")
    assert read.report_actions == ("failed", "delayed")
    assert read.enclosed_ids == ("<mg1.am.1@g.test>",)
    assert read.enclosed_traces == ("v=1; i=lab",)
    assert "auto-submitted" not in read.headers


def test_a_report_in_base64_is_read() -> None:
    read = mail(
        "Content-Type: message/global-delivery-status",
        "Content-Transfer-Encoding: base64",
        "",
        "UmVwb3J0aW5nLU1UQTogZG5zOyB4CgpBY3Rpb246IGZhaWxlZAo=",
    )
    assert read.report_actions == ("failed",)


def test_parts_of_an_enclosed_mail_are_not_parts_of_the_mail() -> None:
    """Somebody who forwards a bounce is no bounce."""
    inner = [line.replace("=b", "=inner").replace("--b", "--inner") for line in DSN]
    read = mail(
        "Content-Type: multipart/mixed; boundary=out",
        "",
        "--out",
        "",
        "look at this",
        "--out",
        "Content-Type: message/rfc822",
        "",
        "Message-ID: <inside@x>",
        *inner,
        "--out--",
    )
    assert read.parts == ("text/plain", "message/rfc822")
    assert read.report_actions == ()
    assert read.enclosed_ids == ("<inside@x>",)


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Type: text/calendar; method=reply", "", "x"),
        ("Content-Type: text/calendar", "", "BEGIN:VCALENDAR", "METHOD:REPLY"),
        (
            "Content-Type: multipart/alternative; boundary=b",
            "",
            "--b",
            "Content-Type: text/calendar; method=REPLY",
            "",
            "--b--",
        ),
    ],
    ids=["parameter", "property", "part"],
)
def test_a_calendar_says_what_it_asks_for(lines: tuple[str, ...]) -> None:
    assert mail(*lines).calendar_method == "REPLY"


def test_a_delivery_stamp_counts_only_below_a_received_field() -> None:
    """The last hop writes it above: that is our own front MTA's, and proves no loop."""
    read = mail(
        "Delivered-To: now@g.test", "Received: by a", "Delivered-To: before@g.test", "X-Original-To: o@g.test", ""
    )
    assert read.passed_through == ("before@g.test", "o@g.test")


def nested(depth: int) -> bytes:
    head = b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n"
    return b"".join(head % n + b"--%d\r\n" % n for n in range(depth))


def test_multiparts_may_be_nested_without_end() -> None:
    assert "too-deep" in parse(nested(5000)).defects
    assert "too-deep" not in parse(nested(MOST_DEPTH - 1)).defects


def test_a_defect_is_named_once() -> None:
    part = ("--b", "Content-Type: multipart/mixed", "", "x")
    read = mail(*WHOLE, "Content-Type: multipart/mixed; boundary=b", "", *part, *part, "--b--")
    assert read.defects == ("no-boundary",)


def test_a_calendar_may_ask_for_nothing() -> None:
    assert mail("Content-Type: text/calendar", "", "BEGIN:VCALENDAR").calendar_method == ""


def test_parts_may_be_without_number() -> None:
    read = parse(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 5000)
    assert "too-many-parts" in read.defects
    assert len(read.parts) <= MOST_PARTS


def test_the_boundary_of_an_outer_part_ends_the_inner_ones() -> None:
    read = mail(
        "Content-Type: multipart/mixed; boundary=a",
        "",
        "--a",
        "Content-Type: multipart/alternative; boundary=ab",
        "",
        "--ab",
        "Content-Type: text/html",
        "",
        "--a",
        "Content-Type: image/png",
        "",
        "--ab",
        "Content-Type: text/csv",
        "",
        "--a--",
    )
    assert read.parts == ("multipart/alternative", "text/html", "image/png")


@given(st.binary(max_size=400))
@example(b"")
@example(b"\r\n")
@example(b"From: \xff\r\nSubject: \x00\x1b[31m\r\n\r\n")
@example(b"Content-Type: multipart/mixed; boundary=\r\n\r\n--\r\n----")
@example(b"Date: Thu, 99 Dec 99999 00:00:00 +999999\r\n\r\n")
def test_any_bytes_are_a_mail(raw: bytes) -> None:
    read = parse(raw)
    for values in read.headers.values():
        assert all(value.isprintable() or value.strip() for value in values if value)
        assert not any(char in value for value in values for char in "\r\n\0\x1b")
    assert DEFECTS.issuperset(read.defects)
    str(read).encode()


PIECES = st.sampled_from(
    [
        *(
            b"\r\n",
            b"\n",
            b"\r\n\r\n",
            b"--b",
            b"--",
            b"b",
            b"From: ",
            b"a@x",
            b"<",
            b">",
            b'"',
            b"\xff",
            b" ",
            b"\t",
            b":",
        ),
        *(b"=?utf-8?q?=0d=0a?=", b"Action: failed\r\n", b"METHOD:", b"References: <a@b>\r\n"),
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b"Content-Type: message/rfc822\r\n",
        b"Content-Type: message/delivery-status\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
    ]
)


@given(st.lists(PIECES, max_size=40))
def test_any_arrangement_of_mail_like_pieces_is_a_mail(pieces: list[bytes]) -> None:
    read = parse(b"".join(pieces))
    assert read.size_bytes == sum(map(len, pieces))
    assert DEFECTS.issuperset(read.defects)


HOSTILE = {
    "folds": b"A: " + b"x\r\n " * 300_000,
    "colons": b":" * 1_000_000,
    "hyphens": b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--\n" * 500_000,
    "boundaries": b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n" * 500_000,
    "nested": nested(20_000),
    "references": b"References: " + b"<a@b>" * 200_000 + b"\n\n",
    "parameters": b"Content-Type: a/b; " + b'x=";' * 200_000 + b"\n\n",
    "open comments": b"Content-Type: " + b"(" * 500_000 + b"\n\n",
    "addresses": b"To: " + b"a@b.test, " * 100_000 + b"\n\n",
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
def test_hostile_mail_takes_linear_time(raw: bytes) -> None:
    started = time.process_time()
    parse(raw)
    assert time.process_time() - started < 2


UNNOTED = {"no-date"}  # most scripts leave it out, and it says nothing of who wrote the mail


def test_every_defect_but_the_unnoted_has_one_signal() -> None:
    known = [signal.condition.accepts.words for signal in rulebook().signals.by_field["defect"].signals]
    for defect in DEFECTS:
        assert sum(defect in words for words in known) == (defect not in UNNOTED), defect
