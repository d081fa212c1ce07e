"""What the daemon does when it is told to stop, and when it is told to read its rules again."""

from __future__ import annotations

import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailgate import rulebook
from tests.fakes.sink import Sink
from tests.scenarios.conftest import ASSUME_PASS
from tests.scenarios.daemon import Daemon
from tests.scenarios.sender import Client, HangUpError, deliver, letter, wire


async def test_sigterm_lets_a_mail_that_is_under_way_come_in(daemon: Daemon) -> None:
    mail = letter(1, "sales@g.test")
    half = len(mail.raw) // 2
    async with Client(daemon.smtp_port) as client:
        assert (await client.envelope(mail.mail_from, mail.rcpt_to))[-1].code == 354
        client.write(mail.raw[:half])
        daemon.signal(signal.SIGTERM)
        await daemon.logged("stopping")
        client.write(wire(mail.raw)[half:])

        assert (await client.reply()).code == 250
    assert await daemon.gone() == 0
    assert daemon.rows("SELECT state FROM journal") == [("ticketed",)]


async def test_sigterm_says_goodbye_to_whoever_only_waits(daemon: Daemon) -> None:
    async with Client(daemon.smtp_port) as client:
        daemon.signal(signal.SIGTERM)

        with pytest.raises(HangUpError):
            await client.reply()
    assert await daemon.gone() == 0


async def test_sigterm_judges_all_that_was_accepted_before_it_ends(daemon: Daemon) -> None:
    async with Client(daemon.smtp_port) as client:
        replies = [await client.send(letter(number, "sales@g.test")) for number in range(50)]
    daemon.signal(signal.SIGTERM)

    assert await daemon.gone() == 0
    assert {reply.code for reply in replies} == {250}
    assert daemon.rows("SELECT state, count(*) FROM journal GROUP BY state") == [("ticketed", 50)]


class TestRules:
    """The rule files lie in a folder of the operator's own."""

    @pytest.fixture
    async def daemon(self, folder: Path, sink: Sink, url: str) -> AsyncIterator[Daemon]:
        shutil.copytree(rulebook.shipped_folder(), folder / "rules")
        extra = f'{ASSUME_PASS}\n[rules]\nfolder = "{folder}/rules"'
        async with Daemon(folder, relay=sink.address, url=url, extra=extra) as running:
            yield running

    async def test_sighup_loads_them_anew(self, daemon: Daemon) -> None:
        daemon.signal(signal.SIGHUP)

        assert await daemon.logged("rules-reloaded")

    async def test_a_broken_file_keeps_those_that_were_good(self, daemon: Daemon) -> None:
        file = daemon.folder / "rules" / "limits.toml"
        good = file.read_text()
        file.write_text(good + "\nthis is no rule\n")
        daemon.signal(signal.SIGHUP)
        await daemon.logged("rules-rejected")

        assert (await deliver(daemon.smtp_port, letter(1, "sales@g.test"))).code == 250
        await daemon.settled()
        assert daemon.rows("SELECT state FROM journal") == [("ticketed",)]

        seen = len(daemon.log)
        file.write_text(good)
        daemon.signal(signal.SIGHUP)
        assert await daemon.logged("rules-reloaded", since=seen)
