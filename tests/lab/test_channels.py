"""Senders of whom operators say in a rule file that they are people, or machines."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

from mailgate.rulebook import shipped_folder
from tests.fakes.letters import letter
from tests.fakes.stores import Laboratory

FORM = "Shop <noreply@shop.test>"
CHANNEL = '[[channel]]\nsender = "noreply@shop.test"\nis = "human"\nwhy = "our contact form"\n'


def rules(folder: Path) -> dict[str, dict[str, str]]:
    shutil.copytree(shipped_folder(), folder / "rules")
    (folder / "rules" / "50-ours.toml").write_text(CHANNEL)
    return {"rules": {"folder": str(folder / "rules")}}


async def test_a_contact_form_is_challenged_like_a_person(laboratory: Laboratory, tmp_path: Path) -> None:
    async with laboratory(overrides=rules(tmp_path)) as lab:
        form = letter(FORM, Precedence="bulk")
        receipt = await lab.receive(form, mail_from="bounce+9@esp.test")
        await lab.settle()
        assert [sent.kind for sent in lab.sent] == ["challenge"]
        findings = {one["id"]: one for one in lab.verdict(receipt)["findings"]}  # type: ignore[index]
        assert findings["channel"]["rule"] == "50-ours.toml:1"
        assert findings["C2"]["strength"] == "note"


async def test_a_channel_is_under_the_same_limits_as_everybody(laboratory: Laboratory, tmp_path: Path) -> None:
    async with laboratory(overrides=rules(tmp_path)) as lab:
        await lab.desk.trust("noreply@shop.test", "bob")
        for number in range(100):
            await lab.receive(letter(FORM, subject=f"Order {number}"), mail_from="noreply@shop.test")
            lab.advance(timedelta(minutes=1))
            await lab.settle()
        assert len(lab.tickets()) == 100
        assert 0 < len(lab.sent) <= 10
        assert lab.ledger().balanced


async def test_without_proof_a_channel_is_only_named(laboratory: Laboratory, tmp_path: Path) -> None:
    async with laboratory(overrides=rules(tmp_path)) as lab:
        receipt = await lab.receive(letter(FORM), mail_from="noreply@shop.test", auth="A0")
        await lab.settle()
        assert lab.sent == []
        assert "channel" in [one["id"] for one in lab.verdict(receipt)["findings"]]  # type: ignore[index]
