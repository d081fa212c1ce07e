"""What it costs to read and judge a mail, without any road around it; and that a large one keeps nobody waiting."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks import machine, typical
from benchmarks.bench import Bench, Contestant, Found
from benchmarks.benches.latency import figures
from benchmarks.caller import Call, RefusedError
from benchmarks.load import RECIPIENT
from benchmarks.mails import Letter, Seal, author, domain, letter
from benchmarks.peers.gateway import Gateway, gateway
from benchmarks.promise import AtMost
from mailgate.cases import judge_alone
from mailgate.context import Mint
from mailgate.judge.canonical import domain_of
from mailgate.mail.parse import parse
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
_REST_S = 0.01  # between two mails beside the large one
_ALONE_S, _ALONE_QUICK_S = 5.0, 0.5
_JUDGED_S = 120.0
_LOOK_S = 0.1
_LARGE_NAME = "<large{}@x.test>"
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
        Contestant("a fixed stretch of work", _pace),
    ]


async def _each(mails: Sequence[Letter], work: Callable[[Letter], Awaitable[None]]) -> Found:
    took = []
    for mail in mails:
        begun = time.perf_counter()
        await work(mail)
        took.append((time.perf_counter() - begun) * 1000)
    return Found(figures(took), len(took))


async def _pace() -> Found:
    return Found({"median_ms": machine.pace_ms()})


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
    larges = _larges(seal, _LARGE_QUICK_BYTES if quick else _LARGE_BYTES)
    numbers = itertools.count()
    # Who is proven is answered, and somebody has to take the answer.
    async with Sink() as sink, gateway(relay=sink.address, names=seal.names(domain(0))) as ours:
        yield [
            Contestant(
                "mailgate, nothing large", partial(_alone, ours, numbers, _ALONE_QUICK_S if quick else _ALONE_S)
            ),
            Contestant("mailgate, while it is received", partial(_while_received, ours, larges, numbers)),
            Contestant("mailgate, while it is read", partial(_while_read, ours, larges, numbers)),
        ]


async def _alone(ours: Gateway, numbers: itertools.count[int], seconds: float) -> Found:
    """The same mails beside nothing: what the machine makes them wait."""
    took = await _meanwhile(ours, numbers, asyncio.create_task(asyncio.sleep(seconds)))
    await ours.server.rest()
    return Found(figures(took), len(took))


async def _while_received(ours: Gateway, larges: Iterator[Letter], numbers: itertools.count[int]) -> Found:
    """Beside a large mail on its way to the disk, which all wait for: one transaction at a time is written."""
    big = await asyncio.to_thread(next, larges)
    took = await _meanwhile(ours, numbers, asyncio.create_task(asyncio.to_thread(_hand_in, ours.server.port, big)))
    await _judged(ours, big)
    await ours.server.rest()
    return Found(figures(took), len(took) + 1)


async def _while_read(ours: Gateway, larges: Iterator[Letter], numbers: itertools.count[int]) -> Found:
    """Beside a large mail from its 250 until it is judged."""
    big = await asyncio.to_thread(next, larges)
    await asyncio.to_thread(_hand_in, ours.server.port, big)
    took = await _meanwhile(ours, numbers, asyncio.create_task(_judged(ours, big)))
    await ours.server.rest()
    return Found(figures(took), len(took) + 1)


def _larges(seal: Seal, size_bytes: int) -> Iterator[Letter]:
    """Signed mails of the one person who signs, each under a name of its own."""
    made = typical.large(0, size_bytes)
    for number in itertools.count():
        named = made.replace(f"<0@{domain(0)}>".encode(), _LARGE_NAME.format(number).encode(), 1)
        yield seal.signed(Letter(author(0), named))


async def _meanwhile(ours: Gateway, numbers: itertools.count[int], work: asyncio.Task[None]) -> list[float]:
    """The milliseconds that mails took, one after another, until this work was done."""
    took = []
    async with Call(ours.server.port) as call:
        for number in itertools.islice(numbers, _BESIDE_MOST):
            begun = time.perf_counter()
            await call.send(letter(number))
            took.append((time.perf_counter() - begun) * 1000)
            if work.done():
                break
            await asyncio.sleep(_REST_S)
    await work
    return took


async def _judged(ours: Gateway, big: Letter) -> None:
    name = parse(big.raw).message_id
    question = f"SELECT level FROM message WHERE identity = '{name}'"
    async with asyncio.timeout(_JUDGED_S):
        # In a thread, so that looking does not hold up those whose time is taken.
        while not (found := await asyncio.to_thread(ours.daemon.rows, question)):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)
    if found != [(Level.A2.value,)]:
        raise ValueError(f"the signature of the large mail was not right: {found}")


def _hand_in(port: int, mail: Letter) -> None:
    """Deliver a mail by hand: what a library does with many megabytes would hold up those whose time is taken."""
    said = (f"EHLO source.test\r\nMAIL FROM:<{mail.mail_from}>\r\nRCPT TO:<{RECIPIENT}>\r\nDATA\r\n").encode()
    with socket.create_connection(("127.0.0.1", port), timeout=_JUDGED_S) as client:
        for some in (b"", *said.splitlines(keepends=True)):
            client.sendall(some)
            reply = client.recv(4096)
        client.sendall(mail.raw)
        client.sendall(b".\r\n")
        reply = client.recv(4096)
    if not reply.startswith(b"250 "):
        raise RefusedError(reply.decode(errors="replace"))


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
    (AtMost(ANSWERED_MS, "p99_ms", "mailgate, while it is read"),),
)
