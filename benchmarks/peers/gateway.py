"""mailgate itself, as in production: SQLite with synchronous=FULL, shipped rules, senders verified by DNS."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import RECIPIENT
from benchmarks.peers.server import Server, UnfinishedError
from tests.fakes.dns import NameServer
from tests.fakes.stores import file_of
from tests.scenarios.daemon import Daemon
from tests.scenarios.ports import free_port

REST_S = 600.0


@dataclass(frozen=True, slots=True)
class Gateway:
    """One daemon; `server` is how loads see it."""

    daemon: Daemon
    server: Server

    def judged(self) -> int:
        """How many mails stand in tickets: each in its own, except what one person sends beyond the first few."""
        return self._count("message")

    def tickets(self) -> int:
        """How many tickets there are."""
        return self._count("ticket")

    def _count(self, table: str) -> int:
        return int(self.daemon.rows(f"SELECT count(*) FROM {table}")[0][0])


@asynccontextmanager
async def gateway(
    name: str = "mailgate",
    *,
    mode: str = "off",
    relay: str = "",
    names: Mapping[tuple[str, str], list[str]] | None = None,
    url: str = "",
    workers: int = 1,
    extra: str = "",
) -> AsyncIterator[Gateway]:
    """A running daemon whose one mailbox takes RECIPIENT; with mode "off" every mail comes into a ticket.

    `names` is all that its name server knows, so that no question leaves this machine. `url` is a database that
    exists, instead of a new SQLite file.
    On leaving, its ledger must balance with nothing lost, set aside or left over.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mailgate-bench-")))
        name_server = NameServer(dict(names or {}))
        await name_server.start()
        stack.callback(name_server.transport.close)
        daemon = await stack.enter_async_context(
            Daemon(
                folder,
                relay=relay or f"127.0.0.1:{free_port()}",
                mailboxes={RECIPIENT: mode},
                store=file_of(url) if url.startswith("sqlite:") else None,
                url=url,
                options=("--workers", str(workers)),
                extra=f'{extra}\n[dns]\nresolvers = ["{name_server.address}"]',
            )
        )

        async def rest() -> None:
            await daemon.settled(deadline_s=REST_S)

        yield Gateway(daemon, Server(name, daemon.smtp_port, daemon.pid, rest))
        ledger = await daemon.ledger()
        if not ledger["balanced"] or ledger["pending"] or ledger["shunted"] or ledger["duplicate"]:
            raise UnfinishedError(f"the ledger of mailgate: {ledger}")
