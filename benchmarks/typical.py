"""Mails as they come to a desk, of all making: text, HTML, answers, files, reports; the same in every run."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP

from benchmarks.load import RECIPIENT
from benchmarks.mails import author, domain, letter, line

_PARAGRAPHS, _WORDS = 60, 40
_FILE_BYTES = 200_000


def typical(number: int) -> bytes:
    """The mail of this number."""
    return _MAKINGS[number % len(_MAKINGS)](number)


def large(number: int, size_bytes: int) -> bytes:
    """A mail with a file of about this size."""
    return _with_file(number, size_bytes * 3 // 4)


def _plain(number: int) -> bytes:
    return letter(number).raw


def _answer(number: int) -> bytes:
    chance = random.Random(number)
    mail = _from_person(number, f"Re: {line(chance, 5)}")
    mail["In-Reply-To"] = mail["References"] = f"<{number - 1}@desk.test>"
    quoted = "".join(f"> {line(chance, 9)}\n" for _ in range(40))
    mail.set_content(f"Hello,\n\n{line(chance, 30)}\n\nOn Mon, 5 Jan 2026 Desk wrote:\n{quoted}")
    return mail.as_bytes()


def _rich(number: int) -> bytes:
    """Text and HTML of the same, with the tables and styles that mail programs make."""
    chance = random.Random(number)
    mail = _from_person(number, line(chance, 5))
    said = [line(chance, _WORDS) for _ in range(_PARAGRAPHS)]
    mail.set_content("\n\n".join(said))
    rows = "".join(f'<tr><td style="font: 14px Arial"><p class="x">{text}<br>&nbsp;</p></td></tr>\n' for text in said)
    mail.add_alternative(f"<html><head><style>p {{}}</style></head><body><table>{rows}</table></body></html>", "html")
    mail.set_boundary("b")
    return mail.as_bytes()


def _with_file(number: int, size_bytes: int = _FILE_BYTES) -> bytes:
    chance = random.Random(number)
    mail = _from_person(number, line(chance, 5))
    mail.set_content(line(chance, 30))
    # Written by hand, for the library takes half a minute over a large file.
    head, _, body = mail.as_bytes().partition(b"\r\n\r\n")
    data = base64.encodebytes(chance.randbytes(size_bytes)).replace(b"\n", b"\r\n")
    kind = b'Content-Type: application/pdf; name="report.pdf"\r\nContent-Transfer-Encoding: base64\r\n'
    fields = b"\r\n".join(field for field in head.split(b"\r\n") if not field.lower().startswith(b"content-"))
    file = b'--b\r\n%sContent-Disposition: attachment; filename="report.pdf"\r\n\r\n%s--b--\r\n' % (kind, data)
    return b"%s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n%s\r\n%s" % (fields, body, file)


def _report(number: int) -> bytes:
    returned = letter(number).raw.partition(b"\r\n\r\n")[0].decode()
    return (
        f"From: Mail Delivery System <mailer-daemon@{domain(number)}>\r\nTo: <{RECIPIENT}>\r\n"
        f"Subject: Undelivered Mail Returned to Sender\r\nMessage-ID: <{number}@{domain(number)}>\r\n"
        "Date: Mon, 5 Jan 2026 09:00:00 +0000\r\nAuto-Submitted: auto-replied\r\nReturn-Path: <>\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        "--b\r\n\r\nI could not deliver your mail.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"Reporting-MTA: dns; {domain(number)}\r\n\r\nFinal-Recipient: rfc822; {author(number)}\r\nAction: failed\r\n"
        "Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\n{returned}\r\n--b--\r\n"
    ).encode()


def _from_person(number: int, subject: str) -> EmailMessage:
    mail = EmailMessage(policy=SMTP)
    mail["From"] = f"Pat Person <{author(number)}>"
    mail["To"] = RECIPIENT
    mail["Subject"] = subject
    mail["Message-ID"] = f"<{number}@{domain(number)}>"
    mail["Date"] = "Mon, 5 Jan 2026 09:00:00 +0000"
    return mail


_MAKINGS: tuple[Callable[[int], bytes], ...] = (_plain, _answer, _rich, _plain, _with_file, _rich, _answer, _report)
