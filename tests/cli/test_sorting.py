"""Tickets are sorted at the command line, and seen by what they are."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree

import pytest

from mailgate.rulebook import shipped_folder
from mailgate.testing import Lab
from tests.cli.conftest import CONFIG, Run
from tests.fakes.letters import letter

PROMISE = 'timezone = "Europe/Berlin"\nhours = ["mon-sun 00:00-24:00"]\nanswer_within_h = 8\n'
BOX = 'address = "support@g.test"\n'


@pytest.fixture
def filled(gateway: Run, folder: Path) -> Run:
    """Anne's mail is held and waits longest; Bart and Carl have a ticket each."""
    (folder / "config.toml").write_text(CONFIG.replace(BOX, BOX + PROMISE))
    start = datetime.now(UTC) - timedelta(hours=1)

    async def fill() -> None:
        async with Lab(store_url=f"sqlite:///{folder / 'mailgate.db'}", start=start) as lab:
            for author in ("bart@x.test", "carl@x.test"):
                await lab.desk.trust(author, "cris")
            for author in ("anne@x.test", "bart@x.test", "carl@x.test"):
                await lab.receive(letter(author), mail_from=author)
                await lab.settle()
                lab.advance(timedelta(minutes=1))

    asyncio.run(fill())
    return gateway


def test_who_waits_longest_stands_first_and_held_mail_stands_among_them(filled: Run) -> None:
    rows = filled("tickets", "list", "--waiting", "--json").objects

    assert [(one["contact"], one["number"], one["state"]) for one in rows] == [
        ("anne@x.test", None, "wait"),
        ("bart@x.test", 1, "open"),
        ("carl@x.test", 2, "open"),
    ]
    since, due = (datetime.fromisoformat(rows[0][key]) for key in ("since", "due_at"))
    assert due - since == timedelta(hours=8)
    assert "anne@x.test" in filled("tickets", "list", "--waiting").out.splitlines()[1]


def test_a_ticket_is_sorted_and_found_by_each_thing_that_was_said_of_it(filled: Run) -> None:
    assert filled("tickets", "priority", "1", "urgent").out == "#1 is of urgent priority.\n"
    assert filled("tickets", "tag", "1", "#Fire", "vip").out == "#1 bears fire, vip.\n"
    assert filled("tickets", "untag", "1", "vip").out == "#1 bears fire.\n"
    assert filled("tickets", "assign", "1", "dora").code == 0
    assert "did you mean support?" in filled("tickets", "move", "1", "suport").out
    assert filled("tickets", "move", "2", "support").out == "#2 stands in support.\n"

    (ticket,) = filled("tickets", "show", "1", "--json").objects
    assert (ticket["priority"], ticket["tags"], ticket["assignee"], ticket["queue"]) == (
        "urgent",
        ["fire"],
        "dora",
        "suport",
    )
    for option, value in {"--priority": "urgent", "--tag": "fire", "--assignee": "dora", "--queue": "suport"}.items():
        assert [one["number"] for one in filled("tickets", "list", option, value, "--json").objects] == [1]
        waiting = filled("tickets", "list", "--waiting", option, value, "--json").objects
        assert [one["number"] for one in waiting] == [1]
    assert [one["number"] for one in filled("tickets", "list", "--assignee", "", "--json").objects] == [2]
    shown = filled("tickets", "show", "1").out
    assert "urgent priority, tags: fire" in shown
    assert "waits for an answer since" in shown


def test_a_ticket_rests_for_a_span_or_until_a_day_of_the_desks_own_zone(filled: Run) -> None:
    assert "#1 rests until" in filled("tickets", "pending", "1", "3d").out
    day = (datetime.now(UTC) + timedelta(days=30)).date()
    (said,) = filled("tickets", "pending", "2", day.isoformat(), "--json").objects

    until = datetime.fromisoformat(said["pending_until"])
    assert until.tzinfo is not None
    assert until.hour in (22, 23)  # midnight in Berlin
    assert [one["number"] for one in filled("tickets", "list", "--state", "pending", "--json").objects] == [2, 1]
    assert filled("tickets", "list", "--json").objects == []
    assert len(filled("tickets", "list", "--waiting", "--json").objects) == 3


def test_what_cannot_be_is_refused(filled: Run) -> None:
    assert filled("tickets", "pending", "1", "soon").code == 64
    assert filled("tickets", "pending", "1", "2001-01-01").code == 69
    assert filled("tickets", "priority", "1", "huge").code == 64
    assert filled("tickets", "tag", "1", "two words").code == 69
    assert filled("tickets", "tag", "9", "fire").code == 67
    assert filled("tickets", "list", "--waiting", "--state", "open").code == 64


def test_two_who_answer_at_once_hear_of_each_other(filled: Run, tmp_path: Path) -> None:
    text = tmp_path / "answer.txt"
    text.write_text("We send another.")
    assert filled("tickets", "reply", "1", str(text), "--agent", "bob").code == 0
    refused = filled("tickets", "reply", "1", str(text), "--agent", "cris")
    assert (refused.code, "bob answered #1" in refused.err, "--anyway" in refused.err) == (69, True, True)
    assert filled("tickets", "reply", "1", str(text), "--agent", "cris", "--anyway").code == 0


def test_a_queue_that_nobody_names_is_told_of(filled: Run) -> None:
    filled("tickets", "move", "1", "suport")
    found = [one for one in filled("check", "--no-dns", "--json").objects if one["check"] == "queues"]
    assert [one["result"] for one in found] == ["warning"]
    assert "'suport'" in found[0]["text"]
    assert "did you mean 'support'" in found[0]["text"]


def test_a_queue_that_a_rule_alone_names_is_noted(gateway: Run, folder: Path) -> None:
    rules = folder / "rules"
    assert gateway("rules", "check").code == 0
    copytree(shipped_folder(), rules)
    (rules / "70-ours.toml").write_text('[[rule]]\nname = "r"\nwhen.subject = "x"\nthen.queue = "suport"\n')
    (folder / "config.toml").write_text(CONFIG + '[rules]\nfolder = "rules"\n')

    (found,) = gateway("rules", "check", "--json").objects

    assert found["notes"] == ["queue 'suport' (70-ours.toml:1) is no mailbox's: did you mean 'support'?"]
