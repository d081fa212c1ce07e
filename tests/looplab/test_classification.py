"""What each sort of mail gets within thirty days, and where it goes: the whole road, for a stranger and a friend."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from mailgate.lab.account import visible_and_judged
from mailgate.model import Standing
from mailgate.testing import Handed, Lab
from tests.fakes.letters import answer, letter, read

HUMAN = "I have a question about my order."


@dataclass(frozen=True)
class Case:
    """One mail, whether its author is trusted, and what comes of it."""

    kind: str
    place: str
    automatic: int
    fields: dict[str, str] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    author: str = "joe@c.test"
    mail_from: str | None = None
    to: str = "support@g.test"
    subject: str = "My order"
    trusted: bool = False
    auth: str = "A2"

    def raw(self) -> bytes:
        fields = {name.replace("-", "_"): value for name, value in self.fields.items()}
        raw = letter(self.author, self.to, subject=self.subject, text=HUMAN, **fields)
        return "".join(f"{line}\r\n" for line in self.lines).encode() + raw


MANY = ", ".join(f"person{number}@y.test" for number in range(20))
CALENDAR = {"Content-Type": "text/calendar; method=REPLY"}
OOF = {"Auto-Submitted": "auto-generated", "X-MS-Exchange-Generated-Message-Source": "Mailbox Rules Agent"}
INVOICE = {"Precedence": "bulk", "List-Unsubscribe": "<mailto:u@c.test>"}

CASES = {
    "T01 automatic reply": Case("auto_reply", "parked", 0, {"Auto-Submitted": "auto-replied"}),
    "T02 folded and commented": Case("system", "parked", 0, lines=("AUTO-SUBMITTED : Auto-Generated", "\t(cron); x=1")),
    "T03 says it is no machine": Case("human", "held", 1, {"Auto-Submitted": "no"}),
    "T04 the worse of two": Case("system", "parked", 0, lines=("Auto-Submitted: no", "Auto-Submitted: auto-notified")),
    "T05 a word of the future": Case("system", "parked", 0, {"Auto-Submitted": "x-future-token"}),
    "T06 wants no automatic answer": Case("human", "ticketed", 0, {"X-Auto-Response-Suppress": "All"}, trusted=True),
    "T07 wants no reports": Case("human", "ticketed", 1, {"X-Auto-Response-Suppress": "DR, RN"}, trusted=True),
    "T08 a supplier's invoice": Case("list", "quiet", 0, INVOICE, trusted=True),
    "T09 iCloud vacation": Case("auto_reply", "parked", 0, {"X-Apple-Action": "VACATION"}),
    "T10 Exchange vacation, linked to nothing": Case("auto_reply", "parked", 0, OOF),
    "T11 a subject of machines": Case("human", "held", 0, subject="Risposta automatica: x"),
    "T12 speaks of machines": Case("human", "held", 1, subject="your automatic reply is broken"),
    "T18 no path, proven": Case("unknown_null", "ticketed", 0, mail_from=""),
    "T19 wants no answer": Case("human", "held", 0, author="noreply@shop.test"),
    "T20 addressed to a list": Case("human", "held", 0, to="list@l.test"),
    "T21 two From fields": Case("human", "held", 0, lines=("From: ann@y.test",)),
    "T23 an answer of a calendar": Case("calendar", "parked", 0, CALENDAR),
    "T24 to twenty-one people": Case("human", "ticketed", 0, {"Cc": MANY}, trusted=True),
    "T25 a tagged reverse-path": Case("human", "held", 1, mail_from="prvs=1234=joe@c.test"),
    "T26 a mass mailer's reverse-path": Case("human", "held", 0, mail_from="bounce+9@esp.test"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_one_mail_and_thirty_days(case: Case) -> None:
    async with Lab() as lab:
        if case.trusted:
            await lab.desk.trust(case.author, "bob")
        mail_from = case.author if case.mail_from is None else case.mail_from
        handed = await lab.receive(case.raw(), mail_from=mail_from, auth=case.auth)
        for _ in range(30):
            await lab.settle()
            lab.advance(timedelta(days=1))

        verdict = _verdict(lab, handed)
        assert (verdict["kind"], verdict["state"], len(lab.sent)) == (case.kind, case.place, case.automatic)
        assert visible_and_judged(lab)


async def test_t10_a_vacation_joins_its_closed_ticket_and_wakes_nobody() -> None:
    async with Lab() as lab:
        await lab.desk.trust("joe@c.test", "bob")
        await lab.receive(letter("joe@c.test"), mail_from="joe@c.test")
        await lab.settle()
        await lab.desk.reply(1, "We are on it.", "bob")
        await lab.desk.close(1, "bob")
        await lab.settle()
        before = len(lab.sent)
        raw, to = answer(lab.sent[-1].raw, "joe@c.test", text="I am away.", **_underscored(OOF))
        handed = await lab.receive(raw, mail_from="joe@c.test", rcpt_to=[to])
        await lab.settle()

        assert (_verdict(lab, handed)["kind"], _verdict(lab, handed)["state"]) == ("auto_reply", "quiet")
        assert [ticket.state for ticket in lab.tickets()] == ["closed"]
        assert len(lab.sent) == before


async def test_t13_a_report_to_the_bounce_address_ends_the_challenge() -> None:
    """T13, T15: whichever of the two forms it has."""
    for part in ("message/delivery-status", "message/global-delivery-status"):
        async with Lab() as lab:
            await lab.receive(letter("joe@c.test"), mail_from="joe@c.test")
            await lab.settle()
            lab.advance(timedelta(minutes=1))
            raw = _report(part, "Final-Recipient: rfc822; joe@c.test\r\nAction: failed\r\nStatus: 5.1.1")
            handed = await lab.receive(raw, mail_from="", rcpt_to=[lab.sent[0].mail_from], auth="A0")
            await lab.settle()

            assert _verdict(lab, handed)["state"] == "consumed"
            assert _standing(lab) is Standing.UNDELIVERABLE
            assert len(lab.sent) == 1
            assert visible_and_judged(lab)


async def test_t14_a_forged_report_that_only_knows_a_ticket_number_changes_nothing() -> None:
    async with Lab() as lab:
        await lab.desk.trust("joe@c.test", "bob")
        await lab.receive(letter("joe@c.test"), mail_from="joe@c.test")
        await lab.settle()
        raw = _report("message/delivery-status", "Action: failed\r\nStatus: 5.1.1", subject="Undeliverable: [#1]")
        handed = await lab.receive(raw, mail_from="", auth="A0")
        await lab.settle()

        assert _verdict(lab, handed)["state"] == "parked"
        assert _standing(lab) is Standing.TRUSTED
        assert len(lab.tickets()[0].messages) == 2


async def test_t17_one_complaint_stops_a_domain_and_two_stop_everything() -> None:
    async with Lab() as lab:
        for number in range(2):
            address = f"joe@c{number}.test"
            await lab.receive(letter(address, subject=f"Order {'ab'[number]}"), mail_from=address)
            await lab.settle()
            lab.advance(timedelta(days=1))
            complaint = _report("message/feedback-report", "Feedback-Type: abuse", kind="feedback-report")
            rcpt_to = [lab.sent[-1].mail_from]
            await lab.receive(complaint, mail_from=f"fbl@c{number}.test", rcpt_to=rcpt_to)
            await lab.settle()
        assert len(lab.sent) == 2
        handed = await lab.receive(letter("ann@elsewhere.test", subject="Mine"), mail_from="ann@elsewhere.test")
        await lab.settle()

        assert len(lab.sent) == 2
        assert "automatic mail is stopped" in _verdict(lab, handed)["suppressed"]
        assert visible_and_judged(lab)


def _verdict(lab: Lab, handed: Handed) -> dict[str, object]:
    verdict = lab.verdict(handed)
    assert verdict
    return verdict


def _standing(lab: Lab) -> Standing:
    known = lab.contact("joe@c.test")
    assert known
    return known.standing


def _underscored(fields: dict[str, str]) -> dict[str, str]:
    return {name.replace("-", "_"): value for name, value in fields.items()}


def _report(part: str, text: str, *, kind: str = "delivery-status", subject: str = "Undelivered") -> bytes:
    head = letter(
        "MAILER-DAEMON@c.test",
        subject=subject,
        text=f"--b\r\nContent-Type: text/plain\r\n\r\nSee below.\r\n--b\r\nContent-Type: {part}\r\n\r\n{text}\r\n--b--",
        MIME_Version="1.0",
        Content_Type=f'multipart/report; report-type={kind}; boundary="b"',
    )
    assert read(head).is_multipart()
    return head
