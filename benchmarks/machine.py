"""What the figures were measured on, and how much of it was there: versions, cores, and time that others stole."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

_STEAL = 7  # of the numbers in the first line of /proc/stat, see proc(5)


def facts() -> dict[str, str]:
    """The machine and the versions of all that takes part."""
    return {
        "cores": str(os.cpu_count()),
        "cpu": _cpu(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "mailgate": version("mailgate"),
        "aiosmtpd": version("aiosmtpd"),
        "postfix": _postfix(),
    }


@dataclass(frozen=True, slots=True)
class Ticks:
    """Processor time of the whole machine since it started."""

    total: int
    stolen: int

    def stolen_since(self, before: Ticks) -> float:
        """The share that other machines took between the two looks, 0 to 1."""
        return (self.stolen - before.stolen) / max(1, self.total - before.total)


def ticks() -> Ticks:
    """A look at the clock of the processors; all zero where the system does not tell."""
    try:
        first = Path("/proc/stat").read_text().partition("\n")[0]
    except OSError:
        return Ticks(0, 0)
    numbers = [int(word) for word in first.split()[1:]]
    return Ticks(sum(numbers), numbers[_STEAL])


def memory_mib(pid: int) -> tuple[float, float]:
    """The memory of a process in MiB, now and at its highest."""
    words = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    now, most = (int(words[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM"))
    return now, most


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _postfix() -> str:
    try:
        done = subprocess.run(["postconf", "-d", "-h", "mail_version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "not installed"
    return done.stdout.strip()
