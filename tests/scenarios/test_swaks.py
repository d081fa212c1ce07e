"""The daemon spoken to by swaks, a client that is not ours, over each of its listeners."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from tests.scenarios.daemon import Daemon

pytestmark = pytest.mark.skipif(not shutil.which("swaks"), reason="needs the package swaks")

LETTER = ("--from", "person@p1.test", "--header", "Subject: Printer", "--body", "My printer is on fire.")


async def _swaks(*words: str) -> tuple[int, str]:
    """Its exit code, and the conversation as it shows it."""
    process = await asyncio.create_subprocess_exec(
        "swaks", *LETTER, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    shown, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, shown.decode()


def _transports(daemon: Daemon) -> dict[str, tuple[str, ...]]:
    return {
        "smtp": ("--server", "127.0.0.1", "--port", str(daemon.smtp_port)),
        "lmtp": ("--server", "127.0.0.1", "--port", str(daemon.lmtp_port), "--protocol", "LMTP"),
        "lmtp unix": ("--socket", str(daemon.lmtp_socket), "--protocol", "LMTP"),
    }


@pytest.mark.parametrize("transport", ["smtp", "lmtp", "lmtp unix"])
async def test_a_mail_becomes_a_ticket(daemon: Daemon, transport: str) -> None:
    code, shown = await _swaks("--to", "sales@g.test", *_transports(daemon)[transport])

    assert code == 0, shown
    await daemon.settled()
    tickets = await daemon.command("tickets", "list")
    assert [(ticket["subject"], ticket["queue"]) for ticket in tickets] == [("Printer", "support")]


@pytest.mark.parametrize("transport", ["smtp", "lmtp", "lmtp unix"])
async def test_a_recipient_that_is_not_ours_is_refused(daemon: Daemon, transport: str) -> None:
    code, shown = await _swaks("--to", "nobody@g.test", *_transports(daemon)[transport])

    assert code == 24, shown  # swaks: no recipient was accepted
    assert " 550 5." in shown
    assert (await daemon.ledger())["accepted"] == 0


@pytest.mark.parametrize("transport", ["lmtp", "lmtp unix"])
async def test_lmtp_answers_for_each_recipient(daemon: Daemon, transport: str) -> None:
    code, shown = await _swaks("--to", "sales@g.test,support@g.test", *_transports(daemon)[transport])

    assert code == 0, shown
    assert shown.count("250 2.0.0 Ok: queued as ") == 2
    await daemon.settled()
    # One mail to two of our mailboxes is one matter: the second row points to the first.
    assert daemon.rows("SELECT rcpt_to, state FROM journal ORDER BY id") == [
        ("sales@g.test", "ticketed"),
        ("support@g.test", "duplicate"),
    ]
