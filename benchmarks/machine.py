"""What the figures were measured on, and how much of it was there: hardware, versions, and what others took."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

from benchmarks.processes import Cost, cost, family

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# Of the numbers in the first line of /proc/stat: time that nobody wanted, and time that another machine took.
_IDLE = slice(3, 5)
_STEAL = 7
_SYNCS = 50
_PACES = 20
_PACE_ITEMS = 50_000


def facts() -> dict[str, str]:
    """The machine and the versions of all that takes part."""
    return {
        "cores": str(os.cpu_count()),
        "processor": _processor(),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1024**3:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "file system": f"{_file_system()}, {_sync_ms():.2f} ms to append 4 KB and sync",
        "python": f"{platform.python_version()}, {pace_ms():.1f} ms for a fixed stretch of work",
        "sqlite": sqlite3.sqlite_version,
        "postfix": _first_line("postconf", "-d", "-h", "mail_version"),
        "postgresql": _first_line("psql", "--version"),
        **{name: _version(name) for name in ("mailgate", "aiosmtpd", "sqlalchemy", "uvloop", "asyncpg")},
    }


def pace_ms() -> float:
    """How long this interpreter takes for the same piece of work: one that was built without optimization, half as long
    again as one that a distribution ships."""
    paces = []
    for _ in range(_PACES):
        begun = time.perf_counter()
        made = {str(number): [number, (number,)] for number in range(_PACE_ITEMS)}
        assert sum(len(each) for each in made.values()) == 2 * _PACE_ITEMS
        paces.append(time.perf_counter() - begun)
    return min(paces) * 1000


@dataclass(frozen=True, slots=True)
class Look:
    """A look at all clocks at once: the machine's, ours and our children's, and the contestant's."""

    machine: tuple[int, int, int]
    all_of_us: Cost
    contestant: Cost

    @classmethod
    def take(cls, contestant: int | None) -> Look:
        """Look now; `contestant` is the process at the root of what is measured."""
        theirs = family(contestant) if contestant else set()
        return cls(_machine(), cost(family(os.getpid()) | theirs), cost(theirs))

    def since(self, before: Look) -> dict[str, float]:
        """What happened between two looks, as shares of the machine's time (0 to 1) and as costs."""
        total, busy, stolen = (now - then for now, then in zip(self.machine, before.machine, strict=True))
        ours = (self.all_of_us - before.all_of_us).cpu_s * _TICKS_PER_S
        found = {"steal": stolen / max(1, total), "others": max(0.0, busy - ours) / max(1, total)}
        spent = self.contestant - before.contestant
        if spent.cpu_s > 0:
            found |= {"cpu_s": spent.cpu_s, "switches": float(max(0, spent.switches))}
        return found


def _machine() -> tuple[int, int, int]:
    """Ticks of all processors so far: in all, at work, and stolen; all zero where the system does not tell."""
    try:
        first = Path("/proc/stat").read_text().partition("\n")[0]
    except OSError:
        return 0, 0, 0
    # The last two numbers, of guests of ours, are part of the first two.
    numbers = [int(word) for word in first.split()[1:9]]
    return sum(numbers), sum(numbers) - sum(numbers[_IDLE]) - numbers[_STEAL], numbers[_STEAL]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _file_system() -> str:
    """The kind of file system that temporary files, and so every database and queue of a run, lie on."""
    folder = Path(tempfile.gettempdir()).resolve()
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "unknown"
    over = [(len(where), kind) for where, kind in mounts if folder.is_relative_to(where)]
    return max(over)[1] if over else "unknown"


def _sync_ms() -> float:
    """What durability costs here. A disk that lies about it answers in much less than a millisecond."""
    took = []
    with tempfile.TemporaryFile() as file:
        for _ in range(_SYNCS):
            begun = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            took.append((time.perf_counter() - begun) * 1000)
    return median(took)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "not installed"
    return done.stdout.partition("\n")[0]
