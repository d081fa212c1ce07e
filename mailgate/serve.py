"""Faces: the daemon. Makes the parts, joins them, starts them, and ends them so that nothing accepted is left undone.

Read `Daemon.run`: open, start, serve, drain. What happens to a mail is told in `intake` and `outbound`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from secrets import token_hex
from typing import Any

from mailgate import wiring
from mailgate.alarm import Alarm
from mailgate.backup.highwater import HighWater
from mailgate.briefing import Briefing
from mailgate.clock import Clock, boot
from mailgate.config import Settings
from mailgate.confirming import Confirming
from mailgate.context import Context
from mailgate.daemon.aside import Aside
from mailgate.daemon.courier import courier_of
from mailgate.daemon.loop import name_of
from mailgate.daemon.metrics import Metrics
from mailgate.daemon.neighbours import JOURNAL, OUTBOX, Neighbours
from mailgate.daemon.outside import Outside
from mailgate.daemon.parent import KEEPER, Parent
from mailgate.daemon.reception import Reception, Room, listen
from mailgate.daemon.rules import Rules
from mailgate.desk import Desk
from mailgate.errors import ConfigError, TryAgain
from mailgate.health import Health
from mailgate.heldlinks import HeldLinks
from mailgate.indexing import Indexing
from mailgate.intake import Door, Intake
from mailgate.log import Event, Log
from mailgate.model import Peer
from mailgate.net.bind import networks
from mailgate.net.gate import Gate, gate_path
from mailgate.net.given import WEB
from mailgate.net.resolver import Resolver
from mailgate.net.webserver import WebServer
from mailgate.origins import Caller
from mailgate.outbound import Outbound
from mailgate.proving import witnesses_of
from mailgate.recheck import Recheck
from mailgate.staff import Staff
from mailgate.store import conduct
from mailgate.store.database import Database
from mailgate.upkeep import Upkeep
from mailgate.waits import depths_of
from mailgate.web.app import make_app
from mailgate.web.console import Console
from mailgate.web.watch import Watch

DRAIN_S = 30.0  # that a mail on its way in may still take when we are asked to stop
UPKEEP_AGAIN_S = 60.0
# Objects, and younger collections, before the collector looks again. What a mail is made of stands in no circle, so by
# Python's own numbers it looked at the same batch many times and found nothing, which was a twentieth of all work.
COLLECTS_AFTER = (10_000, 20, 20)
EXIT_OK = 0
EXIT_SOFTWARE = 70  # sysexits.h: a part died of our own fault

MakeConsole = Callable[[Desk, Database], Console]


class Daemon:
    """One gateway at work. `make_console` is for demos: what it makes is shown to this machine."""

    def __init__(
        self,
        settings: Settings,
        log: Log,
        *,
        parent: Parent | None = None,
        make_console: MakeConsole | None = None,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self.settings = settings
        self.log = log
        self.parent = parent or Parent()
        self.make_console = make_console
        self.on_ready = on_ready
        self._is_ready = False
        self._told_to_stop = asyncio.Event()
        self._told_to_reload = asyncio.Event()
        self._web: WebServer | None = None
        self._roads: dict[Intake | Outbound, asyncio.Task[None]] = {}
        self._helpers: set[asyncio.Task[object]] = set()

    async def run(self) -> int:
        """Serve until SIGTERM or SIGINT; the exit code.

        Raises:
            ConfigError: keys, rules, certificates or the database are not as they should be.
            TryAgain: another daemon serves the database, or an address is taken.
        """
        await self._open()
        try:
            try:
                await self._start()
                self._ready()
                return await self._until_stopped()
            finally:
                await self._drain()
        finally:
            await self.courier.close()
            await self.outside.close()
            await self.aside.close()
            await self.database.close()
            self.log.info(Event.STOPPED)

    def stop(self) -> None:
        """Finish what was accepted, then let `run` end."""
        self._told_to_stop.set()

    def reload(self) -> None:
        """Read rules, keys and certificates again."""
        self._told_to_reload.set()

    # ── Open ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _open(self) -> None:
        """Make the parts. Nothing moves yet."""
        settings = self.settings
        self.gateway = wiring.gateway_of(settings)
        self.rules = Rules(settings, self.log)
        password = wiring.password_of(settings)
        file = wiring.database_file(settings)
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
        # Unlike that of every other process, so that leases tell who holds them, and of one that died, that it did.
        owner = f"{settings.gateway.name}-{token_hex(8)}"
        self.database = await wiring.open_database(settings, daemon=True, create=True, owner=owner)
        self.clock = Clock(boot=boot())
        self.origins = wiring.origins_of(settings)
        self._make_roads(owner, password)
        self.neighbours = Neighbours(self.database, file, {JOURNAL: self.intake.wake, OUTBOX: self.outbound.wake})
        self._make_door(file)

    def _make_roads(self, owner: str, password: str) -> None:
        settings, clock, read = self.settings, self.clock, self.database.read
        depths, standing = partial(read, depths_of(self.gateway, clock)), partial(read, conduct.standing)
        self.metrics = Metrics(version("mailgate"), depths, clock, standing)
        book, meter = lambda: self.rules.book, self.metrics
        context = wiring.context_of(self.database, self.gateway, book, self.log, meter=meter, clock=clock)
        resolver = Resolver(settings.dns.resolvers)
        self.aside = Aside()
        assume = settings.authentication.assume
        witnesses = witnesses_of(settings, resolver, assume=assume, beside=self.aside.run)
        self.outside = Outside(settings, resolver, self.log)
        self.courier = courier_of(settings, resolver, password)
        self.outbound = self._make_outbound(context, owner)
        self.briefing = Briefing(context, on_outgoing=self.outbound.wake)
        self.intake = Intake(
            context,
            witnesses.authenticate,
            owner=owner,
            on_outgoing=self.outbound.wake,
            on_backlog=lambda: self.neighbours.call(JOURNAL),
            on_trusted=self._heard_from,
            on_news=self.briefing.wake,
            beside=self.aside.run,
            opine=self.outside.opine,
        )
        self.errands = self.outside.errands(context, owner, self.aside.run, on_news=self.briefing.wake)
        self.recheck = Recheck(context, self.intake.prepare, on_outgoing=self.outbound.wake)
        self.desk = Desk(context, on_outgoing=self.outbound.wake, on_accepted=self.intake.wake)
        self.confirming = Confirming(context, on_outgoing=self.outbound.wake)
        self.upkeep = self._make_upkeep(context)
        self.rules.on_new = self.upkeep.write_down
        self.staff = Staff(context, on_outgoing=self.outbound.wake)
        self.indexing = Indexing(context, beside=self.aside.run, busy=lambda: bool(self.intake.backlog))
        self.held = HeldLinks(context, self.desk) if self.gateway.notify.address else None  # where links are sent

    def _make_outbound(self, context: Context, owner: str) -> Outbound:
        return Outbound(
            self.database,
            self.courier.deliver,
            context.clock,
            self.log,
            owner=owner,
            sign=wiring.signer_of(self.settings).sign,
            on_backlog=lambda: self.neighbours.call(OUTBOX),
            meter=self.metrics,
            alarm=Alarm(context),
            alias=wiring.alias_of(self.settings, context.book),
            destination=self.courier.destination,
        )

    def _make_upkeep(self, context: Context) -> Upkeep:
        marks = wiring.high_water_file(self.settings)
        return Upkeep(
            context,
            refused=lambda: self.reception.refused,
            on_freed=self._wake_roads,
            memory=HighWater(marks, self.log) if marks else None,
            steady=self.clock,
            put_off=lambda: self.origins.take_put_off() + (self.gate.take_put_off() if self.gate else []),
            on_vouched=self._vouch,
        )

    def _make_door(self, file: Path | None) -> None:
        """The door, and what stands before it: listeners, or a gate for the fronts that have them."""
        settings = self.settings
        self.gate: Gate | None = None
        enough_room = Room(file.parent, settings.store.reserve_bytes) if file else lambda: None
        self.door = Door(
            self.database,
            self.gateway,
            on_accepted=self.intake.wake,
            ready=enough_room,
            meter=self.metrics,
            intake=self.intake,
            origins=self.origins,
        )
        if file and self.parent.place == KEEPER:
            self.gate = Gate(
                gate_path(file),
                self.door,
                most_body_bytes=settings.wire.size_bytes,
                clock=self.clock,
                log=self.log,
                welcomed=lambda: self.origins.welcomed,
            )
        self.reception = Reception(settings, self.door, self.parent.sockets, self.log, self.gate, clock=self.clock)
        self.metrics.attend(self.reception)

    def _heard_from(self, peer: Peer) -> None:
        """Somebody we trust has written: whoever speaks with the world shall not put his network off."""
        network = self.origins.trusted(peer)
        if self.gate and network is not None:
            self.gate.welcome(network)

    def _vouch(self, callers: list[Caller]) -> None:
        """We trust these, who were put off."""
        self.origins.vouch(callers)
        if self.gate and callers:
            self.gate.vouch(callers)

    # ── Start ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _start(self) -> None:
        """Take up what a dead daemon left, then begin; mail comes in last, when everything behind the door works."""
        await self.upkeep.begin()
        await self.outbound.recover()
        await self.intake.recover()
        self.neighbours.listen()
        for road in (self.intake, self.outbound):
            self._roads[road] = asyncio.create_task(road.run(), name=type(road).__name__.lower())
        for helper in (self.upkeep, self.recheck, self.staff, self.briefing, self.indexing, self.errands):
            self._help(self._keep_going(type(helper).__name__.lower(), helper.run))
        self._help(self.rules.watch())
        self._help(self._reload_when_told())
        self._help(self.parent.reassure())
        self._help(self.metrics.run())
        if self.settings.web.bind:
            console = self.make_console(self.desk, self.database) if self.make_console else None
            app = make_app(
                self.confirming,
                console,
                clock=self.clock,
                phrases=lambda: self.rules.book.phrases,
                name=self.settings.mailbox[0].address,
                watch=self._watch(),
                held=self.held,
            )
            self._web = WebServer(app, self.settings.web.bind)
            await listen(self._web.start(self.parent.sockets.take(WEB, self._web.address)), self._web.address)
        await self.reception.start()
        self.parent.sockets.confirm_all_taken()
        self.parent.heed(self.stop, self.reload)

    def _wake_roads(self) -> None:
        self.intake.wake()
        self.outbound.wake()

    def _watch(self) -> Watch:
        health = Health(self.database, self.clock, obstacles=self._obstacles)
        return Watch(health, self.metrics.page, networks(self.settings.web.metrics))

    def _obstacles(self) -> Iterator[str]:
        """What keeps us from taking mail, in words that anybody may read."""
        if not self._is_ready:
            yield "not started yet"
        if self._told_to_stop.is_set():
            yield "stopping"
        yield from (f"{task.get_name()} has ended" for task in self._roads.values() if task.done())
        if self.door.ready():
            yield "no room for mail on the disk"

    def _help(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[object]:
        task = asyncio.create_task(work)
        self._helpers.add(task)
        return task

    def _ready(self) -> None:
        # What was made until now stays for good: the collector would only stop everybody to look at it again.
        gc.freeze()
        gc.set_threshold(*COLLECTS_AFTER)
        if self.settings.authentication.assume:
            self.log.warning(Event.PEERS_ASSUMED_PROVEN)
        if not self.gateway.notify.address:
            self.log.warning(Event.NOBODY_IS_TOLD, key="notify.address")
        self.log.info(
            Event.WORKER_READY if self.parent.place else Event.READY,
            listeners=self.reception.addresses,
            web=self._web.address if self._web else "",
            rules=self.rules.book.version,
            loop=name_of(asyncio.get_running_loop()),
        )
        self._is_ready = True
        self.parent.tell("READY=1")
        self.on_ready()

    # ── Serve ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _until_stopped(self) -> int:
        """Wait for the word, or for a road that dies: then a restart does better than half a daemon."""
        told = self._help(self._told_to_stop.wait())
        ended, _ = await asyncio.wait({told, *self._roads.values()}, return_when=asyncio.FIRST_COMPLETED)
        dead = ended - {told}
        for road in dead:
            self.log.error(Event.ROAD_DIED, road=road.get_name(), exc_info=road.exception())
        return EXIT_SOFTWARE if dead else EXIT_OK

    async def _keep_going(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Mail goes in and out without these, so their death is told and mended, and ends nobody else."""
        while True:
            try:
                await run()
            except Exception:
                self.log.exception(Event.ROAD_DIED, road=name)
            await asyncio.sleep(UPKEEP_AGAIN_S)

    async def _reload_when_told(self) -> None:
        while True:
            await self._told_to_reload.wait()
            self._told_to_reload.clear()
            self.parent.tell("RELOADING=1")
            await self.rules.reload()
            await self._reload_keys()
            await self.reception.renew_certificates()
            self.parent.tell("READY=1")

    async def _reload_keys(self) -> None:
        """All new keys, or the ones we have. Everybody who signs or verifies gets them at once."""
        try:
            gateway = await asyncio.to_thread(wiring.gateway_of, self.settings)
            signer = await asyncio.to_thread(wiring.signer_of, self.settings)
        except ConfigError as error:
            self.log.error(Event.KEYS_REJECTED, faults=[str(fault) for fault in error.faults])
            return
        self.gateway, self.outbound.sign = gateway, signer.sign
        self.door.renew(gateway)
        for part in (self.intake, self.recheck, self.desk, self.confirming, self.staff, self.briefing, self.errands):
            part.gateway = gateway
        if self.held:
            self.held.gateway = gateway
        self.log.info(Event.KEYS_RELOADED, signs=gateway.keys.current, dkim=signer.selectors)

    # ── Drain ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _drain(self) -> None:
        """Take nothing more, finish what was taken, and let what is being delivered end."""
        self.log.info(Event.STOPPING)
        self.parent.tell("STOPPING=1")
        await self.reception.drain(DRAIN_S)
        if self._web:
            await self._web.stop()
        self.neighbours.close()
        # In this order, for what is processed last may still queue mail.
        for road in (self.intake, self.outbound):
            road.stop()
            if road in self._roads:
                await asyncio.wait({self._roads[road]})
        with contextlib.suppress(TryAgain):
            await self.upkeep.write_down()
        tasks = {*self._roads.values(), *self._helpers}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
