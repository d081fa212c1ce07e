"""The peers that take mail: Postfix with its durable queue, aiosmtpd as it comes, smtp-sink; and PostgreSQL for us."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path

from benchmarks.load import MissingError
from benchmarks.peers.server import Server, process
from tests.fakes import postgres as servers
from tests.fakes.stores import PostgresStores
from tests.scenarios.ports import free_port
from tests.scenarios.postfix import Postfix, missing

REST_S = 300.0
# Everything else at Postfix's own defaults; its queue manager hands every mail to `discard`.
_DISCARD = {"default_transport": "discard:", "relay_transport": "discard:", "message_size_limit": "52428800"}
_BACKLOG = "200"


@asynccontextmanager
async def postfix() -> AsyncIterator[Server]:
    """Postfix, which syncs every mail to its queue before it answers. Raises MissingError."""
    if lack := missing():
        raise MissingError(lack)
    with Postfix(port=free_port(), main=_DISCARD) as running:

        async def rest() -> None:
            await asyncio.to_thread(running.drained, deadline_s=REST_S)

        pid = int((running.folder / "queue" / "pid" / "master.pid").read_text())
        yield Server("postfix", running.port, pid, rest)


def aiosmtpd() -> AbstractAsyncContextManager[Server]:
    """aiosmtpd as it comes, which keeps nothing: what the library costs without any work of ours."""
    port = free_port()
    return process("aiosmtpd", port, sys.executable, "-m", "benchmarks.peers.discard", str(port))


def smtp_sink() -> AbstractAsyncContextManager[Server]:
    """smtp-sink of Postfix, in C, which keeps nothing: what the generator and the kernel allow at most."""
    port = free_port()
    user = [] if os.geteuid() else ["-u", "nobody"]  # it does not run as root
    return process("smtp-sink", port, "smtp-sink", *user, f"127.0.0.1:{port}", _BACKLOG)


@contextmanager
def database_server() -> Iterator[Callable[[], str]]:
    """A PostgreSQL server that syncs what it commits; what is given makes new databases on it. Raises MissingError."""
    try:
        servers.programs()
    except servers.NoServerError as error:
        raise MissingError(str(error)) from error
    with tempfile.TemporaryDirectory(prefix="mailgate-bench-") as folder:
        Path(folder).chmod(0o755)
        with servers.Server(Path(folder) / "server") as server:
            stores = PostgresStores(server.address)
            yield stores.new
            stores.close()
