"""Trouble of a PostgreSQL server under a daemon: the sender is asked to come again, and when he does, all is well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.postgres import Server
from tests.fakes.sink import Sink
from tests.fakes.stores import PostgresStores, run_sql
from tests.scenarios.conftest import ASSUME_PASS
from tests.scenarios.daemon import Daemon
from tests.scenarios.sender import Client, Sender, deliver, letter


@pytest.fixture
async def daemon(folder: Path, sink: Sink, own_server: Server) -> AsyncIterator[Daemon]:
    url = await asyncio.to_thread(PostgresStores(own_server.address).new)
    async with Daemon(folder, relay=sink.address, url=url, extra=ASSUME_PASS) as running:
        yield running


async def comes_in_at_last(daemon: Daemon, number: int) -> None:
    """The same mail as before is accepted, judged, and there once; the ledger balances."""
    mail = letter(number, "sales@g.test")
    sender = Sender(daemon.smtp_port, iter([mail, None]).__next__, connections=1)
    await sender.run()
    await daemon.settled()

    assert list(sender.accepted) == [mail.message_id]
    assert daemon.rows(f"SELECT count(*) FROM journal WHERE mail_from = '{mail.mail_from}'") == [(1,)]
    ledger = await daemon.ledger()
    assert (ledger["balanced"], ledger["pending"], ledger["shunted"]) == (True, 0, 0)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_server_that_stops_is_451_until_it_is_back(daemon: Daemon, own_server: Server, mode: str) -> None:
    assert (await deliver(daemon.smtp_port, letter(1, "sales@g.test"))).code == 250
    await asyncio.to_thread(own_server.stop, mode)

    async with Client(daemon.smtp_port) as client:
        for _ in range(2):
            refused = await client.send(letter(2, "sales@g.test"))
            assert (refused.code, refused.text[:5]) == (451, "4.3.0")

    await asyncio.to_thread(own_server.start)
    await comes_in_at_last(daemon, 2)
    assert (await daemon.ledger())["accepted"] == 2


async def test_a_server_that_became_read_only_is_451_until_it_is_not(daemon: Daemon, own_server: Server) -> None:
    """As a standby that nobody has made the leader yet."""
    alone = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mailgate'"
    run_sql(own_server.address, "ALTER SYSTEM SET default_transaction_read_only = on")
    run_sql(own_server.address, "SELECT pg_reload_conf()")
    run_sql(own_server.address, alone)

    refused = await deliver(daemon.smtp_port, letter(1, "sales@g.test"))
    assert (refused.code, refused.text[:5]) == (451, "4.3.0")

    run_sql(own_server.address, "ALTER SYSTEM RESET default_transaction_read_only")
    run_sql(own_server.address, "SELECT pg_reload_conf()")
    await comes_in_at_last(daemon, 1)


async def test_a_server_that_is_not_there_yet_is_said_at_the_start(folder: Path, sink: Sink) -> None:
    nowhere = Daemon(folder, relay=sink.address, url="postgresql://postgres@127.0.0.1:1/mailgate", extra=ASSUME_PASS)
    with pytest.raises(AssertionError, match=r"ended with 75: mailgate: postgresql://postgres@127.0.0.1:1/mailgate: "):
        async with nowhere:
            pass
