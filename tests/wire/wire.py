"""A listener with a fake door behind it, and a client that says exactly what it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from mailgate.log import open_log
from mailgate.model import Protocol, Role
from mailgate.net.bind import Bind
from mailgate.net.bounds import Bounds
from mailgate.net.listener import Listener
from mailgate.net.tls import ServerContext
from tests.fakes.door import FakeDoor

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LOOPBACK = Bind("127.0.0.1:0")
EDGE_LMTP = replace(LOOPBACK, protocol=Protocol.LMTP)
BEHIND = replace(LOOPBACK, role=Role.BEHIND)
LMTP = replace(BEHIND, protocol=Protocol.LMTP)
PATIENCE_S = 10.0


@dataclass
class Wire:
    """What a test holds in its hands."""

    listener: Listener
    door: FakeDoor
    written: io.StringIO

    @property
    def log(self) -> str:
        return self.written.getvalue()

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[Client]:
        address = self.listener.address
        if address.startswith("unix:"):
            reader, writer = await asyncio.open_unix_connection(address.removeprefix("unix:"))
        else:
            host, _, port = address.rpartition(":")
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        client = Client(reader, writer)
        try:
            yield client
        finally:
            await client.leave()


@contextlib.asynccontextmanager
async def listening(
    bind: Bind = LOOPBACK, bounds: Bounds | None = None, *, tls_context: ServerContext | None = None
) -> AsyncIterator[Wire]:
    door, written = FakeDoor(), io.StringIO()
    loop = asyncio.get_running_loop()
    troubles: list[dict[str, Any]] = []
    # Errors in callbacks reach nobody else.
    loop.set_exception_handler(lambda _, context: troubles.append(context))
    listener = Listener(
        bind,
        door,
        bounds or Bounds(),
        name="g.test",
        clock=lambda: NOW,
        log=open_log(written, logging.DEBUG),
        tls_context=tls_context,
    )
    await listener.start()
    try:
        yield Wire(listener, door, written)
    finally:
        door.open.set()
        await listener.drain(5)
        loop.set_exception_handler(None)
        assert troubles == []


class Client:
    """One connection. Every wait has a deadline."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        async with asyncio.timeout(PATIENCE_S):
            await self.writer.drain()

    async def line(self) -> str:
        """One line without its end, "" once the server has hung up."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                line = await self.reader.readline()
            except ConnectionError:
                return ""
        assert not line or line.endswith(b"\r\n")
        return line.decode("ascii").removesuffix("\r\n")

    async def reply(self) -> str:
        """One whole reply, its lines joined by line feeds."""
        lines = [await self.line()]
        while lines[-1][3:4] == "-":
            lines.append(await self.line())
        return "\n".join(lines)

    async def ask(self, command: str) -> str:
        await self.send(command.encode() + b"\r\n")
        return await self.reply()

    async def hello(self, verb: str = "EHLO") -> str:
        """Read the greeting, say hello."""
        assert (await self.reply()).startswith("220 ")
        return await self.ask(f"{verb} client.test")

    async def begin(self, *recipients: str, mail_from: str = "a@x.test", verb: str = "EHLO") -> None:
        """Say all up to the 354."""
        await self.hello(verb)
        assert (await self.ask(f"MAIL FROM:<{mail_from}>")).startswith("250 2.1.0 ")
        for recipient in recipients or ("support@g.test",):
            assert (await self.ask(f"RCPT TO:<{recipient}>")).startswith("250 2.1.5 ")
        assert (await self.ask("DATA")).startswith("354 ")

    async def finish(self, content: bytes) -> str:
        """Send a message that is already stuffed, with its final dot."""
        await self.send(content + b".\r\n")
        return await self.reply()

    async def hung_up(self) -> bool:
        """Has the server hung up, without another word?"""
        async with asyncio.timeout(PATIENCE_S):
            try:
                return await self.reader.read(1) == b""
            except ConnectionError:
                return True

    def reset(self) -> None:
        """Break the connection off, so that the server is told at once (RST instead of FIN)."""
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()

    async def leave(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()
