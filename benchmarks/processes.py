"""What a process and all that it started cost: memory, processor time, context switches. Read from proc(5)."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 1024**2
# Of the words that follow the name in /proc/PID/stat.
_PARENT = 1
_TIMES = slice(11, 15)  # user, system, and both of the children that have ended and were waited for


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor seconds and context switches so far. A difference of two is what happened between them."""

    cpu_s: float = 0.0
    switches: int = 0

    def __sub__(self, before: Cost) -> Cost:
        return Cost(self.cpu_s - before.cpu_s, self.switches - before.switches)


def family(*roots: int) -> set[int]:
    """These processes and all that descend from them."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for pid, words in _stats():
        children[int(words[_PARENT])].append(pid)
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children[pid]
    return found


def memory_mib(root: int) -> float:
    """Resident memory of a process and its descendants, in MiB. What they share counts once for each."""
    return sum(_memory_mib(pid) for pid in family(root))


def cost(pids: set[int]) -> Cost:
    """What these processes cost so far. Children that have ended count as their parent's time, not as its switches."""
    ticks = sum(sum(map(int, words[_TIMES])) for pid, words in _stats() if pid in pids)
    return Cost(ticks / _TICKS_PER_S, sum(map(_switches, pids)))


def _stats() -> Iterator[tuple[int, list[str]]]:
    for name in os.listdir(_PROC):
        if name.isdecimal() and (text := _read(f"{name}/stat")):
            # The name of the program stands in parentheses and may hold anything.
            yield int(name), text.rpartition(")")[2].split()


def _memory_mib(pid: int) -> float:
    words = _read(f"{pid}/statm").split()
    return int(words[1]) * _PAGE_MIB if words else 0.0


def _switches(pid: int) -> int:
    """Of all its threads."""
    try:
        threads = os.listdir(_PROC / str(pid) / "task")
    except OSError:
        return 0
    texts = (_read(f"{pid}/task/{thread}/status") for thread in threads)
    return sum(int(line.split()[1]) for text in texts for line in text.splitlines() if "ctxt_switches" in line)


def _read(name: str) -> str:
    """A file of proc; "" where the process has ended meanwhile."""
    try:
        return (_PROC / name).read_text()
    except OSError:
        return ""
