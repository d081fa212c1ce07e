"""Faces: who started this process: an ear for how it fares, the sockets it was given, and its place among others.

systemd starts a daemon that stands alone; our own supervisor starts the parts of a larger one in the same manner.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from functools import partial

from mailgate.net.given import Given, given
from mailgate.net.systemd import notify

COUNTS = "PROMETHEUS_MULTIPROC_DIR"  # the folder in which processes that share the work count together
LEASH = "MAILGATE_LEASH"  # the number of a pipe's end; the other one is closed when the supervisor dies

# The places of a daemon that has several: one with the database behind those that speak with the world, or several
# that do everything; and one that only sees whether it would start.
KEEPER, FRONT, WORKER, TRIAL = "keeper", "front", "worker", "trial"


@dataclass(frozen=True, slots=True)
class Parent:
    """`tell("READY=1")` says how we fare; `watchdog_s` is how often that is wanted, None for never.

    `place` is "" for a daemon that stands alone. `leash` is a file descriptor that can be read once our parent is
    dead, None where we may outlive it.
    """

    tell: Callable[[str], None] = lambda _state: None
    watchdog_s: float | None = None
    sockets: Given = field(default_factory=Given)
    place: str = ""
    leash: int | None = None

    def heed(
        self, stop: Callable[[], None], reload: Callable[[], None], renew: Callable[[], None] = lambda: None
    ) -> None:
        """From now on, do on the running loop what signals ask for, and stop when our parent dies."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stop)
        loop.add_signal_handler(signal.SIGINT, stop)
        loop.add_signal_handler(signal.SIGHUP, reload)
        # It renews the processes of a daemon that has several; one that is alone must at least not die of it.
        loop.add_signal_handler(signal.SIGUSR1, renew)
        if self.leash is not None:
            loop.add_reader(self.leash, self._let_go, self.leash, stop)

    async def reassure(self) -> None:
        """Say that we live as often as it is wanted, until cancelled: the loop that says so is the one that works."""
        while self.watchdog_s:
            self.tell("WATCHDOG=1")
            await asyncio.sleep(self.watchdog_s)

    def _let_go(self, leash: int, stop: Callable[[], None]) -> None:
        asyncio.get_running_loop().remove_reader(leash)
        stop()


def parent_of(environ: MutableMapping[str, str], pid: int, place: str = "") -> Parent:
    """What the environment of process `pid` says of who started it (sd_notify(3), sd_watchdog_enabled(3)).

    Raises:
        ConfigError: a socket that was given is of no use.
    """
    watchdog_us, leash = environ.get("WATCHDOG_USEC", ""), environ.pop(LEASH, "")
    return Parent(
        tell=partial(notify, environ.get("NOTIFY_SOCKET", "")),
        # Twice in its time, so that one word may be late.
        watchdog_s=int(watchdog_us) / 2e6 if watchdog_us.isdecimal() else None,
        sockets=given(environ, pid),
        place=place,
        leash=int(leash) if leash else None,
    )
