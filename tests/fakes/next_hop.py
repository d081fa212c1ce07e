"""A next hop that plays a part: says what it is told to say, hangs up or falls silent at a named step."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from dataclasses import dataclass, field

HANG_UP = "hang up"
SILENCE = "silence"

DEFAULTS = {"HELLO": "220 hop.test", "DATA": "354 go on", ".": "250 2.0.0 queued as 1", "QUIT": "221 bye"}


@dataclass
class NextHop:
    """`parts[step]` replaces the reply of a step: one text for ever, or a list used up one by one.

    Steps are the verbs, `HELLO` for the greeting and `.` for the end of the text. `bindings` may hold the same hop
    at several loopback addresses.
    """

    parts: dict[str, str | list[str]] = field(default_factory=dict)
    offers: tuple[str, ...] = ("SIZE 1000000", "8BITMIME", "SMTPUTF8", "DSN")
    tls: ssl.SSLContext | None = None
    commands: list[str] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    sessions: int = 0
    encrypted: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self, address: str = "127.0.0.1", port: int = 0) -> int:
        self.parts = {step: part if isinstance(part, str) else deque(part) for step, part in self.parts.items()}
        self.server = await asyncio.start_server(self._session, address, port)
        return self.server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self.server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def hang_up_all(self) -> None:
        for writer in self._writers:
            writer.close()

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sessions += 1
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._talk(reader, writer)
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._reply(writer, "HELLO")
        while line := await reader.readline():
            command = line.decode().rstrip("\r\n")
            verb = command.split(" ")[0].upper()
            self.commands.append(command)
            if verb == "EHLO" and verb not in self.parts:
                words = ["hop.test", *self._offered(writer)]
                lines = [f"250{'-' if n < len(words) else ' '}{word}\r\n" for n, word in enumerate(words, 1)]
                writer.write("".join(lines).encode())
                continue
            said = await self._reply(writer, verb)
            if verb == "DATA" and said.startswith("354"):
                self.texts.append(await reader.readuntil(b"\r\n.\r\n"))
                await self._reply(writer, ".")
            elif verb == "STARTTLS" and said.startswith("220"):
                assert self.tls
                await writer.start_tls(self.tls)
                self.encrypted += 1
            elif verb == "QUIT":
                return

    def _offered(self, writer: asyncio.StreamWriter) -> tuple[str, ...]:
        plain = writer.get_extra_info("sslcontext") is None
        return (*self.offers, "STARTTLS") if self.tls and plain else self.offers

    async def _reply(self, writer: asyncio.StreamWriter, step: str) -> str:
        part = self.parts.get(step, DEFAULTS.get(step, "250 2.0.0 ok"))
        if isinstance(part, deque):
            part = part.popleft() if part else DEFAULTS.get(step, "250 2.0.0 ok")
        if part == HANG_UP:
            raise ConnectionAbortedError
        if part == SILENCE:
            await asyncio.Event().wait()
        if step == "STARTTLS" and step not in self.parts:
            part = "220 go"
        writer.write(part.encode("utf-8", "surrogateescape") + b"\r\n")
        await writer.drain()
        return part
