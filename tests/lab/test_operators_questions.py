"""What operators ask of a store is answered alike by both kinds of database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from mailgate.model import HeldState, Purpose
from mailgate.store import contacts, held, news, report
from mailgate.testing import Lab
from tests.fakes.letters import letter
from tests.fakes.stores import Laboratory
from tests.lab.test_staff import OPEN_DOOR, STAFF, START, machine, stranger

DAY = timedelta(days=1)


def look(lab: Lab, work: Any) -> Any:
    return lab.database.look(work)


async def test_a_report_counts_what_left_and_what_did_not(laboratory: Laboratory) -> None:
    async with laboratory(start=START, overrides=OPEN_DOOR) as lab:
        await machine(lab, turns=9)
        found = look(lab, lambda conn: report.report(conn, lab.now - DAY))
        left = {one.kind: (one.granted, one.sent) for one in found.left}
        assert left == {
            Purpose.ACKNOWLEDGE: (2, 2),
            Purpose.CHALLENGE: (0, 0),
            Purpose.NOTICE: (1, 1),
            Purpose.DIGEST: (0, 0),
            Purpose.REDIRECT: (0, 0),
        }
        assert [one.mails for one in found.withheld] == [7]
        lately = look(lab, lambda conn: contacts.automatic(conn, "otto@x.test", lab.now - DAY))
        assert (len(lately.sent), len(lately.withheld)) == (2, 7)
        gathered, _ = look(lab, lambda conn: news.gather(conn, lab.now, 5))
        assert [(one.address, one.count) for one in gathered.loops] == [("otto@x.test", 7)]
        assert gathered.loops[0].mails == tuple(one.journal_id for one in lately.withheld)


async def test_a_dry_run_is_told_by_day_and_address(laboratory: Laboratory) -> None:
    overrides = {**OPEN_DOOR, "replies": {"dry_run": True}}
    async with laboratory(start=START, overrides=overrides) as lab:
        await machine(lab, turns=2)
        lab.advance(DAY)
        await lab.receive(letter(), mail_from="anne@x.test")
        await lab.settle()
        found = look(lab, lambda conn: report.report(conn, START - DAY)).dry_run
        assert (found.kinds, found.mails, found.addresses) == ({"acknowledge": 3}, 3, 2)
        assert [(one.day, one.mails, one.addresses) for one in found.days] == [
            ("2026-01-05", 2, 1),
            ("2026-01-06", 1, 1),
        ]
        assert found.top == (("otto@x.test", 2), ("anne@x.test", 1))
        assert lab.sent == []


async def test_a_flood_of_one_stranger_is_one_line(laboratory: Laboratory) -> None:
    async with laboratory(start=START, overrides={"notify": {"address": STAFF}}) as lab:
        for number in (1, 2, 1, 1):
            await stranger(lab, number)
        await lab.receive(letter("a@x.test, b@x.test"), mail_from="c@x.test", auth="A0")
        await lab.settle()
        lines = look(lab, held.by_sender)
        assert [(one.from_, one.mails) for one in lines] == [
            ("c@x.test", 1),  # with the fewest points of spam
            ("anne1@x1.test", 3),
            ("anne2@x2.test", 1),
        ]
        assert look(lab, held.waiting) == (3, 5)
        assert len(look(lab, held.untold)) == 5
        assert look(lab, lambda conn: held.by_sender(conn, states=[HeldState.SPAM])) == []
        await lab.desk.spam(lines[1].id, "cris")
        assert look(lab, held.waiting) == (3, 4)
        assert [one.mails for one in look(lab, lambda conn: held.by_sender(conn, 2))] == [1, 3]


async def test_a_flood_is_split_and_the_ledger_stays_balanced(laboratory: Laboratory) -> None:
    async with laboratory(start=START, overrides=OPEN_DOOR) as lab:
        for number in range(8):
            raw = letter("eve@evil.test", subject=f"Report {number}", text="All is well.")
            await lab.receive(raw, mail_from="eve@evil.test")
            lab.advance(timedelta(seconds=30))
        await lab.settle()
        flood = next(ticket for ticket in lab.tickets() if len(ticket.messages) > 2)
        given = await lab.desk.split(flood.number, "cris")
        assert [ticket.subject for ticket in lab.tickets() if ticket.number in given] == [
            message.subject for message in flood.messages[1:]
        ]
        assert lab.ledger().balanced
        assert (lab.ledger().ticketed, lab.ledger().appended) == (8, 0)
