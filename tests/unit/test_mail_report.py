"""A report says what became of which recipient, whatever its shape."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.mail.parse import parse
from mailgate.mail.report import Fate, Report, report_of


def report(part: str, body: str, *, kind: str = "delivery-status", enclosed: str = "") -> bytes:
    text = f"""From: postmaster@x.test
Content-Type: multipart/report; report-type={kind}; boundary=b

--b
Content-Type: text/plain

Sorry.
--b
Content-Type: {part}

{body}
--b
Content-Type: text/rfc822-headers

{enclosed}
--b--
"""
    return text.replace("\n", "\r\n").encode()


def read(raw: bytes) -> Report | None:
    return report_of(raw, parse(raw))


def test_a_bounce_names_each_recipient_with_its_reason() -> None:
    body = """Reporting-MTA: dns; mx.x.test
Arrival-Date: today

Final-Recipient: rfc822; anne@x.test
Action: failed
Status: 5.1.1 (no such user)
Diagnostic-Code: smtp; 550 5.1.1 No such
  user here

Original-Recipient: rfc822;bart@x.test
Action: Delayed (will retry)
Status: 4.4.1
"""
    assert read(report("message/delivery-status", body, enclosed="Message-ID: <1@g.test>")) == Report(
        "delivery-status",
        (
            Fate("anne@x.test", "failed", "5.1.1", "smtp; 550 5.1.1 No such  user here"),
            Fate("bart@x.test", "delayed", "4.4.1", ""),
        ),
        "<1@g.test>",
    )


def test_a_read_receipt_says_what_the_reader_did() -> None:
    body = """Reporting-UA: mua
Final-Recipient: rfc822;anne@x.test
Original-Message-ID: <2@g.test>
Disposition: manual-action/MDN-sent-manually; displayed/error
"""
    raw = report("message/disposition-notification", body, kind="disposition-notification")
    assert read(raw) == Report("disposition-notification", (Fate("anne@x.test", "displayed", "", ""),), "<2@g.test>")


def test_a_complaint_names_who_complains() -> None:
    body = "Feedback-Type: abuse\nUser-Agent: x/1\nOriginal-Rcpt-To: <anne@x.test>\n"
    raw = report("message/feedback-report", body, kind="feedback-report")
    assert read(raw) == Report("feedback-report", (Fate("anne@x.test", "abuse", "", ""),), "")


@pytest.mark.parametrize("raw", [b"", b"From: a@x.test\r\n\r\nhello", b"Content-Type: multipart/report\r\n\r\n"])
def test_an_ordinary_mail_is_no_report(raw: bytes) -> None:
    assert read(raw) is None


def test_a_report_that_names_nobody_is_still_one() -> None:
    assert read(report("message/delivery-status", "Reporting-MTA: dns; x")) == Report("delivery-status", (), "")


def test_a_report_of_endless_recipients_is_cut() -> None:
    body = "Reporting-MTA: x\n\n" + "Final-Recipient: rfc822; a@x.test\nAction: failed\n\n" * 3000
    found = read(report("message/delivery-status", body))
    assert found
    assert len(found.recipients) == 1000


@given(st.binary(max_size=300))
def test_any_bytes_in_a_report_are_read_without_harm(body: bytes) -> None:
    raw = report("message/delivery-status", "BODY").replace(b"BODY", body)
    found = read(raw)
    assert found is None or all(len(fate.reason) <= 500 for fate in found.recipients)
