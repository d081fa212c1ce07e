"""What mailgate needs before it does anything, and at its worst: memory with all children, and the time to start."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench, Contestant, Found
from benchmarks.caller import Call
from benchmarks.load import Load, put
from benchmarks.peers.gateway import gateway
from benchmarks.peers.server import Server
from benchmarks.processes import memory_mib
from benchmarks.promise import AtMost
from tests.scenarios.daemon import PROGRAM, Daemon
from tests.scenarios.ports import free_port

_WARM = Load(500, 2048, 50)
_LARGE, _LARGE_QUICK = Load(150, 5_000_000, 50), Load(50, 5_000_000, 50)
_IDLE_SESSIONS = 200
_SESSIONS_A_NETWORK = 50
_LOOK_S = 0.02
_STARTS, _STARTS_QUICK = 10, 2


@asynccontextmanager
async def _memory(quick: bool) -> AsyncIterator[Sequence[Contestant]]:
    """Each on a daemon of its own that has worked a little, since memory once taken is rarely given back."""
    loads: dict[str, Callable[[Server], Coroutine[Any, Any, None]]] = {
        "idle": _nothing,
        f"{_IDLE_SESSIONS} idle sessions": _sessions,
        f"{_LARGE.sessions} mails of 5 MB at once": partial(_large, _LARGE_QUICK if quick else _LARGE),
    }
    yield [Contestant(f"mailgate, {words}", partial(_highest, load)) for words, load in loads.items()]


async def _highest(load: Callable[[Server], Coroutine[Any, Any, None]]) -> Found:
    async with gateway() as ours:
        await put(_WARM, ours.server.port)
        await ours.server.rest()
        highest = memory_mib(ours.server.pid)
        putting = asyncio.create_task(load(ours.server))
        while not putting.done():
            highest = max(highest, memory_mib(ours.server.pid))
            await asyncio.wait({putting}, timeout=_LOOK_S)
        await putting
        return Found({"memory_mib": highest})


async def _nothing(_server: Server) -> None:
    await asyncio.sleep(1.0)


async def _sessions(_server: Server) -> None:
    """From several networks, for each may only have so many."""
    async with AsyncExitStack() as stack:
        for number in range(_IDLE_SESSIONS):
            our_ip = f"127.0.{1 + number // _SESSIONS_A_NETWORK}.1"
            await stack.enter_async_context(Call(_server.port, our_ip))
        await asyncio.sleep(1.0)


async def _large(load: Load, server: Server) -> None:
    await put(load, server.port)
    await server.rest()


# ── Starting ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def _start(quick: bool) -> AsyncIterator[Sequence[Contestant]]:
    times = _STARTS_QUICK if quick else _STARTS
    with tempfile.TemporaryDirectory(prefix="mailgate-bench-") as folder:
        async with Daemon(Path(folder), relay=f"127.0.0.1:{free_port()}") as daemon:
            yield [
                Contestant("mailgate --help", partial(_each, times, _help)),
                Contestant("mailgate serve, until ready", partial(_each, times, partial(_ready, daemon))),
            ]


async def _each(times: int, measure: Callable[[], Awaitable[float]]) -> Found:
    took = sorted([await measure() for _ in range(times)])
    return Found({"median_ms": took[len(took) // 2], "worst_ms": took[-1]})


async def _help() -> float:
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(PROGRAM, "--help", stdout=asyncio.subprocess.DEVNULL)
    await process.wait()
    return (time.perf_counter() - begun) * 1000


async def _ready(daemon: Daemon) -> float:
    """With a database that exists, as at every start but the first."""
    await daemon.kill()
    begun = time.perf_counter()
    await daemon.start()
    return (time.perf_counter() - begun) * 1000


MEMORY = Bench(
    "memory",
    "resident memory of the daemon and its children at its highest",
    _memory,
    (
        AtMost(120.0, "memory_mib", "mailgate, idle"),
        AtMost(150.0, "memory_mib", f"mailgate, {_IDLE_SESSIONS} idle sessions"),
        AtMost(600.0, "memory_mib", f"mailgate, {_LARGE.sessions} mails of 5 MB at once"),
    ),
)
START = Bench(
    "start",
    f"the median of {_STARTS} starts each",
    _start,
    (
        AtMost(200.0, "median_ms", "mailgate --help"),
        AtMost(1500.0, "median_ms", "mailgate serve, until ready"),
    ),
)
