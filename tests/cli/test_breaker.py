"""What holds automatic mail back is seen, stopped and freed at the command line."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailgate.judge import breaker
from mailgate.model import Broken, Scope
from mailgate.store import record
from mailgate.testing import Lab
from tests.cli.conftest import CONFIG, MAIL, Run

LONG_AGO = datetime(2026, 1, 5, tzinfo=UTC)
WRITTEN = datetime(2026, 1, 1, 10, tzinfo=UTC)  # the mail


def test_nothing_holds_mail_back_at_first(gateway: Run) -> None:
    assert gateway("breaker", "show").out == "Automatic mail passes: nothing holds it back.\n"
    assert gateway("breaker", "show", "--json").objects == []


def test_what_is_no_breaker_and_stops_all_the_same_is_shown_too(gateway: Run, folder: Path) -> None:
    (folder / "config.toml").write_text(CONFIG + "[replies]\ndry_run = true\n")
    assert "dry_run" in gateway("breaker", "show").out


@pytest.mark.parametrize(
    ("option", "scope", "key"),
    [
        (["--all"], "all", ""),
        (["--address", "Anne+shop@X.test"], "address", "anne@x.test"),
        (["--domain", "Mail.x.test"], "domain", "x.test"),
        (["--mailbox", "Support@g.test"], "mailbox", "support@g.test"),
    ],
    ids=["all", "address", "domain", "mailbox"],
)
def test_each_is_stopped_shown_and_freed_by_the_command_that_is_shown(
    gateway: Run, option: list[str], scope: str, key: str
) -> None:
    assert gateway("breaker", "stop", *option, "--agent", "cris").code == 0
    (found,) = gateway("breaker", "show", "--json").objects
    assert (found["scope"], found["key"], found["state"]) == (scope, key, "latched")
    assert found["reason"] == "stopped by agent:cris"
    shown = gateway("breaker", "show").out
    assert "stopped until a person resets it" in shown
    assert found["reset"] in shown
    assert gateway(*found["reset"].split()[1:]).code == 0
    assert gateway("breaker", "show", "--json").objects == []


def test_a_stop_stands_in_the_way_of_the_next_challenge(gateway: Run, folder: Path) -> None:
    assert gateway("breaker", "stop", "--domain", "x.test").code == 0

    async def write() -> list[str]:
        async with Lab(store_url=f"sqlite:///{folder / 'mailgate.db'}", start=WRITTEN) as lab:
            await lab.receive(MAIL, mail_from="anne@x.test")
            await lab.settle()
            return [sent.kind for sent in lab.sent]

    assert asyncio.run(write()) == []
    (held,) = gateway("held", "list", "--json").objects
    assert held["reason"].startswith("no challenge: automatic mail is stopped until a person resets it")


def test_what_time_has_closed_is_not_shown(gateway: Run, folder: Path) -> None:
    async def complain() -> None:
        async with Lab(store_url=f"sqlite:///{folder / 'mailgate.db'}", start=LONG_AGO) as lab:
            fuse = lab.context.book().limits.fuse
            stands = breaker.for_complaint(Scope.DOMAIN, "x.test", lab.now, fuse)
            await lab.database.write(lambda conn: record.apply(conn, [Broken(stands)], lab.now))
            lab.advance(timedelta(days=1))

    asyncio.run(complain())
    assert gateway("breaker", "show", "--json").objects == []


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (["stop"], 64),
        (["reset"], 64),
        (["stop", "--all", "--domain", "x.test"], 64),
        (["reset", "--domain", "x.test"], 67),
        (["stop", "--mailbox", "sales@g.test"], 67),
        (["stop", "--address", "nobody"], 69),
        (["stop", "--domain", "anne@x.test"], 69),
    ],
    ids=str,
)
def test_a_word_too_few_or_wrong_changes_nothing(gateway: Run, line: list[str], code: int) -> None:
    assert gateway("breaker", *line).code == code
    assert gateway("breaker", "show", "--json").objects == []
