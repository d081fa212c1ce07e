"""Reports that have no form but words are read like those that have one; people who write about reports stay people."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.mail.parse import read
from mailgate.mail.report import Report, report_of, with_report
from mailgate.model import Mail
from mailgate.rulebook import load, shipped_folder

FORMS = load(shipped_folder()).reports
DAEMON = "MAILER-DAEMON@mx.x.test"
RETURNED = """Received: from g.test by mx.x.test; Mon, 1 Jan 2024 10:00:00 +0000
From: desk@g.test
To: anne@x.test
Subject: Your question
Message-ID: <7@g.test>

Dear Anne,
"""


@dataclass(frozen=True)
class Told:
    """A mail in words, and what it says: the fates as (address, action, status)."""

    subject: str
    text: str
    fates: list[tuple[str, str, str]]
    sender: str = DAEMON
    mail_from: str = ""
    fields: str = ""
    content_type: str = "text/plain; charset=utf-8"
    original: str = "<7@g.test>"

    @property
    def raw(self) -> bytes:
        header = f"From: {self.sender}\nTo: desk@g.test\nSubject: {self.subject}\n{self.fields}"
        mail = f"{header}Content-Type: {self.content_type}\n\n{self.text}"
        return mail.replace("\n", "\r\n").encode()


def enclosing(text: str, *, kind: str = "message/rfc822") -> str:
    """The body of a multipart whose boundary is `b`: a text, and the returned mail."""
    return f"--b\nContent-Type: text/plain; charset=utf-8\n\n{text}\n--b\nContent-Type: {kind}\n\n{RETURNED}\n--b--\n"


MIXED = "multipart/mixed; boundary=b"
UNKNOWN = [("anne@x.test", "failed", "5.1.1")]

FORM = {
    "qmail": Told(
        "failure notice",
        "Hi. This is the qmail-send program at mx.x.test.\n"
        "I'm afraid I wasn't able to deliver your message to the following addresses.\n"
        "This is a permanent error; I've given up. Sorry it didn't work out.\n\n"
        "<anne@x.test>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n"
        "<bart@x.test>:\n192.0.2.5 does not like recipient.\nRemote host said: 552 5.2.2 Over quota\n"
        "Giving up on 192.0.2.5.\n\n"
        f"--- Below this line is a copy of the message.\n\nReturn-Path: <desk@g.test>\n{RETURNED}",
        [("anne@x.test", "failed", "5.1.1"), ("bart@x.test", "failed", "5.2.2")],
    ),
    "Exim": Told(
        "Mail delivery failed: returning message to sender",
        "This message was created automatically by mail delivery software.\n\n"
        "A message that you sent could not be delivered to one or more of its\n"
        "recipients. This is a permanent error. The following address(es) failed:\n\n"
        "  anne@x.test\n    host mx.x.test [192.0.2.1]\n"
        "    SMTP error from remote mail server after RCPT TO:<anne@x.test>:\n    550 5.1.1 No such user\n"
        "  bart@x.test\n    mailbox is full: retry timeout exceeded\n\n"
        f"------ This is a copy of the message, including all the headers. ------\n\n{RETURNED}",
        [("anne@x.test", "failed", "5.1.1"), ("bart@x.test", "failed", "5.2.2")],
    ),
    "Exim, what only its own field names": Told(
        "Mail delivery failed: returning message to sender",
        "This message was created automatically by mail delivery software.\n\n"
        "recipients. This is a permanent error. The following address(es) failed:\n\n"
        "  save to /var/mail/anne\n    mailbox is full\n",
        [("anne@x.test", "failed", "5.2.2")],
        fields="X-Failed-Recipients: anne@x.test\n",
        original="",
    ),
    "Exim, a warning": Told(
        "Warning: message 1ab-2cd-EF delayed 24 hours",
        "This message was created automatically by mail delivery software.\n"
        "A message that you sent has not yet been delivered to one or more of its\n"
        "recipients after more than 24 hours on the queue on mx.x.test.\n\n"
        "The address to which the message has not yet been delivered is:\n\n"
        "  anne@x.test\n    Delay reason: SMTP error: 450 4.2.0 Greylisted\n\n"
        "No action is required on your part. Delivery attempts will continue for some time.\n",
        [("anne@x.test", "delayed", "4.2.0")],
        original="",
    ),
    "Postfix without the form": Told(
        "Undelivered Mail Returned to Sender",
        "This is the Postfix program at host mx.x.test.\n\nI'm sorry to have to inform you that the message returned\n"
        "below could not be delivered to one or more destinations.\n\n"
        "For further assistance, please contact <help@x.test>\n\n"
        "<anne@x.test>: host mx.y.test[192.0.2.3] said: 550 Unknown user\n    (in reply to RCPT TO command)\n",
        UNKNOWN,
        fields="Message-ID: <9@x.test>\n",
        original="",
    ),
    "sendmail 8 in one piece": Told(
        "Returned mail: see transcript for details",
        "The original message was received at Mon, 1 Jan 2024 10:00:00 GMT\nfrom g.test [192.0.2.9]\n\n"
        "   ----- The following addresses had permanent fatal errors -----\n<anne@x.test>\n"
        "    (reason: 550 5.1.1 <anne@x.test>... User unknown)\n\n   ----- Transcript of session follows -----\n"
        "... while talking to mx.x.test.:\n>>> DATA\n<<< 550 5.1.1 <anne@x.test>... User unknown\n",
        UNKNOWN,
        original="",
    ),
    "sendmail 5": Told(
        "Returned mail: User unknown",
        "   ----- Transcript of session follows -----\nWhile talking to mx.x.test:\n"
        ">>> RCPT To:<anne@x.test>\n<<< 550 no such user here\n550 <anne@x.test>... User unknown\n\n"
        f"   ----- Unsent message follows -----\n{RETURNED}",
        UNKNOWN,
    ),
    "sendmail, a warning": Told(
        "Warning: could not send message for past 4 hours",
        "    **********************************************\n    **      THIS IS A WARNING MESSAGE ONLY      **\n"
        "    **  YOU DO NOT NEED TO RESEND YOUR MESSAGE  **\n\n"
        "   ----- The following addresses had transient non-fatal errors -----\n<anne@x.test>\n\n"
        "   ----- Transcript of session follows -----\n<anne@x.test>... Deferred: Connection timed out\n",
        [("anne@x.test", "delayed", "4.4.1")],
        original="",
    ),
    "sendmail, a receipt": Told(
        "Return receipt",
        "The original message was received at Mon, 1 Jan 2024 10:00:00 GMT\n\n"
        "   ----- The following addresses had successful delivery notifications -----\n<anne@x.test>  (relayed)\n",
        [("anne@x.test", "delivered", "2.0.0")],
        original="",
    ),
    "Exchange 2003": Told(
        "Undeliverable: Your question",
        "Your message\n\n  To:      Anne\n  Subject: Your question\n  Sent:    Mon, 1 Jan 2024 10:00:00 -0000\n\n"
        "did not reach the following recipient(s):\n\nanne@x.test on Mon, 1 Jan 2024 10:00:02 -0000\n"
        "    The recipient name is not recognized\n    MSEXCH:IMS:X:Y:Z 0 (000C05A6) Unknown Recipient\n",
        UNKNOWN,
        sender="System Administrator <postmaster@x.test>",
        original="",
    ),
    "Exchange 2010": Told(
        "Undeliverable: Your question",
        "Delivery has failed to these recipients or groups:\n\nanne@x.test<mailto:anne@x.test>\n"
        "The e-mail address you entered couldn't be found.\n\nDiagnostic information for administrators:\n\n"
        "Generating server: mx.x.test\n\nanne@x.test\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##\n\n"
        f"Original message headers:\n\n{RETURNED}",
        UNKNOWN,
        sender="Microsoft Outlook <postmaster@x.test>",
    ),
    "Domino": Told(
        "DELIVERY FAILURE: User anne (anne@x.test) not listed in Domino Directory",
        "Your message\n\n  Subject: Your question\n\nwas not delivered to:\n\n  anne@x.test\n\nbecause:\n\n"
        "  User anne (anne@x.test) not listed in Domino Directory\n",
        UNKNOWN,
        sender="Postmaster@x.test",
        mail_from="MAILER-DAEMON@x.test",
        original="",
    ),
    "Notes": Told(
        "Undeliverable message",
        "------- Failure Reasons  --------\n\nUser not listed in public Name & Address Book\nanne@x.test\n\n"
        f"------- Returned Message --------\n\n{RETURNED}",
        UNKNOWN,
        sender="postmaster@x.test",
    ),
    "Courier": Told(
        "NOTICE: mail delivery status.",
        "This is a delivery status notification from mx.x.test,\nrunning the Courier mail server.\n\n"
        "UNDELIVERABLE MAIL\n\nYour message to the following recipients cannot be delivered:\n\n<anne@x.test>:\n"
        "    mx.y.test [192.0.2.1]:\n>>> RCPT TO:<anne@x.test>\n<<< 550 User unknown.\n",
        UNKNOWN,
        original="",
    ),
    "Gmail": Told(
        "Delivery Status Notification (Failure)",
        "Delivery to the following recipient failed permanently:\n\n     anne@x.test\n\n"
        "Technical details of permanent failure:\nGoogle tried to deliver your message, but it was rejected.\n"
        "The error that the other server returned was:\n550 5.1.1 <anne@x.test>... User Unknown\n\n"
        f"----- Original message -----\n\n{RETURNED}",
        UNKNOWN,
    ),
    "Gmail, a delay": Told(
        "Delivery Status Notification (Delay)",
        "This is an automatically generated Delivery Status Notification\n\nTHIS IS A WARNING MESSAGE ONLY.\n\n"
        "Delivery to the following recipient has been delayed:\n\n     anne@x.test\n\n"
        "Message will be retried for 2 more day(s)\n",
        [("anne@x.test", "delayed", "4.0.0")],
        original="",
    ),
    "Yahoo": Told(
        "Failure Notice",
        "Sorry, we were unable to deliver your message to the following address.\n\n<anne@x.test>:\n"
        f"554: 554 delivery error: dd This user doesn't have an account\n\n--- Original message follows.\n\n{RETURNED}",
        UNKNOWN,
    ),
    "Amazon WorkMail": Told(
        "Delivery Status Notification (Failure)",
        enclosing(
            "An error occurred while trying to deliver the mail to the following recipients:\nanne@x.test\n\n"
            "Technical report:\n\nReporting-MTA: dsn; mx.x.test\n\nAction: failed\n"
            "Final-Recipient: rfc822; anne@x.test\nDiagnostic-Code: smtp; 550 5.1.1 User Unknown\nStatus: 5.1.1\n"
        ),
        UNKNOWN,
        content_type=MIXED,
    ),
    "IMail, from nobody special": Told(
        "Undeliverable Mail",
        f"Unknown user: anne@x.test\n\n\nOriginal message follows.\n\n{RETURNED}",
        UNKNOWN,
        sender='"Postmaster" <postmaster@x.test>',
        mail_from="postmaster@x.test",
    ),
    "MailMarshal": Told(
        'Undeliverable Mail: "Your question"',
        "Your message:\n   From:    desk@g.test\n   Subject: Your question\n\nCould not be delivered because of\n\n"
        "550 5.1.1 User unknown\n\nThe following recipients were affected: \n    anne@x.test\n\n"
        "Additional Information\n======\nOriginal Sender:    <desk@g.test>\n",
        UNKNOWN,
        sender="postmaster@x.test",
        mail_from="postmaster@x.test",
        original="",
    ),
    "InterScan": Told(
        "Mail could not be delivered",
        enclosing(
            "****** Message from InterScan Messaging Security Suite ******\n\n"
            "Sent <<< RCPT TO:<anne@x.test>\n550 5.1.1 No\n"
        ),
        UNKNOWN,
        sender='"InterScan MSS" <postmaster@x.test>',
        mail_from="postmaster@x.test",
        content_type=MIXED,
    ),
    "m-FILTER": Told(
        "failure notice",
        "このメールは「m-FILTER」が自動的に生成して送信しています。\nこのメールは送信できませんでした。\n\n"
        "以下のメールアドレスへの送信に失敗しました。\nanne@x.test\n\n"
        "-------server message\n550 unknown user <anne@x.test>\n\n"
        f"-------original message\n{RETURNED}",
        UNKNOWN,
        sender="POSTMASTER <postmaster@x.test>",
        mail_from="postmaster@x.test",
    ),
    "KDDI, from nobody special": Told(
        "メールエラー通知",
        enclosing(
            "送信先のメールボックスが一杯のため、送信できませんでした。\n\nYour mail sent on: Mon, 1 Jan 2024\n"
            "     Could not be delivered to: <anne@x.test>\n     As their mailbox is full.\n"
        ),
        [("anne@x.test", "failed", "5.2.2")],
        sender="no-reply@x.test",
        mail_from="no-reply@x.test",
        content_type=MIXED,
    ),
    "EZweb": Told(
        "Mail System Error - Returned Mail",
        "次のあて先へのメッセージはエラーのため送信できませんでした。\n\n"
        "Each of the following recipients was rejected by a remote\n"
        "mail server.\n\n    Recipient: <anne@x.test>\n"
        "    >>> RCPT TO:<anne@x.test>\n    <<< 550 <anne@x.test>: User unknown\n",
        UNKNOWN,
        sender="Postmaster@x.test",
        mail_from="MAILER-DAEMON",
        original="",
    ),
    "a mobile operator that answers": Told(
        "Re:Your question",
        "Error: Invalid user address\n\nError message below:\n550 - Requested action not taken: no such user here\n\n"
        "Message details:\n  Subject: Your question\n  MAIL FROM: desk@g.test\n  RCPT TO: anne@x.test\n",
        UNKNOWN,
        sender="post_master@x.test",
        mail_from="post_master@x.test",
        original="",
    ),
    "an MMS centre": Told(
        "Undeliverable Message",
        "Message could not be delivered to mobile.\nError: No valid recipients for this MM\n\n"
        "Original Message:\nFrom: Desk <desk@g.test>\nTo: 5550100@x.test\nSubject: Your question\n",
        [("5550100@x.test", "failed", "5.1.1")],
        sender="MMSC <sysadmin@x.test>",
        original="",
    ),
    "FML": Told(
        "You desk@g.test are not member (users ML)",
        "You are not a member of this mailing list <users@x.test>.\n\nIf you know the guide of this list, send mail.\n",
        [("users@x.test", "failed", "5.0.0")],
        sender="users-admin@x.test",
        mail_from="users-admin@x.test",
        fields="X-MLServer: fml\n",
        original="",
    ),
    "Apache James": Told(
        "Message not delivered",
        "Hi. This is the James mail server at mx.x.test.\nI'm afraid I wasn't able to deliver your message to the "
        "following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\nanne@x.test\n\n"
        "Error message below:\n550 5.1.1 unknown user\n",
        UNKNOWN,
        original="",
    ),
    "MX Logic": Told(
        "Mail delivery failed",
        "This message was created automatically by mail delivery software.\n\n"
        "A message that you have sent could not be delivered to one or more\nrecipients. This is a permanent error.\n\n"
        "  <anne@x.test>: 550 5.1.1 User unknown\n\nIncluded is a copy of the message header:\n-----\n" + RETURNED,
        UNKNOWN,
    ),
    "Zoho": Told(
        "Undelivered Mail Returned to Sender",
        "This message was created automatically by mail delivery software.\n"
        "A message that you sent could not be delivered to one or more of its recipients. "
        "This is a permanent error.\n\n"
        "anne@x.test Invalid Address, ERROR_CODE :550, ERROR_CODE :5.1.1 User Unknown\n",
        UNKNOWN,
        original="",
    ),
    "GMX": Told(
        "Mail delivery failed: returning message to sender",
        "This message was created automatically by mail delivery software.\n\n"
        "its recipients. This is a permanent error. The following address\nfailed:\n\n"
        '"anne@x.test":\nSMTP error from remote server after RCPT command:\nhost: mx.x.test\n5.2.2 Mailbox Full\n\n'
        f"--- The header of the original message is following. ---\n\n{RETURNED}",
        [("anne@x.test", "failed", "5.2.2")],
    ),
    "mail.ru": Told(
        "Mail failure.",
        "This message was created automatically by mail delivery software.\n\n"
        "A message that you sent was rejected by the local scanning code that\n"
        "checks incoming messages on this system.\n\n  anne@x.test\n    user not found\n\n"
        f"------ This is a copy of the message, including all the headers. ------\n{RETURNED}",
        UNKNOWN,
    ),
    "QQ": Told(
        "=?utf-8?b?" + base64.b64encode("系统退信".encode()).decode() + "?=",
        "抱歉，您的邮件被退回来了……\n\n无法发送到 anne@x.test\n\n退信原因：收件人邮件地址不存在。 550 5.1.1\n",
        UNKNOWN,
        sender="PostMaster@x.test",
        original="",
    ),
    "PDMF": Told(
        "Delivery Notification: Delivery has failed",
        "This report relates to a message you sent with the following header fields:\n\n  Message-id: <7@g.test>\n"
        "  From: desk@g.test\n\nYour message cannot be delivered to the following recipients:\n\n"
        "  Recipient address: anne@x.test\n  Reason: Remote SMTP server has rejected address\n"
        "  Diagnostic code: smtp; 550 5.1.1 User Unknown\n",
        UNKNOWN,
    ),
    "CommuniGate, a delay": Told(
        "WARNING. Mail Delayed: Your question",
        "This is a warning message only.\n  Your message remains in the server queue,\n"
        "  the server will try to send it again.\n\nMessage delivery to 'anne@x.test' delayed\n"
        "SMTP module(domain x.test) reports:\n mx.x.test: no response\n",
        [("anne@x.test", "delayed", "4.4.1")],
        original="",
    ),
    "OpenSMTPD": Told(
        "Delivery status notification: error",
        "Hi!\n\n    This is the MAILER-DAEMON, please DO NOT REPLY to this email.\n\n"
        "    An error has occurred while attempting to deliver a message for\n    the following list of recipients:\n\n"
        f"anne@x.test: 550 5.1.1 User unknown\n\n    Below is a copy of the original message:\n\n{RETURNED}",
        UNKNOWN,
    ),
    "DragonFly": Told(
        "Mail delivery failed",
        "This is the DragonFly Mail Agent v0.13 at mx.x.test.\n\n"
        "There was an error delivering your mail to <anne@x.test>.\n\nmx.y.test did not like our RCPT TO:\n"
        f"550 5.1.1 No such user\n\nMessage headers follow.\n\n{RETURNED}",
        UNKNOWN,
    ),
    "a hosted mailer": Told(
        "There was an error sending your mail",
        "We had trouble delivering your message. Full details follow:\n\nSubject: 'Your question'\n\n1 error(s):\n\n"
        "SMTP Server <mx.x.test> rejected recipient <anne@x.test> \n"
        "  It responded as follows: [550 5.1.1 User Unknown]\n",
        UNKNOWN,
        original="",
    ),
    "German": Told(
        "Unzustellbar: Ihre Frage",
        "Fehler bei der Nachrichtenzustellung an folgende Empfänger oder Verteilerlisten:\n\nanne@x.test\n\n"
        "Der Empfänger wurde nicht gefunden. #550 5.1.1 RESOLVER ##\n",
        UNKNOWN,
        sender="postmaster@x.test",
        original="",
    ),
    "French, a delay": Told(
        "Remise retardée : Votre question",
        "La remise de votre message est retardée.\n\nanne@x.test\n",
        [("anne@x.test", "delayed", "4.0.0")],
        sender="postmaster@x.test",
        original="",
    ),
    "Postfix, a warning without the form": Told(
        "Delayed Mail (still being retried)",
        "This is the mail system at host mx.x.test.\n\n####\n"
        "# THIS IS A WARNING ONLY.  YOU DO NOT NEED TO RESEND YOUR MESSAGE. #\n"
        "####\n\nYour message could not be delivered for more than 4 hour(s).\n"
        "It will be retried until it is 5 day(s) old.\n\n"
        "<anne@x.test>: connect to mx.x.test[192.0.2.1]:25: Connection refused\n",
        [("anne@x.test", "delayed", "4.4.1")],
        original="",
    ),
    "a provider that writes like sendmail": Told(
        "Returned Mail: Your question",
        "The original message was received at Mon, 1 Jan 2024 10:00:00 +0000\nfrom desk@g.test\n\n"
        f"---The following addresses had delivery errors---\n\nanne@x.test [User unknown]\n\n{RETURNED}",
        UNKNOWN,
    ),
    "in words alone, with the null reverse-path": Told(
        "A notice",
        enclosing("Your message could not be delivered. Nobody of that name works here.\n", kind="text/rfc822-headers"),
        [],
        sender="Mail Gateway <gateway@x.test>",
        content_type=MIXED,
    ),
    "broken parts": Told(
        "Undeliverable",
        "--c\nContent-Type: text/plain\n\nDelivery has failed to these recipients or groups:\n\n"
        "anne@x.test\n550 5.1.1 No\n",
        UNKNOWN,
        content_type="multipart/mixed",
        original="",
    ),
}


def report(told: Told) -> Report | None:
    return report_of(told.raw, read(told.raw)[0], FORMS, told.mail_from)


def learnt(told: Told) -> Mail:
    mail, parts = read(told.raw)
    return with_report(told.raw, mail, parts, FORMS, told.mail_from)


@pytest.mark.parametrize("told", FORM.values(), ids=FORM)
def test_a_report_in_words_says_whom_it_did_not_reach_and_why(told: Told) -> None:
    found = report(told)
    assert found
    assert found.type == "delivery-status"
    assert [(fate.address, fate.action, fate.status) for fate in found.recipients if told.fates] == told.fates
    assert found.original_message_id == told.original


@pytest.mark.parametrize("told", FORM.values(), ids=FORM)
def test_the_judge_learns_what_it_says_and_whose_mail_it_was(told: Told) -> None:
    mail = learnt(told)
    assert mail.report_actions == tuple(dict.fromkeys(action for _, action, _ in told.fates)) or ("failed",)
    assert mail.enclosed_ids == ((told.original,) if told.original else ())


def test_the_reason_is_what_the_other_server_said() -> None:
    found = report(FORM["Exim"])
    assert found
    assert [fate.reason for fate in found.recipients] == [
        "host mx.x.test [192.0.2.1] SMTP error from remote mail server after RCPT TO:<anne@x.test>: "
        "550 5.1.1 No such user",
        "mailbox is full: retry timeout exceeded",
    ]


def test_recipients_in_a_row_share_their_reason() -> None:
    text = (
        "Delivery to the following recipients failed permanently:\n\n     anne@x.test\n     bart@x.test\n\n"
        "The error that the other server returned was:\n550 5.7.1 Rejected\n"
    )
    found = report(Told("Delivery Status Notification (Failure)", text, []))
    assert found
    assert [(fate.address, fate.status) for fate in found.recipients] == [
        ("anne@x.test", "5.7.1"),
        ("bart@x.test", "5.7.1"),
    ]


def test_a_reason_that_nobody_knows_is_not_another_recipients() -> None:
    text = "Mail delivery failed\n\n<anne@x.test>: she has left\n\n<bart@x.test>: 552 5.2.2 Mailbox full\n"
    found = report(Told("Undelivered Mail", text, []))
    assert found
    assert [(fate.status, fate.reason) for fate in found.recipients] == [
        ("5.0.0", "<anne@x.test>: she has left"),
        ("5.2.2", "<bart@x.test>: 552 5.2.2 Mailbox full"),
    ]


def test_whoever_sent_the_mail_is_no_recipient_of_it() -> None:
    text = (
        "A message sent by\n\n  <desk@g.test>\n\ncould not be delivered. The following\naddress(es) failed:\n\n"
        f"  anne@x.test\n    mailbox is full\n\n------ This is a copy of the message ------\n\n{RETURNED}"
    )
    found = report(Told("Mail delivery failed", text, []))
    assert found
    assert [fate.address for fate in found.recipients] == ["anne@x.test"]


def test_a_report_that_tells_of_both_is_one_of_failure() -> None:
    text = (
        "Your message could not be delivered to some recipients:\n\n<anne@x.test>: 550 5.1.1 No such user\n\n"
        "Your message has been delayed for others, and will be retried.\n"
    )
    assert learnt(Told("Mail delivery status", text, [])).report_actions == ("failed",)


def test_the_mark_on_the_returned_mail_is_found_though_folded_and_indented() -> None:
    text = (
        "Duplicated mail.\n\nOriginal mail as follows:\n\n"
        "   From: desk@g.test\n   Mailgate-Trace: v=1; i=lab;\n     n=3; m=0123\n   Message-ID:\n     <7@g.test>\n"
    )
    mail = learnt(Told("Undelivered mail", text, []))
    assert mail.enclosed_ids == ("<7@g.test>",)
    assert mail.enclosed_traces == ("v=1; i=lab; n=3; m=0123",)


# ── People ────────────────────────────────────────────────────────────────────────────────────────────────────────────

PERSON = {"sender": "Joe <joe@y.test>", "mail_from": "joe@y.test", "original": ""}


def test_a_complaint_without_a_word_is_known_by_the_mark_on_the_mail_it_is_about() -> None:
    told = Told("complaint about message from 192.0.2.222", enclosing(""), [], content_type=MIXED, **PERSON)
    assert report(told) is None
    marked = replace(told, text=told.text.replace("rfc822\n\n", "rfc822\n\nX-HmXmrOriginalRecipient: joe@y.test\n"))
    found = report(marked)
    assert found
    assert found.type == "feedback-report"


PEOPLE = {
    "asks about a bounce": Told(
        "Your address does not work",
        "Hello,\nmy mail came back: 550 5.1.1 User unknown. What is wrong?\n",
        [],
        **PERSON,
    ),
    "answers a bounce": Told(
        "Re: Undeliverable: invoice",
        "Please use my other address.\n\n> Delivery has failed to these recipients or groups:\n"
        "> joe@y.test\n> #550 5.1.1\n",
        [],
        **PERSON,
    ),
    "pastes a bounce below words of his own": Told(
        "Undeliverable mail",
        "Hi,\n\nplease look at this.\nWe got it this morning.\n\n"
        "Delivery has failed to these recipients or groups:\n\nanne@x.test\n550 5.1.1 No such user\n",
        [],
        **PERSON,
    ),
    "sends a bounce along": Told(
        "Delivery failure", enclosing("Hello,\nwhat does this mean?\n"), [], content_type=MIXED, **PERSON
    ),
    "forwards a bounce": Told(
        "Fwd: Returned mail: see transcript for details",
        "Begin forwarded message:\n\n> From: MAILER-DAEMON@x.test\n> <<< 550 5.1.1 <anne@x.test>... User unknown\n",
        [],
        **PERSON,
    ),
    "orders a parcel": Told(
        "Delivery failed",
        "Delivery failed for the second time. Where is my parcel?\nRoom 550 is on the first floor.\n",
        [],
        **PERSON,
    ),
    "orders a parcel and signs": Told(
        "Delivery failed",
        "Delivery failed for the second time. Where is my parcel?\n\nJoe Public\njoe@y.test\n",
        [],
        **PERSON,
    ),
    "is the postmaster": Told(
        "Your questions about our mail server",
        "Dear Anne,\nyour message of Monday was refused with 550 5.7.1 by our filter.\nWe have changed it.\n",
        [],
        sender="postmaster@y.test",
        mail_from="postmaster@y.test",
    ),
    "has been on holiday": Told(
        "Re: order",
        "Sorry, I was away.\n\n-----Original Message-----\nFrom: desk@g.test\nSubject: order\n",
        [],
        **PERSON,
    ),
    "confirms that he has read": Told("Read: your notes", "I have now read your notes, they are fine.\n", [], **PERSON),
    "complains": Told("Spam complaint", "This is a complaint about your newsletter.\n", [], **PERSON),
    "complains and sends the mail along": Told(
        "Abuse report", enclosing("Hello,\nyou sent me this three times.\n"), [], content_type=MIXED, **PERSON
    ),
    "reports abuse": Told("Abuse report", "Hello,\nsomebody at your site sends me spam.\n", [], **PERSON),
}


@pytest.mark.parametrize("told", PEOPLE.values(), ids=PEOPLE)
def test_who_writes_about_reports_sends_none(told: Told) -> None:
    assert report(told) is None
    assert learnt(told) is read(told.raw)[0] or learnt(told).report_actions == ()


MACHINES = {
    "a help desk": ("Ticket 17", "Your message has been delivered to our support team.\n"),
    "a slow help desk": ("Ticket 17", "Your message was received, but our answer is delayed.\n"),
    "a vacation program": ("Away", "Your message could not be read before Monday. Our fax is 555 1234.\n"),
}


@pytest.mark.parametrize(("subject", "text"), MACHINES.values(), ids=MACHINES)
def test_not_everything_with_the_null_reverse_path_is_a_report(subject: str, text: str) -> None:
    assert report(Told(subject, text, [], sender="desk@y.test")) is None


def test_a_broken_mailer_that_sends_people_with_the_null_reverse_path_sends_no_reports() -> None:
    text = "Hello,\nI need 500 copies.\n\n-----Original Message-----\nFrom: desk@g.test\nSubject: order\n"
    assert report(Told("Re: order", text, [], sender="joe@y.test")) is None


# ── Receipts and complaints ───────────────────────────────────────────────────────────────────────────────────────────

READ = {
    "Outlook": ("Read: Your question", "Your message was read on Monday, 1 January 2024.\n"),
    "Outlook, German": ("Gelesen: Ihre Frage", "Ihre Nachricht\n\n  An: Anne\n\nwurde am Montag gelesen.\n"),
    "Outlook, French": ("Lu : Votre question", "Votre message\n\n  À : Anne\n\na été lu le lundi.\n"),
    "Outlook, unread": ("Not read: Your question", "Your message\nwas deleted without being read on Monday.\n"),
    "Notes": ("Return Receipt (displayed)", "Your document: Your question was received by: Anne\nat: Monday\n"),
}


@pytest.mark.parametrize(("subject", "text"), READ.values(), ids=READ)
def test_a_read_receipt_without_the_form_is_one(subject: str, text: str) -> None:
    told = Told(subject, text, [], sender="anne@x.test", mail_from="anne@x.test")
    found = report(told)
    assert found
    assert found.type == "disposition-notification"
    assert learnt(told).report_actions == ("displayed",)


COMPLAINTS = {
    "Hotmail": Told(
        "complaint about message from 192.0.2.1", enclosing("A complaint.\n"), [], sender="staff@h.test",
        fields="X-HmXmrOriginalRecipient: anne@x.test\n", content_type=MIXED,
    ),
    "SpamCop": Told(
        "[SpamCop (192.0.2.1) id:17]Your question",
        f"[ SpamCop V5.1 ]\nThis message is brief for your comfort.\n\n{RETURNED}", [],
        sender="17@reports.s.test",
    ),
    "an abuse desk": Told("Abuse report", enclosing("This is an abuse report about a mail.\n"), [], content_type=MIXED),
    "XARF": Told(
        "abuse report about 192.0.2.1", enclosing("Dear all, please see what is attached.\n"), [],
        sender="reporter@s.test", fields="X-XARF: PLAIN\n", content_type=MIXED,
    ),
    "an abuse desk that says no more": Told(
        "Abuse report", enclosing("See below.\n"), [], sender="abuse@s.test", content_type=MIXED,
    ),
    "a DMARC failure without its part": Told(
        "DMARC Forensic Report for g.test from IP 192.0.2.1",
        enclosing("A message claiming to be from you has failed the published DMARC policy for your domain.\n"),
        [],
        content_type="multipart/report; boundary=b",
    ),
}  # fmt: skip


@pytest.mark.parametrize("told", COMPLAINTS.values(), ids=COMPLAINTS)
def test_a_complaint_without_the_form_is_one(told: Told) -> None:
    told = Told(**{**told.__dict__, "mail_from": "desk@s.test"})
    found = report(told)
    assert found
    assert (found.type, found.original_message_id) == ("feedback-report", "<7@g.test>")
    assert learnt(told).report_actions == ("complaint",)


# ── Amazon SES ────────────────────────────────────────────────────────────────────────────────────────────────────────

SES = (
    '{"notificationType":"Bounce","bounce":{"bouncedRecipients":[{"emailAddress":"anne@x.test","action":"failed",'
    '"status":"5.1.1","diagnosticCode":"smtp; 550 5.1.1 user\n unknown"}]},"mail":{"headers":[{"name":"Message-ID",'
    '"value":"<7@g.test>"},{"name":"Mailgate-Trace","value":"v=1"}]}}\n\n--\nUnsubscribe here.\n'
)


def notified(text: str) -> Told:
    return Told(
        "AWS Notification Message", text, [], sender="no-reply@sns.a.test", mail_from="7@a.test",
        fields="X-Amz-Sns-Message-Id: 1\n",
    )  # fmt: skip


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_bounce_that_comes_as_json_is_read(wrapped: bool) -> None:
    text = SES.partition("\n\n")[0].replace("\n", "")
    told = notified('{"Type":"Notification","Message":"' + text.replace('"', '\\"') + '"}' if wrapped else SES)
    found = report(told)
    assert found
    assert [(fate.address, fate.action, fate.status) for fate in found.recipients] == UNKNOWN
    assert found.original_message_id == "<7@g.test>"
    assert (learnt(told).enclosed_ids, learnt(told).enclosed_traces) == (("<7@g.test>",), ("v=1",))


ANNE = '[{"emailAddress":"anne@x.test"}]'
EVENTS = {
    "complaint": ('"notificationType":"Complaint","complaint":{"complainedRecipients":' + ANNE + "}", "complaint", ""),
    "delivery": ('"notificationType":"Delivery","mail":{"destination":["anne@x.test"]}', "delivered", "2.0.0"),
    "delay": ('"eventType":"DeliveryDelay","deliveryDelay":{"delayedRecipients":' + ANNE + "}", "delayed", "4.0.0"),
}


@pytest.mark.parametrize(("event", "action", "status"), EVENTS.values(), ids=EVENTS)
def test_other_events_of_ses_are_told_apart(event: str, action: str, status: str) -> None:
    told = notified(f"{{{event}}}")
    found = report(told)
    assert found
    assert [(fate.address, fate.action, fate.status) for fate in found.recipients] == [("anne@x.test", action, status)]
    assert learnt(told).report_actions == (action,)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"notificationType":7}', '{"Message":"x"}', "[" * 60_000])
def test_what_is_no_event_is_no_report(text: str) -> None:
    assert report(notified(text)) is None


@given(st.text(max_size=400), st.sampled_from(["Undelivered Mail", "Read: x", "Abuse report", "x"]))
def test_any_words_are_read_without_harm(text: str, subject: str) -> None:
    raw = f"From: {DAEMON}\r\nSubject: {subject}\r\n\r\n{text}".encode("utf-8", "replace")
    found = report_of(raw, read(raw)[0], FORMS, "")
    assert found is None or all(len(fate.reason) <= 500 for fate in found.recipients)
