"""One of our own people hears of a ticket from a running daemon, and answers with a mail program that is not ours."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
from email.message import Message

import pytest

from mailgate.lab.letters import where_to
from tests.fakes.sink import Sink
from tests.fakes.stores import run_sql
from tests.fakes.waiting import wait_until
from tests.scenarios.daemon import Daemon

pytestmark = pytest.mark.skipif(not shutil.which("swaks"), reason="needs the package swaks")

ANNE, CARLA = "anne@office.test", "carla@shop.test"
TOLD_WITHIN_S = 5.0
A_MINUTE_US = 60_000_000


async def _write(daemon: Daemon, author: str, to: str, text: str, **fields: str) -> None:
    head = [word for name, value in fields.items() for word in ("--header", f"{name.replace('_', '-')}: {value}")]
    process = await asyncio.create_subprocess_exec(
        *("swaks", "--server", "127.0.0.1", "--port", str(daemon.smtp_port), "--from", author, "--to", to),
        *("--body", text, *head),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    shown, _ = await process.communicate()
    assert process.returncode == 0, shown.decode()


def _taken(sink: Sink, to: str) -> list[Message]:
    return [mail.fields for mail in sink.mails if mail.rcpt_to == (to,)]


def _a_minute_passes(daemon: Daemon) -> None:
    """Since she was told: nobody waits for the clock of a daemon."""
    query = f"UPDATE message SET at = at - {A_MINUTE_US} WHERE purpose = 'notice'"
    if not daemon.url.startswith("sqlite:"):
        run_sql(daemon.url, query)
        return
    with contextlib.closing(sqlite3.connect(daemon.database, timeout=10)) as connection, connection:
        connection.execute(query)


async def test_a_ticket_is_told_answered_and_closed_by_mail(daemon: Daemon, sink: Sink) -> None:
    await daemon.command("agents", "add", ANNE, "--name", "anne")
    await _write(daemon, CARLA, "sales@g.test", "My printer is on fire.", Subject="Printer")
    await wait_until(lambda: bool(_taken(sink, ANNE)), deadline_s=TOLD_WITHIN_S)

    told = _taken(sink, ANNE)[0]
    assert told["Subject"] == "[#1] Printer"
    _a_minute_passes(daemon)
    address = where_to(told.as_bytes())
    await _write(daemon, ANNE, address, "#close\\n\\nTake the plug out.", In_Reply_To=str(told["Message-ID"]))
    await daemon.settled()

    answer = _taken(sink, CARLA)[-1]
    assert answer["From"] == "<sales@g.test>"
    assert answer["Auto-Submitted"] is None
    assert "Take the plug out." in str(answer.get_payload())
    assert "#close" not in answer.as_string()
    assert ANNE not in answer.as_string()
    (ticket,) = await daemon.command("tickets", "list", "--all")
    assert ticket["state"] == "closed"
    assert (await daemon.ledger())["balanced"]
