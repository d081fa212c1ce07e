"""What every mail server under measurement has in common: a port, a process, and a moment when all is done."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

LOOK_S = 0.05
START_S = 20.0


@dataclass(frozen=True, slots=True)
class Server:
    """`rest` returns once nothing that was accepted is left to do; `pid` is the root of its processes."""

    name: str
    port: int
    pid: int
    rest: Callable[[], Awaitable[None]]


class UnfinishedError(Exception):
    """A server lost or kept back what it had accepted; no figure of it counts."""


async def nothing() -> None:
    """The rest of a server that keeps no mail."""


@asynccontextmanager
async def process(name: str, port: int, *command: str) -> AsyncIterator[Server]:
    """Run a server that keeps no mail; it is ended on leaving."""
    started = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    try:
        await listening(port)
        yield Server(name, port, started.pid, nothing)
    finally:
        with contextlib.suppress(ProcessLookupError):
            started.kill()
        await started.wait()


async def listening(port: int) -> None:
    """Wait until somebody listens on a loopback port."""
    async with asyncio.timeout(START_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(LOOK_S)
            else:
                writer.close()
                return
