"""What it costs to read and judge a mail, without any road around it; and that a large one keeps nobody waiting."""

from __future__ import annotations

import asyncio
import itertools
import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks import machine, typical
from benchmarks.bench import Bench, Contestant, Found
from benchmarks.benches.latency import figures
from benchmarks.caller import Call
from benchmarks.load import RECIPIENT
from benchmarks.mails import Letter, Seal, author, domain, letter
from benchmarks.peers.gateway import Gateway, gateway
from benchmarks.promise import AtMost
from mailgate.cases import judge_alone
from mailgate.context import Mint
from mailgate.judge.canonical import domain_of
from mailgate.model import Accepted, Authentication, Level, Mailbox, Peer
from mailgate.model import Gateway as Judging
from mailgate.net.authenticate import Authenticator
from mailgate.rulebook import Rulebook, load, shipped_folder
from mailgate.testing import KEYS
from tests.fakes.dns import Zone
from tests.fakes.sink import Sink
from tests.scenarios.daemon import PROGRAM

_MAILS, _MAILS_QUICK = 2000, 100
_TYPICAL, _TYPICAL_QUICK = 2000, 80
_LARGE_BYTES, _LARGE_QUICK_BYTES = 25_000_000, 2_000_000
_PACES, _PACES_QUICK = 20, 3
_REST_S = 0.01  # between two mails beside the large one
_JUDGED_S = 120.0
_LOOK_S = 0.1
_BESIDE_MOST = 10_000  # mails; far more than there is time for
NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
ANSWERED_MS = 50.0
A_MINUTE_MS = 60_000.0
EXPLAINED_A_MINUTE = 5000


# ── One mail of 2 KB ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Desk:
    """A gateway that only judges, as `mailgate explain` has it."""

    gateway: Judging
    book: Rulebook
    authenticator: Authenticator
    mint: Mint

    async def judge(self, mail: Letter, *, verify: bool) -> None:
        accepted = Accepted(1, "bench", NOW, mail.mail_from, RECIPIENT, Peer(known=False), mail.raw)
        proof = Authentication(Level.A2, domain="customer.test", why="assumed")
        if verify:
            by = domain_of(mail.mail_from)
            proof = await self.authenticator.authenticate(mail.raw, mail.mail_from, accepted.peer, by)
            if proof.level is not Level.A2:
                raise ValueError(f"the signature of a mail was not right: {proof.why}")
        judge_alone(accepted, proof, gateway=self.gateway, book=self.book, mint=self.mint, now=NOW)


@asynccontextmanager
async def _read(quick: bool) -> AsyncIterator[Sequence[Contestant]]:
    mails = _MAILS_QUICK if quick else _MAILS
    seal = Seal()
    records = {key: record for number in range(mails) for key, record in seal.names(domain(number)).items()}
    names = Zone({key: tuple(text.strip('"').encode() for text in texts) for key, texts in records.items()})
    counter = itertools.count(1)
    desk = _Desk(
        gateway=Judging("mx.bench.test", (Mailbox(RECIPIENT, "bench"),), KEYS),
        book=load(shipped_folder()),
        authenticator=Authenticator(names),
        mint=Mint(lambda: next(counter)),
    )
    plain = [letter(number) for number in range(mails)]
    sealed = [seal.signed(mail) for mail in plain]
    yield [
        Contestant("mailgate, parse and judge", partial(_each, plain, partial(desk.judge, verify=False))),
        Contestant("mailgate, and verify a signature", partial(_each, sealed, partial(desk.judge, verify=True))),
        Contestant("a fixed stretch of work", partial(_pace, _PACES_QUICK if quick else _PACES)),
    ]


async def _each(mails: Sequence[Letter], work: Callable[[Letter], Awaitable[None]]) -> Found:
    took = []
    for mail in mails:
        begun = time.perf_counter()
        await work(mail)
        took.append((time.perf_counter() - begun) * 1000)
    return Found(figures(took), len(took))


async def _pace(times: int) -> Found:
    return Found(figures([machine.pace_ms(1) for _ in range(times)]))


# ── The command over many files ───────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def _explain(quick: bool) -> AsyncIterator[Sequence[Contestant]]:
    mails = _TYPICAL_QUICK if quick else _TYPICAL
    with tempfile.TemporaryDirectory(prefix="mailgate-bench-") as folder:
        paths = [Path(folder) / f"{number}.eml" for number in range(mails)]
        for number, path in enumerate(paths):
            path.write_bytes(typical.typical(number))
        yield [Contestant("mailgate explain", partial(_explained, paths))]


async def _explained(paths: Sequence[Path]) -> Found:
    """The time to start is in it."""
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        PROGRAM, "explain", "--from-stdin", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate("\n".join(map(os.fspath, paths)).encode())
    took_ms = (time.perf_counter() - begun) * 1000
    if said.count(b"\n") != len(paths) or process.returncode:
        raise ValueError(f"explain ended with {process.returncode} after {said.count(bytes([10]))} mails")
    return Found({"explained_per_min": A_MINUTE_MS * len(paths) / took_ms, "mail_ms": took_ms / len(paths)}, len(paths))


# ── A large mail, and the others ──────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def _aside(quick: bool) -> AsyncIterator[Sequence[Contestant]]:
    seal = Seal()
    size_bytes = _LARGE_QUICK_BYTES if quick else _LARGE_BYTES
    numbers = itertools.count()
    # Who is proven is answered, and somebody has to take the answer.
    async with Sink() as sink, gateway(relay=sink.address, names=seal.names(domain(0))) as ours:
        yield [Contestant("mailgate, others meanwhile", partial(_beside, ours, seal, numbers, size_bytes))]


async def _beside(ours: Gateway, seal: Seal, numbers: itertools.count[int], size_bytes: int) -> Found:
    """From MAIL to 250, for mails that come from before the large one is sent until it is judged."""
    name = f"<large{next(numbers)}@{domain(0)}>"
    made = typical.large(0, size_bytes).replace(b"<0@" + domain(0).encode() + b">", name.encode(), 1)
    big = await asyncio.to_thread(seal.signed, Letter(author(0), made))
    judging = asyncio.create_task(_judged(ours, big, name))
    took = []
    async with Call(ours.server.port) as call:
        for number in itertools.islice(numbers, _BESIDE_MOST):
            begun = time.perf_counter()
            await call.send(letter(number))
            took.append((time.perf_counter() - begun) * 1000)
            if judging.done():
                break
            await asyncio.sleep(_REST_S)
    await judging
    await ours.server.rest()
    return Found(figures(took), len(took) + 1)


async def _judged(ours: Gateway, big: Letter, name: str) -> None:
    async with Call(ours.server.port) as call:
        await call.send(big)
    question = f"SELECT level FROM message WHERE identity = '{name}'"
    async with asyncio.timeout(_JUDGED_S):
        # In a thread, so that looking does not hold up those whose time is taken.
        while not (found := await asyncio.to_thread(ours.daemon.rows, question)):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)
    if found != [(Level.A2.value,)]:
        raise ValueError(f"the signature of the large mail was not right: {found}")


READ = Bench(
    "read",
    f"{_MAILS} mails of 2 KB, read and judged in one process beside nothing else",
    _read,
    (
        AtMost(0.5, "median_ms", "mailgate, parse and judge"),
        AtMost(1.5, "median_ms", "mailgate, and verify a signature"),
    ),
)
EXPLAIN = Bench(
    "explain",
    f"`mailgate explain` of {_TYPICAL} files: text, HTML, answers, files of 200 KB, reports",
    _explain,
    (AtMost(A_MINUTE_MS / EXPLAINED_A_MINUTE, "mail_ms", "mailgate explain"),),
)
ASIDE = Bench(
    "aside",
    "mails of 2 KB while one of 25 MB is received, verified and read",
    _aside,
    (AtMost(ANSWERED_MS, "p99_ms", "mailgate, others meanwhile"),),
)
