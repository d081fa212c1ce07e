"""What must never reach a customer under the name of the desk: forged, borrowed and automatic answers.

Each is tried twice: as it is, where nothing may leave; and without the one guard that it meets, where it would. So no
guard can go unnoticed, and none stands behind another that already does its work.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from mailgate.judge import insider, relay
from mailgate.judge.docket import Docket
from mailgate.model import Level, Right
from mailgate.testing import Lab
from tests.fakes.letters import answer, body, letter, read
from tests.fakes.people import ANNE, BOB, CARLA, MINUTE, OFFICE, answered, asked, said, to

SECOND = timedelta(seconds=1)
MALLORY = "mallory@evil.test"
BAD = "Pay to this account instead, please, and do it today."

Attack = Callable[[Lab], Awaitable[None]]
Broken = Callable[[pytest.MonkeyPatch], None]


async def _begun(lab: Lab) -> None:
    await lab.desk.enrol(ANNE, "anne")
    await lab.desk.enrol(BOB, "bob", queues=["support"])
    await asked(lab)
    lab.advance(MINUTE)


async def _write(lab: Lab, author: str, address: str, *, auth: str = "A2", text: str = BAD, **fields: str) -> None:
    await lab.receive(letter(author, address, text=text, **fields), mail_from=author, rcpt_to=[address], auth=auth)
    await lab.settle()


def _address(lab: Lab, who: str = ANNE) -> str:
    return answer(to(lab, who)[-1].raw, who)[1]


# ── The attacks ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def by_a_spoofed_agent(lab: Lab) -> None:
    """The notification went astray, and somebody writes as anne; SPF of a forwarder is all there is."""
    await _write(lab, ANNE, _address(lab), auth="A1")


async def by_an_unproven_agent(lab: Lab) -> None:
    await _write(lab, ANNE, _address(lab), auth="A0")


async def by_an_outsider_with_the_address(lab: Lab) -> None:
    """T84: the notification was forwarded to somebody outside, and he writes to where it says."""
    await _write(lab, MALLORY, _address(lab))


async def by_the_customer_with_the_address(lab: Lab) -> None:
    await _write(lab, CARLA, _address(lab))


async def by_another_agent(lab: Lab) -> None:
    """Bob holds anne's address: his answer would count as sent by him, in a conversation that he was not told of."""
    await _write(lab, BOB, _address(lab, ANNE))


async def by_an_agent_who_left(lab: Lab) -> None:
    address = _address(lab)
    await lab.desk.dismiss(ANNE)
    await _write(lab, ANNE, address)


async def without_the_right(lab: Lab) -> None:
    address = _address(lab)
    await lab.desk.entitle(ANNE, rights=[Right.COMMAND])
    await _write(lab, ANNE, address)


async def to_the_address_of_another_ticket(lab: Lab) -> None:
    """The program took the address of one ticket's notification and the thread of another's."""
    await asked(lab, "dora@y.test", subject="My invoice", text="It is wrong.")
    first, second = to(lab, ANNE)
    lab.advance(MINUTE)
    await _write(lab, ANNE, answer(first.raw, ANNE)[1], In_Reply_To=str(read(second.raw)["Message-ID"]))


async def by_an_unmarked_vacation_program_at_once(lab: Lab) -> None:
    raw, address = answer(to(lab, ANNE)[-1].raw, ANNE, text=BAD)
    lab.now -= 50 * SECOND
    await lab.receive(raw, mail_from=ANNE, rcpt_to=[address])
    await lab.settle()


async def by_a_marked_vacation_program(lab: Lab) -> None:
    await _write(lab, ANNE, _address(lab), Auto_Submitted="auto-replied", Subject="Re: [#1]")


async def with_a_hint_of_a_machine(lab: Lab) -> None:
    await _write(lab, ANNE, _address(lab), X_Mailer="PHPMailer 6.9", Precedence="first-class", subject="Out of office")


async def by_an_unmarked_vacation_program_later(lab: Lab) -> None:
    """Its first word came at once and was kept; the next, delayed on its way, says the same."""
    await by_an_unmarked_vacation_program_at_once(lab)
    await asked(lab, "dora@y.test", subject="My invoice", text="It is wrong.")
    lab.advance(MINUTE * 2)
    await _write(lab, ANNE, _address(lab))


async def with_our_own_words_not_quoted(lab: Lab) -> None:
    """The end of what we wrote to anne, the names of orders and all, as if she had typed it."""
    end = body(to(lab, ANNE)[-1].raw).replace("\r", "").rpartition("* * *")[2]
    await _write(lab, ANNE, _address(lab), text=f"{BAD} {' '.join(end.split())}")


async def after_too_many(lab: Lab) -> None:
    """A robot of the agent's goes on and on."""
    for number in range(11):
        await answered(lab, f"{'abcdefghijk'[number]} is another matter that I want to tell you of.", after=MINUTE)
    lab.sent = [sent for sent in lab.sent if sent.kind != "agent"]
    await _write(lab, ANNE, _address(lab))


async def in_the_name_of_one_who_writes_to_the_mailbox(lab: Lab) -> None:
    """Not to the signed address: to the mailbox, with the thread of the notification."""
    told = to(lab, ANNE)[-1].raw
    await _write(lab, ANNE, "support@g.test", In_Reply_To=str(read(told)["Message-ID"]))


async def by_nothing_at_all(lab: Lab) -> None:
    await answered(lab, "")


# ── Each guard, taken away ────────────────────────────────────────────────────────────────────────────────────────────


def _without(*reasons: str) -> Broken:
    """The objections, but those that begin so."""

    def broken(patch: pytest.MonkeyPatch) -> None:
        for name in ("_objections", "_against_sending"):
            whole = getattr(relay, name)

            def part(*given: Any, whole: Any = whole) -> Iterator[str]:
                return (one for one in whole(*given) if not any(reason in one for reason in reasons))

            patch.setattr(relay, name, part)

    return broken


def _everybody_is_proven(patch: pytest.MonkeyPatch) -> None:
    whole = relay.at_agent_address

    def proven(docket: Docket) -> Any:
        docket.authentication = replace(docket.authentication, level=Level.A2)
        return whole(docket)

    patch.setattr(relay, "at_agent_address", proven)


def _everybody_is_anne(patch: pytest.MonkeyPatch) -> None:
    whole = relay.at_agent_address

    def anne(docket: Docket) -> Any:
        found = docket.history.facts.agents[ANNE]
        docket.history.facts.agents[docket.sender] = replace(found, address=docket.sender, left_at=None)
        return whole(docket)

    patch.setattr(relay, "at_agent_address", anne)
    _without("given to somebody else")(patch)


def _automatic_mail_is_a_persons(patch: pytest.MonkeyPatch) -> None:
    from mailgate.model import Kind

    whole = relay.at_agent_address

    def person(docket: Docket) -> Any:
        docket.kind = Kind.HUMAN
        return whole(docket)

    patch.setattr(relay, "at_agent_address", person)
    _without("looks like a machine's")(patch)


ATTACKS: dict[Attack, Broken] = {
    by_a_spoofed_agent: _everybody_is_proven,
    by_an_unproven_agent: _everybody_is_proven,
    by_an_outsider_with_the_address: _everybody_is_anne,
    by_the_customer_with_the_address: _everybody_is_anne,
    by_another_agent: _without("given to somebody else"),
    by_an_agent_who_left: _everybody_is_anne,
    without_the_right: _without("you may not answer by mail"),
    to_the_address_of_another_ticket: _without("a mail of another ticket"),
    by_an_unmarked_vacation_program_at_once: _without("it came within"),
    by_a_marked_vacation_program: _automatic_mail_is_a_persons,
    with_a_hint_of_a_machine: _automatic_mail_is_a_persons,
    by_an_unmarked_vacation_program_later: _without("a machine of yours wrote the same"),
    with_our_own_words_not_quoted: _without("what we wrote to you"),
    after_too_many: _without("answers by mail went out"),
}


def _to_customers(lab: Lab) -> list[str]:
    return [said(sent) for sent in lab.sent if sent.kind == "agent"]


@pytest.mark.parametrize("attack", [*ATTACKS, in_the_name_of_one_who_writes_to_the_mailbox, by_nothing_at_all])
async def test_nothing_reaches_the_customer(attack: Attack) -> None:
    async with Lab(overrides=OFFICE) as lab:
        await _begun(lab)
        await attack(lab)
        assert _to_customers(lab) == []
        assert lab.ledger().balanced


@pytest.mark.parametrize(("attack", "guard"), ATTACKS.items())
async def test_without_its_guard_it_would(attack: Attack, guard: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Lab(overrides=OFFICE) as lab:
        await _begun(lab)
        guard(monkeypatch)
        await attack(lab)
        assert _to_customers(lab) != []


# ── What becomes of them ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "attack",
    [by_a_spoofed_agent, by_an_outsider_with_the_address, by_the_customer_with_the_address, by_an_agent_who_left],
)
async def test_what_strangers_write_waits_for_one_of_us_and_tells_them_nothing(attack: Attack) -> None:
    async with Lab(overrides=OFFICE) as lab:
        await _begun(lab)
        before = [sent for sent in lab.sent if sent.rcpt_to not in (ANNE, BOB)]
        await attack(lab)
        message = lab.tickets()[0].messages[-1]
        assert message.proposed
        assert [sent for sent in lab.sent if sent.rcpt_to not in (ANNE, BOB)] == before


async def test_a_forged_address_is_refused_at_the_door() -> None:
    async with Lab(overrides=OFFICE) as lab:
        await _begun(lab)
        address = _address(lab)
        local, _, domain = address.partition("@")
        forged = f"{local[:-1]}{'0' if local[-1] != '0' else '1'}@{domain}"
        refused = await lab.receive(letter(ANNE, forged), mail_from=ANNE, rcpt_to=[forged])
        assert refused.reply == (550, "5.1.1 No such address here")


async def test_whoever_writes_as_one_of_us_without_proof_is_neither_asked_nor_let_in() -> None:
    async with Lab() as lab:
        await lab.desk.enrol(ANNE, "anne")
        for auth in ("A0", "A1"):
            await lab.receive(letter(ANNE), mail_from=ANNE, auth=auth)
        await lab.settle()
        assert lab.sent == []
        assert [mail.reason for mail in lab.held()] == [insider.UNPROVEN] * 2
        assert lab.contact(ANNE) is None


async def test_a_forward_without_proof_makes_nobodys_ticket() -> None:
    inner = (
        "---------- Forwarded message ---------\nFrom: Dora <dora@y.test>\nDate: x\nSubject: y\nTo: z\n\nIt is wrong."
    )
    async with Lab(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne")
        await lab.receive(letter(ANNE, subject="Fwd: y", text=inner), mail_from=ANNE, auth="A1")
        await lab.receive(letter(MALLORY, subject="Fwd: y", text=inner), mail_from=MALLORY)
        await lab.settle()
        assert [ticket.contact for ticket in lab.tickets()] == [MALLORY]


async def test_the_one_who_wrote_hears_why_but_once_a_day() -> None:
    async with Lab(overrides=OFFICE) as lab:
        await _begun(lab)
        await lab.desk.entitle(ANNE, rights=[])
        before = len(to(lab, ANNE))
        for text in ("One thing.", "Another thing."):
            await answered(lab, text)
        assert len(to(lab, ANNE)) == before + 1
        assert "you may not answer by mail" in body(to(lab, ANNE)[-1].raw)
        lab.advance(timedelta(days=1))
        await answered(lab, "A third thing.")
        assert len(to(lab, ANNE)) == before + 2


# ── Out of office ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_vacation_program_wakes_nobody_and_is_answered_by_nobody() -> None:
    """To the signed address, to the reverse-path and to the mailbox: quiet everywhere, and anne goes on being told."""
    async with Lab(overrides=OFFICE) as lab:
        await _begun(lab)
        told = to(lab, ANNE)[-1]
        for _ in range(2):
            for address in (_address(lab), told.mail_from, "support@g.test"):
                away = letter(
                    ANNE,
                    address,
                    subject="Automatic reply: [#1]",
                    text="I am away.",
                    Auto_Submitted="auto-replied",
                    In_Reply_To=str(read(told.raw)["Message-ID"]),
                )
                await lab.receive(away, mail_from="", rcpt_to=[address])
                await lab.settle()
        assert [sent.rcpt_to for sent in lab.sent if sent.kind != "notice"] == [CARLA]
        assert len(to(lab, ANNE)) == 1
        await asked(lab, subject="Another matter")
        assert len(to(lab, ANNE)) == 2
        assert lab.ledger().balanced


async def test_a_report_of_failure_to_the_signed_address_goes_nowhere() -> None:
    async with Lab(overrides=OFFICE) as lab:
        await _begun(lab)
        address = _address(lab)
        report = letter(
            "mailer-daemon@office.test",
            address,
            text="--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.office.test\n\n"
            f"Final-Recipient: rfc822; {ANNE}\nAction: failed\nStatus: 5.1.1\n\n--b--",
            Content_Type="multipart/report; report-type=delivery-status; boundary=b",
            MIME_Version="1.0",
        )
        before = len(lab.sent)
        await lab.receive(report, mail_from="", rcpt_to=[address])
        await lab.settle()
        assert len(lab.sent) == before
        assert lab.ledger().balanced
