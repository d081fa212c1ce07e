"""The demo's next hop keeps what it is given, and no more than it may."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from mailgate.model import Answer, Due, Purpose
from mailgate.net.catcher import Catcher, Caught
from mailgate.net.connection import Tls
from mailgate.net.deliver import Courier, Relay
from tests.fakes.dns import Zone

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
RAW = "Subject: grüße\r\n\r\n.dot\r\n".encode()
DUE = Due(1, Purpose.AGENT, "b@g.test", "anne@x.test", RAW, 1, NOW, NOW + timedelta(days=5), utf8=True)


async def nothing() -> None:
    """Nobody needs to know."""


@pytest.fixture
async def caught_by() -> AsyncIterator[tuple[Catcher, Courier]]:
    catcher = Catcher(clock=lambda: NOW, keep=3)
    host, _, port = (await catcher.start()).partition(":")
    courier = Courier(Zone(), name="g.test", relay=Relay(host, int(port)), tls=Tls.NONE)
    yield catcher, courier
    await courier.close()
    await catcher.close()


async def test_a_mail_is_caught_as_it_was_handed_over(caught_by: tuple[Catcher, Courier]) -> None:
    catcher, courier = caught_by

    answer = await courier.deliver(DUE, nothing)

    assert answer == Answer(250, "2.0.0 caught", handed=True)
    assert list(catcher.mails) == [Caught("b@g.test", ("anne@x.test",), RAW, NOW)]


async def test_the_null_sender_is_empty(caught_by: tuple[Catcher, Courier]) -> None:
    catcher, courier = caught_by

    await courier.deliver(replace(DUE, mail_from=""), nothing)

    assert catcher.mails[0].mail_from == ""


async def test_only_the_last_are_kept(caught_by: tuple[Catcher, Courier]) -> None:
    catcher, courier = caught_by

    for n in range(5):
        await courier.deliver(replace(DUE, rcpt_to=f"a{n}@x.test"), nothing)

    assert [mail.rcpt_to for mail in catcher.mails] == [("a2@x.test",), ("a3@x.test",), ("a4@x.test",)]
