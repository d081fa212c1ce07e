"""The guide to rules says what happens: every example of docs/rules.md is taken as it stands there, and given mail."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailgate import rulebook
from mailgate.judge.ruling.rule import Rule
from mailgate.model import Priority
from mailgate.testing import Lab
from tests.fakes.letters import body, letter

GUIDE = Path(__file__).parents[2] / "docs/rules.md"
BLOCK = re.compile(r"^```(\w+)(?: ([\w ]+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TASK = re.compile(r"^### (\d+)\. .*?(?=^#{2,3} )", re.MULTILINE | re.DOTALL)

Block = tuple[str, str, str]  # its language, what follows that, and its text


def blocks(text: str) -> list[Block]:
    return BLOCK.findall(text)


def written(given: list[Block], local: Path) -> Path:
    """The files that some blocks of the guide are."""
    for number, (kind, name, text) in enumerate(given):
        path = {
            "toml": f"{number:02}-guide.toml",
            "map": f"maps/{name}.txt",
            "reply": f"replies/{name.replace(' ', '/acknowledge-')}.txt",
            "limits": "limits.toml",
        }.get(kind)
        if path:
            (local / path).parent.mkdir(parents=True, exist_ok=True)
            (local / path).write_text(text)
    return local


def configured(given: list[Block]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in (text for kind, _, text in given if kind == "config"):
        found |= tomllib.loads(text)
    return found


def rules_of(given: list[Block], local: Path) -> tuple[Rule, ...]:
    return rulebook.load(rulebook.shipped_folder(), written(given, local)).signals.rules.all


def task(number: int) -> list[Block]:
    found = {int(one[1]): one[0] for one in TASK.finditer(GUIDE.read_text())}
    return blocks(found[number])


def test_the_guide_has_ten_tasks_and_every_rule_of_them_has_an_example() -> None:
    tables = [tomllib.loads(text) for number in range(1, 11) for kind, _, text in task(number) if kind == "toml"]
    rules = [rule for table in tables for rule in table["rule"]]
    assert len(rules) >= 10
    assert all(rule.get("hit") for rule in rules)


def test_all_of_the_guide_together_is_a_folder_without_a_fault(tmp_path: Path) -> None:
    assert len(rules_of(blocks(GUIDE.read_text()), tmp_path)) >= 12


@dataclass
class Trial:
    """A mail to somebody who keeps the rules of a task, and what becomes of it."""

    task: int
    mail: dict[str, str]
    author: str = "anne@x.test"
    to: str = "support@example.com"
    mode: str = "off"
    auth: str = "A2"
    at: datetime = datetime(2026, 12, 1, 10, tzinfo=UTC)
    hours: list[str] = field(default_factory=list)
    queue: str = ""
    priority: Priority = Priority.NORMAL
    tags: tuple[str, ...] = ()
    says: str = ""  # in the confirmation
    held: str = ""  # why
    quiet: bool = False
    handed: int = 0
    redirected: int = 0


MONITOR, PORTAL = "nagios@monitor.example", {"X_Portal_Case": "4711"}
OFFER = {"subject": "Re: Your winter offer"}
TRIALS = {
    "monitor": Trial(2, {"subject": "CRITICAL: disk"}, MONITOR, queue="on duty", priority=Priority.URGENT),
    "monitor, well": Trial(2, {"subject": "OK: disk"}, MONITOR, quiet=True),
    "vip": Trial(3, {}, "joe@big.example", priority=Priority.URGENT, tags=("vip",)),
    "no vip": Trial(3, {}, "joe@big.example", auth="A0"),
    "complaint": Trial(
        *(4, {}, "anne@x.test", "complaints@example.com", "guarded"),
        queue="complaints", priority=Priority.HIGH, says="the head of our desk",
    ),
    "partner": Trial(5, PORTAL, "form@portal.example", mode="guarded", queue="partners", tags=("portal",)),
    "news": Trial(6, {}, "anne@example.com", to="news@example.com", quiet=True, handed=1),
    "no news": Trial(6, {}, to="news@example.com", held="publishes"),
    "closed": Trial(7, {}, hours=["mon-fri 11:00-17:00"], says="Our desk is closed now"),
    "open": Trial(7, {}, hours=["mon-fri 09:00-17:00"], says="A person will read it"),
    "campaign": Trial(8, OFFER, queue="sales", priority=Priority.LOW, tags=("winter-2026",)),
    "campaign is over": Trial(8, OFFER, at=datetime(2027, 1, 5, tzinfo=UTC)),
    "moved": Trial(10, {}, to="leasing@example.com", redirected=1, quiet=True),
}  # fmt: skip


@pytest.mark.parametrize("trial", TRIALS.values(), ids=TRIALS)
async def test_what_each_task_of_the_guide_says_comes_true(trial: Trial, tmp_path: Path) -> None:
    given = task(trial.task)
    own = configured(given)
    box = {"address": trial.to, "queue": "support", "mode": trial.mode, "hours": trial.hours}
    overrides = own | {"mailbox": [box], "rules": own.get("rules", {}) | {"local": str(written(given, tmp_path))}}
    async with Lab(start=trial.at, overrides=overrides) as lab:
        if trial.quiet:
            await lab.desk.trust(trial.author, "bob")
        raw = letter(trial.author, trial.to, **trial.mail)
        await lab.receive(raw, mail_from=trial.author, rcpt_to=[trial.to], auth=trial.auth)
        await lab.settle()

        if trial.held:
            (held,) = lab.held()
            assert trial.held in held.reason
            return
        assert lab.ledger().quiet == trial.quiet
        (ticket,) = lab.tickets()
        assert (ticket.queue, ticket.priority, ticket.tags) == (trial.queue or "support", trial.priority, trial.tags)
        assert trial.says in "".join(body(sent.raw) for sent in lab.sent)
        assert len(lab.others.handed) == trial.handed
        assert [sent.kind for sent in lab.sent].count("redirect") == trial.redirected
