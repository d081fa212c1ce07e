"""Reports without the form of one do what those with it do; people who pass them on are people, and lists are lists."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailgate.model import Standing
from mailgate.testing import Lab
from tests.fakes.letters import letter
from tests.fakes.stores import Laboratory

QMAIL = """Hi. This is the qmail-send program at x.test.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<anne@x.test>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

"""


def returned(mail: bytes) -> str:
    """The header of a mail of ours as a mail system returns it."""
    return mail.decode().replace("\r\n", "\n").partition("\n\n")[0]


async def kind(lab: Lab, raw: bytes, mail_from: str) -> str:
    handed = await lab.receive(raw, mail_from=mail_from)
    await lab.settle()
    verdict = lab.verdict(handed)
    assert verdict
    return str(verdict["kind"])


async def test_a_bounce_in_words_makes_the_address_undeliverable(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lab.receive(letter("anne@x.test"), mail_from="anne@x.test")
        await lab.settle()
        raw = letter("MAILER-DAEMON@x.test", subject="failure notice", text=QMAIL + returned(lab.sent[0].raw))
        lab.advance(timedelta(minutes=1))

        assert await kind(lab, raw, "") == "bounce"
        assert lab.ledger().consumed == 1
        known = lab.contact("anne@x.test")
        assert known
        assert known.standing is Standing.UNDELIVERABLE


async def test_a_delay_in_words_changes_nothing(laboratory: Laboratory) -> None:
    text = "This is a warning message only.\nYour message has not yet been delivered.\n\n<anne@x.test>: 450 busy\n\n"
    async with laboratory() as lab:
        await lab.receive(letter("anne@x.test"), mail_from="anne@x.test")
        await lab.settle()
        raw = letter(
            "MAILER-DAEMON@x.test", subject="Delayed Mail", text=text + QMAIL[-50:] + returned(lab.sent[0].raw)
        )

        assert await kind(lab, raw, "") == "delay"
        assert lab.ledger().consumed == 1
        known = lab.contact("anne@x.test")
        assert known
        assert known.standing is not Standing.UNDELIVERABLE


async def test_a_bounce_in_words_about_somebody_elses_mail_is_only_kept(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        raw = letter("MAILER-DAEMON@x.test", subject="failure notice", text=QMAIL + "Message-ID: <1@elsewhere.test>\n")
        assert await kind(lab, raw, "") == "bounce"
        assert lab.ledger().parked == 1


async def test_a_bounce_that_a_list_passes_on_is_the_lists_mail(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        raw = letter("MAILER-DAEMON@x.test", subject="failure notice", text=QMAIL, List_Id="<users.y.test>")
        assert await kind(lab, raw, "users-bounces@y.test") == "list"


async def test_who_passes_a_bounce_on_writes_a_ticket_and_gets_no_answer(laboratory: Laboratory) -> None:
    opened = {"mailbox": [{"address": "support@g.test", "queue": "support", "mode": "open"}]}
    async with laboratory(overrides=opened) as lab:
        raw = letter("joe@y.test", subject="Fwd: Undelivered Mail Returned to Sender", text="What is this?\n\n> 550 no")
        assert await kind(lab, raw, "joe@y.test") == "human"
        assert len(lab.tickets()) == 1
        assert lab.sent == []


MACHINES = {
    "read receipt": (
        letter("anne@x.test", subject="Read: The printer", text="Your message was read on Monday."),
        "mdn",
    ),
    "complaint as JSON": (
        letter(
            "no-reply@sns.a.test",
            subject="AWS Notification Message",
            text='{"notificationType":"Complaint","complaint":{"complainedRecipients":[{"emailAddress":"a@x.test"}]}}',
            X_Amz_Sns_Message_Id="1",
        ),
        "feedback",
    ),
    "DMARC report": (
        letter("dmarc@x.test", subject="Report domain: g.test Submitter: x.test Report-ID: 1", text="See attachment."),
        "system",
    ),
    "DMARC report of Microsoft": (
        letter("dmarc@x.test", subject="[Preview] Report Domain: g.test Submitter: x.test Report-ID: 1", text=""),
        "system",
    ),
    "TLS report": (
        letter("tls@x.test", subject="Report", text="", Content_Type="application/tlsrpt+gzip"),
        "system",
    ),
    "bounce in the name of this mailbox": (
        letter(
            "support@g.test",
            subject="Undeliverable mail",
            text="Unknown user: anne@x.test\n\nOriginal message follows.",
        ),
        "bounce",
    ),
}


@pytest.mark.parametrize(("raw", "expected"), MACHINES.values(), ids=MACHINES)
async def test_what_machines_report_is_told_apart(laboratory: Laboratory, raw: bytes, expected: str) -> None:
    async with laboratory() as lab:
        assert await kind(lab, raw, "someone@x.test") == expected
        assert lab.sent == []
