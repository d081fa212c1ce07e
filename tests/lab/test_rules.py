"""What rules do to mail that comes: they make mailgate quieter, never louder, and the trail says which did what."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mailgate import rulebook
from mailgate.model import HeldState
from mailgate.testing import Lab
from tests.fakes.letters import answer, body, letter

SUBJECT = 'name = "r"\nwhen.subject.contains = "printer"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(rulebook.shipped_folder(), tmp_path / "rules"))


def taught(folder: Path, *tables: str, mode: str = "guarded") -> dict[str, Any]:
    (folder / "70-ours.toml").write_text("".join(f"[[rule]]\n{table}\n" for table in tables))
    box = {"address": "support@g.test", "queue": "support", "mode": mode}
    return {"overrides": {"mailbox": [box], "rules": {"folder": str(folder)}}}


async def write(lab: Lab, author: str = "anne@x.test", *, auth: str = "A2", **more: Any) -> Any:
    receipt = await lab.receive(
        letter(author, **{"subject": "The printer is on fire", **more}), mail_from=author, auth=auth
    )
    await lab.settle()
    return lab.verdict(receipt)


def kinds(lab: Lab) -> list[str]:
    return [one.kind for one in lab.sent if one.kind not in ("notice", "digest")]


async def test_a_held_mail_waits_for_a_person_even_where_its_sender_is_known(folder: Path) -> None:
    async with Lab(**taught(folder, f'{SUBJECT}then.hold = "ask the fire brigade"\n', mode="off")) as lab:
        await write(lab)

        (held,) = lab.held()
        assert (held.state, held.reason) == (
            HeldState.HUMAN,
            "held by a rule: ask the fire brigade: r (70-ours.toml:1)",
        )
        assert kinds(lab) == []


@pytest.mark.parametrize(("mode", "state"), [("off", "parked"), ("guarded", "parked")])
async def test_a_strangers_quiet_mail_is_filed_as_a_machines_is_and_nobody_is_asked(
    folder: Path, mode: str, state: str
) -> None:
    async with Lab(**taught(folder, f"{SUBJECT}then.quiet = true\n", mode=mode)) as lab:
        await write(lab)

        assert getattr(lab.ledger(), state) == 1
        assert kinds(lab) == []


async def test_a_known_senders_quiet_mail_is_a_quiet_ticket(folder: Path) -> None:
    async with Lab(**taught(folder, f"{SUBJECT}then.quiet = true\n")) as lab:
        await lab.desk.trust("anne@x.test", "bob")
        await write(lab)

        assert lab.ledger().quiet == 1
        assert kinds(lab) == []


async def test_trust_once_opens_a_ticket_for_this_mail_and_makes_nobody_known(folder: Path) -> None:
    async with Lab(**taught(folder, f'{SUBJECT}then.trust = "once"\n')) as lab:
        await write(lab)
        lab.advance(timedelta(days=1))
        await write(lab, subject="Something else")

        assert (lab.ledger().ticketed, lab.ledger().held) == (1, 1)
        assert kinds(lab) == ["acknowledge", "challenge"]


async def test_trust_once_holds_for_proven_mail_alone(folder: Path) -> None:
    async with Lab(**taught(folder, f'{SUBJECT}then.trust = "once"\n')) as lab:
        verdict = await write(lab, auth="A0")

        assert lab.ledger().held == 1
        assert "r (70-ours.toml:1) trusts only mail that is proven" in [step["result"] for step in verdict["trail"]]
        assert kinds(lab) == []


@pytest.mark.parametrize("mode", ["off", "guarded"])
async def test_who_is_never_answered_is_neither_challenged_nor_thanked(folder: Path, mode: str) -> None:
    async with Lab(**taught(folder, f'{SUBJECT}then.answer = "never"\n', mode=mode)) as lab:
        verdict = await write(lab)

        assert kinds(lab) == []
        assert verdict["respond"]["reasons"] == ["the rule r (70-ours.toml:1) says so"]


async def test_what_a_rule_silences_stays_silent_when_its_sender_confirms_by_another_mail(folder: Path) -> None:
    async with Lab(**taught(folder, f'{SUBJECT}then.answer = "never"\n')) as lab:
        await write(lab)
        await write(lab, subject="Something else")
        await lab.desk.accept(lab.held()[0].id, "bob")
        await lab.settle()

        assert lab.ledger().ticketed == 2
        assert kinds(lab) == ["challenge"]


async def test_a_mail_that_a_rule_refuses_is_kept_as_spam_where_nobody_could_be_told(folder: Path) -> None:
    rule = f'{SUBJECT}then.reject = "We sell no printers"\n'
    behind = {"listener": [{"bind": "127.0.0.1:2525", "role": "behind"}]}
    async with Lab(overrides=taught(folder, rule, mode="off")["overrides"] | behind) as lab:
        await write(lab)

        (held,) = lab.held()
        assert held.state is HeldState.SPAM
        assert "We sell no printers" in held.reason
        assert kinds(lab) == []


async def test_a_blocked_sender_stays_blocked_whatever_rules_say(folder: Path) -> None:
    rules = (f'{SUBJECT}then.trust = "once"\n', f"{SUBJECT.replace('r', 's', 1)}then.quiet = true\n")
    async with Lab(**taught(folder, *rules, mode="off")) as lab:
        await lab.desk.block("anne@x.test", "bob")
        await write(lab)

        (held,) = lab.held()
        assert held.state is HeldState.SPAM


# ── The text of an answer ─────────────────────────────────────────────────────────────────────────────────────────────

FEAST = "Subject: [${ticket}] We are on holiday\n\nHello,\n\nwe read ${ticket} on Monday.\n"


def with_text(folder: Path, language: str = "en") -> None:
    (folder / f"replies/{language}/acknowledge-feast.txt").write_text(FEAST)


async def test_a_rule_chooses_the_text_of_an_acknowledgement(folder: Path) -> None:
    with_text(folder)
    async with Lab(**taught(folder, f'{SUBJECT}then.answer = "feast"\n', mode="off")) as lab:
        await write(lab)
        await write(lab, "joe@y.test", subject="Something else")

        first, second = (body(sent.raw) for sent in lab.sent)
        assert "we read #1 on Monday" in first
        assert "on Monday" not in second


async def test_the_text_goes_along_with_a_mail_that_is_held(folder: Path) -> None:
    with_text(folder)
    async with Lab(**taught(folder, f'{SUBJECT}then.answer = "feast"\n')) as lab:
        await write(lab)
        (challenge,) = lab.sent
        lab.advance(timedelta(minutes=1))
        raw, to = answer(challenge.raw, "anne@x.test")
        await lab.receive(raw, mail_from="anne@x.test", rcpt_to=[to], auth="A2")
        await lab.settle()

        assert kinds(lab) == ["challenge", "acknowledge"]
        assert "on Monday" in body(lab.sent[-1].raw)


async def test_a_text_grants_nothing_that_the_gate_refuses(folder: Path) -> None:
    with_text(folder)
    async with Lab(**taught(folder, f'{SUBJECT}then.answer = "feast"\n', mode="off")) as lab:
        for number in range(6):
            await write(lab, text=f"It burns in room {number}, and nobody comes.")

        assert len(kinds(lab)) < 6
        assert set(kinds(lab)) == {"acknowledge"}


# ── Handed to others ──────────────────────────────────────────────────────────────────────────────────────────────────

HOOKS = [
    {"name": "crm", "url": "https://crm.test/in", "secret_file": "x"},
    {"name": "site", "url": "https://site.test", "secret_file": "x", "publishes": True, "senders": ["anne@x.test"]},
]


def hooked(folder: Path, name: str, mode: str = "off") -> dict[str, Any]:
    given = taught(folder, f'{SUBJECT}then.webhook = "{name}"\n', mode=mode)
    return {"overrides": given["overrides"] | {"webhook": HOOKS}}


def handed(lab: Lab) -> list[str]:
    return [json.loads(document)["subject"] for _, document in lab.others.handed]


async def test_a_mail_is_handed_to_a_webhook_once_it_has_its_place(folder: Path) -> None:
    async with Lab(**hooked(folder, "crm", mode="guarded")) as lab:
        await write(lab)
        assert handed(lab) == []
        await lab.desk.accept(lab.held()[0].id, "bob")
        await lab.settle()

        assert handed(lab) == ["The printer is on fire"]


async def test_a_parked_mail_is_handed_on_once(folder: Path) -> None:
    async with Lab(**hooked(folder, "crm", mode="guarded")) as lab:
        await write(lab, List_Id="<news.x.test>")
        assert handed(lab) == ["The printer is on fire"]
        await lab.desk.accept(lab.parked()[0].id, "bob")
        await lab.settle()

        assert handed(lab) == ["The printer is on fire"]


@pytest.mark.parametrize(
    ("author", "auth"),
    [pytest.param("anne@x.test", "A0", id="not proven"), pytest.param("joe@y.test", "A2", id="unlisted")],
)
async def test_only_who_is_proven_and_listed_publishes(folder: Path, author: str, auth: str) -> None:
    async with Lab(**hooked(folder, "site")) as lab:
        await write(lab)
        assert handed(lab) == ["The printer is on fire"]
        await write(lab, author, auth=auth, text="Buy my printers instead.")

        (held,) = lab.held()
        assert held.state is HeldState.HUMAN
        assert "r (70-ours.toml:1)" in held.reason
        await lab.desk.accept(held.id, "bob")
        await lab.settle()
        assert handed(lab) == ["The printer is on fire"]
