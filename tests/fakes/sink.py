"""A next hop that takes all mail and remembers it; `answer` may refuse some."""

from __future__ import annotations

import asyncio
import contextlib
import email
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message

OK = "250 2.0.0 ok"


@dataclass(frozen=True)
class Taken:
    """A mail that was handed over whole, whatever it was answered."""

    mail_from: str
    rcpt_to: tuple[str, ...]
    raw: bytes

    @property
    def fields(self) -> Message:
        return email.message_from_bytes(self.raw)


@dataclass
class Sink:
    """`answer` gives the reply to the end of each mail, "" to hang up instead."""

    answer: Callable[[Taken], str] = lambda taken: OK
    mails: list[Taken] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Sink:
        self._server = await asyncio.start_server(self._session, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._talk(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 sink.test\r\n")
        mail_from, rcpt_to = "", list[str]()
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            verb = line.partition(" ")[0].upper()
            reply = {"DATA": "354 go on", "QUIT": "221 bye", "EHLO": "250-sink.test\r\n250 8BITMIME"}.get(verb, OK)
            if verb == "MAIL":
                mail_from, rcpt_to = _path(line), []
            if verb == "RCPT":
                rcpt_to.append(_path(line))
            writer.write(reply.encode() + b"\r\n")
            if verb == "DATA":
                text = await reader.readuntil(b"\r\n.\r\n")
                taken = Taken(mail_from, tuple(rcpt_to), text[:-3].replace(b"\r\n..", b"\r\n."))
                self.mails.append(taken)
                said = self.answer(taken)
                if not said:
                    return
                writer.write(said.encode() + b"\r\n")
            await writer.drain()
            if verb == "QUIT":
                return


def _path(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]
