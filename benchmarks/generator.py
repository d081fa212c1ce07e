"""A plain load generator for machines without smtp-source: one process, open connections, no pipelining."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

LINE = b"X" * 78 + b"\r\n"


class RefusedError(Exception):
    """The server did not take a mail; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Errand:
    """From whom, to whom, at which loopback port."""

    sender: str
    recipient: str
    port: int


async def generate(sessions: int, mails: int, size_bytes: int, errand: Errand) -> None:
    """Deliver `mails` mails of `size_bytes`, each with its own Message-ID. Raises RefusedError at the first refusal."""
    numbers = iter(range(mails))
    body = (LINE * (size_bytes // len(LINE) + 1))[:size_bytes]
    async with asyncio.TaskGroup() as group:
        for _ in range(sessions):
            group.create_task(_session(numbers, body, errand))


async def _session(numbers: Iterator[int], body: bytes, errand: Errand) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", errand.port)
    await _expect(reader, b"2")
    await _say(reader, writer, b"HELO source.test")
    for number in numbers:
        await _say(reader, writer, f"MAIL FROM:<{errand.sender}>".encode())
        await _say(reader, writer, f"RCPT TO:<{errand.recipient}>".encode())
        await _say(reader, writer, b"DATA", b"3")
        fields = f"From: <{errand.sender}>\r\nTo: <{errand.recipient}>\r\n"
        unique = f"Message-Id: <{number}.{os.getpid()}@source.test>\r\n\r\n"
        await _say(reader, writer, (fields + unique).encode() + body + b"\r\n.")
    await _say(reader, writer, b"QUIT")
    writer.close()


async def _say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: bytes, good: bytes = b"2") -> None:
    writer.write(line + b"\r\n")
    await writer.drain()
    await _expect(reader, good)


async def _expect(reader: asyncio.StreamReader, good: bytes) -> None:
    line = await reader.readline()
    while line[3:4] == b"-":
        line = await reader.readline()
    if not line.startswith(good):
        raise RefusedError(line.decode(errors="replace"))


if __name__ == "__main__":
    _, *words, a_sender, a_recipient, a_port = sys.argv
    many, all_mails, size = map(int, words)
    asyncio.run(generate(many, all_mails, size, Errand(a_sender, a_recipient, int(a_port))))
