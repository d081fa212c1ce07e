"""Faces: all listeners of one process, before one door, with their certificates and the room on the disk."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable
from pathlib import Path

from mailgate import wiring
from mailgate.config import ListenerTable, Settings
from mailgate.errors import ConfigError, TryAgain
from mailgate.log import Event, Log
from mailgate.model import Reply
from mailgate.net.bind import Bind
from mailgate.net.bounds import Bounds
from mailgate.net.door import Door
from mailgate.net.given import Given, listener_name
from mailgate.net.listener import Listener

NO_ROOM = Reply(452, "4.3.1 Insufficient system storage")


class Reception:
    """Where mail comes in."""

    def __init__(self, settings: Settings, door: Door, sockets: Given, log: Log) -> None:
        """Raises ConfigError where a certificate does not load."""
        self._door = door
        self._sockets = sockets
        self._log = log
        self._name = settings.gateway.name
        self._bounds = Bounds(**settings.wire.model_dump())
        self._listeners = [(table, self._listener(table)) for table in settings.listener]

    @property
    def addresses(self) -> list[str]:
        """Where it listens, in the order of the configuration."""
        return [listener.address for _, listener in self._listeners]

    @property
    def refused(self) -> Counter[int]:
        """How many replies from 400 on were given, by code."""
        return sum((listener.refused for _, listener in self._listeners), Counter())

    @property
    def connected(self) -> int:
        """How many sessions are open."""
        return sum(listener.connected for _, listener in self._listeners)

    async def start(self) -> None:
        """Listen everywhere. Raises TryAgain where an address is not to be had."""
        for number, (table, listener) in enumerate(self._listeners, 1):
            await listen(listener.start(self._sockets.take(listener_name(number), table.bind)), table.bind)

    async def renew_certificates(self) -> None:
        """Read all certificates again, and use all of them or none."""
        try:
            certificates = [await asyncio.to_thread(wiring.tls_of, table) for table, _ in self._listeners]
        except ConfigError as error:
            self._log.error(Event.CERTIFICATES_REJECTED, faults=[str(fault) for fault in error.faults])
            return
        for (_, listener), certificate in zip(self._listeners, certificates, strict=True):
            listener.renew(certificate)
        self._log.info(Event.CERTIFICATES_RELOADED, number=sum(one is not None for one in certificates))

    async def drain(self, deadline_s: float) -> None:
        """Take nothing more, and let what is on its way come in."""
        await asyncio.gather(*(listener.drain(deadline_s) for _, listener in self._listeners))

    def _listener(self, table: ListenerTable) -> Listener:
        return Listener(
            Bind(table.bind, table.protocol, table.peer_role, table.proxies, table.xclient),
            self._door,
            self._bounds,
            name=self._name,
            clock=wiring.clock,
            log=self._log,
            tls_context=wiring.tls_of(table),
        )


def room(folder: Path, reserve_bytes: int) -> Reply | None:
    """None where the disk of `folder` has room for more mail; mail that cannot be kept is better not begun."""
    disk = os.statvfs(folder)
    full = disk.f_bavail * disk.f_frsize < reserve_bytes
    # Some file systems make inodes as they are needed, and count none.
    return NO_ROOM if full or (disk.f_files and not disk.f_favail) else None


async def listen(start: Awaitable[None], where: str) -> None:
    """Begin to listen. Raises TryAgain, which names the address, where it is not to be had."""
    try:
        await start
    except OSError as error:
        raise TryAgain(f"cannot listen on {where}: {error.strerror or error}") from error
