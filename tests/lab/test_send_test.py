"""A mail that a person sends to see it come back, and what else might bear its name."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailgate.errors import NotAllowed
from mailgate.testing import Lab, Sent
from tests.fakes.stores import Laboratory

DESK = "support@g.test"
HOUR = timedelta(hours=1)


async def _sent(lab: Lab, to: str) -> Sent:
    await lab.desk.send_test(to, "A test", "Does this arrive?", timedelta(minutes=1))
    await lab.settle()
    return lab.sent[-1]


async def _comes_in(lab: Lab, sent: Sent, to: str) -> tuple[str, str]:
    handed = await lab.receive(sent.raw, mail_from=sent.mail_from, rcpt_to=[to], auth="A0")
    await lab.settle()
    verdict = lab.verdict(handed)
    assert verdict
    return verdict["kind"], verdict["state"]


async def test_it_is_a_persons_mail_from_the_mailbox_it_goes_to(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        sent = await _sent(lab, DESK)

        assert (sent.kind, sent.rcpt_to) == ("agent", DESK)
        assert f"From: <{DESK}>".encode() in sent.raw
        assert b"Auto-Submitted" not in sent.raw


async def test_come_back_it_is_consumed_and_nothing_follows(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        sent = await _sent(lab, DESK)

        assert await _comes_in(lab, sent, DESK) == ("own_loop", "consumed")
        assert await _comes_in(lab, sent, DESK) == ("own_loop", "consumed"), "a retry is the same row"
        assert len(lab.sent) == 1
        assert lab.tickets() == []
        assert lab.ledger().balanced


async def test_at_another_address_than_it_was_sent_to_it_is_kept_for_people(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        sent = await _sent(lab, "somebody@x.test")

        assert await _comes_in(lab, sent, DESK) == ("own_loop", "parked")


async def test_long_after_it_was_sent_it_is_kept_for_people(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        sent = await _sent(lab, DESK)
        lab.advance(2 * HOUR)

        assert await _comes_in(lab, sent, DESK) == ("own_loop", "parked")


async def test_an_answer_to_it_is_a_mail_like_any_other(laboratory: Laboratory) -> None:
    async with laboratory(overrides={"mailbox": [{"address": DESK, "mode": "off"}]}) as lab:
        sent = await _sent(lab, "anne@x.test")
        reply = b"From: anne@x.test\nTo: support@g.test\nSubject: Re: A test\nMessage-ID: <1@x.test>\n\nIt did.\n"
        handed = await lab.receive(reply, mail_from="anne@x.test", rcpt_to=[_reply_to(sent)])
        await lab.settle()

        verdict = lab.verdict(handed)
        assert verdict
        assert (verdict["kind"], verdict["state"]) == ("human", "ticketed")


async def test_what_is_no_address_is_not_allowed(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        with pytest.raises(NotAllowed, match="no address"):
            await lab.desk.send_test("nobody", "A test", "Does this arrive?", HOUR)


def _reply_to(sent: Sent) -> str:
    line = next(line for line in sent.raw.split(b"\r\n") if line.startswith(b"Reply-To: "))
    return line.partition(b"<")[2].rstrip(b">").decode()
