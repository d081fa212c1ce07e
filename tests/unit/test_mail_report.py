"""A report says what became of which recipient, whatever its shape."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.mail.parse import parse
from mailgate.mail.parse import read as read_all
from mailgate.mail.report import Fate, Report, report_of, with_report
from mailgate.rulebook import load, shipped_folder


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


FORMS = load(shipped_folder()).reports


def told(body: str, *, part: str = "message/delivery-status", enclosed: str = "") -> list[tuple[str, str, str]]:
    raw = report(part, body, enclosed=enclosed)
    found = report_of(raw, parse(raw), FORMS, "")
    assert found
    return [(fate.address, fate.action, fate.status) for fate in found.recipients]


ODD = {
    "a word that is not the standard's": (
        "Final-Recipient: rfc822;anne@x.test\nAction: failure\nStatus: 5.1.1\n",
        [("anne@x.test", "failed", "5.1.1")],
    ),
    "no action": (
        "Final-Recipient: rfc822;anne@x.test\nStatus: 4.4.7\n",
        [("anne@x.test", "delayed", "4.4.7")],
    ),
    "no status": (
        "Final-Recipient: rfc822;anne@x.test\nAction: failed\nDiagnostic-Code: smtp; 550 User unknown\n",
        [("anne@x.test", "failed", "5.1.1")],
    ),
    "a status that says less than the reason": (
        "Final-Recipient: rfc822;anne@x.test\nAction: failed\nStatus: 5.0.0\n"
        "Diagnostic-Code: smtp; 554 5.7.1 Relay access denied\n",
        [("anne@x.test", "failed", "5.7.1")],
    ),
    "no empty line between recipients": (
        "Final-Recipient: rfc822;anne@x.test\nAction: failed\nStatus: 5.1.1\n"
        "Final-Recipient: rfc822;bart@x.test\nAction: delayed\nStatus: 4.2.2\n",
        [("anne@x.test", "failed", "5.1.1"), ("bart@x.test", "delayed", "4.2.2")],
    ),
    "blanks on the empty line": (
        "Reporting-MTA: dns;mx.x.test\n \nFinal-Recipient: rfc822;anne@x.test\nAction: failed\nStatus: 5.1.1\n",
        [("anne@x.test", "failed", "5.1.1")],
    ),
    "a route as final recipient": (
        "Final-Recipient: rfc822;@mx.x.test:anne@inner\nOriginal-Recipient: rfc822;anne@x.test\n"
        "Action: failed\nStatus: 5.1.1\n",
        [("anne@x.test", "failed", "5.1.1")],
    ),
    "a command as final recipient": (
        "Final-Recipient: rfc822;|/bin/filter anne@x.test /tmp\nAction: failed\nStatus: 5.3.0\n",
        [("anne@x.test", "failed", "5.3.0")],
    ),
    "characters beyond ASCII (RFC 6533)": (
        "Final-Recipient: utf-8;ann\\x{E9}@x.test\nAction: failed\nStatus: 5.1.1\n",
        [("anné@x.test", "failed", "5.1.1")],
    ),
}


@pytest.mark.parametrize(("body", "fates"), ODD.values(), ids=ODD)
def test_a_delivery_report_with_a_fault_of_its_server_is_understood(
    body: str, fates: list[tuple[str, str, str]]
) -> None:
    assert told(body) == fates


def test_a_delivery_report_without_recipients_is_completed_from_its_words() -> None:
    raw = report("message/delivery-status", "Reporting-MTA: dns;mx.x.test\n", enclosed="Message-ID: <1@g.test>")
    raw = raw.replace(b"Sorry.", b"<anne@x.test>: 550 5.1.1 User unknown")
    found = report_of(raw, parse(raw), FORMS, "")
    assert found
    assert [(fate.address, fate.status) for fate in found.recipients] == [("anne@x.test", "5.1.1")]
    assert found.original_message_id == "<1@g.test>"


def test_a_mail_that_is_nothing_but_a_delivery_status_is_a_report() -> None:
    raw = b"Content-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822;anne@x.test\r\nAction: failed\r\n"
    found = report_of(raw, parse(raw), FORMS, "a@x.test")
    assert found
    assert [(fate.address, fate.action) for fate in found.recipients] == [("anne@x.test", "failed")]


@pytest.mark.parametrize(
    ("action", "learnt"),
    [("Failure", ("failed",)), ("delay", ("delayed",)), ("relayed", ("relayed",)), ("whatever", ("failed",))],
)
def test_the_judge_is_given_the_words_of_the_standard(action: str, learnt: tuple[str, ...]) -> None:
    body = f"Final-Recipient: rfc822;anne@x.test\nAction: {action}\nStatus: 5.1.1\n"
    raw = report("message/delivery-status", body, enclosed="Message-ID: <1@g.test>")
    mail, parts = read_all(raw)
    assert with_report(raw, mail, parts, FORMS, "").report_actions == learnt


def test_an_ordinary_mail_stays_what_it_was() -> None:
    raw = b"From: joe@x.test\r\nSubject: hello\r\n\r\nYour message could not be delivered\r\n550 no\r\n"
    mail, parts = read_all(raw)
    assert with_report(raw, mail, parts, FORMS, "joe@x.test") is mail


@pytest.mark.parametrize("enclosed", ["Message-ID: <1@g.test>", ""], ids=["with our header", "without"])
@pytest.mark.parametrize(
    ("action", "expected"),
    [("failed", ("5.2.2", "smtp; 552 mailbox full")), ("delayed", ("", ""))],
)
def test_the_mail_bears_why_somebody_was_not_reached(action: str, expected: tuple[str, str], enclosed: str) -> None:
    body = (
        "Reporting-MTA: dns; mx.x.test\n\nFinal-Recipient: rfc822; joe@x.test\nAction: delivered\nStatus: 2.0.0\n\n"
        f"Final-Recipient: rfc822; anne@x.test\nAction: {action}\nStatus: 5.2.2\n"
        "Diagnostic-Code: smtp; 552 mailbox full\n"
    )
    raw = report("message/delivery-status", body, enclosed=enclosed)
    mail = with_report(raw, *read_all(raw), FORMS, "")
    assert (mail.report_status, mail.report_reason) == expected


def test_the_same_of_a_report_in_words() -> None:
    raw = (
        b"From: MAILER-DAEMON@x.test\r\nSubject: failure notice\r\n\r\n"
        b"Hi. This is the qmail-send program at x.test.\r\nI'm afraid I wasn't able to deliver your message to the"
        b" following addresses.\r\n\r\n<anne@x.test>:\r\nSorry, no mailbox here by that name. (#5.1.1)\r\n"
    )
    mail = with_report(raw, *read_all(raw), FORMS, "")
    assert mail.report_status == "5.1.1"
    assert "no mailbox here by that name" in mail.report_reason
