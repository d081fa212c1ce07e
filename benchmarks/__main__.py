"""`make bench`: one run, side by side, and exit status 1 where mailgate is not held to what it promises."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path

from benchmarks import machine, servers
from benchmarks.load import Load, generator, put
from benchmarks.result import Promise, Result, Run
from tests.scenarios import postfix

Start = Callable[[], AbstractAsyncContextManager[servers.Server]]

SMALL = Load("small", 20_000, 2048, 50)
LARGE = Load("large", 60, 5_000_000, 4)
PROMISES = (
    Promise(SMALL.name, "mailgate", "postfix", 1.5),
    Promise(LARGE.name, "mailgate", "aiosmtpd", 4.0),
    Promise(SMALL.name, "mailgate", "aiosmtpd", None),
)
# In this order, again and again, so that a slow minute of the machine meets all of them.
PROGRAM = (
    (SMALL, "postfix"),
    (SMALL, "mailgate"),
    (SMALL, "aiosmtpd"),
    (LARGE, "mailgate"),
    (LARGE, "aiosmtpd"),
)
REPEATS = 3
QUICK = {SMALL.name: Load("small", 2000, 2048, 50), LARGE.name: Load("large", 12, 5_000_000, 4)}
FOLDER = Path(__file__).parent / "results"


def main() -> int:
    """Measure, show, keep; the exit status."""
    options = _options()
    missing = postfix.missing()
    if missing:
        print(f"Postfix is left out: {missing}", file=sys.stderr)
    result = asyncio.run(_measure(options.repeats, quick=options.quick, without_postfix=bool(missing)))
    print("\n".join(result.lines()))
    for path in result.keep(FOLDER):
        print(f"kept in {path}")
    return 0 if result.is_held() else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the load, once; no figures to quote")
    parser.add_argument("--repeats", type=int, metavar="N", help=f"how often each is measured, {REPEATS} by default")
    options = parser.parse_args()
    options.repeats = options.repeats or (1 if options.quick else REPEATS)
    return options


async def _measure(repeats: int, *, quick: bool, without_postfix: bool) -> Result:
    starts: dict[str, Start] = {"postfix": servers.postfix, "mailgate": servers.mailgate, "aiosmtpd": servers.stock}
    if without_postfix:
        del starts["postfix"]
    runs: list[Run] = []
    async with AsyncExitStack() as stack:
        running = {name: await stack.enter_async_context(start()) for name, start in starts.items()}
        for repeat in range(1, repeats + 1):
            for load, name in PROGRAM:
                if name in running:
                    runs.append(await _run(repeat, QUICK[load.name] if quick else load, running[name]))
                    print(runs[-1].line(), file=sys.stderr, flush=True)
    loads = tuple(QUICK.values()) if quick else (SMALL, LARGE)
    return Result(machine.facts() | {"generator": generator()}, loads, PROMISES, tuple(runs))


async def _run(repeat: int, load: Load, server: servers.Server) -> Run:
    before, begun = machine.ticks(), time.perf_counter()
    accepted_s = await put(load, server.port)
    stolen = machine.ticks().stolen_since(before)
    await server.rest()
    done_s = time.perf_counter() - begun
    memory = machine.memory_mib(server.pid) if server.pid else None
    return Run(repeat, load.name, server.name, load.mails, load.size_bytes, accepted_s, done_s, stolen, memory)


if __name__ == "__main__":
    sys.exit(main())
