"""A mail of which DNS could not say who it is from: held at once, looked at once more, answered at most once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mailgate.testing import Handed, Lab
from tests.fakes.letters import answer, letter
from tests.fakes.stores import Laboratory

TROUBLE = TimeoutError("no answer")
PASSES = ["v=spf1 ip4:192.0.2.1 -all"]
MINUTE = timedelta(minutes=1)


async def first_look(lab: Lab, raw: bytes = b"", *, mail_from: str = "anne@x.test") -> Handed:
    """Anne writes, and nobody can tell who may send for her domain."""
    lab.dns["x.test", "TXT"] = TROUBLE
    receipt = await lab.receive(raw or letter(), mail_from=mail_from, auth="verify")
    await lab.settle()
    return receipt


async def second_look(lab: Lab, found: Any = PASSES, *, after: timedelta = 6 * MINUTE) -> None:
    lab.dns["x.test", "TXT"] = found
    lab.advance(after)
    await lab.settle()


def mode(name: str) -> dict[str, Any]:
    return {"mailbox": [{"address": "support@g.test", "queue": "support", "mode": name}]}


def kinds(lab: Lab) -> list[str]:
    return [sent.kind for sent in lab.sent]


def verdict(lab: Lab, receipt: Handed) -> dict[str, Any]:
    found = lab.verdict(receipt)
    assert found is not None
    return found


async def test_a_stranger_is_held_at_once_and_challenged_when_dns_answers(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        receipt = await first_look(lab)

        assert [mail.state for mail in lab.held()] == ["human"]
        assert lab.sent == []

        await second_look(lab)

        assert kinds(lab) == ["challenge"]
        assert [mail.state for mail in lab.held()] == ["wait"]
        found = verdict(lab, receipt)
        assert (found["authentication"]["level"], found["authentication"]["spf"]) == ("A1", "pass")
        assert found["reason"] == "unknown sender: a challenge was sent"
        trail = [step["check"] for step in found["trail"]]
        assert trail.count("place") == 2
        assert trail.count("re-check") == 1
        assert lab.ledger().balanced


async def test_it_is_looked_at_once_and_not_again(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        receipt = await first_look(lab)
        await second_look(lab, TROUBLE)

        assert verdict(lab, receipt)["authentication"]["spf"] == "temperror"
        assert [mail.state for mail in lab.held()] == ["human"]

        for _ in range(5):
            await second_look(lab)

        assert lab.sent == []
        assert [step["check"] for step in verdict(lab, receipt)["trail"]].count("re-check") == 1


async def test_what_is_still_not_proven_is_not_answered(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        receipt = await first_look(lab)
        await second_look(lab, ["v=spf1 -all"])

        assert lab.sent == []
        assert verdict(lab, receipt)["authentication"]["spf"] == "fail"
        assert "SPF fail" in lab.held()[0].reason


async def test_an_open_mailbox_lets_a_proven_stranger_in_and_thanks_him(laboratory: Laboratory) -> None:
    async with laboratory(overrides=mode("open")) as lab:
        receipt = await first_look(lab)

        assert lab.tickets() == []

        await second_look(lab)

        assert kinds(lab) == ["acknowledge"]
        assert lab.held() == []
        assert [len(ticket.messages) for ticket in lab.tickets()] == [2]
        assert verdict(lab, receipt)["state"] == "ticketed"
        assert (lab.ledger().ticketed, lab.ledger().held, lab.ledger().balanced) == (1, 0, True)


async def test_a_mail_that_has_its_ticket_is_acknowledged_there(laboratory: Laboratory) -> None:
    async with laboratory(overrides=mode("off")) as lab:
        await first_look(lab)

        assert len(lab.tickets()) == 1

        await second_look(lab)

        assert kinds(lab) == ["acknowledge"]
        assert [len(ticket.messages) for ticket in lab.tickets()] == [2]


async def test_a_known_sender_is_acknowledged(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lab.desk.trust("anne@x.test", "carl")
        await first_look(lab)
        await second_look(lab)

        assert kinds(lab) == ["acknowledge"]


async def test_trouble_with_what_the_owner_publishes_is_trouble_too(laboratory: Laboratory) -> None:
    """SPF passes for a name below the author's, and nobody could tell whether he lets that count."""
    async with laboratory(overrides=mode("off")) as lab:
        lab.dns["mail.x.test", "TXT"] = PASSES
        lab.dns["_dmarc.x.test", "TXT"] = TROUBLE
        receipt = await lab.receive(letter(), mail_from="anne@mail.x.test", auth="verify")
        await lab.settle()
        before = verdict(lab, receipt)["authentication"]

        assert (before["level"], before["spf"], before["dmarc"]) == ("A0", "pass", "temperror")

        lab.dns["_dmarc.x.test", "TXT"] = ["v=DMARC1; p=reject"]
        lab.advance(6 * MINUTE)
        await lab.settle()
        after = verdict(lab, receipt)["authentication"]

        assert (after["level"], after["dmarc"]) == ("A1", "pass")
        assert kinds(lab) == ["acknowledge"]


# ── A person was first ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("act", ["accept", "spam", "trust", "block"])
async def test_held_mail_that_a_person_acted_on_is_left_alone(laboratory: Laboratory, act: str) -> None:
    async with laboratory() as lab:
        await first_look(lab)
        held = lab.held()[0]
        if act in {"accept", "spam"}:
            await getattr(lab.desk, act)(held.id, "carl")
        else:
            await getattr(lab.desk, act)("anne@x.test", "carl")
        before = (lab.ledger(), [mail.state for mail in lab.held()])
        await second_look(lab)

        assert lab.sent == []
        assert (lab.ledger(), [mail.state for mail in lab.held()]) == before


@pytest.mark.parametrize("act", ["note", "assign", "close"])
async def test_a_ticket_that_a_person_acted_on_is_left_alone(laboratory: Laboratory, act: str) -> None:
    async with laboratory(overrides=mode("off")) as lab:
        await first_look(lab)
        number = lab.tickets()[0].number
        given = {"note": ("seen", "carl"), "assign": ("carl", "carl"), "close": ("carl",)}[act]
        await getattr(lab.desk, act)(number, *given)
        await second_look(lab)

        assert lab.sent == []


async def test_a_person_who_answers_is_answer_enough(laboratory: Laboratory) -> None:
    async with laboratory(overrides=mode("off")) as lab:
        await first_look(lab)
        await lab.desk.reply(lab.tickets()[0].number, "On our way.", "carl")
        await second_look(lab)

        assert kinds(lab) == ["agent"]


# ── Another mail came meanwhile ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_stranger_who_was_asked_meanwhile_is_not_asked_again(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await first_look(lab)
        lab.dns["x.test", "TXT"] = PASSES
        lab.advance(MINUTE)
        await lab.receive(letter(subject="Still burning"), mail_from="anne@x.test", auth="verify")
        await lab.settle()
        await second_look(lab)

        assert kinds(lab) == ["challenge"]
        assert [mail.state for mail in lab.held()] == ["wait", "wait"]


async def test_one_who_confirmed_meanwhile_is_in_already(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await first_look(lab)
        lab.dns["x.test", "TXT"] = PASSES
        lab.advance(MINUTE)
        await lab.receive(letter(subject="Still burning"), mail_from="anne@x.test", auth="verify")
        await lab.settle()
        lab.advance(MINUTE)
        raw, to = answer(lab.sent[0].raw, "anne@x.test")
        await lab.receive(raw, mail_from="anne@x.test", rcpt_to=[to], auth="verify")
        await lab.settle()
        before = (lab.ledger(), kinds(lab))
        await second_look(lab)

        assert (lab.ledger(), kinds(lab)) == before
        assert lab.held() == []


async def test_two_mails_of_one_stranger_cost_one_challenge(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await first_look(lab)
        await first_look(lab, letter(subject="Another fire"))
        await second_look(lab)

        assert kinds(lab) == ["challenge"]
        assert [mail.state for mail in lab.held()] == ["wait", "wait"]


# ── What is not looked at again ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("raw", "mail_from"),
    [
        pytest.param(letter(Auto_Submitted="auto-replied"), "anne@x.test", id="an automatic reply"),
        pytest.param(letter(Precedence="bulk"), "anne@x.test", id="mass mail"),
        pytest.param(letter(), "", id="the null reverse-path"),
    ],
)
async def test_what_would_not_be_answered_is_not_asked_about(
    laboratory: Laboratory, raw: bytes, mail_from: str
) -> None:
    async with laboratory() as lab:
        receipt = await first_look(lab, raw, mail_from=mail_from)
        await second_look(lab)

        assert lab.sent == []
        assert "re-check" not in [step["check"] for step in verdict(lab, receipt)["trail"]]


async def test_what_failed_for_good_is_not_asked_about(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        lab.dns["x.test", "TXT"] = ["v=spf1 -all"]
        receipt = await lab.receive(letter(), mail_from="anne@x.test", auth="verify")
        await lab.settle()
        await second_look(lab)

        assert lab.sent == []
        assert "re-check" not in [step["check"] for step in verdict(lab, receipt)["trail"]]


async def test_what_comes_out_of_a_backlog_is_not_asked_about(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        lab.dns["x.test", "TXT"] = TROUBLE
        receipt = await lab.receive(letter(), mail_from="anne@x.test", auth="verify")
        lab.advance(11 * MINUTE)
        await lab.settle()
        await second_look(lab)

        assert lab.sent == []
        assert "re-check" not in [step["check"] for step in verdict(lab, receipt)["trail"]]


async def test_after_half_an_hour_nobody_asks(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        receipt = await first_look(lab)
        await second_look(lab, after=timedelta(minutes=31))

        assert lab.sent == []
        assert [mail.state for mail in lab.held()] == ["human"]
        assert "re-check" not in [step["check"] for step in verdict(lab, receipt)["trail"]]


async def test_within_half_an_hour_somebody_does(laboratory: Laboratory) -> None:
    """The gateway stood still meanwhile."""
    async with laboratory() as lab:
        await first_look(lab)
        await second_look(lab, after=timedelta(minutes=29))

        assert kinds(lab) == ["challenge"]


async def test_a_dry_run_answers_nothing_the_second_time_either(laboratory: Laboratory) -> None:
    async with laboratory(overrides={"replies": {"dry_run": True}}) as lab:
        receipt = await first_look(lab)
        await second_look(lab)

        assert lab.sent == []
        assert verdict(lab, receipt)["suppressed"] == "dry run: challenge would have left"


# ── Crashes, and company ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_crash_before_the_commit_loses_nothing_and_doubles_nothing(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await first_look(lab)
        lab.dns["x.test", "TXT"] = PASSES
        lab.advance(6 * MINUTE)
        lab._alive = False
        with pytest.raises(Exception, match="crashed"):
            await lab.recheck.settle()
        await lab.crash()
        await lab.restart()
        await second_look(lab, after=MINUTE)
        await second_look(lab, after=MINUTE)

        assert kinds(lab) == ["challenge"]


async def test_a_crash_after_the_commit_doubles_nothing(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await first_look(lab)
        lab.dns["x.test", "TXT"] = PASSES
        lab.advance(6 * MINUTE)
        await lab.recheck.settle()
        await lab.crash()
        await lab.restart()
        await second_look(lab, after=MINUTE)

        assert kinds(lab) == ["challenge"]


async def test_two_who_look_at_the_same_time_answer_once(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await first_look(lab)
        lab.dns["x.test", "TXT"] = PASSES
        lab.advance(6 * MINUTE)
        due = await lab.recheck._due()
        for message_id, accepted in [*due, *due]:
            await lab.recheck._look_again(message_id, accepted)
        await lab.settle()

        assert kinds(lab) == ["challenge"]


async def test_many_are_all_looked_at(laboratory: Laboratory) -> None:
    async with laboratory(overrides=mode("off")) as lab:
        for n in range(120):
            lab.dns[f"x{n}.test", "TXT"] = TROUBLE
            sender = f"anne@x{n}.test"
            await lab.receive(letter(sender, text=f"Fire number {n}."), mail_from=sender, auth="verify")
        await lab.settle()
        for n in range(120):
            lab.dns[f"x{n}.test", "TXT"] = PASSES
        lab.advance(6 * MINUTE)
        found = await lab.recheck.settle()

        assert found == 120
        assert await lab.recheck.settle() == 0
