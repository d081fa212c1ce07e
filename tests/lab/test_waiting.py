"""Who waits for an answer: since when, until when one is promised, and who of our people hears of it in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mailgate import rulebook
from mailgate.errors import NotAllowed, NotFound
from mailgate.model import Agent, Enrolled, Priority, TicketState
from mailgate.store import record, waiting
from mailgate.store.views import TicketView, WaitingLine
from mailgate.testing import Lab, Sent
from mailgate.waits import depths_of
from tests.fakes.letters import answer, body, letter, read
from tests.fakes.stores import Laboratory

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MONDAY = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
OFFICE = {"hours": ["mon-fri 09:00-17:00"], "answer_within_h": 8}
STAFF = "lead@office.test"


def boxes(*, mode: str = "off", start: datetime = MONDAY, rules: Path | None = None, **more: Any) -> dict[str, Any]:
    box = {"address": "support@g.test", "queue": "support", "mode": mode, **OFFICE, **more}
    overrides = {"mailbox": [box], "notify": {"address": STAFF, "digest_at": []}}
    return {"start": start, "overrides": overrides | ({"rules": {"folder": str(rules)}} if rules else {})}


async def write(lab: Lab, author: str = "anne@x.test", **more: Any) -> None:
    await lab.receive(letter(author, **more), mail_from=author)
    await lab.settle()


def ticket(lab: Lab, number: int = 1) -> TicketView:
    found: TicketView = lab.tickets()[number - 1]
    return found


def who_waits(lab: Lab) -> list[WaitingLine]:
    return lab.database.look(lambda conn: waiting.unanswered(conn, 100))


def warned(lab: Lab) -> list[Sent]:
    return [one for one in lab.sent if one.kind == "notice" and "Promised answers" in str(read(one.raw)["Subject"])]


def warnings(lab: Lab) -> list[bytes]:
    return [sent.raw for sent in warned(lab)]


# ── Since when, and until when ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_new_ticket_waits_from_its_first_mail_and_is_due_after_so_many_opening_hours(
    laboratory: Laboratory,
) -> None:
    async with laboratory(**boxes(start=MONDAY + 7 * HOUR)) as lab:
        await write(lab)

        assert ticket(lab).waits_since == MONDAY + 7 * HOUR
        assert ticket(lab).due_at == MONDAY + DAY + 7 * HOUR


async def test_a_follow_up_while_somebody_waits_keeps_the_oldest_moment(laboratory: Laboratory) -> None:
    async with laboratory(**boxes()) as lab:
        await write(lab)
        before = ticket(lab)
        lab.advance(HOUR)
        raw, to = answer(lab.sent[0].raw, "anne@x.test")
        await lab.receive(raw, mail_from="anne@x.test", rcpt_to=[to])
        await lab.settle()

        assert len(ticket(lab).messages) == 3
        assert (ticket(lab).waits_since, ticket(lab).due_at) == (before.waits_since, before.due_at)


async def test_an_answer_ends_the_waiting_and_the_next_mail_begins_it_anew(laboratory: Laboratory) -> None:
    async with laboratory(**boxes()) as lab:
        await write(lab)
        lab.advance(HOUR)
        await lab.desk.reply(1, "We send another.", "bob")
        await lab.settle()
        assert (ticket(lab).waits_since, ticket(lab).due_at, who_waits(lab)) == (None, None, [])

        lab.advance(HOUR)
        raw, to = answer(lab.sent[-1].raw, "anne@x.test", text="And when?")
        await lab.receive(raw, mail_from="anne@x.test", rcpt_to=[to])
        await lab.settle()

        assert ticket(lab).waits_since == MONDAY + 2 * HOUR


async def test_nobody_waits_for_what_is_closed_until_he_writes_again(laboratory: Laboratory) -> None:
    async with laboratory(**boxes()) as lab:
        await write(lab)
        await lab.desk.close(1, "bob")
        assert who_waits(lab) == []

        lab.advance(HOUR)
        raw, to = answer(lab.sent[0].raw, "anne@x.test")
        await lab.receive(raw, mail_from="anne@x.test", rcpt_to=[to])
        await lab.settle()

        assert [(one.number, one.since) for one in who_waits(lab)] == [(1, MONDAY + HOUR)]


async def test_an_automatic_reply_makes_no_ticket_wait(laboratory: Laboratory) -> None:
    async with laboratory(**boxes()) as lab:
        await write(lab)
        await lab.desk.reply(1, "We send another.", "bob")
        await lab.settle()
        raw, to = answer(lab.sent[-1].raw, "anne@x.test", Auto_Submitted="auto-replied")
        await lab.receive(raw, mail_from="", rcpt_to=[to])
        await lab.settle()

        assert who_waits(lab) == []


async def test_held_mail_stands_among_who_waits_and_takes_its_time_along_to_its_ticket(laboratory: Laboratory) -> None:
    async with laboratory(**boxes(mode="guarded")) as lab:
        await write(lab, "anne@x.test")
        lab.advance(HOUR)
        await lab.desk.trust("bart@y.test", "bob")
        await write(lab, "bart@y.test")
        assert [one.contact for one in who_waits(lab)] == ["anne@x.test", "bart@y.test"]

        lab.advance(HOUR)
        (held,) = lab.held()
        await lab.desk.accept(held.id, "bob")

        assert [(one.number, one.since) for one in who_waits(lab)] == [(2, MONDAY), (1, MONDAY + HOUR)]
        assert ticket(lab, 2).due_at == MONDAY + 8 * HOUR


# ── Who hears of it ───────────────────────────────────────────────────────────────────────────────────────────────────


async def each_quarter(lab: Lab, hours: int) -> None:
    for _ in range(4 * hours):
        lab.advance(HOUR / 4)
        await lab.settle()


async def test_our_people_are_warned_before_the_time_is_over_and_when_it_is_and_never_again(
    laboratory: Laboratory,
) -> None:
    async with laboratory(**boxes()) as lab:
        await write(lab, subject="The printer burns")
        await each_quarter(lab, 6)
        assert warnings(lab) == []
        await each_quarter(lab, 1)
        (soon,) = warnings(lab)
        assert "0 late, 1 soon" in str(read(soon)["Subject"])
        assert "promised until 2026-01-05 17:00" in body(soon)
        assert "mailgate tickets show 1" in body(soon)

        await each_quarter(lab, 1)
        await lab.crash()
        await lab.restart()
        await each_quarter(lab, 24)

        assert ["1 late, 0 soon" in str(read(one)["Subject"]) for one in warnings(lab)] == [False, True]


async def test_held_mail_is_warned_of_as_well(laboratory: Laboratory) -> None:
    async with laboratory(**boxes(mode="guarded")) as lab:
        await write(lab)
        (held,) = lab.held()
        await each_quarter(lab, 30)

        assert len(warnings(lab)) == 2
        assert all(f"mailgate held show {held.id}" in body(one) for one in warnings(lab))


async def test_what_is_due_together_is_told_together_and_no_more_often_than_each_quarter_of_an_hour(
    laboratory: Laboratory,
) -> None:
    async with laboratory(**boxes()) as lab:
        for number in range(20):
            await write(lab, f"anne{number}@x{number}.test")
            lab.advance(timedelta(minutes=1))
        lab.advance(6 * HOUR)
        for _ in range(45):
            lab.advance(timedelta(minutes=1))
            await lab.settle()

        at = [sent.at for sent in warned(lab)]
        assert len(at) == 3
        assert all(later - sooner == timedelta(minutes=15) for sooner, later in pairwise(at))
        assert sum(body(one).count("mailgate tickets show") for one in warnings(lab)) == 20


async def test_whoever_has_the_ticket_hears_of_it_else_the_people_of_its_queue_else_whom_notify_names(
    laboratory: Laboratory,
) -> None:
    async with laboratory(**boxes()) as lab:
        people = [("anne", ("support",), None), ("bob", ("hardware",), None), ("cris", (), lab.now)]
        agents = [
            Enrolled(Agent(f"{name}@office.test", name, (), queues, lab.now, left)) for name, queues, left in people
        ]
        await lab.database.write(lambda conn: record.apply(conn, agents, lab.now))
        for number in range(1, 4):
            await write(lab, f"joe{number}@x{number}.test", subject=f"Letter {number}")
        await lab.desk.assign(2, "bob", "anne")
        await lab.desk.move_to(3, "nobody's", "anne")
        await each_quarter(lab, 7)

        heard = {one.rcpt_to: body(one.raw) for one in warned(lab)}
        assert {to: [number for number in "123" if f"Letter {number}" in text] for to, text in heard.items()} == {
            "anne@office.test": ["1"],
            "bob@office.test": ["2"],
            STAFF: ["3"],
        }


async def test_where_the_one_who_has_it_cannot_be_told_the_notify_address_hears_of_it(laboratory: Laboratory) -> None:
    async with laboratory(**boxes()) as lab:
        anne = Enrolled(Agent("anne@office.test", "anne", (), (), lab.now))
        await lab.database.write(lambda conn: record.apply(conn, [anne], lab.now))
        await lab.desk.block("anne@office.test", "bob")
        await write(lab)
        await each_quarter(lab, 7)

        assert [one.rcpt_to for one in warned(lab)] == [STAFF]


async def test_nobody_is_warned_where_nothing_is_promised_or_somebody_answered(laboratory: Laboratory) -> None:
    async with laboratory(**boxes(answer_within_h=0)) as lab:
        await write(lab)
        await each_quarter(lab, 12)
        assert (ticket(lab).due_at, warnings(lab)) == (None, [])
    async with laboratory(**boxes()) as lab:
        await write(lab)
        await lab.desk.reply(1, "We send another.", "bob")
        await each_quarter(lab, 12)
        assert warnings(lab) == []


async def test_monitoring_sees_who_waits_and_who_waits_too_long(laboratory: Laboratory) -> None:
    async with laboratory(**boxes(mode="guarded")) as lab:
        await lab.desk.trust("bart@y.test", "bob")
        await write(lab)
        await write(lab, "bart@y.test")
        lab.advance(7 * HOUR)
        read_depths = depths_of(lab.context.gateway, lab.context.clock)
        found = {one.queue: one for one in lab.database.look(read_depths)}
        assert (found["unanswered"].mails, found["unanswered"].oldest_at, found["overdue"].mails) == (2, MONDAY, 0)

        lab.advance(2 * HOUR)
        found = {one.queue: one for one in lab.database.look(read_depths)}
        assert (found["overdue"].mails, found["overdue"].oldest_at) == (2, MONDAY)


# ── What people say of a ticket ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_ticket_is_sorted_and_each_act_is_one_line_of_its_history(laboratory: Laboratory) -> None:
    async with laboratory(**boxes()) as lab:
        await write(lab)
        await lab.desk.prioritise(1, Priority.URGENT, "bob")
        assert await lab.desk.tag(1, ["#Printer", "fire"], "bob") == ("fire", "printer")
        assert await lab.desk.untag(1, ["fire", "water"], "bob") == ("printer",)
        await lab.desk.move_to(1, "hardware", "bob")

        found = ticket(lab)
        assert (found.priority, found.tags, found.queue) == (Priority.URGENT, ("printer",), "hardware")
        assert [(one.event, one.detail) for one in found.history if one.actor == "agent:bob"] == [
            ("prioritised", "urgent"),
            ("tagged", "printer, fire"),
            ("untagged", "fire, water"),
            ("moved", "hardware"),
        ]


async def test_a_ticket_that_was_put_off_wakes_when_its_time_has_come(laboratory: Laboratory) -> None:
    async with laboratory(**boxes()) as lab:
        await write(lab)
        await lab.desk.put_off(1, MONDAY + 2 * DAY, "bob")
        assert (ticket(lab).state, ticket(lab).pending_until) == (TicketState.PENDING, MONDAY + 2 * DAY)
        assert [one.number for one in who_waits(lab)] == [1]

        lab.advance(DAY)
        await lab.settle()
        assert ticket(lab).state is TicketState.PENDING
        lab.advance(DAY)
        await lab.settle()
        await lab.settle()

        assert (ticket(lab).state, ticket(lab).pending_until) == (TicketState.OPEN, None)
        assert [one.actor for one in ticket(lab).history if one.event == "woken"] == ["clock"]


async def test_what_cannot_be_done_is_refused(laboratory: Laboratory) -> None:
    async with laboratory(**boxes()) as lab:
        await write(lab)
        with pytest.raises(NotFound):
            await lab.desk.prioritise(2, Priority.LOW, "bob")
        for words in ([], ["two words"], ["a,b"], ["x" * 51], [f"t{number}" for number in range(21)]):
            with pytest.raises(NotAllowed):
                await lab.desk.tag(1, words, "bob")
        await lab.desk.tag(1, [f"t{number}" for number in range(20)], "bob")
        with pytest.raises(NotAllowed):
            await lab.desk.tag(1, ["one-more"], "bob")
        for until in (MONDAY, MONDAY + 367 * DAY):
            with pytest.raises(NotAllowed):
                await lab.desk.put_off(1, until, "bob")
        with pytest.raises(NotAllowed):
            await lab.desk.move_to(1, " ", "bob")
        await lab.desk.close(1, "bob")
        with pytest.raises(NotAllowed):
            await lab.desk.put_off(1, MONDAY + DAY, "bob")


async def test_two_who_answer_at_once_are_told_of_each_other(laboratory: Laboratory) -> None:
    async with laboratory(**boxes()) as lab:
        await write(lab)
        await lab.desk.reply(1, "We send another.", "bob")
        lab.advance(timedelta(seconds=20))
        with pytest.raises(NotAllowed, match="bob answered #1 20 s ago; --anyway"):
            await lab.desk.reply(1, "It is out of stock.", "cris")
        await lab.desk.reply(1, "By post, I mean.", "bob")
        await lab.desk.reply(1, "It is out of stock.", "cris", anyway=True)
        lab.advance(timedelta(minutes=3))
        await lab.desk.reply(1, "It is in stock again.", "dora")


# ── What the rules say of it ──────────────────────────────────────────────────────────────────────────────────────────

ROUTES = """
[[rule]]
name = "fire"
when.bare_subject.contains = "fire"
then.queue = "fire brigade"
then.tag = "fire"

[[rule]]
name = "vip"
when.from_domain = "x.test"
then.queue = "vip"
then.priority = "high"
then.assign = "cris"
then.tag = ["vip", "fire"]
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    for name in rulebook.load(rulebook.shipped_folder()).files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((rulebook.shipped_folder() / name).read_bytes())
    (folder / "70-ours.toml").write_text(ROUTES)
    return folder


@pytest.mark.parametrize("mode", ["off", "guarded"])
async def test_a_ticket_is_sorted_by_the_rules_whether_its_mail_was_held_or_not(
    laboratory: Laboratory, rules: Path, mode: str
) -> None:
    async with laboratory(**boxes(mode=mode, rules=rules)) as lab:
        await write(lab, subject="Fire!")
        for held in lab.held():
            await lab.desk.accept(held.id, "bob")

        found = ticket(lab)
        assert (found.queue, found.priority, found.assignee) == ("fire brigade", Priority.HIGH, "cris")
        assert found.tags == ("fire", "vip")
        (mail,) = [one for one in found.messages if one.verdict]
        assert mail.verdict
        steps = [one["result"] for one in mail.verdict["trail"] if one["check"] == "rule"]
        assert [step.partition(";")[0] for step in steps] == [
            "fire (70-ours.toml:2): queue fire brigade, tag fire",
            "vip (70-ours.toml:8): queue vip, priority high, assign cris, tag vip, fire",
        ]
