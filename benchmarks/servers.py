"""Who is measured: Postfix, mailgate, and aiosmtpd as it comes. Each runs as processes of its own on loopback."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import RECIPIENT
from tests.fakes.dns import NameServer
from tests.scenarios.daemon import Daemon
from tests.scenarios.ports import free_port
from tests.scenarios.postfix import Postfix

REST_S = 300.0
LOOK_S = 0.1
START_S = 20.0


@dataclass(frozen=True, slots=True)
class Server:
    """One contestant. `rest` returns once it has nothing left to do; `pid` where its memory is of interest."""

    name: str
    port: int
    rest: Callable[[], Awaitable[None]]
    pid: int | None = None


class UnfinishedError(Exception):
    """A server lost or kept back what it had accepted; no figure of it counts."""


@asynccontextmanager
async def postfix() -> AsyncIterator[Server]:
    """Postfix with its default, durable queue; its queue manager hands every mail to `discard`."""
    main = {"default_transport": "discard:", "relay_transport": "discard:"}
    with Postfix(port=free_port(), main=main) as running:

        async def rest() -> None:
            await asyncio.to_thread(running.drained, deadline_s=REST_S)

        yield Server("postfix", running.port, rest)


@asynccontextmanager
async def mailgate() -> AsyncIterator[Server]:
    """`mailgate serve`: one process, one SQLite file with synchronous=FULL, shipped rules, senders verified by DNS."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mailgate-bench-")))
        # Knows no name, so that senders are verified but no question leaves this machine.
        names = NameServer({})
        await names.start()
        stack.callback(names.transport.close)
        daemon = await stack.enter_async_context(
            Daemon(
                folder,
                relay=f"127.0.0.1:{free_port()}",
                mailboxes={RECIPIENT: "guarded"},
                extra=f'[dns]\nresolvers = ["{names.address}"]',
            )
        )

        async def rest() -> None:
            await daemon.settled(deadline_s=REST_S)

        yield Server("mailgate", daemon.smtp_port, rest, daemon.pid)
        ledger = await daemon.ledger()
        if not ledger["balanced"] or ledger["pending"] or ledger["shunted"] or ledger["duplicate"]:
            raise UnfinishedError(f"the ledger of mailgate: {ledger}")


@asynccontextmanager
async def stock() -> AsyncIterator[Server]:
    """aiosmtpd as it comes, which keeps nothing."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.discard", str(port))

    async def rest() -> None:
        return None

    try:
        await _listening(port)
        yield Server("aiosmtpd", port, rest)
    finally:
        process.kill()
        await process.wait()


async def _listening(port: int) -> None:
    async with asyncio.timeout(START_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(LOOK_S)
            else:
                writer.close()
                return
