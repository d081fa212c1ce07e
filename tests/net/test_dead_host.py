"""A thousand mails to a host that is dead or silent hold up no mail to another; the real courier, a real database."""

from __future__ import annotations

import asyncio
import io
import logging
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, select

from mailgate.lanes import PER_DOMAIN
from mailgate.log import open_log
from mailgate.model import OutboxState
from mailgate.net.connection import Tls
from mailgate.net.deliver import Courier
from mailgate.net.resolver import Exchange
from mailgate.outbound import Outbound
from mailgate.store import record, tables
from mailgate.store.database import Database
from tests.fakes.dns import Zone
from tests.fakes.next_hop import SILENCE, NextHop
from tests.fakes.waiting import wait_until
from tests.roads.test_outbound import a_mail

DEAD, QUICK = 1000, 20
ZONE = {
    ("dead.test", "MX"): (Exchange(10, "mx.dead.test"),),
    ("mx.dead.test", "A"): ("127.0.0.2",),
    ("quick.test", "MX"): (Exchange(10, "mx.quick.test"),),
    ("mx.quick.test", "A"): ("127.0.0.3",),
}


@pytest.mark.parametrize("silent", [True, False], ids=["silent", "not there"])
async def test_a_thousand_mails_to_a_dead_host_hold_up_no_other(url: str, silent: bool) -> None:
    async with AsyncExitStack() as stack:
        quick, dead = NextHop(), NextHop(parts={"HELLO": SILENCE})
        port = await quick.start("127.0.0.3")
        stack.push_async_callback(quick.stop)
        if silent:
            await dead.start("127.0.0.2", port)
            stack.push_async_callback(dead.stop)
        courier = Courier(Zone(ZONE), name="g.test", tls=Tls.NONE, port=port)
        stack.push_async_callback(courier.close)
        database = await Database.open(url, durable=False)
        stack.push_async_callback(database.close)
        now = datetime.now(UTC)
        mails = [a_mail(to=f"a{number}@dead.test", at=now) for number in range(DEAD)]
        mails += [a_mail(to=f"b{number}@quick.test", at=now) for number in range(QUICK)]
        await database.write(lambda conn: record.apply(conn, mails, now))
        log = open_log(io.StringIO(), logging.ERROR)
        clock = lambda: datetime.now(UTC)  # noqa: E731 - a clock is a function
        road = Outbound(database, courier.deliver, clock, log, owner="test", stuck_s=0.2, drain_s=0)
        running = asyncio.create_task(road.run())

        await wait_until(lambda: len(quick.texts) == QUICK, deadline_s=60)

        assert dead.sessions <= PER_DOMAIN
        waiting = await database.read(_waiting)
        assert waiting >= DEAD - 200, "what is put off waits in the outbox, and not with us"
        road.stop()
        await running


def _waiting(conn: Connection) -> int:
    box = tables.outbox.c
    return len(conn.execute(select(box.id).where(box.state == OutboxState.READY, box.next_at > box.created_at)).all())
