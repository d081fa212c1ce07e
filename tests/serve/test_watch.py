"""The daemon is watched from outside: its pages while it works, stops and suffers, and the lines that it logs."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.fakes.sink import Sink
from tests.fakes.waiting import wait_until
from tests.scenarios.daemon import Daemon
from tests.scenarios.sender import Client, deliver, letter, wire
from tests.serve.running import Running

WAIT_S = 20.0
WORKERS = 2


async def fetch(address: str, path: str) -> tuple[int, str]:
    """Status and body of a page of ours."""
    reader, writer = await asyncio.open_connection(*address.split(":"))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    return int(head.split()[1]), body


async def scrape(address: str) -> Counter[str]:
    """The sum of all series of each metric; those of queues by queue."""
    status, text = await fetch(address, "/metrics")
    assert status == 200
    found: Counter[str] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[(sample.labels.get("queue", "") and f"{sample.name} {sample.labels['queue']}") or sample.name] += (
                sample.value
            )
    return found


def web(running: Running) -> str:
    address: str = running.events("ready")[0]["web"]
    return address


# ── Pages ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_daemon_that_works_is_alive_and_ready(running: Running) -> None:
    assert await fetch(web(running), "/healthz") == (200, "ok\n")
    assert await fetch(web(running), "/readyz") == (200, "ok\n")


async def test_from_the_first_moment_of_stopping_it_is_not_ready(running: Running) -> None:
    # A mail that is on its way keeps the daemon for a while.
    async with Client(running.port) as client:
        await client.envelope("anne@x.test", "support@g.test")
        running.daemon.stop()
        assert await fetch(web(running), "/readyz") == (503, "stopping\n")
        assert await fetch(web(running), "/healthz") == (200, "ok\n")
        client.write(wire(b"Subject: x\r\n\r\nx\r\n"))
        assert (await client.reply()).code == 250
    assert await asyncio.wait_for(running.task, WAIT_S) == 0


async def test_without_its_database_it_is_not_ready_and_says_no_more(running: Running, folder: Path) -> None:
    (folder / "var" / "mailgate.db").rename(folder / "var" / "elsewhere.db")
    assert await fetch(web(running), "/readyz") == (503, "the journal cannot be written\n")
    assert (await fetch(web(running), "/metrics"))[0] == 200
    (folder / "var" / "elsewhere.db").rename(folder / "var" / "mailgate.db")


async def test_a_disk_without_room_is_not_ready(running: Running) -> None:
    running.daemon.door.ready = object  # type: ignore[assignment,return-value]  # any reply will do
    assert await fetch(web(running), "/readyz") == (503, "no room for mail on the disk\n")


async def test_metrics_follow_a_mail_from_the_door_to_the_next_hop(running: Running) -> None:
    before = await scrape(web(running))
    await running.deliver()
    await running.logged("delivery-attempted")
    found = await scrape(web(running))
    found.subtract(before)
    counted = {
        name: found[f"mailgate_{name}_total"]
        for name in ("accepted", "verdicts", "automatic", "deliveries", "suppressed", "backscatter")
    }
    assert counted == {
        "accepted": 1,
        "verdicts": 1,
        "automatic": 1,
        "deliveries": 1,
        "suppressed": 0,
        "backscatter": 0,
    }
    assert found["mailgate_stage_seconds_count"] == 5  # accept, prepare, record, judge, deliver


# ── Lines ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_one_line_tells_of_each_mail_that_was_judged(running: Running) -> None:
    await running.deliver()
    line = await running.logged("mail-judged")
    assert line.pop("at")
    assert line.pop("queue_id")
    assert line.pop("journal_id") > 0
    assert {name: value >= 0 for name, value in line.pop("ms").items()} == {
        "since_accepted": True,
        "prepare": True,
        "record": True,
    }
    assert line == {
        "level": "info",
        "event": "mail-judged",
        "kind": "human",
        "disposition": "ticket",
        "state": "ticketed",
        "reasons": ["this mailbox asks nobody"],
        "withheld_by": "",
        "rules": [],
        "shadow": [],
    }


async def test_one_line_tells_of_each_attempt(running: Running) -> None:
    await running.deliver()
    line = await running.logged("delivery-attempted")
    assert line.pop("at")
    assert line.pop("outbox_id") > 0
    assert line.pop("ms") >= 0
    assert line == {
        "level": "info",
        "event": "delivery-attempted",
        "purpose": "acknowledge",
        "attempt": 1,
        "state": "sent",
        "code": 250,
        "status": "2.0.0",
        "handed": True,
        "next_at": "",
    }


async def test_a_mail_that_breaks_us_is_told_of_when_it_is_set_aside(running: Running) -> None:
    async def broken(*_: Any) -> Any:
        raise ZeroDivisionError("by hand")

    running.daemon.intake.authenticate = broken
    await running.deliver()
    line = await running.logged("mail-shunted")
    assert (line["level"], line["journal_id"] > 0, bool(line["queue_id"])) == ("error", True, True)
    assert "ZeroDivisionError: by hand" in line["error"]
    await wait_until(lambda: not running.daemon.database.look(_pending), deadline_s=WAIT_S)
    assert (await scrape(web(running)))["mailgate_queue_mails shunted"] == 1


def _pending(conn: Any) -> int:
    count: int = conn.exec_driver_sql("SELECT count(*) FROM journal WHERE state = 'pending'").scalar()
    return count


async def test_a_ledger_that_misses_a_mail_is_told_of(running: Running, folder: Path) -> None:
    await running.deliver()
    await running.logged("delivery-attempted")
    await running.stop()
    with sqlite3.connect(folder / "var" / "mailgate.db") as connection:
        connection.execute("UPDATE counter SET value = value + 1 WHERE name LIKE 'accepted%'")
    connection.close()

    again = Running(folder)
    await again.start()
    line = await again.logged("ledger-unbalanced")
    assert (line["level"], "balanced=False" in line["ledger"]) == ("error", True)
    assert (await scrape(web(again)))["mailgate_ledger_balanced"] == 0
    await again.stop()


# ── Several processes ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def workers(tmp_path: Path, url: str) -> AsyncIterator[Daemon]:
    async with Sink() as sink:
        extra = '[authentication]\nassume = "pass"\n[web]\nbind = "127.0.0.1:0"\nurl = "https://support.g.test"'
        options = ("--workers", str(WORKERS))
        async with Daemon(tmp_path, relay=sink.address, url=url, extra=extra, options=options) as running:
            yield running


async def test_whoever_of_several_processes_is_asked_answers_for_all(workers: Daemon) -> None:
    """One process behind a file and each before a server has the pages, and each connection may reach another."""
    address = workers.events("ready")[0]["web"]
    mails = 10
    for number in range(mails):
        await deliver(workers.smtp_port, letter(number, "sales@g.test"))
    await workers.settled()

    async def counted() -> bool:
        found = [await scrape(address) for _ in range(3 * WORKERS)]
        totals = {(one["mailgate_accepted_total"], one["mailgate_verdicts_total"]) for one in found}
        return totals == {(mails, mails)}

    async with asyncio.timeout(WAIT_S):
        # The last mail is written before it is counted, by processes that can set no event here.
        while not await counted():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert (await fetch(address, "/readyz"))[0] == 200
