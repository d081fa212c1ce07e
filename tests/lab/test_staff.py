"""Our own people hear at once of what needs them and at fixed times of what waits; of a notice itself nobody hears."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from mailgate.judge import breaker
from mailgate.model import Broken, Facts, Scope
from mailgate.store import conduct, journal, queries, record, tables
from mailgate.testing import Lab, Sent
from tests.fakes.letters import answer, body, letter, read
from tests.fakes.stores import POSTGRESQL, Laboratory, Stores, only

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)  # an hour before a digest
STAFF = "lead@office.test"


def told(address: str = STAFF, **more: Any) -> dict[str, Any]:
    return {"start": START, "overrides": {"notify": {"address": address, **more}}}


def to_staff(lab: Lab) -> list[Sent]:
    return [sent for sent in lab.sent if sent.kind in ("notice", "digest")]


async def trip(lab: Lab) -> None:
    """The breaker of all automatic mail opens, as a mail would open it."""
    fuse = lab.context.book().limits.fuse
    opened = breaker.tripped(lab.database.look(_facts), lab.now, fuse, ceiling="150 of 150 in 24 h")
    assert opened
    await lab.database.write(lambda conn: record.apply(conn, [Broken(opened)], lab.now))


def _facts(conn: Any) -> Any:
    return Facts(breakers=dict(conduct.breakers(conn, {""})))


async def stranger(lab: Lab, number: int = 1, **more: Any) -> None:
    raw = letter(f"anne{number}@x{number}.test", **more)
    await lab.receive(raw, mail_from=f"anne{number}@x{number}.test", auth="A0")


# ── Notices ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_breaker_that_opens_is_told_once_with_the_command_that_frees_it(laboratory: Laboratory) -> None:
    async with laboratory(**told()) as lab:
        await trip(lab)
        for _ in range(5):
            lab.advance(10 * MINUTE)
            await lab.settle()
        await lab.crash()
        lab.advance(MINUTE)
        await lab.restart()
        await lab.settle()

        (sent,) = lab.sent
        assert (sent.kind, sent.rcpt_to) == ("notice", STAFF)
        assert "mailgate breaker reset --all" in body(sent.raw)
        assert read(sent.raw)["Auto-Submitted"] == "auto-generated"
        assert read(sent.raw)["Reply-To"] is None
        assert lab.ledger().automatic.notice == 1


async def test_a_second_trip_is_news_again(laboratory: Laboratory) -> None:
    async with laboratory(**told()) as lab:
        await trip(lab)
        await lab.settle()
        lab.advance(8 * HOUR)
        await trip(lab)
        await lab.settle()
        assert len(lab.sent) == 2
        assert "until a person resets it" in body(lab.sent[1].raw)


async def test_a_complaint_is_told_with_the_domain_that_gets_no_more(laboratory: Laboratory) -> None:
    async with laboratory(**told()) as lab:
        await lab.receive(letter("anne@x.test"), mail_from="anne@x.test")
        await lab.settle()
        (asked,) = lab.sent
        complaint = letter(
            "abuse@x.test",
            asked.mail_from,
            subject="Complaint",
            text="--b\nContent-Type: text/plain\n\nspam\n--b\nContent-Type: message/feedback-report\n\n"
            "Feedback-Type: abuse\nUser-Agent: x/1\nVersion: 1\n\n--b--",
            Content_Type="multipart/report; report-type=feedback-report; boundary=b",
            MIME_Version="1.0",
        )
        await lab.receive(complaint, mail_from="abuse@x.test", rcpt_to=[asked.mail_from])
        await lab.settle()
        (sent,) = to_staff(lab)
        assert "somebody there called our mail spam" in " ".join(body(sent.raw).split())
        assert "mailgate breaker reset --domain x.test" in body(sent.raw)


async def test_what_a_person_stops_is_no_news(laboratory: Laboratory) -> None:
    async with laboratory(**told()) as lab:
        await lab.desk.stop(Scope.ALL, "", "cris")
        lab.advance(MINUTE)
        await lab.settle()
        assert lab.sent == []


async def test_nobody_is_told_where_nobody_is_named_or_nothing_may_leave(laboratory: Laboratory) -> None:
    for overrides in ({}, {"notify": {"address": STAFF}, "replies": {"dry_run": True}}):
        async with laboratory(start=START, overrides=overrides) as lab:
            await trip(lab)
            await stranger(lab)
            lab.advance(2 * HOUR)
            await lab.settle()
            assert lab.sent == []


OPEN_DOOR = {"notify": {"address": STAFF}, "mailbox": [{"address": "support@g.test", "mode": "off"}]}


WORDS = ("Paper", "A stapler", "Two chairs", "Ink", "Glue", "The lamp", "A desk", "Tape", "Cards", "Envelopes")


async def machine(lab: Lab, turns: int, text: str = "", begin: int = 0) -> None:
    """It writes a minute after each mail of ours, and bears no mark."""
    for turn in range(begin, begin + turns):
        raw = letter("otto@x.test", subject=f"Case {turn}", text=text or f"{WORDS[turn % len(WORDS)]} came in today.")
        await lab.receive(raw, mail_from="otto@x.test")
        await lab.settle()
        lab.advance(MINUTE)
    await lab.settle()


async def test_a_loop_names_the_address_its_mails_the_rule_and_the_command(laboratory: Laboratory) -> None:
    async with laboratory(start=START, overrides=OPEN_DOOR) as lab:
        await machine(lab, turns=6)
        assert to_staff(lab) == [], "four were withheld"
        await machine(lab, turns=1, begin=6)
        (sent,) = to_staff(lab)
        text = body(sent.raw)
        assert "Within a day 5 automatic mails to otto@x.test" in text
        assert "refused by limits.toml" in text
        assert "mailgate senders trust otto@x.test" in text
        assert "mailgate breaker stop --address otto@x.test" in text
        newest = lab.database.look(queries.judged)[0]
        assert str(newest.id) in text
        assert "Case" not in text, "no subject"


async def test_a_machine_that_says_the_same_is_told_of_with_what_gave_it_away(laboratory: Laboratory) -> None:
    async with laboratory(start=START, overrides=OPEN_DOOR) as lab:
        await machine(lab, turns=6, text="Your request was received.")
        (sent,) = to_staff(lab)
        assert "F2: soon after our answer the same text came again" in body(sent.raw)


async def test_who_answers_like_a_machine_is_told_of_with_the_command_that_clears_it(laboratory: Laboratory) -> None:
    async with laboratory(start=START, overrides=OPEN_DOOR) as lab:
        await machine(lab, turns=1)
        (ours,) = lab.sent
        raw, _ = answer(ours.raw, "otto@x.test", text="Received.", Auto_Submitted="auto-replied")
        await lab.receive(raw, mail_from="otto@x.test", rcpt_to=[ours.mail_from])
        await lab.settle()
        (sent,) = to_staff(lab)
        assert "answers our automatic mail like a machine" in body(sent.raw)
        assert "mailgate senders clear otto@x.test" in body(sent.raw)


async def test_an_address_is_told_of_once_a_day(laboratory: Laboratory) -> None:
    async with laboratory(start=START, overrides=OPEN_DOOR) as lab:
        await machine(lab, turns=40)
        assert len(to_staff(lab)) == 1
        lab.advance(DAY)
        await machine(lab, turns=40)
        assert len([sent for sent in to_staff(lab) if sent.kind == "notice"]) == 2


async def test_mail_that_was_set_aside_is_told_of_together(laboratory: Laboratory) -> None:
    async with laboratory(**told()) as lab:
        await stranger(lab, 1)
        await stranger(lab, 2)
        ids = lab.database.look(lambda conn: [one.id for one in queries.judged(conn)])
        for one in ids:
            await lab.database.write(lambda conn, one=one: journal.shunt(conn, one, "a fault of ours", lab.now))
        await lab.settle()
        assert lab.sent == [], "a few minutes are waited for more of them"
        for _ in range(3):
            lab.advance(10 * MINUTE)
            await lab.settle()
        (sent,) = lab.sent
        assert all(str(one) in body(sent.raw) for one in ids)
        assert "mailgate shunted list" in body(sent.raw)


# ── Nothing loops ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_notice_that_bounces_ends_notices_and_is_no_news(laboratory: Laboratory) -> None:
    async with laboratory(**told()) as lab:
        await trip(lab)
        await lab.settle()
        report = letter(
            "mailer-daemon@office.test",
            lab.sent[0].mail_from,
            subject="Undelivered Mail Returned to Sender",
            text="--b\nContent-Type: text/plain\n\nno such user\n--b\nContent-Type: message/delivery-status\n\n"
            "Reporting-MTA: dns; office.test\n\nFinal-Recipient: rfc822; lead@office.test\nAction: failed\n"
            "Status: 5.1.1\n\n--b--",
            Content_Type="multipart/report; report-type=delivery-status; boundary=b",
            MIME_Version="1.0",
        )
        await lab.receive(report, mail_from="", rcpt_to=[lab.sent[0].mail_from], auth="A0")
        await lab.settle()
        contact = lab.contact(STAFF)
        assert contact is not None
        assert contact.standing == "undeliverable"
        lab.advance(8 * HOUR)
        await trip(lab)
        await lab.settle()
        await stranger(lab)
        lab.advance(2 * HOUR)
        await lab.settle()
        assert len(lab.sent) == 1
        assert lab.ledger().balanced


async def test_a_next_hop_that_refuses_a_notice_ends_notices(laboratory: Laboratory) -> None:
    async with laboratory(**told()) as lab:
        lab.next_hop = lambda sent: (550, "5.1.1 no such user")
        await trip(lab)
        await lab.settle()
        lab.advance(8 * HOUR)
        await trip(lab)
        await lab.settle()
        assert len(lab.sent) == 1
        contact = lab.contact(STAFF)
        assert contact is not None
        assert contact.standing == "undeliverable"


@pytest.mark.parametrize("to_envelope", [False, True], ids=["to the header", "to the reverse-path"])
async def test_a_vacation_of_our_own_people_loops_with_nobody(laboratory: Laboratory, to_envelope: bool) -> None:
    async with laboratory(**told()) as lab:
        for _ in range(6):
            await trip(lab)
            await lab.settle()
            newest = lab.sent[-1]
            raw, to = answer(newest.raw, STAFF, text="I am away.", Auto_Submitted="auto-replied")
            await lab.receive(raw, mail_from=STAFF, rcpt_to=[newest.mail_from if to_envelope else to])
            await lab.settle()
            await lab.desk.reset(Scope.ALL, "", "cris")
            lab.advance(HOUR)
        await lab.settle()
        assert [sent.kind for sent in lab.sent] == ["notice"] * 6, "one for each trip, and still told after a vacation"
        assert lab.ledger().balanced


@pytest.mark.parametrize("auth", ["A2", "A0"])
async def test_a_notice_to_a_mailbox_of_ours_comes_in_and_causes_nothing(laboratory: Laboratory, auth: str) -> None:
    async with laboratory(**told("support@g.test")) as lab:
        await trip(lab)
        await lab.settle()
        await stranger(lab)
        for _ in range(30):
            lab.advance(HOUR)
            await lab.settle()
            for sent in list(lab.sent):
                if sent.at == lab.now:
                    await lab.receive(sent.raw, mail_from=sent.mail_from, rcpt_to=[sent.rcpt_to], auth=auth)
            await lab.settle()
        assert [sent.kind for sent in lab.sent] == ["notice", "digest"]
        assert lab.database.look(lambda conn: conn.execute(select(tables.mishap)).all()) == []
        assert lab.ledger().balanced


async def test_what_our_people_answer_to_a_notice_is_kept_and_answered_by_no_machine(laboratory: Laboratory) -> None:
    async with laboratory(**told()) as lab:
        await trip(lab)
        await lab.settle()
        raw, to = answer(lab.sent[0].raw, STAFF, text="Thank you, I see to it.")
        lab.advance(8 * HOUR)
        await lab.receive(raw, mail_from=STAFF, rcpt_to=[to])
        await lab.settle()
        assert [mail.reason for mail in lab.held()] == ["quotes a mail of ours, so nothing is sent"]
        assert [sent.kind for sent in lab.sent] == ["notice"]


async def test_a_machine_that_answers_each_digest_unmarked_makes_no_other(laboratory: Laboratory) -> None:
    async with laboratory(**told()) as lab:
        await lab.settle()
        await stranger(lab)
        for _ in range(6):
            lab.advance(12 * HOUR)
            await lab.settle()
            for sent in [one for one in lab.sent if one.at == lab.now]:
                raw = letter(STAFF, subject="Away", text=f"I am away, it is {lab.now:%A}.")
                await lab.receive(raw, mail_from=STAFF, rcpt_to=["support@g.test"], auth="A0")
                assert sent.kind == "digest"
            await lab.settle()
        assert [sent.kind for sent in lab.sent] == ["digest"]
        assert [mail.state for mail in lab.held()] == ["human", "human"]


# ── The digest ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_digest_leaves_at_its_time_and_only_if_something_new_waits(laboratory: Laboratory) -> None:
    async with laboratory(**told()) as lab:
        await stranger(lab)
        sent_at = []
        for _ in range(4 * 24):
            lab.advance(15 * MINUTE)
            await lab.settle()
            sent_at += [sent.at for sent in lab.sent[len(sent_at) :]]
        assert sent_at == [START + HOUR]
        await stranger(lab, 2)
        lab.advance(HOUR)
        await lab.settle()
        assert [sent.at for sent in lab.sent[1:]] == [START + DAY + HOUR]


async def test_mail_whose_sender_said_nothing_is_new_when_it_waits_for_us(laboratory: Laboratory) -> None:
    async with laboratory(**told()) as lab:
        await lab.receive(letter(), mail_from="anne@x.test")
        await lab.settle()
        lab.advance(HOUR)
        await lab.settle()
        assert to_staff(lab) == []
        lab.advance(6 * HOUR)
        await lab.settle()
        assert to_staff(lab) == []
        lab.advance(18 * HOUR)
        await lab.settle()
        assert [sent.kind for sent in to_staff(lab)] == ["digest"]


async def test_a_restart_tells_nothing_twice_and_loses_nothing(laboratory: Laboratory) -> None:
    async with laboratory(**told()) as lab:
        await stranger(lab)
        await lab.settle()
        await lab.crash()
        lab.advance(3 * HOUR)
        await lab.restart()
        await lab.settle()
        await lab.crash()
        lab.advance(HOUR)
        await lab.restart()
        await lab.settle()
        assert [sent.kind for sent in lab.sent] == ["digest"]


async def test_a_digest_has_a_line_for_each_sender_and_no_link_of_a_stranger(laboratory: Laboratory) -> None:
    async with laboratory(**told()) as lab:
        await lab.settle()
        for _ in range(3):
            await stranger(lab, 1, subject="Win at https://evil.test/now or evil.test\x1b[2J today, one two three four")
        await stranger(lab, 2, subject="=?utf-8?b?SGVsbG8gd29ybGQ=?=", text="secret body http://evil.test")
        lab.advance(2 * HOUR)
        await lab.settle()
        (sent,) = lab.sent
        text = body(sent.raw)
        assert "anne1@x1.test, not proven: 3 since 2026-01-05 08:00" in text
        assert '"Hello world"' in text
        assert "evil" not in text
        assert "secret" not in text
        assert "\x1b" not in text
        assert text.count("https://desk.g.test/h/") == 4
        assert read(sent.raw)["Subject"] == "[support@g.test] Mail waits for you: 4"


async def test_a_digest_ends_after_so_many_senders(laboratory: Laboratory) -> None:
    async with laboratory(**told()) as lab:
        await lab.settle()
        for number in range(53):
            await stranger(lab, number)
        lab.advance(2 * HOUR)
        await lab.settle()
        (sent,) = lab.sent
        assert body(sent.raw).count("not proven:") == 50
        assert "And 3 more senders" in body(sent.raw)
        lab.advance(DAY)
        await lab.settle()
        assert len(lab.sent) == 1, "the rest was told of by its number"


async def test_without_pages_the_digest_prints_commands(laboratory: Laboratory) -> None:
    async with laboratory(start=START, overrides={"notify": {"address": STAFF}, "web": {}}) as lab:
        await lab.settle()
        await stranger(lab)
        lab.advance(2 * HOUR)
        await lab.settle()
        (held,) = lab.held()
        assert f"mailgate held accept {held.id}" in body(lab.sent[0].raw)
        assert "/h/" not in body(lab.sent[0].raw)


async def test_the_time_of_a_digest_is_that_of_its_zone_and_its_words_of_its_language(laboratory: Laboratory) -> None:
    more = {"digest_at": ["09:00"], "timezone": "Europe/Berlin", "language": "de"}
    start = datetime(2026, 1, 5, 7, 30, tzinfo=UTC)
    async with laboratory(start=start, overrides={"notify": {"address": STAFF, **more}}) as lab:
        lab.advance(MINUTE)
        await lab.settle()
        await stranger(lab)
        lab.advance(28 * MINUTE)
        await lab.settle()
        assert lab.sent == []
        lab.advance(MINUTE)
        await lab.settle()
        (sent,) = lab.sent
        assert "seit 2026-01-05 08:31" in body(sent.raw)


@only(POSTGRESQL)
async def test_several_processes_tell_everything_once(stores: Stores) -> None:
    url, overrides = stores.new(), {"notify": {"address": STAFF}}
    async with AsyncExitStack() as stack:
        labs = [Lab(start=START, store_url=url, overrides=overrides) for _ in range(3)]
        for lab in labs:
            await stack.enter_async_context(lab)
        await asyncio.gather(*(lab.staff.settle() for lab in labs))
        await trip(labs[0])
        await stranger(labs[0])
        await labs[0].intake.settle()
        for span in (MINUTE, 2 * HOUR, MINUTE):
            for lab in labs:
                lab.advance(span)
            await asyncio.gather(*(lab.staff.settle() for lab in labs))
        for lab in labs:
            await lab.outbound.settle_due()
        assert sorted(sent.kind for lab in labs for sent in lab.sent) == ["digest", "notice"]


async def test_a_digest_that_was_told_is_not_told_again(laboratory: Laboratory) -> None:
    async with laboratory(**told()) as lab:
        await lab.settle()
        await stranger(lab)
        lab.advance(2 * HOUR)
        await lab.intake.settle()
        await lab.staff.settle()
        lab.staff._after = None
        await lab.staff.settle()
        await lab.settle()
        assert [sent.kind for sent in lab.sent] == ["digest"]
