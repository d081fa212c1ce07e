"""What left by itself, what was withheld, what a dry run kept back, and who loops: by command."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailgate.testing import Lab
from tests.cli.conftest import CONFIG, Run
from tests.fakes.letters import letter

OPEN_DOOR = [{"address": "support@g.test", "queue": "support", "mode": "off"}]


def play(folder: Path, work: Callable[[Lab], Awaitable[None]], **overrides: Any) -> None:
    async def run() -> None:
        start = datetime.now(UTC) - timedelta(minutes=30)
        url = f"sqlite:///{folder / 'mailgate.db'}"
        async with Lab(store_url=url, start=start, overrides={"mailbox": OPEN_DOOR, **overrides}) as lab:
            await work(lab)

    asyncio.run(run())


async def seven_mails(lab: Lab) -> None:
    for word in ("Paper", "Two chairs", "Ink", "Glue", "The lamp", "Tape", "Cards"):
        await lab.receive(letter("otto@x.test", subject=word, text=f"{word} came in."), mail_from="otto@x.test")
        await lab.settle()
        lab.advance(timedelta(minutes=1))
    await lab.receive(letter("anne@y.test"), mail_from="anne@y.test")
    await lab.settle()


def test_what_left_and_what_was_withheld_is_counted(gateway: Run, folder: Path) -> None:
    play(folder, seven_mails)
    (found,) = gateway("report", "--json").objects
    left = {one["kind"]: one for one in found["left"]}
    assert (left["acknowledge"]["granted"], left["acknowledge"]["sent"]) == (3, 3)
    assert left["notice"]["granted"] == 0
    assert found["backscatter"] == 0
    (withheld,) = found["withheld"]
    assert withheld["mails"] == 5
    assert withheld["reason"].startswith("limit of 2 automatic mails per address in 1 h")
    assert "limit of 2 automatic mails" in gateway("report").out


def test_an_answer_to_nobody_proven_would_be_counted(gateway: Run, folder: Path) -> None:
    play(folder, seven_mails)
    with sqlite3.connect(folder / "mailgate.db") as connection:
        connection.execute("UPDATE message SET level = 'A0' WHERE sender = 'anne@y.test'")
    connection.close()
    assert gateway("report", "--json").objects[0]["backscatter"] == 1
    assert "this must be 0" in gateway("report").out


def test_a_report_looks_back_as_far_as_it_is_told(gateway: Run, folder: Path) -> None:
    play(folder, seven_mails)
    assert gateway("report", "--since", "1h", "--json").objects[0]["withheld"]
    assert gateway("report", "--since", "5", "--json").code == 64
    assert gateway("report", "--since", "0d").code == 64


def test_a_dry_run_says_what_would_have_left(gateway: Run, folder: Path) -> None:
    (folder / "config.toml").write_text(CONFIG + "[replies]\ndry_run = true\n")
    play(folder, seven_mails, replies={"dry_run": True})
    (found,) = gateway("report", "--json").objects
    dry = found["dry_run"]
    assert (dry["kinds"], dry["mails"], dry["addresses"]) == ({"acknowledge": 8}, 8, 2)
    assert dry["top"][0] == ["otto@x.test", 7]
    assert sum(day["mails"] for day in dry["days"]) == 8
    assert found["dry_run_now"] is True
    assert "8 mails to 2 addresses" in gateway("report").out


def test_who_loops_is_listed_with_its_mails_and_the_command(gateway: Run, folder: Path) -> None:
    assert gateway("report", "loops").out == "Nobody loops.\n"
    play(folder, seven_mails)
    (found,) = gateway("report", "loops", "--json").objects
    assert (found["address"], found["count"], found["what"]) == ("otto@x.test", 5, "withheld by limits")
    assert found["stop"] == "mailgate breaker stop --address otto@x.test"
    assert len(found["mails"]) == 5
    assert gateway(*found["stop"].split()[1:]).code == 0


@pytest.mark.parametrize("words", [[], ["loops"]], ids=["report", "loops"])
def test_an_empty_store_has_a_report_too(gateway: Run, words: list[str]) -> None:
    assert gateway("report", *words).code == 0
