"""Handing one mail to a server: what it said comes back, whatever it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from mailgate.model import Reply
from mailgate.net.catcher import Catcher
from mailgate.net.post import post

RAW = b"From: anna@c.test\r\nSubject: Hello\r\n\r\n.dots\r\nGr\xc3\xbc\xc3\x9fe\r\n"


@pytest.fixture
async def catcher() -> AsyncIterator[Catcher]:
    catcher = Catcher()
    yield catcher
    await catcher.close()


@pytest.mark.parametrize("mail_from", ["anna@c.test", ""])
async def test_a_mail_arrives_as_it_is(catcher: Catcher, mail_from: str) -> None:
    server = await catcher.start()

    reply = await post(server, mail_from, "support@g.test", RAW)

    assert reply == Reply(250, "2.0.0 caught")
    assert [(mail.mail_from, mail.rcpt_to, mail.raw) for mail in catcher.mails] == [
        (mail_from, ("support@g.test",), RAW)
    ]


async def test_a_refusal_is_the_reply() -> None:
    gone = asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        async for line in reader:
            writer.write(b"550 5.1.1 No such mailbox\r\n" if line.startswith(b"RCPT") else b"250 2.0.0 Ok\r\n")
        writer.close()
        await writer.wait_closed()
        gone.set()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        reply = await post(f"{host}:{port}", "a@c.test", "x@g.test", RAW)
        await asyncio.wait_for(gone.wait(), 5)

    assert reply == Reply(550, "5.1.1 No such mailbox")


async def test_a_server_that_is_not_there_is_a_reply_too(catcher: Catcher) -> None:
    server = await catcher.start()
    await catcher.close()

    assert (await post(server, "a@c.test", "x@g.test", RAW)).code == 451
