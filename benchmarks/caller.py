"""A client that says when each mail was answered, which smtp-source does not; and three ways to call with it.

`in_turn` sends the next mail when the last was answered, `at_rate` when its time has come, whether or not the server
is ready for it: what then waits for a free connection waits at the server's expense, as it would in the world.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from benchmarks.load import RECIPIENT
from benchmarks.mails import Letter


class RefusedError(Exception):
    """The server did not take a mail; the text is what it said."""


class Call:
    """One open connection; it ends with the context. `our_ip` is the loopback address we call from."""

    def __init__(self, port: int, our_ip: str = "127.0.0.1") -> None:
        self._port = port
        self._our_ip = our_ip

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(
            "127.0.0.1", self._port, local_addr=(self._our_ip, 0)
        )
        await self._heard()
        await self._say(b"EHLO source.test")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self._say(b"QUIT")
        self._writer.close()

    async def send(self, letter: Letter) -> None:
        """Deliver one mail, its commands together as mail servers do (RFC 2920). Raises RefusedError."""
        self._writer.write(f"MAIL FROM:<{letter.mail_from}>\r\nRCPT TO:<{RECIPIENT}>\r\nDATA\r\n".encode())
        for _ in range(3):
            await self._heard()
        await self._say(letter.raw.replace(b"\r\n.", b"\r\n..") + b".")

    async def _say(self, line: bytes) -> None:
        self._writer.write(line + b"\r\n")
        await self._heard()

    async def _heard(self) -> None:
        line = await self._reader.readline()
        while line[3:4] == b"-":
            line = await self._reader.readline()
        if line[:1] not in (b"2", b"3"):
            raise RefusedError(line.decode(errors="replace"))


async def in_turn(port: int, letters: Iterable[Letter], sessions: int) -> float:
    """Deliver all letters over so many connections; the seconds until the last was accepted."""
    source = iter(letters)

    async def carry() -> None:
        async with Call(port) as call:
            for letter in source:
                await call.send(letter)

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(sessions):
            group.create_task(carry())
    return time.perf_counter() - begun


@dataclass(frozen=True, slots=True)
class Rate:
    """So many mails a second for so long, at the random distances of independent senders, over so many connections."""

    per_s: float
    seconds: float
    sessions: int

    def times(self, seed: int) -> Iterator[float]:
        """When each is due, in seconds from the beginning."""
        chance, at = random.Random(seed), 0.0
        while (at := at + chance.expovariate(self.per_s)) < self.seconds:
            yield at


async def at_rate(port: int, rate: Rate, letters: Iterable[Letter], seed: int) -> Sequence[float]:
    """Deliver letters when they are due; the milliseconds from each one's due time until its 250, sorted.

    They are counted from the time that was due and not from the time of sending, so that a pause of the server is
    felt by all who would have come in it, and not only by those who were waiting when it began.
    """
    due = zip(rate.times(seed), letters, strict=False)
    took: list[float] = []
    calls = [Call(port) for _ in range(rate.sessions)]
    begun = time.perf_counter() + 0.5

    async def carry(call: Call) -> None:
        async with call:
            for at, letter in due:
                await asyncio.sleep(begun + at - time.perf_counter())
                await call.send(letter)
                took.append((time.perf_counter() - begun - at) * 1000)

    async with asyncio.TaskGroup() as group:
        for call in calls:
            group.create_task(carry(call))
    return sorted(took)
