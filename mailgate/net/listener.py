"""A listener: one address at which mail comes in by SMTP or LMTP. Knows who may come in, and how to stop.

listener = Listener(Bind("127.0.0.1:2525"), door, Bounds(), name="mx.example.com", clock=clock, log=log)
await listener.start()
...
await listener.drain(deadline_s=30)
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final, cast

from mailgate.log import Event, Log
from mailgate.net import replies
from mailgate.net.bind import Bind, address_of, listed, networks, open_server, remove_socket_file
from mailgate.net.bounds import Bounds, Crowd, plain
from mailgate.net.door import Door
from mailgate.net.session import Session
from mailgate.net.site import Site
from mailgate.net.tls import ServerContext

_LAST_S: Final = 0.01


class Listener:
    """One listening address and its sessions."""

    def __init__(
        self,
        bind: Bind,
        door: Door,
        bounds: Bounds,
        *,
        name: str,
        clock: Callable[[], datetime],
        log: Log,
        tls_context: ServerContext | None = None,
    ) -> None:
        """`name` is our host name in greetings; STARTTLS is offered with a `tls_context`. Raises ValueError for `bind`.

        `clock` tells the aware UTC time of arrival; deadlines run by the clock of the event loop.
        """
        self._site = Site(
            bind,
            bounds,
            door,
            name,
            clock,
            log,
            tls_context,
            networks(bind.proxies),
            networks(bind.xclient),
            Crowd(bounds),
        )
        self._doorman = _Doorman(self._site)
        self._server: asyncio.Server | None = None
        self._own_file: str | None = None
        self._address = bind.address

    @property
    def address(self) -> str:
        """Where it listens, in the form of `Bind.address`, with the real port once it has started."""
        return self._address

    @property
    def refused(self) -> Counter[int]:
        """How many replies from 400 on were given, by code."""
        return self._site.refused

    @property
    def connected(self) -> int:
        """How many sessions are open."""
        return len(self._site.sessions)

    def renew(self, tls_context: ServerContext | None) -> None:
        """Use another certificate from the next connection on."""
        self._site.tls_context = tls_context

    async def start(self, given: socket.socket | None = None) -> None:
        """Listen, on the socket that was `given` or on one of our own. Raises OSError where that is not to be had."""
        self._own_file = None if given else self._site.bind.unix_path
        self._server = await open_server(self._site.bind, lambda: self._doorman, given)
        if not self._site.bind.unix_path:
            self._address = address_of(self._server.sockets[0])

    async def drain(self, deadline_s: float) -> None:
        """Take no more connections, let mail that is on its way come in, say goodbye to the rest, and stop.

        What has not ended within `deadline_s` is cut off; its client has had no 250 and will come again.
        """
        if self._server is None:
            return
        self._server.close()
        self._server = None
        self._doorman.leaving = True
        if self._own_file:
            remove_socket_file(self._own_file)
        end_s = asyncio.get_running_loop().time() + deadline_s
        for session in tuple(self._site.sessions):
            session.drain()
        # Whom the kernel had accepted before we closed meets the doorman now.
        await asyncio.sleep(_LAST_S)
        await _until(end_s, [session.gone for session in self._site.sessions])
        for session in tuple(self._site.sessions):
            session.abort()
        for task in await _until(end_s, self._site.acceptances):
            task.cancel()


class _Doorman(asyncio.Protocol):
    """Meets every connection, and makes a session only for one that may come in."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.leaving = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Said to the type checker alone: the transports of uvloop are none of asyncio's classes.
        transport = cast("asyncio.Transport", transport)
        site, ip = self._site, _peer_ip(transport)
        # A listener never takes both: a client who could choose would put any address into the header.
        if site.proxies and not listed(ip, site.proxies):
            site.log.warning(Event.LISTENER_REFUSED, reason="not a listed proxy")
            transport.abort()
            return
        refusal = site.admit(ip)
        if refusal is not None:
            site.log.info(Event.LISTENER_REFUSED, reason=refusal.text)
            transport.write(replies.render(refusal))
            transport.close()
            return
        session = Session(site, ip)
        transport.set_protocol(session)
        session.connection_made(transport)
        if self.leaving:
            session.drain()


def _peer_ip(transport: asyncio.Transport) -> str:
    """The address of the peer, "" on a unix socket."""
    peer = transport.get_extra_info("peername")
    return str(plain(peer[0])) if isinstance(peer, tuple) else ""


async def _until(end_s: float, ends: Iterable[asyncio.Future[Any]]) -> set[asyncio.Future[Any]]:
    """Wait until all of these have ended, at most until `end_s` by the clock of the loop; those that have not."""
    waited = set(ends)
    if not waited:
        return waited
    _, late = await asyncio.wait(waited, timeout=max(0, end_s - asyncio.get_running_loop().time()))
    return late
