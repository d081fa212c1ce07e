"""What a bench is: contestants that are measured in turn, several times over, under promises about what is found."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from benchmarks.machine import Look
from benchmarks.promise import Promise
from benchmarks.run import Point, Run


@dataclass(frozen=True, slots=True)
class Found:
    """What one measurement found: figures by name, how many mails they cost, and figures over time."""

    figures: dict[str, float]
    mails: int = 0
    series: dict[str, list[Point]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contestant:
    """One who is measured. `measure` puts the load once; `pid` is the root of its processes, where they outlive it."""

    name: str
    measure: Callable[[], Awaitable[Found]]
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Bench:
    """`open(quick)` starts all contestants, who are measured in turn while it is open."""

    name: str
    words: str
    open: Callable[[bool], AbstractAsyncContextManager[Sequence[Contestant]]]
    promises: tuple[Promise, ...] = ()
    repeats: int = 3
    by_default: bool = True

    async def runs(self, repeats: int, *, quick: bool) -> list[Run]:
        """Measure every contestant `repeats` times: there, back, and there again, so that a slow minute meets all."""
        found = []
        async with self.open(quick) as contestants:
            for repeat in range(1, repeats + 1):
                for contestant in contestants if repeat % 2 else reversed(contestants):
                    found.append(await self._run(contestant, repeat))
                    print(found[-1].line(), file=sys.stderr, flush=True)
        return found

    async def _run(self, contestant: Contestant, repeat: int) -> Run:
        before = Look.take(contestant.pid)
        found = await contestant.measure()
        around = Look.take(contestant.pid).since(before)
        if found.mails and "cpu_s" in around:
            around["cpu_ms"] = around.pop("cpu_s") * 1000 / found.mails
            around["switches"] /= found.mails
        else:
            around.pop("cpu_s", None)
            around.pop("switches", None)
        return Run(self.name, contestant.name, repeat, found.figures | around, found.series)
