"""Who runs it stops automatic mail, is told, and decides by link, while the daemon runs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailgate.cli import run
from mailgate.judge import breaker
from mailgate.model import Broken, Facts
from mailgate.store import record
from mailgate.testing import Lab
from tests.fakes.sink import Sink
from tests.fakes.waiting import wait_until
from tests.serve.running import Running
from tests.serve.test_watch import fetch, scrape, web

WAIT_S = 20.0


@pytest.fixture
def told(folder: Path) -> Running:
    """A daemon that is not started yet, and tells somebody."""
    with (folder / "config.toml").open("a") as file:
        file.write('[notify]\naddress = "lead@office.test"\n')
    return Running(folder)


async def command(running: Running, *words: str) -> int:
    return await asyncio.to_thread(run, ["--config", str(running.folder / "config.toml"), *words])


async def test_a_stop_holds_while_the_daemon_runs_and_a_reset_ends_it(running: Running, sink: Sink) -> None:
    assert await command(running, "breaker", "stop", "--all") == 0
    await running.deliver(1)
    judged = await running.logged("mail-judged")
    assert judged["withheld_by"] == "breaker all"
    assert (await scrape(web(running)))["mailgate_breaker_state"] == 3

    assert await command(running, "breaker", "reset", "--all") == 0
    await running.deliver(2)
    await wait_until(lambda: len(sink.mails) == 1, deadline_s=WAIT_S)
    assert sink.mails[0].fields["Auto-Submitted"] == "auto-replied"


async def test_a_notice_leaves_by_the_way_of_all_mail(told: Running, sink: Sink) -> None:
    """The breaker had opened before the daemon was started."""
    url = f"sqlite:///{told.folder / 'var/mailgate.db'}"
    (told.folder / "var").mkdir()
    async with Lab(store_url=url, start=datetime.now(UTC)) as lab:
        opened = breaker.tripped(Facts(), lab.now, lab.context.book().limits.fuse, ceiling="150 of 150 in 24 h")
        assert opened
        await lab.database.write(lambda conn: record.apply(conn, [Broken(opened)], lab.now))
    await told.start()
    await wait_until(lambda: bool(sink.mails), deadline_s=WAIT_S)
    (mail,) = sink.mails
    assert mail.rcpt_to == ("lead@office.test",)
    assert mail.fields["Subject"] == "[support@g.test] Automatic mail is stopped: all"
    assert (await told.logged("delivery-attempted"))["purpose"] == "notice"
    assert (await scrape(web(told)))["mailgate_breaker_state"] == 2
    await told.stop()


async def test_the_pages_of_a_digest_stand_beside_the_others_where_somebody_is_told(told: Running) -> None:
    await told.start()
    assert (await fetch(web(told), "/h/mailgate.css"))[0] == 200
    assert (await fetch(web(told), "/h/forged"))[0] == 404
    assert told.events("nobody-is-told") == []
    await told.stop()


async def test_where_nobody_is_told_the_log_says_so_and_there_are_no_such_pages(running: Running) -> None:
    assert running.events("nobody-is-told")
    assert (await fetch(web(running), "/h/mailgate.css"))[0] == 404
