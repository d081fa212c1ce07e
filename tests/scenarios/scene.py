"""A folder that is a scenario: a daemon's configuration, what is said to it, and what must be there in the end.

    t103-smuggling-is-refused/
        config.toml       the tables that differ from DEFAULTS
        zone.toml         what DNS knows: `"x.test TXT" = ["v=spf1 -all"]`; nothing where there is no such file
        *.dialogue        what is said, in the order of their names; see tests/wire/script.py, and below
        expect.toml       what is expected; see tests/scenarios/aftermath.py

A dialogue has two marks more:

    N: 2                  another connection, to the second listener of the configuration; the first one without number
    !: kill               as by kill -9, and `start` starts it again, with the same files
    !: freeze             the daemon stands still, until `thaw`
    !: lock               another process holds the database, until `unlock`
    !: fill               the disk has no room left, until `free`; only for a database in disk/, a small disk of its own
    !: accepted 1         wait until so many mails are; from then on (?P=id) is the queue id of the newest
    !: settle             wait until all mail is judged, and what leaves has left
    !: tls                a TLS handshake, asked for and granted before
    !: vanish             the client is gone, without a word
    !: mailgate held list         a command beside the daemon
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import ssl
import subprocess
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import trustme
from dns.rcode import Rcode

from tests.fakes.dns import NameServer
from tests.fakes.sink import Sink
from tests.fakes.waiting import wait_until
from tests.scenarios.daemon import Daemon
from tests.wire.script import Player, Step, steps_of
from tests.wire.wire import Client

SMALL_DISK = "16m"
QUEUED = "SELECT queue_id FROM journal ORDER BY id"

# A table that a scenario has itself replaces the one here. RELAY, DNS and STORE are our own.
DEFAULTS = {
    "gateway": '[gateway]\nname = "mx.g.test"\nkey_file = "mailgate.keys"',
    "mailbox": '[[mailbox]]\naddress = "support@g.test"',
    "listener": '[[listener]]\nbind = "127.0.0.1:0"\n[[listener]]\nbind = "127.0.0.1:0"\nprotocol = "lmtp"',
    "store": '[store]\nurl = "STORE"',
    "outbound": '[outbound]\nrelay = "RELAY"\ntls = "none"',
    "dns": '[dns]\nresolvers = ["DNS"]',
    "authentication": '[authentication]\nassume = "pass"',
}


async def play(script: Path, daemon: Daemon, authority: trustme.CA) -> None:
    """Play all dialogues of a scenario. Raises AssertionError at the first line that goes otherwise."""
    for dialogue in _dialogues(script):
        async with contextlib.AsyncExitStack() as stage:
            actor = _Actor(daemon, authority, stage)
            for step in steps_of(dialogue):
                await actor.play(step)


@contextlib.asynccontextmanager
async def running(script: Path, folder: Path, sink: Sink, authority: trustme.CA, url: str) -> AsyncIterator[Daemon]:
    """The daemon of a scenario, its files in `folder`, its database at `url` unless the scenario itself says where."""
    dns = NameServer(_zone(script / "zone.toml"))
    config = _config(script / "config.toml", relay=sink.address, dns=await dns.start(), url=url)
    _write_certificate(folder, authority)
    try:
        with _disk(folder / "disk", wanted="sqlite:///disk/" in config):
            async with Daemon(folder, relay="", url=_database(config, folder), whole=config) as daemon:
                yield daemon
    finally:
        dns.transport.close()


def _dialogues(script: Path) -> list[Path]:
    return sorted(script.glob("*.dialogue"))


class _Actor(Player):
    """A client of the daemon who also follows stage directions."""

    def __init__(self, daemon: Daemon, authority: trustme.CA, stage: contextlib.AsyncExitStack) -> None:
        super().__init__(self._connected)
        self._daemon = daemon
        self._authority = authority
        self._stage = stage
        self._ballast = daemon.database.with_name("ballast")
        self._lock = stage.enter_context(contextlib.ExitStack())
        self._directions: dict[str, Callable[..., Awaitable[object] | None]] = {
            "kill": daemon.kill,
            "start": daemon.start,
            "freeze": partial(daemon.signal, signal.SIGSTOP),
            "thaw": partial(daemon.signal, signal.SIGCONT),
            "lock": self._lock_database,
            "unlock": self._lock.close,
            "fill": self._fill,
            "free": self._ballast.unlink,
            "accepted": self._accepted,
            "settle": daemon.settled,
            "tls": self._secure,
            "vanish": self._vanish,
            "mailgate": daemon.command,
        }

    async def direct(self, step: Step) -> None:
        word, _, rest = step.text.partition(" ")
        if step.mark != "!:" or word not in self._directions:
            await super().direct(step)
        work = self._directions[word](*rest.split())
        if work is not None:
            await work

    async def _connected(self, number: str) -> Client:
        listeners = self._daemon.events("ready")[-1]["listeners"]
        host, _, port = listeners[int(number or 1) - 1].rpartition(":")
        client = Client(*await asyncio.open_connection(host, int(port)))
        self._stage.push_async_callback(client.leave)
        return client

    def _lock_database(self) -> None:
        other = sqlite3.connect(self._daemon.database, isolation_level=None)
        self._lock.enter_context(contextlib.closing(other)).execute("BEGIN IMMEDIATE")

    def _fill(self) -> None:
        with self._ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass

    async def _accepted(self, number: str) -> None:
        await wait_until(lambda: len(self._daemon.rows(QUEUED)) >= int(number))
        (self.heard["id"],) = self._daemon.rows(QUEUED)[-1]

    async def _secure(self) -> None:
        context = ssl.create_default_context()
        self._authority.configure_trust(context)
        await (await self.client()).writer.start_tls(context, server_hostname="mx.g.test")

    async def _vanish(self) -> None:
        (await self.client()).reset()


# ── What is there before it begins ────────────────────────────────────────────────────────────────────────────────────


def needs_a_file(script: Path) -> bool:
    """Is the scenario about a database that is a file?"""
    config = script / "config.toml"
    named = config.exists() and "store" in tomllib.loads(config.read_text())
    return named or any("!: lock" in dialogue.read_text() for dialogue in _dialogues(script))


def _config(file: Path, *, relay: str, dns: str, url: str) -> str:
    own = file.read_text() if file.exists() else ""
    given = tomllib.loads(own)
    whole = "\n".join([own, *(table for name, table in DEFAULTS.items() if name not in given)])
    for word, address in {"RELAY": relay, "DNS": dns, "STORE": url}.items():
        whole = whole.replace(f'"{word}"', f'"{address}"')
    return whole


def _database(config: str, folder: Path) -> str:
    """The address of the database, whole wherever it is read."""
    url = str(tomllib.loads(config)["store"]["url"])
    prefix = "sqlite:///"
    return f"{prefix}{folder / url.removeprefix(prefix)}" if url.startswith(prefix) else url


def _zone(file: Path) -> dict[tuple[str, str], list[str] | Rcode]:
    written = tomllib.loads(file.read_text()) if file.exists() else {}
    zone: dict[tuple[str, str], list[str] | Rcode] = {}
    for key, texts in written.items():
        name, kind = key.split(" ")
        zone[name, kind] = [f'"{text}"' for text in texts]
    return zone


def _write_certificate(folder: Path, authority: trustme.CA) -> None:
    """For a listener that asks for cert.pem and key.pem."""
    issued = authority.issue_cert("mx.g.test")
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    issued.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))


@contextlib.contextmanager
def _disk(place: Path, *, wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "none", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs root to mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
