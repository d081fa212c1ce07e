"""How fast mail is accepted, and judged: small mails on open and on new connections, and large ones."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from benchmarks.bench import Bench, Contestant, Found
from benchmarks.load import Load, put
from benchmarks.peers.gateway import gateway
from benchmarks.peers.server import Server
from benchmarks.peers.servers import aiosmtpd, postfix, smtp_sink
from benchmarks.promise import AtLeast

_OPEN, _OPEN_QUICK = Load(20_000, 2048, 50), Load(200, 2048, 50)
_NEW, _NEW_QUICK = Load(6000, 2048, 50, new_connections=True), Load(500, 2048, 50, new_connections=True)
_LARGE, _LARGE_QUICK = Load(60, 5_000_000, 4), Load(8, 5_000_000, 4)


async def measure(load: Load, server: Server) -> Found:
    """Put the load; how many mails a second were accepted, and brought to their end behind that."""
    begun = time.perf_counter()
    accepted_s = await put(load, server.port)
    await server.rest()
    done_s = time.perf_counter() - begun
    figures = {"accepted_per_s": load.mails / accepted_s, "judged_per_s": load.mails / done_s}
    if load.size_bytes >= 1_000_000:
        figures["megabytes_per_s"] = load.mails * load.size_bytes / 1e6 / accepted_s
    return Found(figures, load.mails)


@asynccontextmanager
async def _side_by_side(load: Load, small: Load, quick: bool) -> AsyncIterator[Sequence[Contestant]]:
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(gateway())
        peers = [await stack.enter_async_context(peer()) for peer in (postfix, aiosmtpd, smtp_sink)]
        chosen = small if quick else load
        yield [
            Contestant(server.name, partial(measure, chosen, server), server.pid) for server in (ours.server, *peers)
        ]


OPEN = Bench(
    "open",
    _OPEN.words,
    partial(_side_by_side, _OPEN, _OPEN_QUICK),
    (
        AtLeast(2.5, "accepted_per_s", "mailgate", "postfix"),
        AtLeast(2.0, "judged_per_s", "mailgate", "postfix", their_figure="accepted_per_s"),
    ),
)
NEW = Bench(
    "new",
    _NEW.words,
    partial(_side_by_side, _NEW, _NEW_QUICK),
    (AtLeast(1.5, "accepted_per_s", "mailgate", "postfix"),),
)
LARGE = Bench(
    "large",
    _LARGE.words,
    partial(_side_by_side, _LARGE, _LARGE_QUICK),
    (
        AtLeast(1.0, "accepted_per_s", "mailgate", "postfix"),
        AtLeast(4.0, "accepted_per_s", "mailgate", "aiosmtpd"),
    ),
)
