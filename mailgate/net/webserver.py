"""Net: serves an ASGI application over HTTP inside the daemon's own loop. Knows no page."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any, Final

import uvicorn

from mailgate.net.bind import address_of, listen

BACKLOG: Final = 128
CONNECTIONS: Final = 200  # at once; more are told to come again
KEEP_ALIVE_S: Final = 5
DRAIN_S: Final = 5


class WebServer:
    """One HTTP listener. `bind` is "127.0.0.1:8025" or "[::1]:8025"; port 0 takes any free one."""

    def __init__(self, app: Any, bind: str) -> None:
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

    async def start(self, given: socket.socket | None = None) -> None:
        """Listen, on the socket that was `given` or on one of our own. Raises OSError where that is not to be had."""
        listening = given or listen(self.address)
        self.address = address_of(listening)
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
