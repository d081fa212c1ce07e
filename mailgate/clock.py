"""The time as the daemon tells it: that of this machine, but not a jump ahead before somebody has drawn the conclusion.

Every limit on automatic mail is a number of permits within a span of time. A clock that jumps ahead by a day makes all
of them a day old at once, and so makes permits. The machine has a second clock, which counts the seconds since it was
started and never jumps; where the first runs ahead of it, the daemon keeps counting by the second, until `follow`.

A clock that is set back is followed at once: permits of a later time go on counting. When it is put right again, that
is a jump ahead like any other, for what was sent meanwhile bears the wrong time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

STEP: Final = timedelta(hours=1)  # that the clock may run ahead within a day: the shortest window of a limit
_DAY: Final = timedelta(days=1)
_NO_STEP: Final = timedelta()
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


def wall() -> datetime:
    """The time of this machine, aware, UTC."""
    return datetime.now(UTC)


def since_start() -> timedelta:
    """How long this machine has run, the time it slept included where its system counts that."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return timedelta(seconds=time.monotonic() if boottime is None else time.clock_gettime(boottime))


def boot() -> str:
    """A name for the time from this machine's start to its end, "" where its system gives none."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""


class Clock:
    """Tells the aware UTC time. Safe to call from any thread; what changes it is for one."""

    def __init__(
        self,
        wall: Callable[[], datetime] = wall,
        since_start: Callable[[], timedelta] = since_start,
        *,
        boot: str = "",
    ) -> None:
        """What is known of the clock can be kept for the next process under the name of a `boot`."""
        self.boot = boot
        self._wall = wall
        self._since_start = since_start
        ran = since_start()
        # By a clock that never jumped, the machine was started at the same moment for ever.
        self._started = self._earliest = wall() - ran
        self._earliest_seen = ran

    def __call__(self) -> datetime:
        """The time now."""
        now, step = self._look()
        return now - step if step else now

    @property
    def step(self) -> timedelta:
        """How far the clock of this machine has jumped ahead of what we tell; zero where we follow it."""
        return self._look()[1]

    @property
    def started(self) -> datetime:
        """When this machine was started, by the time that we tell."""
        self._look()
        return self._started

    def remember(self, started: datetime) -> None:
        """Another process of this machine, which went before us, told the time by this moment of its start."""
        self._started = self._earliest = started

    def follow(self, step: timedelta) -> None:
        """Jump ahead by this much, and count from there."""
        self._started += step
        self._earliest, self._earliest_seen = self._started, self._since_start()

    def _look(self) -> tuple[datetime, timedelta]:
        """What the clock of this machine says, and how much of that we do not follow."""
        ran = self._since_start()
        now = self._wall()
        started = now - ran
        if ran - self._earliest_seen >= _DAY:
            self._earliest, self._earliest_seen = self._started, ran
        if started - self._earliest > STEP:
            return now, started - self._started
        self._started = started
        if started < self._earliest:
            self._earliest, self._earliest_seen = started, ran
        return now, _NO_STEP
