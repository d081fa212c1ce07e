"""Which rules judged, by command, and how they are taken back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailgate.rulebook import load, shipped_folder
from mailgate.store import rulesets
from mailgate.store.database import Database
from tests.cli.conftest import CONFIG, Run

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
CHANNEL = '[[channel]]\nsender = "anne@x.test"\nis = "machine"\nwhy = "nightly figures"\n'


@pytest.fixture
def local(folder: Path) -> Path:
    """The operator's own layer, and a configuration that names it."""
    (folder / "config.toml").write_text(CONFIG + '\n[rules]\nlocal = "ours"\n')
    (folder / "ours").mkdir()
    return folder / "ours"


def judge_by(folder: Path, minutes: int) -> str:
    """The rules as they lie there judge from now on; their version."""
    book = load(shipped_folder(), folder / "ours")

    async def remember() -> None:
        database = await Database.open(f"sqlite:///{folder / 'mailgate.db'}", durable=False)
        at = NOW + timedelta(minutes=minutes)
        packed = rulesets.packed(book.contents)
        await database.write(lambda conn: rulesets.remember(conn, book.version, at, book.files, packed))
        await database.close()

    asyncio.run(remember())
    return book.version


def test_the_rules_that_judged_are_listed_with_what_changed(local: Path, gateway: Run, folder: Path) -> None:
    assert "No rules have judged yet" in gateway("rules", "history").out
    first = judge_by(folder, 0)
    (local / "70-ours.toml").write_text(CHANNEL)
    second = judge_by(folder, 1)
    assert [(one["version"], one["changed"]) for one in gateway("rules", "history", "--json").objects] == [
        (second, "local/70-ours.toml"),
        (first, ""),
    ]
    assert gateway("rules", "history", first[:6], "--json").objects == [
        {"file": "local/70-ours.toml", "since_then": "added"}
    ]
    assert "The files are what they were" in gateway("rules", "history", second).out


def test_an_old_set_is_written_out_and_judges_as_it_did(local: Path, gateway: Run, folder: Path) -> None:
    (local / "70-ours.toml").write_text(CHANNEL)
    (local / "maps").mkdir()
    (local / "maps/suppliers.txt").write_text("supplier.example\r\n")
    version = judge_by(folder, 0)
    (local / "70-ours.toml").unlink()
    judge_by(folder, 1)
    assert gateway("rules", "history", version, "--to", str(folder / "before")).code == 0
    book = load(folder / "before")
    assert (book.version, book.signals.pardons.channels["anne@x.test"][0].rule) == (version, "local/70-ours.toml:1")
    assert gateway("rules", "history", version, "--to", str(folder / "before")).code == 69
    assert gateway("rules", "history", "ffffff").code == 67
    assert gateway("rules", "history", "--to", "x").code == 64


def test_a_table_that_switches_nothing_off_is_noted_by_the_check(local: Path, mailgate: Run) -> None:
    (local / "70-ours.toml").write_text('[[signal]]\nid = "B4-vacatio"\nenabled = false\n')
    (note,) = mailgate("rules", "check", "--json").objects[0]["notes"]
    assert note.startswith(f"{local / '70-ours.toml'}:1:1: signal: found 'B4-vacatio'")
    assert "did you mean 'B4-vacation'" in note
