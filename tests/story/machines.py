"""Mail that programs write by themselves about a mail of ours: who is away, and what could not be delivered."""

from __future__ import annotations

import re
from email.utils import format_datetime, parseaddr

from tests.story.clients import thread_index
from tests.story.made import Said, client, multipart, standing, text_part, whole

AWAY = "I am out of the office until Monday. I do not read my mail meanwhile."


@client
def exchange_absence(said: Said) -> bytes:
    """The absence note of Exchange. It goes to where an answer would go; its envelope names nobody."""
    boundary = f"_000_{said.digits(32, 'away')}_"
    page = f"<html><body><div>{said.text}</div></body></html>"
    fields = {
        **standing(said),
        "Subject": said.whole_subject("Automatic reply: "),
        "Thread-Topic": said.whole_subject(""),
        "Thread-Index": thread_index(said),
        "Message-ID": f"<{said.digits(32)}@AM0PR04MB7777.eurprd04.prod.outlook.com>",
        "In-Reply-To": said.old.id if said.old else "",
        "References": said.old.id if said.old else "",
        "X-MS-Exchange-Generated-Message-Source": "Mailbox Rules Agent",
        "X-Auto-Response-Suppress": "All",
        "X-MS-Exchange-Inbox-Rules-Loop": said.address,
        "Auto-Submitted": "auto-generated",
        "MIME-Version": "1.0",
    }
    return whole(
        said, fields, multipart("alternative", boundary, [text_part("plain", said.text), text_part("html", page)])
    )


@client
def gmail_vacation(said: Said) -> bytes:
    """The vacation note of Gmail, which looks like an answer but for a few fields."""
    boundary = f"000000000000{said.digits(16, 'away')}"
    fields = {
        "MIME-Version": "1.0",
        **said.chain(),
        **standing(said),
        "Message-ID": f"<CAF+{said.digits(42, 'away')}@mail.gmail.com>",
        "Subject": said.whole_subject(),
        "Auto-Submitted": "auto-replied",
        "Precedence": "bulk",
        "X-Autoreply": "yes",
    }
    page = f'<div dir="ltr">{said.text}</div>'
    return whole(
        said, fields, multipart("alternative", boundary, [text_part("plain", said.text), text_part("html", page)])
    )


@client
def postfix_report(said: Said) -> bytes:
    """The report of a Postfix that could not deliver the mail that is `answering`; `text` is what the far end said.

    `who` is the system: "Mail Delivery System <MAILER-DAEMON@mx.x.test>", and `to` the envelope of the mail.
    """
    if said.answering is None or said.old is None:
        raise ValueError("a report is about a mail")
    host, gone = said.address.partition("@")[2], parseaddr(said.old.to)[1]
    status = (re.search(r"\b5\.\d{1,3}\.\d{1,3}\b", said.text) or ["5.0.0"])[0]
    notice = (
        f"This is the mail system at host {host}.\n\nYour message could not be delivered to one or more recipients. "
        f"It is attached below.\n\n                   The mail system\n\n<{gone}>: {said.text}"
    )
    report = (
        f"Reporting-MTA: dns; {host}\r\nX-Postfix-Queue-ID: 4{said.digits(10).upper()}\r\n"
        f"X-Postfix-Sender: rfc822; {said.to}\r\nArrival-Date: {format_datetime(said.old.at)}\r\n\r\n"
        f"Final-Recipient: rfc822; {gone}\r\nOriginal-Recipient: rfc822;{gone}\r\nAction: failed\r\n"
        f"Status: {status}\r\nRemote-MTA: dns; mail.{host}\r\nDiagnostic-Code: smtp; {said.text}\r\n"
    )
    parts = [
        text_part("plain", notice, charset="us-ascii", head="Content-Description: Notification\r\n"),
        f"Content-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\n{report}".encode(),
        b"Content-Description: Undelivered Message\r\nContent-Type: message/rfc822\r\n\r\n" + said.answering,
    ]
    fields = {
        **standing(said),
        "Subject": "Undelivered Mail Returned to Sender",
        "Auto-Submitted": "auto-replied",
        "MIME-Version": "1.0",
        "Message-Id": f"<2026{said.digits(10)}.4{said.digits(10, 'q').upper()}@{host}>",
    }
    boundary = f"4{said.digits(10).upper()}.{int(said.at.timestamp())}/{host}"
    return whole(said, fields, multipart("report", boundary, parts, " report-type=delivery-status;"))
