"""Faces: where mail comes in to one process: all its listeners before one door, or a gate for those of its fronts."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from time import monotonic

from mailgate import identity
from mailgate.clock import wall
from mailgate.config import ListenerTable, Settings
from mailgate.errors import ConfigError, TryAgain
from mailgate.log import Event, Log
from mailgate.model import Reply
from mailgate.net.bind import Bind
from mailgate.net.bounds import Bounds
from mailgate.net.door import Door
from mailgate.net.gate import Gate
from mailgate.net.given import Given, listener_name
from mailgate.net.listener import Listener

LOOK_EVERY_S = 1.0  # at the room on the disk

NO_ROOM = Reply(452, "4.3.1 Insufficient system storage")


class Reception:
    """All listeners with their certificates; none where there is a `gate`, for then the fronts have them."""

    def __init__(
        self,
        settings: Settings,
        door: Door,
        sockets: Given,
        log: Log,
        gate: Gate | None = None,
        *,
        clock: Callable[[], datetime] = wall,
    ) -> None:
        """Raises ConfigError where a certificate does not load."""
        self._gate = gate
        self._door = door
        self._sockets = sockets
        self._log = log
        self._clock = clock
        self._name = settings.gateway.name
        self._bounds = Bounds(**settings.wire.bounds())
        self._listeners = [(table, self._listener(table)) for table in (() if gate else settings.listener)]

    @property
    def addresses(self) -> list[str]:
        """Where it listens, in the order of the configuration."""
        return [listener.address for _, listener in self._listeners]

    @property
    def refused(self) -> Counter[int]:
        """How many replies from 400 on were given, by code."""
        counts = [listener.refused for _, listener in self._listeners]
        return sum([*counts, self._gate.refused] if self._gate else counts, Counter())

    @property
    def connected(self) -> int:
        """How many sessions are open."""
        ours = sum(listener.connected for _, listener in self._listeners)
        return ours + (self._gate.connected if self._gate else 0)

    async def start(self) -> None:
        """Listen everywhere. Raises TryAgain where an address is not to be had."""
        for number, (table, listener) in enumerate(self._listeners, 1):
            await listen(listener.start(self._sockets.take(listener_name(number), table.bind)), table.bind)
        if self._gate:
            await listen(self._gate.start(), self._gate.path)

    async def renew_certificates(self) -> None:
        """Read all certificates again, and use all of them or none."""
        try:
            certificates = [await asyncio.to_thread(identity.tls_of, table) for table, _ in self._listeners]
        except ConfigError as error:
            self._log.error(Event.CERTIFICATES_REJECTED, faults=[str(fault) for fault in error.faults])
            return
        for (_, listener), certificate in zip(self._listeners, certificates, strict=True):
            listener.renew(certificate)
        self._log.info(Event.CERTIFICATES_RELOADED, number=sum(one is not None for one in certificates))

    async def drain(self, deadline_s: float) -> None:
        """Take nothing more, and let what is on its way come in."""
        doors: list[Listener | Gate] = [
            *(listener for _, listener in self._listeners),
            *([self._gate] if self._gate else []),
        ]
        await asyncio.gather(*(door.drain(deadline_s) for door in doors))

    def _listener(self, table: ListenerTable) -> Listener:
        return Listener(
            Bind(table.bind, table.protocol, table.peer_role, table.proxies, table.xclient),
            self._door,
            self._bounds,
            name=self._name,
            clock=self._clock,
            log=self._log,
            tls_context=identity.tls_of(table),
        )


class Room:
    """Is there room on the disk? Mail that cannot be kept is better not begun."""

    def __init__(self, folder: Path, reserve_bytes: int) -> None:
        self._folder = folder
        self._reserve_bytes = reserve_bytes
        self._answer: Reply | None = None
        self._look_again_s = 0.0

    def __call__(self) -> Reply | None:
        """None where there is; what was seen a moment ago still counts, for this is asked for every mail."""
        now_s = monotonic()
        if now_s >= self._look_again_s:
            self._answer = self._look()
            self._look_again_s = now_s + LOOK_EVERY_S
        return self._answer

    def _look(self) -> Reply | None:
        disk = os.statvfs(self._folder)
        full = disk.f_bavail * disk.f_frsize < self._reserve_bytes
        # Some file systems make inodes as they are needed, and count none.
        return NO_ROOM if full or (disk.f_files and not disk.f_favail) else None


async def listen(start: Awaitable[None], where: object) -> None:
    """Begin to listen. Raises TryAgain, which names the address, where it is not to be had."""
    try:
        await start
    except OSError as error:
        raise TryAgain(f"cannot listen on {where}: {error.strerror or error}") from error
