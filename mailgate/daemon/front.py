"""Faces: a front: speaks SMTP and LMTP with the world, and hands finished mail to the keeper, who has the database.

Everything that a sender hears before his final dot needs only our keys and mailboxes, so it is said here.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

from mailgate import identity
from mailgate.config import Settings
from mailgate.daemon.parent import Parent
from mailgate.daemon.reception import Reception, Room
from mailgate.errors import ConfigError
from mailgate.log import Event, Log
from mailgate.model import Arrival, Gateway, Reply
from mailgate.net.gate import gate_path
from mailgate.net.link import Link
from mailgate.origins import Origins
from mailgate.threshold import Threshold

DRAIN_S = 45.0  # somewhat more than a mail may wait for the keeper
REPORT_EVERY_S = 10.0


class FrontDoor(Threshold):
    """The door of a front: what cannot be said here, the keeper says."""

    def __init__(self, gateway: Gateway, link: Link, origins: Origins, *, ready: Callable[[], Reply | None]) -> None:
        super().__init__(gateway, ready=ready, origins=origins)
        self._link = link
        link.on_welcome, link.on_vouched = origins.welcome, origins.vouch

    async def take(self, arrival: Arrival) -> Sequence[Reply]:
        """The keeper's replies. Raises TryAgain: he has not got the mail, or did not say so in time."""
        return await self._link.hand_over(arrival)


class Front:
    """One front at work."""

    def __init__(self, settings: Settings, log: Log, parent: Parent) -> None:
        """Raises ConfigError: keys or certificates are not as they should be."""
        database = identity.database_file(settings)
        assert database, "a server is written to by whole daemons"
        self.settings = settings
        self.log = log
        self.parent = parent
        self.link = Link(gate_path(database), log)
        enough_room = Room(database.parent, settings.store.reserve_bytes)
        self.origins = identity.origins_of(settings)
        self.door = FrontDoor(identity.gateway_of(settings), self.link, self.origins, ready=enough_room)
        self.reception = Reception(settings, self.door, parent.sockets, log)
        self._reported: Counter[int] = Counter()
        self._told_to_stop = asyncio.Event()
        self._told_to_reload = asyncio.Event()

    async def run(self) -> int:
        """Serve until told to stop; the exit code. Raises TryAgain where an address is taken."""
        helpers = [asyncio.create_task(work) for work in (self.link.keep(), self.parent.reassure())]
        try:
            await self.reception.start()
            self.parent.sockets.confirm_all_taken()
            self.parent.heed(self._told_to_stop.set, self._told_to_reload.set)
            works = (self._reload_when_told(), self._report_often(), self._say_ready())
            helpers += [asyncio.create_task(work) for work in works]
            await self._told_to_stop.wait()
            self.log.info(Event.STOPPING)
            self.parent.tell("STOPPING=1")
            await self.reception.drain(DRAIN_S)
            self._report()
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
        self.log.info(Event.STOPPED)
        return 0

    async def _say_ready(self) -> None:
        await self.link.reach()
        self.log.info(Event.WORKER_READY, listeners=self.reception.addresses)
        self.parent.tell("READY=1")

    async def _reload_when_told(self) -> None:
        while True:
            await self._told_to_reload.wait()
            self._told_to_reload.clear()
            self.parent.tell("RELOADING=1")
            await self._reload_keys()
            await self.reception.renew_certificates()
            self.parent.tell("READY=1")

    async def _reload_keys(self) -> None:
        """The keeper says so, too: a front only has to know which tokens are real."""
        try:
            self.door.renew(await asyncio.to_thread(identity.gateway_of, self.settings))
        except ConfigError as error:
            self.log.error(Event.KEYS_REJECTED, faults=[str(fault) for fault in error.faults])

    async def _report_often(self) -> None:
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            self._report()

    def _report(self) -> None:
        refused = self.reception.refused
        if self.link.report(refused - self._reported, self.reception.connected, self.origins.take_put_off):
            self._reported = refused
