"""A crowd writes at once: each of our own people gets a bounded number of mails, and hears of everything."""

from __future__ import annotations

import re
from datetime import timedelta

from mailgate.testing import Lab
from tests.fakes.letters import answer, body, letter
from tests.fakes.people import OFFICE, to
from tests.fakes.stores import Laboratory

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
PEOPLE = [f"p{number}@office.test" for number in range(10)]
NOTICES_AN_HOUR = 30


async def _crowd(lab: Lab, first: int, many: int) -> None:
    mails = [
        {"raw": letter(f"c{number}@x{number}.test", subject=f"Case {number}"), "mail_from": f"c{number}@x{number}.test"}
        for number in range(first, first + many)
    ]
    await lab.receive_many(mails)
    await lab.settle()


async def test_a_storm_is_thirty_mails_and_then_a_digest_an_hour() -> None:
    async with Lab(overrides=OFFICE) as lab:
        for number, address in enumerate(PEOPLE):
            await lab.desk.enrol(address, f"p{number}")
        for first in range(0, 500, 50):
            await _crowd(lab, first, 50)
            lab.advance(timedelta(seconds=6))
        assert len(lab.tickets()) == 500
        assert {len(to(lab, address)) for address in PEOPLE} == {NOTICES_AN_HOUR}

        for _ in range(6):
            lab.advance(10 * MINUTE)
            await lab.settle()
        for address in PEOPLE:
            *notices, digest = to(lab, address)
            assert [sent.kind for sent in notices] == ["notice"] * NOTICES_AN_HOUR
            assert digest.kind == "digest"
            assert "470 mails" in body(digest.raw)
            assert len(re.findall(r"\[#\d+\]", body(digest.raw))) == 50
        assert lab.ledger().balanced


async def test_what_comes_after_a_digest_waits_for_the_next_hour() -> None:
    async with Lab(overrides=OFFICE) as lab:
        await lab.desk.enrol(PEOPLE[0], "p0")
        await _crowd(lab, 0, 60)
        lab.advance(11 * MINUTE)
        await lab.settle()
        await _crowd(lab, 100, 20)
        lab.advance(11 * MINUTE)
        await lab.settle()
        assert [sent.kind for sent in to(lab, PEOPLE[0])].count("digest") == 1, "one an hour"
        lab.advance(HOUR)
        await lab.settle()
        digests = [sent for sent in to(lab, PEOPLE[0]) if sent.kind == "digest"]
        assert len(digests) == 2
        assert "20 mails" in body(digests[1].raw)


async def test_a_restart_in_a_storm_tells_nothing_twice(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(PEOPLE[0], "p0")
        await _crowd(lab, 0, 40)
        await lab.crash()
        await lab.restart()
        await lab.settle()
        lab.advance(11 * MINUTE)
        await lab.settle()
        await lab.crash()
        await lab.restart()
        lab.advance(2 * HOUR)
        await lab.settle()
        kinds = [sent.kind for sent in to(lab, PEOPLE[0])]
        assert (kinds.count("notice"), kinds.count("digest")) == (NOTICES_AN_HOUR, 1)


async def test_what_is_a_day_old_is_nobodys_news() -> None:
    async with Lab(overrides=OFFICE) as lab:
        await lab.desk.enrol(PEOPLE[0], "p0")
        await lab.receive(letter("c@x.test"), mail_from="c@x.test")
        await lab.intake.settle()
        lab.advance(timedelta(days=2))
        await lab.settle()
        assert to(lab, PEOPLE[0]) == []


async def test_answers_that_come_together_are_counted_one_by_one(laboratory: Laboratory) -> None:
    """A batch of mails sees what each of them did, as if it had come alone."""
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(PEOPLE[0], "p0")
        await _crowd(lab, 0, 1)
        told = to(lab, PEOPLE[0])[0].raw
        lab.advance(MINUTE)
        mails = []
        for number in range(12):
            raw, address = answer(told, PEOPLE[0], text=f"Thought {'abcdefghijkl'[number]} of mine.")
            mails.append({"raw": raw, "mail_from": PEOPLE[0], "rcpt_to": [address]})
        await lab.receive_many(mails)
        await lab.settle()
        assert len([sent for sent in lab.sent if sent.kind == "agent"]) == 10
        assert [one.event for one in lab.tickets()[0].history].count("not-sent") == 2
        assert lab.ledger().balanced
