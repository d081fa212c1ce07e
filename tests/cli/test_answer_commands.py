"""Answers at the command line: with files, copies, a canned text, or only looked at."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from mailgate.testing import Lab
from tests.cli.conftest import Run
from tests.fakes.letters import letter


@pytest.fixture
def filled(gateway: Run, folder: Path) -> Run:
    """A ticket of Anne, in which Carl takes part."""

    async def fill() -> None:
        async with Lab(store_url=f"sqlite:///{folder / 'mailgate.db'}") as lab:
            await lab.desk.trust("anne@x.test", "bob")
            raw = letter("Anne <anne@x.test>", subject="It is broken", text="I get an error message.\n\n-- \nAnne")
            await lab.receive(raw, mail_from="anne@x.test")
            await lab.settle()

    asyncio.run(fill())
    with sqlite3.connect(folder / "mailgate.db") as connection:
        connection.execute("INSERT INTO participant SELECT id, 'carl@x.test', 'A1', 0 FROM ticket")
    connection.close()
    return gateway


def test_what_may_fit_is_shown_until_somebody_answers(filled: Run, folder: Path) -> None:
    assert "may fit: --canned details (broken, error)" in filled("tickets", "show", "1").out
    (ticket,) = filled("tickets", "show", "1", "--json").objects
    assert ticket["suggested"] == [{"name": "details", "why": ["broken", "error"]}]

    assert filled("tickets", "reply", "1", "--canned", "details").code == 0
    (ticket,) = filled("tickets", "show", "1", "--json").objects
    assert ticket["suggested"] == []


def test_an_answer_is_shown_without_its_quote_and_a_copy_only_named(filled: Run, folder: Path) -> None:
    (folder / "answer.txt").write_text("We are on it.\n")
    (folder / "plan.pdf").write_bytes(b"%PDF-")
    line = ["tickets", "reply", "1", str(folder / "answer.txt"), "--cc", "carl@x.test"]
    told = filled(*line, "--attach", str(folder / "plan.pdf"))
    assert told.out == "On its way to anne@x.test and to carl@x.test.\n"

    shown = filled("tickets", "show", "1").out
    assert shown.count("We are on it.") == 1
    assert shown.count("a copy of the same") == 1
    assert shown.count("attached: plan.pdf (application/pdf, 5 bytes)") == 1
    assert "> I get an error message." not in shown
    (ticket,) = filled("tickets", "show", "1", "--json").objects
    assert "> I get an error message." in ticket["messages"][-2]["text"]


def test_a_dry_run_shows_the_mail_and_sends_nothing(filled: Run, folder: Path) -> None:
    (folder / "answer.txt").write_text("We are on it.\n")
    (folder / "plan.pdf").write_bytes(b"%PDF-")
    line = ["tickets", "reply", "1", str(folder / "answer.txt"), "--cc", "carl@x.test", "--dry-run"]
    shown = filled(*line, "--attach", str(folder / "plan.pdf")).out

    assert "── anne@x.test\n" in shown
    assert "── carl@x.test\n" in shown
    assert "To: <anne@x.test>\nCc: <carl@x.test>\n" in shown
    assert "On 5 Jan 2026, Anne wrote:\n> I get an error message.\n" in shown
    assert "attached: plan.pdf (application/pdf, 5 bytes)" in shown
    assert [one["kind"] for one in filled("outbox", "list", "--json").objects] == ["acknowledge"]


def test_without_a_quote_nothing_of_the_mail_goes_back(filled: Run, folder: Path) -> None:
    (folder / "answer.txt").write_text("We are on it.\n")
    shown = filled("tickets", "reply", "1", str(folder / "answer.txt"), "--no-quote", "--dry-run").out
    assert "error message" not in shown


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--cc", "eve@z.test"], "eve@z.test takes no part in ticket #1; who does: carl@x.test"),
        (["--canned", "nothing"], "there are: closing, details, not-now"),
        (["--attach", "/dev/zero"], "15.0 MB are too much to attach: at most 15.0 MB"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_what_can(filled: Run, folder: Path, options: list[str], said: str) -> None:
    (folder / "answer.txt").write_text("We are on it.\n")
    told = filled("tickets", "reply", "1", str(folder / "answer.txt"), *options)
    assert told.code != 0
    assert said in told.err
