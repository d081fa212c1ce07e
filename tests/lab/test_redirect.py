"""Mail that a rule sends on: as it came, once, under our own reverse-path; and whatever becomes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mailgate import config, wiring
from mailgate.config import tomlfile
from mailgate.errors import ConfigError
from mailgate.judge import token
from mailgate.lab.account import visible_and_judged
from mailgate.lab.letters import letter, plain, where_to, words
from mailgate.model import Scope, Standing, TicketState, TokenKind
from mailgate.store import outgoing
from mailgate.testing import CONFIG, KEYS, Handed, Lab, Sent
from tests.fakes.ruled import desk, rule_folder
from tests.fakes.stores import Laboratory

TO = "bill@pay.test"
RULE = f"""
name = "supplier invoices"
when.subject.contains = "invoice"
then.redirect = "{TO}"
then.tag = "invoice"
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with rule_folder(RULE) as place:
        yield place


@pytest.fixture
async def lab(folder: Path) -> AsyncIterator[Lab]:
    async with Lab(overrides=desk(folder, TO)) as one:
        yield one


def invoice(number: int = 1, author: str = "sue@supplier.test", subject: str = "Invoice", **fields: str) -> bytes:
    identity = f"{number}.inv@supplier.test"
    return letter(
        author, identity=identity, subject=f"{subject} {number}", text=f"Please pay {words(number)}.", **fields
    )


async def arrives(lab: Lab, raw: bytes, mail_from: str = "sue@supplier.test", **more: Any) -> Handed:
    handed = await lab.receive(raw, mail_from=mail_from, **more)
    await lab.settle()
    assert visible_and_judged(lab)
    return handed


def place(lab: Lab, handed: Handed) -> tuple[str, str]:
    """The disposition and the reason of a mail."""
    verdict = lab.verdict(handed)
    assert verdict is not None
    return verdict["disposition"], verdict["reason"]


async def test_it_leaves_as_it_came_under_our_trace_and_our_own_reverse_path(lab: Lab) -> None:
    raw = invoice()

    await arrives(lab, raw)

    (sent,) = lab.sent
    assert (sent.kind, sent.rcpt_to) == ("redirect", TO)
    assert sent.raw.endswith(raw)
    added = sent.raw.removesuffix(raw).decode()
    assert [line.partition(":")[0] for line in added.splitlines() if not line.startswith(" ")] == [
        "Delivered-To",
        "Mailgate-Trace",
        "Received",
    ]
    text = token.looks_signed(sent.mail_from)
    found = token.read_token(text or "", KEYS)
    assert found is not None
    assert found.kind is TokenKind.BOUNCE


async def test_nobody_is_answered_and_its_ticket_is_closed_at_once(lab: Lab) -> None:
    await arrives(lab, invoice())

    (ticket,) = lab.tickets()
    assert [sent.kind for sent in lab.sent] == ["redirect"]
    assert (ticket.state, ticket.tags) == (TicketState.CLOSED, ("invoice",))
    assert [event.event for event in ticket.history] == ["opened", "redirected"]
    assert lab.ledger().quiet == 1
    assert lab.ledger().automatic.redirect == 1


async def test_the_outbox_names_what_it_is(lab: Lab) -> None:
    lab.next_hop = lambda sent: (451, "4.3.0 later")
    await arrives(lab, invoice())

    (line,) = lab.database.look(lambda conn: outgoing.letters(conn, 10))
    assert line.purpose == "redirect"


async def test_a_mail_that_nobody_proves_is_sent_on_too_and_nothing_goes_to_its_sender(lab: Lab) -> None:
    for number in range(5):
        await arrives(lab, invoice(number, f"v{number}@victim.test"), f"v{number}@victim.test", auth="A0")

    assert {sent.rcpt_to for sent in lab.sent} == {TO}
    assert {sent.mail_from.partition("+")[0] for sent in lab.sent} == {"support"}


STAYS = {
    "a machine's": ({"Auto_Submitted": "auto-replied"}, "sue@supplier.test", "automatic reply"),
    "null reverse-path": ({}, "", "without a reverse-path"),
    "another gateway's": ({"Mailgate_Trace": "v=1; i=x"}, "sue@supplier.test", "Mailgate-Trace"),
    "X-Loop": ({"X_Loop": "support@g.test"}, "sue@supplier.test", "loop_ours"),
    "Delivered-To": (
        {"Received": "from x by y with SMTP; z", "Delivered_To": "support@g.test"},
        "sue@supplier.test",
        "passed_ours",
    ),
}


async def test_what_must_not_be_sent_on_goes_its_usual_way(lab: Lab) -> None:
    for number, (fields, mail_from, why) in enumerate(STAYS.values()):
        verdict = lab.verdict(await arrives(lab, invoice(number, **fields), mail_from))
        assert verdict is not None
        assert any(step["check"] == "redirect" and why in step["result"] for step in verdict["trail"]), why
    assert [sent for sent in lab.sent if sent.kind == "redirect"] == []


async def test_what_comes_from_there_is_not_sent_back(lab: Lab) -> None:
    await arrives(lab, invoice(author=TO), TO)
    assert [sent.kind for sent in lab.sent] == ["acknowledge"]


async def test_what_follows_a_ticket_stays_in_it(lab: Lab) -> None:
    await arrives(lab, plain("sue@supplier.test", 1))
    handed = await lab.receive(invoice(), mail_from="sue@supplier.test", rcpt_to=[where_to(lab.sent[0].raw)])
    await lab.settle()

    assert place(lab, handed)[0] == "append"
    assert "redirect" not in {sent.kind for sent in lab.sent}


async def test_what_cannot_be_sent_on_waits_for_a_person(lab: Lab) -> None:
    hindered = {
        "bare line end": (invoice(1).replace(b"pay ", b"pay\n"), "its lines do not end as they must"),
        "begins with no field": (b" x: y\r\n" + invoice(2), "its lines do not end as they must"),
        "too large": (invoice(3) + b"x" * 80 * 320_000, "largest_kb"),
        "too many hops": (b"Received: from a by b; c\r\n" * 26 + invoice(4), "[redirect] hops"),
    }
    for raw, why in hindered.values():
        disposition, reason = place(lab, await arrives(lab, raw))
        assert (disposition, why in reason) == ("hold", True), reason
    assert lab.sent == []


async def test_a_dry_run_sends_nothing_on(folder: Path) -> None:
    async with Lab(overrides=desk(folder, TO, replies={"dry_run": True})) as lab:
        handed = await arrives(lab, invoice())
        assert lab.sent == []
        assert "dry run" in place(lab, handed)[1]


async def test_a_breaker_that_a_person_opened_keeps_it_here(lab: Lab) -> None:
    await lab.desk.stop(Scope.ADDRESS, TO, "anne")
    handed = await arrives(lab, invoice())
    assert lab.sent == []
    assert "stopped" in place(lab, handed)[1]


def test_an_address_that_is_not_listed_is_a_fault_that_says_where_to_list_it(folder: Path) -> None:
    settings = config.settings_of(tomlfile.TomlFile("x", CONFIG | desk(folder, "other@pay.test")), folder)
    with pytest.raises(ConfigError) as caught:
        wiring.rulebook_of(settings)
    (fault,) = caught.value.faults
    assert fault.key == "rule.then.redirect"
    assert "redirect_to" in fault.allowed


# ── What does not arrive ──────────────────────────────────────────────────────────────────────────────────────────────


def reopened(lab: Lab) -> str:
    """The last line of the one ticket's history, which is open and waits."""
    (ticket,) = lab.tickets()
    assert ticket.state is TicketState.OPEN
    assert ticket.waits_since is not None
    assert ticket.history[-1].event == "redirect-failed"
    return str(ticket.history[-1].detail)


async def test_what_the_next_hop_refuses_is_opened_for_people(lab: Lab) -> None:
    lab.next_hop = lambda sent: (554, "5.7.1 no spam please")
    await arrives(lab, invoice())

    assert reopened(lab) == f"{TO}: 554 5.7.1 no spam please"
    assert lab.contact(TO) is None


async def test_our_own_people_hear_of_it_as_of_a_new_ticket(lab: Lab) -> None:
    await lab.desk.enrol("anne@staff.test", "anne")
    await arrives(lab, invoice(1))
    lab.next_hop = lambda sent: (250, "2.0.0 ok") if sent.kind == "notice" else (554, "5.7.1 no spam please")
    await arrives(lab, invoice(2))
    await lab.settle()

    assert [(sent.kind, sent.rcpt_to) for sent in lab.sent][2:] == [("notice", "anne@staff.test")]
    assert b"Please pay" in lab.sent[2].raw


async def test_what_cannot_be_handed_on_for_long_is_opened_for_people(lab: Lab) -> None:
    lab.next_hop = lambda sent: (451, "4.3.0 later")
    await arrives(lab, invoice())
    for _ in range(30):
        lab.advance(timedelta(minutes=15))
        await lab.settle()

    assert "4.3.0 later" in reopened(lab)
    assert visible_and_judged(lab)


async def test_what_a_person_calls_back_is_opened_for_people(lab: Lab) -> None:
    lab.next_hop = lambda sent: (451, "4.3.0 later")
    await arrives(lab, invoice())
    (line,) = lab.database.look(lambda conn: outgoing.letters(conn, 10))
    await lab.desk.cancel_outbox(line.id)

    assert "cancelled" in reopened(lab)


async def test_a_bounce_opens_it_for_people_and_where_nobody_is_nothing_more_is_sent_on(lab: Lab) -> None:
    await arrives(lab, invoice())
    (sent,) = lab.sent
    await bounce(lab, sent, "5.1.1")

    assert reopened(lab) == f"{TO}: 5.1.1 smtp; nobody of that name"
    gone = lab.contact(TO)
    assert gone is not None
    assert gone.standing is Standing.UNDELIVERABLE
    handed = await arrives(lab, invoice(2))
    assert len(lab.sent) == 1
    assert "mail to the address came back" in place(lab, handed)[1]


async def test_a_bounce_of_what_stands_in_it_says_nothing_of_the_address(lab: Lab) -> None:
    await arrives(lab, invoice())
    await bounce(lab, lab.sent[0], "5.7.1")
    assert reopened(lab).startswith(TO)
    await arrives(lab, invoice(2))
    assert len(lab.sent) == 2


async def test_what_comes_back_from_there_is_opened_for_people_and_sent_nowhere(lab: Lab) -> None:
    await arrives(lab, invoice())
    (sent,) = lab.sent
    handed = await arrives(lab, b"Received: from a by b; c\r\n" + sent.raw, "bounces@pay.test")

    assert len(lab.sent) == 1
    assert lab.verdict(handed)["kind"] == "own_loop"  # type: ignore[index]
    assert "came back to us" in reopened(lab)


async def test_the_vacation_of_whoever_gets_it_convicts_nobody(lab: Lab) -> None:
    await arrives(lab, invoice())
    away = letter(TO, identity="1.away@pay.test", subject="Away", text="I am away.", Auto_Submitted="auto-replied")
    await arrives(lab, away, "", rcpt_to=[lab.sent[0].mail_from])
    await arrives(lab, invoice(2))

    assert [sent.kind for sent in lab.sent] == ["redirect", "redirect"]


async def bounce(lab: Lab, sent: Sent, status: str) -> None:
    """The target's server reports that it was not delivered."""
    report = [
        "From: MAILER-DAEMON@pay.test",
        f"To: {sent.mail_from}",
        "Subject: Undelivered Mail Returned to Sender",
        f"Message-ID: <{status}.dsn@pay.test>",
        "Auto-Submitted: auto-replied",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
        "",
        "--b",
        "",
        "It could not be delivered.",
        "--b",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.pay.test",
        "",
        f"Final-Recipient: rfc822; {sent.rcpt_to}",
        "Action: failed",
        f"Status: {status}",
        "Diagnostic-Code: smtp; nobody of that name",
        "",
        "--b--",
        "",
    ]
    await lab.receive("\r\n".join(report).encode(), mail_from="", rcpt_to=[sent.mail_from], auth="A0")
    await lab.settle()


# ── Storms and loops ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mails", [150, pytest.param(1000, marks=pytest.mark.soak)])
async def test_a_storm_of_one_sender_ends_at_his_hours_share_and_the_rest_waits_for_people(
    lab: Lab, mails: int
) -> None:
    await lab.receive_many([{"raw": invoice(number), "mail_from": "sue@supplier.test"} for number in range(mails)])
    await lab.settle()

    assert len(lab.sent) == 20
    assert lab.ledger().held == mails - 20
    assert lab.ledger().balanced


async def test_a_loop_that_hides_every_mark_ends_however_slow_it_is(lab: Lab) -> None:
    """What is stripped of all fields and comes back under another name after hours still says the very same."""
    for number in range(12):
        raw = letter("sue@supplier.test", identity=f"{number}@strip.test", subject=f"Invoice {number}", text="Pay.")
        await arrives(lab, raw)
        lab.advance(timedelta(hours=26))
        if len(lab.sent) <= number:
            break

    assert len(lab.sent) == 5
    assert lab.held()[0].reason.startswith(f"not sent on to {TO}")


async def test_a_storm_of_many_senders_ends_at_the_hours_share_of_the_address(lab: Lab) -> None:
    many = [
        {"raw": invoice(number, f"s{number}@s{number}.test"), "mail_from": f"s{number}@s{number}.test", "auth": "A0"}
        for number in range(90)
    ]
    await lab.receive_many(many)
    await lab.settle()

    assert len(lab.sent) == 60
    assert {sent.rcpt_to for sent in lab.sent} == {TO}


async def test_batches_of_any_size_end_alike_on_either_database(laboratory: Laboratory, folder: Path) -> None:
    ends = []
    for size in (5, 30):
        async with laboratory(overrides=desk(folder, TO)) as lab:
            for begin in range(0, 30, size):
                many = [
                    {"raw": invoice(number), "mail_from": "sue@supplier.test"} for number in range(begin, begin + size)
                ]
                await lab.receive_many(many)
                await lab.settle()
            ends.append((len(lab.sent), lab.ledger().held))
    assert ends == [(20, 10), (20, 10)]


async def test_what_dns_could_not_say_at_first_is_sent_on_when_it_can() -> None:
    rule = RULE.replace("then.redirect", 'when.level = "a1"\nthen.redirect')
    with rule_folder(rule) as place_:
        async with Lab(overrides=desk(place_, TO, mode="guarded")) as lab:
            lab.dns["supplier.test", "TXT"] = TimeoutError("no answer")
            await arrives(lab, invoice(), auth="verify")
            assert lab.sent == []
            assert lab.ledger().held == 1

            lab.dns["supplier.test", "TXT"] = ["v=spf1 ip4:192.0.2.1 -all"]
            lab.advance(timedelta(minutes=6))
            await lab.settle()

            assert [sent.kind for sent in lab.sent] == ["redirect"]
            assert lab.ledger().quiet == 1
            assert visible_and_judged(lab)
