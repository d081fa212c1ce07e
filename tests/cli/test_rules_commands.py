"""docs/rules-commands.md shows what the commands really say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mailgate.rulebook import shipped_folder
from tests.cli.conftest import CONFIG, Printed, Run

PAGE = (Path(__file__).parents[2] / "docs/rules-commands.md").read_text()
MAIL = """\
From: Paper Ltd <accounts@paper.example>
To: support@example.com
Subject: {subject}
Date: Thu, 1 Jan 2026 10:00:00 +0000
Message-ID: <17@paper.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b

Please find our invoice attached.
--b
Content-Type: application/pdf
Content-Disposition: attachment; filename="Invoice-17.pdf"

%PDF
--b--
"""
BILLING = '[[mailbox]]\naddress = "billing@example.com"\nqueue = "billing"\n[rules]\nlocal = "rules/local"\n'


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def said(done: Printed, folder: Path) -> list[str]:
    """What a command printed, where this machine keeps its files left aside."""
    plain = f"{done.out}{done.err}".replace(f"{folder}/", "").replace(str(shipped_folder()), "rules")
    return re.sub(r"version \w+", "version …", plain).splitlines()


def test_the_page_shows_what_the_commands_say(mailgate: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = folder / "rules/local"
    (own / "tests").mkdir(parents=True)
    (own / "maps").mkdir()
    (rules,), (suppliers,) = blocks("toml"), blocks("text")
    (own / "70-ours.toml").write_text(rules.replace('{ hour = "> 21"', '{ houre = "> 21"').replace('"high"', '"hihg"'))
    (own / "maps/suppliers.txt").write_text(suppliers)
    (own / "tests/reminder.eml").write_text(MAIL.format(subject="Reminder: invoice 17"))
    (folder / "invoice.eml").write_text(MAIL.format(subject="Your invoice 17"))
    (folder / "config.toml").write_text(CONFIG.replace("support@g.test", "support@example.com") + BILLING)
    monkeypatch.chdir(folder)
    for number, block in enumerate(blocks("console")):
        command, *expected = block.splitlines()
        if number == 1:
            (own / "70-ours.toml").write_text(rules)
        _, _, arguments = command.partition("mailgate ")
        assert said(mailgate(*arguments.split()), folder)[: len(expected)] == expected
