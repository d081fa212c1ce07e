"""What other rules would have done, and how often rules held: by command."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailgate.cli import run
from mailgate.testing import Lab
from tests.cli.conftest import Run
from tests.fakes.letters import letter

RULE = """\
[[rule]]
name = "invoices"
when.subject.contains = "invoice"
then.hold = "for the accountant"
"""
UNUSED = '\n[[rule]]\nname = "never"\nwhen.subject = "nobody writes so"\nthen.tag = "x"\n'


@pytest.fixture
def ours(folder: Path) -> Path:
    local = folder / "ours"
    local.mkdir()
    (local / "70-ours.toml").write_text(RULE)
    return local


def live(folder: Path, local: Path | None = None) -> None:
    """Two mails half an hour ago."""

    async def play() -> None:
        start = datetime.now(UTC) - timedelta(minutes=30)
        overrides = {"rules": {"local": str(local)}} if local else None
        async with Lab(store_url=f"sqlite:///{folder / 'mailgate.db'}", start=start, overrides=overrides) as lab:
            for who, subject in (("anne@x.test", "Your invoice"), ("bart@y.test", "Hello")):
                await lab.receive(letter(who, subject=subject), mail_from=who)
            await lab.settle()

    asyncio.run(play())


def test_a_rule_is_tried_on_the_mail_of_before(gateway: Run, folder: Path, ours: Path) -> None:
    live(folder)
    found = gateway("rules", "replay", "--rules", str(ours))
    assert found.code == 0
    assert "held (wait) -> held (human)" in found.out
    assert "by local/70-ours.toml:1 invoices: hold for the accountant" in found.out
    assert "2 mails judged again: 1 as before, 1 otherwise." in found.out

    mail, whole = gateway("rules", "replay", "--rules", str(ours), "--json").objects
    assert (mail["from"], mail["before"], mail["after"]) == ("anne@x.test", "held (wait)", "held (human)")
    assert mail["because"] == ["local/70-ours.toml:1 invoices: hold for the accountant"]
    assert (whole["judged"], whole["different"], whole["gone"]) == (2, 1, 0)


def test_the_rules_as_they_are_change_nothing(gateway: Run, folder: Path) -> None:
    live(folder)
    assert gateway("rules", "replay").out == "2 mails judged again: 2 as before, 0 otherwise.\n"
    assert gateway("rules", "replay", "--all").out.count("as before: held (wait)") == 2
    assert gateway("rules", "replay", "--until", "1d", "--json").objects[0]["judged"] == 0
    assert "Of that time nothing is kept" in gateway("rules", "replay", "--until", "1d").out


def test_a_mailbox_that_is_not_ours_is_refused(gateway: Run, folder: Path) -> None:
    live(folder)
    assert gateway("rules", "replay", "--mailbox", "sales@g.test").code == 67
    assert gateway("rules", "replay", "--mailbox", "Support@g.test", "--json").objects[0]["judged"] == 2


def test_faults_of_the_rules_are_named_and_nothing_is_judged(gateway: Run, folder: Path, ours: Path) -> None:
    live(folder)
    (ours / "70-ours.toml").write_text("[[rule]]\nname = 3\n")
    found = gateway("rules", "replay", "--rules", str(ours))
    assert (found.code, found.out) == (78, "")
    assert "70-ours.toml:2" in found.err


def test_hits_are_told_and_who_never_had_one(gateway: Run, folder: Path, ours: Path) -> None:
    live(folder, ours)
    (ours / "70-ours.toml").write_text(RULE + UNUSED)
    with (folder / "config.toml").open("a") as file:
        file.write('[rules]\nlocal = "ours"\n')
    today = datetime.now(UTC).date().isoformat()
    one, never = gateway("rules", "stats", "--json").objects
    assert one == {
        "rule": "invoices", "hits": 1, "shadow_hits": 0, "first": today, "last": today, "place": "local/70-ours.toml:1",
    }  # fmt: skip
    assert (never["rule"], never["hits"], never["last"], never["place"]) == (
        "never",
        0,
        "never",
        "local/70-ours.toml:6",
    )


def test_a_bundled_week_is_tried_with_one_edited_file(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["lab", "rules", "--mails", "25", "--json"]) == 0
    *mails, whole = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert whole["judged"] == 25
    assert len(mails) == whole["different"] > 0
    assert all(mail["because"][0].startswith("local/70-edited.toml:") for mail in mails)
