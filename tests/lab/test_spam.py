"""Spam among held mail: where people see it, what they are told of it, and how it comes out again."""

from __future__ import annotations

from datetime import timedelta

from mailgate.model import HeldState
from mailgate.testing import Lab

BARE = b"From: %s\r\nTo: support@g.test\r\nMessage-ID: <%s>\r\nDate: Mon, 05 Jan 2026 09:00:00 +0000\r\n"
SELLS = (
    b"Subject: EARN MONEY NOW\r\nContent-Type: text/html\r\n\r\n"
    b'<p>Click here to be removed: <a href="http://192.0.2.7/x">bank.test</a> <form action=x></form>'
)
ASKS = b"Subject: My printer burns\r\n\r\nIt really does.\r\n"
DIGEST = {
    "notify": {"address": "ops@g.test"},
    "mailbox": [{"address": "support@g.test", "queue": "support", "mode": "guarded"}],
}


def sold(author: str) -> bytes:
    return BARE % (author.encode(), b"1@" + author.partition("@")[2].encode()) + SELLS


def asked(author: str) -> bytes:
    return BARE % (b"Anne <%s>" % author.encode(), b"2@" + author.partition("@")[2].encode()) + ASKS


async def test_people_see_likely_people_first_and_are_not_told_of_spam() -> None:
    async with Lab(overrides=DIGEST) as lab:
        await lab.receive(sold("eve99999@y.test"), mail_from="eve99999@y.test", auth="A0")
        await lab.receive(asked("anne@x.test"), mail_from="anne@x.test", auth="A0")
        await lab.settle()
        first, apart = lab.held()
        for _ in range(8):
            lab.advance(timedelta(hours=6))
            await lab.settle()

        assert (first.from_, first.state) == ("anne@x.test", HeldState.HUMAN)
        assert (apart.from_, apart.state) == ("eve99999@y.test", HeldState.LIKELY_SPAM)
        assert first.points < 5 <= apart.points
        assert apart.because == ("a link leads to a number instead of a name", "asks for an answer in a form")
        (told,) = [sent.raw.decode() for sent in lab.sent if sent.kind == "digest"]
        assert "anne@x.test" in told
        assert f"points of spam: {first.points:g} (" in told
        assert "eve99999" not in told


async def test_spam_stands_apart_until_a_person_accepts_it() -> None:
    async with Lab() as lab:
        await lab.receive(sold("eve99999@y.test"), mail_from="eve99999@y.test")
        await lab.settle()
        (line,) = lab.held()
        assert line.state is HeldState.LIKELY_SPAM
        assert lab.sent == []
        assert lab.ledger().balanced

        await lab.desk.accept(line.id, "anne")

        assert lab.held() == []
        assert [ticket.subject for ticket in lab.tickets()] == ["EARN MONEY NOW"]
        assert lab.ledger().balanced


async def test_no_time_takes_likely_spam_away_that_nobody_judged() -> None:
    async with Lab() as lab:
        await lab.receive(sold("eve99999@y.test"), mail_from="eve99999@y.test")
        await lab.settle()
        lab.advance(timedelta(days=400))
        await lab.settle()

        assert [one.state for one in lab.held()] == [HeldState.LIKELY_SPAM]
