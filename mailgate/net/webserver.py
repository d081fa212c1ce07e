"""Net: serves an ASGI application over HTTP inside the daemon's own loop. Knows no page."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any, Final

import uvicorn

BACKLOG: Final = 128
CONNECTIONS: Final = 200  # at once; more are told to come again
KEEP_ALIVE_S: Final = 5
DRAIN_S: Final = 5


class WebServer:
    """One HTTP listener. `bind` is "127.0.0.1:8025" or "[::1]:8025"; port 0 takes any free one."""

    def __init__(self, app: Any, bind: str) -> None:
        host, _, port = bind.rpartition(":")
        self._where = (host.strip("[]"), int(port))
        # Nothing is believed of a proxy, and nothing is told of ourselves.
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            ws="none",
            backlog=BACKLOG,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=DRAIN_S,
        )
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None
        self.address = bind

    async def start(self) -> None:
        """Listen. Raises OSError where the address is not to be had."""
        listening = _listening(*self._where)
        host, port = listening.getsockname()[:2]
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._task = asyncio.create_task(self._server.serve(sockets=[listening]))

    async def stop(self) -> None:
        """Finish what is being answered, and stop."""
        if self._task is None:
            return
        self._server.should_exit = True
        await self._task
        self._task = None


class _Server(uvicorn.Server):
    """uvicorn without its hold on signals: those belong to the daemon."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listening(host: str, port: int) -> socket.socket:
    # The protocol is named because asyncio sets TCP_NODELAY only where it is; without, each answer waits 40 ms.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    listening.setblocking(False)
    return listening
