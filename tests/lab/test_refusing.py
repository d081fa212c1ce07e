"""Mail that a rule refuses at the door: where that is honest, and where the mail comes in all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from mailgate import refusing
from mailgate.lab.account import visible_and_judged
from mailgate.lab.letters import letter, plain, read, where_to
from mailgate.model import Arrival, Authentication, Opinion, Peer, Protocol, Role
from mailgate.store import rule_counts
from mailgate.testing import Handed, Lab
from tests.fakes.ruled import desk, rule_folder

RULES = (
    'name = "friends"\nwhen.contact = "trusted"\nstop = true\nthen.tag = "friend"\n',
    'name = "no watches"\nwhen.subject.contains = "watches"\nthen.reject = "We buy no watches; see https://g.test/why"\n',
    'name = "sales only"\nwhen.mailbox = "sales@g.test"\nwhen.subject.contains = "lottery"\nthen.reject = true\n',
    'name = "unproven"\nwhen.level = "a0"\nwhen.subject.contains = "bank"\nthen.reject = true\n',
    'name = "try out"\nshadow = true\nwhen.subject.contains = "printer"\nthen.reject = true\n',
)
ADDRESSES = ("support@g.test", "sales@g.test")
BOXES = [{"address": address, "queue": "support", "mode": "open"} for address in ADDRESSES]
REFUSED = (550, "5.7.1 We buy no watches; see https://g.test/why")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with rule_folder(*RULES[1:]) as place:
        yield place


def about(subject: str, number: int = 1, **fields: str) -> bytes:
    return letter(
        "joe@x.test", identity=f"{number}.{subject}@x.test", subject=f"Cheap {subject}", text="Buy now.", **fields
    )


async def brought(lab: Lab, subject: str = "watches", **more: Any) -> Handed:
    """What the sender's server is told of a mail with this subject."""
    handed = await lab.receive(about(subject), **{"mail_from": "joe@x.test", **more})
    await lab.settle()
    return handed


async def test_its_sender_s_server_is_told_why_and_nothing_of_it_is_here(folder: Path) -> None:
    """RFC 5429 section 2.1: the word of a server within the session; whoever wrote hears of it from his own."""
    async with Lab(overrides=desk(folder, mailbox=BOXES)) as lab:
        handed = await brought(lab)

        assert handed.reply == REFUSED
        assert lab.ledger().accepted == 0
        assert lab.sent == []
        assert (await brought(lab, "pens")).reply[0] == 250
        assert (await brought(lab, "printer")).reply[0] == 250, "a shadow rule does nothing"
        assert lab.ledger().accepted == 2


async def test_where_one_recipient_takes_it_it_comes_in_for_all_and_is_held_for_the_others(folder: Path) -> None:
    """T: one answer stands for all recipients of a transaction; never a report of ours to whoever stands as sender."""
    async with Lab(overrides=desk(folder, mailbox=BOXES)) as lab:
        alone = await brought(lab, "lottery", rcpt_to=["sales@g.test"])
        both = await brought(lab, "lottery", rcpt_to=["sales@g.test", "support@g.test"])

        assert alone.reply == (550, "5.7.1 This mail is not accepted here")
        assert [code for code, _ in both.replies] == [250, 250]
        assert visible_and_judged(lab)
        assert [(line.to, line.state) for line in lab.held()] == [("sales@g.test", "spam")]
        assert [ticket.mailbox for ticket in lab.tickets()] == ["support@g.test"]


async def test_behind_a_queue_and_to_postmaster_it_comes_in_and_is_held_as_spam(folder: Path) -> None:
    direct = Peer("192.0.2.1")
    ways = {
        "behind our own queue": (replace(direct, role=Role.BEHIND), "support@g.test"),
        "LMTP": (replace(direct, protocol=Protocol.LMTP), "support@g.test"),
        "our own MTA speaks for the client": (replace(direct, via="127.0.0.1"), "support@g.test"),
        "RFC 5321 section 4.5.1": (direct, "postmaster@g.test"),
    }
    async with Lab(overrides=desk(folder, mailbox=BOXES)) as lab:
        for number, (peer, to) in enumerate(ways.values(), 1):
            (reply,) = await lab.door.accept(Arrival("joe@x.test", (to,), about("watches", number), peer, lab.now))
            assert reply.code == 250
        await lab.settle()

        assert [line.state for line in lab.held()] == ["spam"] * len(ways)
        assert lab.sent == []


async def test_an_answer_to_us_and_a_report_about_us_come_in(folder: Path) -> None:
    async with Lab(overrides=desk(folder, mailbox=BOXES)) as lab:
        await lab.receive(plain("joe@x.test", 1), mail_from="joe@x.test")
        await lab.settle()
        (sent,) = lab.sent
        asked = read(sent.raw)

        by_address = await brought(lab, rcpt_to=[where_to(sent.raw)])
        report = await brought(lab, mail_from="", rcpt_to=[sent.mail_from], auth="A0")
        names_it = await lab.receive(about("watches", 2, In_Reply_To=asked["Message-ID"]), mail_from="joe@x.test")

        assert [one.reply[0] for one in (by_address, report, names_it)] == [250, 250, 250]


async def test_one_of_our_own_people_is_never_refused(folder: Path) -> None:
    async with Lab(overrides=desk(folder, mailbox=BOXES)) as lab:
        await lab.desk.enrol("joe@x.test", "joe")
        assert (await brought(lab)).reply[0] == 250


async def test_what_history_could_change_is_a_doubt_and_lets_it_in() -> None:
    """A rule that stops for known senders stands above: whoever this is, he may be one."""
    with rule_folder(*RULES[:2]) as place:
        async with Lab(overrides=desk(place, mailbox=BOXES)) as lab:
            handed = await brought(lab)
            assert handed.reply[0] == 250
            assert [line.state for line in lab.held()] == ["spam"]


async def test_what_dns_could_not_say_is_a_doubt_and_lets_it_in(folder: Path) -> None:
    async with Lab(overrides=desk(folder, mailbox=BOXES)) as lab:
        unproven = await brought(lab, "bank", auth="A0")
        lab.dns["x.test", "TXT"] = TimeoutError("no answer")
        in_doubt = await brought(lab, "bank", mail_from="joe+2@x.test", auth="verify")

        assert unproven.reply[0] == 550
        assert in_doubt.reply[0] == 250


async def test_trouble_and_slow_name_servers_let_it_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Lab(overrides=desk(folder, mailbox=BOXES)) as lab:
        prepare, tries = lab.intake.prepare, 0

        async def broken(accepted: Any) -> Any:
            nonlocal tries
            tries += 1
            if tries == 1:
                raise ValueError("a fault of ours")
            if tries == 2:
                await asyncio.sleep(3600)
            return await prepare(accepted)

        monkeypatch.setattr(lab.intake, "prepare", broken)
        monkeypatch.setattr(refusing, "ASKED_WITHIN_S", 0.01)
        first = await lab.receive(about("watches", 1), mail_from="joe@x.test")
        second = await lab.receive(about("watches", 2), mail_from="joe@x.test")
        monkeypatch.setattr(refusing, "ASKED_WITHIN_S", 60.0)
        third = await lab.receive(about("watches", 3), mail_from="joe@x.test")

        assert [one.reply[0] for one in (first, second, third)] == [250, 250, 550]


async def test_points_of_spam_refuse_a_stranger_and_nobody_whom_we_trust() -> None:
    with rule_folder('name = "spam"\nwhen.spam = "> 4"\nthen.reject = true\n') as place:
        async with Lab(overrides=desk(place, mailbox=BOXES)) as lab:
            lab.others.opinions = (Opinion("rspamd", 30.0, ("BAYES_SPAM",)),)
            await lab.desk.trust("joe@x.test", "anne")
            stranger = await lab.receive(about("pens", 2).replace(b"joe@", b"eve@"), mail_from="eve@x.test")
            trusted = await brought(lab)

            assert (stranger.reply[0], trusted.reply[0]) == (550, 250)
            counted = lab.database.look(lambda conn: rule_counts.since(conn, lab.now.date()))
            assert [(one.rule, one.hits) for one in counted] == [("spam", 2)]


async def test_what_was_found_out_at_the_door_is_not_asked_again(folder: Path) -> None:
    async with Lab(overrides=desk(folder, mailbox=BOXES)) as lab:
        asked = 0
        authenticate = lab.intake.authenticate

        async def counted(*given: Any) -> Authentication:
            nonlocal asked
            asked += 1
            return await authenticate(*given)

        lab.intake.authenticate = counted
        await brought(lab, "pens", rcpt_to=ADDRESSES)

        assert asked == 1
        assert lab.ledger().accepted == 2
        assert visible_and_judged(lab)


async def test_where_no_rule_refuses_nothing_is_asked_at_the_door() -> None:
    async with Lab(overrides={"mailbox": BOXES}) as lab:
        lab.intake.prepare = None  # type: ignore[assignment, method-assign]
        handed = await lab.receive(about("watches"), mail_from="joe@x.test")
        assert handed.reply[0] == 250
