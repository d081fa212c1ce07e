"""The daemon with others outside: they are asked, they are taught, and their absence costs nobody a mail."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from mailgate.cli import run
from mailgate.errors import ConfigError
from tests.fakes.http import Asked, Server, answer
from tests.fakes.waiting import wait_until
from tests.serve.running import Running

FOUND = json.dumps({"score": 7.0, "required_score": 15.0, "action": "add header", "symbols": {}}).encode()


def says(asked: Asked) -> bytes:
    return answer(200, FOUND if asked.path == "/checkv2" else b'{"success":true}')


def configured(folder: Path, rspamd: str, more: str = "") -> None:
    file = folder / "config.toml"
    file.write_text(f'{file.read_text()}[spam]\nrspamd = "{rspamd}"\n{more}')


async def test_rspamd_is_asked_of_each_mail_and_taught_what_people_say(folder: Path) -> None:
    async with Server(says) as rspamd:
        configured(folder, rspamd.url, "learn = true\n")
        running = Running(folder)
        await running.start()
        await running.deliver()
        await running.logged("mail-judged")
        assert [asked.path for asked in rspamd.asked] == ["/checkv2"]
        closed = ["--config", str(folder / "config.toml"), "tickets", "close", "1", "--spam"]
        assert await asyncio.to_thread(run, closed) == 0
        tried = await running.logged("errand-tried")
        assert (tried["kind"], tried["state"]) == ("learn-spam", "done")
        assert rspamd.asked[-1].path == "/learnspam"
        assert b"Subject: Hello" in rspamd.asked[-1].body
        assert await running.stop() == 0


async def test_a_rspamd_that_is_gone_loses_nobody_a_mail_and_is_said_once(folder: Path) -> None:
    async with Server() as gone:
        url = gone.url
    configured(folder, url)
    running = Running(folder)
    await running.start()
    for number in range(5):
        await running.deliver(number)
    await running.logged("mail-judged", 5)
    assert {line["state"] for line in running.events("mail-judged")} == {"ticketed"}
    await wait_until(lambda: len(running.events("judge-unheard")) == 1)
    assert await running.stop() == 0


async def test_a_secret_that_cannot_be_read_is_told_before_anything_starts(folder: Path) -> None:
    file = folder / "config.toml"
    hook = '[[webhook]]\nname = "crm"\nurl = "https://crm.test/"\nsecret_file = "none"\n'
    file.write_text(f"{file.read_text()}{hook}")
    with pytest.raises(ConfigError) as refused:
        await Running(folder).start()
    assert [fault.key for fault in refused.value.faults] == ["webhook.secret_file"]
