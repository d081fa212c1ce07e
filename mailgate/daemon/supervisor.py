"""Faces: several processes that are one daemon. Starts them, watches them, renews them, and never touches mail itself.

What systemd is to a daemon that stands alone, this is to each of its parts: it keeps their listening sockets, hears
how they fare, kills who fell silent, and starts again who died. Behind one SQLite file stands one keeper with fronts
before it; on a server each process is a whole daemon.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mailgate.config import Settings
from mailgate.daemon.parent import COUNTS, FRONT, KEEPER, LEASH, TRIAL, WORKER, Parent
from mailgate.errors import ConfigError, TryAgain
from mailgate.log import Event, Log
from mailgate.net.given import VARIABLE, WEB, listener_name, told
from mailgate.net.holding import Holding, Wanted
from mailgate.net.systemd import Ear

PAUSES_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # before somebody who died is started again
CALM_S: Final = 60.0  # who lived so long has not died of its start
WATCHDOG_S: Final = 30.0  # where systemd names no time
STOP_S: Final = 60.0  # longer than a drain may take
EXIT_OK: Final = 0
EXIT_CONFIG: Final = 78  # sysexits.h


@dataclass(eq=False, slots=True)
class Child:
    """A process of ours. `heard_s` is when it last said that it lives, None before its first word."""

    name: str
    process: asyncio.subprocess.Process
    began_s: float
    ended: asyncio.Task[int]
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    heard_s: float | None = None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; nothing where it has gone."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)


@dataclass(eq=False, slots=True)
class Place:
    """Where one child is always wanted. Who changes `child` has the lock. `number` counts those alike, from 0."""

    name: str
    number: int
    child: Child | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Supervisor:
    """One daemon of several processes."""

    def __init__(self, load: Callable[[], Settings], config: Path, workers: int, log: Log, parent: Parent) -> None:
        """`load` reads `config`, anew each time; `workers` of the processes speak with the world."""
        self.workers = workers
        self.log = log
        self.parent = parent
        self._load = load
        self._command = (sys.executable, "-P", "-m", "mailgate", "--config", str(config), "serve", "--as")
        self._environment = {name: value for name, value in os.environ.items() if name != "WATCHDOG_PID"}
        self._watchdog_s = parent.watchdog_s * 2 if parent.watchdog_s else WATCHDOG_S
        self._holding = Holding(parent.sockets)
        self._children: dict[int, Child] = {}
        self._told_to_stop = asyncio.Event()
        self._told_to_renew = asyncio.Event()
        self._exit_code = EXIT_OK

    async def run(self) -> int:
        """Serve until told to stop; the exit code.

        Raises:
            ConfigError: the configuration is at fault, or a socket was given that it does not name.
            TryAgain: an address is taken.
        """
        settings = self._load()
        self._store = settings.store.url
        self._places = [
            *([Place(KEEPER, 0)] if self._has_keeper else []),
            *(Place(f"{FRONT if self._has_keeper else WORKER}-{n + 1}", n) for n in range(self.workers)),
        ]
        self._awaited = {place.name for place in self._places}
        self._holding.hold(self._wanted(settings))
        self.parent.sockets.confirm_all_taken()
        self._ear = Ear(self._hear)
        # On tmpfs where systemd gives us some: it is written for each mail and forgotten with us.
        self._counts = tempfile.TemporaryDirectory(prefix="counts-", dir=os.environ.get("RUNTIME_DIRECTORY"))
        self._environment.pop(COUNTS, None)
        if not self._has_keeper:
            self._environment[COUNTS] = self._counts.name
        # Nobody ever writes: its end is read by those whose supervisor is no more.
        self._leash, self._held_leash = os.pipe()
        self.parent.heed(self._told_to_stop.set, self._reload, self._told_to_renew.set)
        works = [self.parent.reassure(), self._watch(), self._renew_when_told()]
        tasks = [asyncio.create_task(work) for work in (*works, *map(self._fill, self._places))]
        try:
            await self._until_stopped(tasks)
        finally:
            await self._drain(tasks)
        return self._exit_code

    @property
    def _has_keeper(self) -> bool:
        return self._store.startswith("sqlite:")

    async def _until_stopped(self, tasks: list[asyncio.Task[None]]) -> None:
        """Until the word comes; a task that fails is our own bug, and flies."""
        told = asyncio.create_task(_wait(self._told_to_stop))
        waited: set[asyncio.Task[None]] = {told, *tasks}
        while not told.done():
            ended, waited = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()

    async def _drain(self, tasks: list[asyncio.Task[None]]) -> None:
        """First those who take mail, then those who keep it."""
        self.log.info(Event.STOPPING)
        self.parent.tell("STOPPING=1")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        children = list(self._children.values())
        await self._end([child for child in children if child.name != KEEPER])
        await self._end([child for child in children if child.name == KEEPER])
        self._holding.close()
        self._ear.close()
        os.close(self._held_leash)
        os.close(self._leash)
        self._counts.cleanup()
        self.log.info(Event.STOPPED)

    # ── One place ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _fill(self, place: Place) -> None:
        """Have a child in this place, for ever."""
        failures = 0
        while True:
            async with place.lock:
                if place.child is None:
                    place.child = await self._try_to_start(place)
            child = place.child
            if child is not None:
                # Waited for, not awaited: its end is looked at by others too when this task is called off.
                await asyncio.wait({child.ended})
                async with place.lock:
                    if place.child is not child:  # it was renewed
                        continue
                    place.child = None
                if self._mourn(child):
                    failures = 0
            await asyncio.sleep(PAUSES_S[min(failures, len(PAUSES_S) - 1)])
            failures += 1

    def _mourn(self, child: Child) -> bool:
        """Say that a child died, and end everything where it cannot live; whether it lived long."""
        code, now_s = child.ended.result(), asyncio.get_running_loop().time()
        self.log.error(Event.WORKER_DIED, of=child.name, pid=child.process.pid, code=code)
        if code == EXIT_CONFIG:
            self._exit_code = EXIT_CONFIG
            self._told_to_stop.set()
        return now_s - child.began_s > CALM_S

    async def _try_to_start(self, place: Place) -> Child | None:
        try:
            # It will read the configuration as it is now, and wants the sockets that are named there.
            self._holding.hold(self._wanted(self._load()))
            return await self._start(place)
        except (ConfigError, TryAgain, OSError) as error:
            self.log.error(Event.WORKER_DIED, of=place.name, error=str(error))
            return None

    async def _start(self, place: Place) -> Child:
        names = list(self._names(place))
        sockets = {name: self._holding.share(name, place.number) for name in names}
        process = await asyncio.create_subprocess_exec(
            *self._command,
            place.name,
            env={
                **self._environment,
                "NOTIFY_SOCKET": self._ear.address,
                "WATCHDOG_USEC": str(int(self._watchdog_s * 1e6)),
                VARIABLE: told(sockets),
                LEASH: str(self._leash),
            },
            pass_fds=[self._leash, *(listening.fileno() for listening in sockets.values())],
            # A Ctrl-C is for us alone: who takes mail must end before who keeps it.
            process_group=0,
        )
        ended = asyncio.create_task(process.wait())
        child = Child(place.name, process, asyncio.get_running_loop().time(), ended)
        self._children[process.pid] = child
        ended.add_done_callback(lambda _: self._children.pop(process.pid, None))
        return child

    async def _end(self, children: list[Child]) -> None:
        """Let them finish what they accepted, and wait until they are gone."""
        for child in children:
            child.signal(signal.SIGTERM)
        if not children:
            return
        _, late = await asyncio.wait({child.ended for child in children}, timeout=STOP_S)
        for child in children:
            if child.ended in late:
                self.log.error(Event.WORKER_SILENT, of=child.name, pid=child.process.pid)
                child.signal(signal.SIGKILL)
        await asyncio.gather(*(child.ended for child in children))

    # ── What they listen on ───────────────────────────────────────────────────────────────────────────────────────────

    def _names(self, place: Place) -> Iterator[str]:
        """The names of the sockets of a place: fronts meet mail, the keeper shows pages, a whole daemon does both."""
        for name in self._holding.names:
            if not self._has_keeper or (name == WEB) == (place.name == KEEPER):
                yield name

    def _wanted(self, settings: Settings) -> Iterator[Wanted]:
        for number, table in enumerate(settings.listener, 1):
            yield Wanted(listener_name(number), table.bind, self.workers)
        if settings.web.bind:
            yield Wanted(WEB, settings.web.bind, 1 if self._has_keeper else self.workers)

    # ── How they fare ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _hear(self, pid: int, state: str) -> None:
        child = self._children.get(pid)
        if child is None:
            return
        child.heard_s = asyncio.get_running_loop().time()
        if state == "READY=1":
            child.ready.set()
            if self._awaited:
                self._awaited.discard(child.name)
                if not self._awaited:
                    self._ready()

    async def _watch(self) -> None:
        """Kill whoever has fallen silent; it is started again like any other that died."""
        while True:
            await asyncio.sleep(self._watchdog_s / 4)
            now_s = asyncio.get_running_loop().time()
            for child in self._children.values():
                if child.heard_s is not None and now_s - child.heard_s > self._watchdog_s:
                    self.log.error(Event.WORKER_SILENT, of=child.name, pid=child.process.pid)
                    child.signal(signal.SIGKILL)

    def _ready(self) -> None:
        listeners = [name for name in self._holding.names if name != WEB]
        self.log.info(
            Event.READY,
            listeners=[self._holding.address(name) for name in listeners],
            web=self._holding.address(WEB) if WEB in self._holding.names else "",
            workers=self.workers,
        )
        self.parent.tell("READY=1")

    def _reload(self) -> None:
        """Rules and certificates are theirs; each keeps the good ones it has where new ones are broken."""
        for child in self._children.values():
            child.signal(signal.SIGHUP)

    # ── New code, new configuration ───────────────────────────────────────────────────────────────────────────────────

    async def _renew_when_told(self) -> None:
        while True:
            await self._told_to_renew.wait()
            self._told_to_renew.clear()
            self.parent.tell("RELOADING=1")
            try:
                await self._renew()
            except (ConfigError, TryAgain, OSError) as error:
                self.log.error(Event.WORKERS_KEPT, error=str(error))
            else:
                self.log.info(Event.WORKERS_RENEWED)
            self.parent.tell("READY=1")

    async def _renew(self) -> None:
        """Renew all processes, one after the other. Raises what keeps us from it; then those that are left stay."""
        settings = self._load()
        if settings.store.url != self._store:
            raise TryAgain("another store needs a restart")
        await self._try_out()
        self._holding.hold(self._wanted(settings))
        for place in self._places:
            async with place.lock:
                await self._replace(place)
        self._holding.drop_rest()

    async def _try_out(self) -> None:
        """See whether the new code and all that it reads would start, so that nobody leaves for nothing."""
        trial = await asyncio.create_subprocess_exec(*self._command, TRIAL, env=self._environment)
        try:
            code = await trial.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                trial.kill()
        if code:
            raise TryAgain(f"a trial start ended with {code}")

    async def _replace(self, place: Place) -> None:
        """Put a new child where another one is. Raises TryAgain where it does not become ready."""
        before = place.child
        if place.name == KEEPER:
            # There is one database: the old one must have left it. Meanwhile mail waits at the fronts.
            if before:
                await self._end([before])
            place.child = after = await self._start(place)
            if not await _becomes_ready(after):
                raise TryAgain("the new keeper does not start")
            return
        # Both listen on one socket for a moment, so that nobody waits.
        after = await self._start(place)
        if not await _becomes_ready(after):
            raise TryAgain(f"the new {place.name} does not start")
        place.child = after
        if before:
            await self._end([before])


async def _becomes_ready(child: Child) -> bool:
    """Wait until a child works, or has ended instead."""
    ready = asyncio.create_task(_wait(child.ready))
    await asyncio.wait({ready, child.ended}, return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    return not child.ended.done()


async def _wait(event: asyncio.Event) -> None:
    await event.wait()
