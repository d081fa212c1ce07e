"""`mailgate serve` as a process of its own: configured, started, watched by its log, killed and started again.

    async with Daemon(folder, relay=sink.address) as daemon:
        ...                               # ready: every listener accepts
        await daemon.kill()               # as by kill -9
        await daemon.start()              # the same files, the same ports

What the daemon did is asked of its own commands (`daemon.ledger()`), or of its database (`daemon.rows`).
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mailgate import keys, wiring
from mailgate.cli import run
from tests.fakes.stores import file_of, run_sql
from tests.fakes.waiting import wait_until
from tests.scenarios.ports import free_port

PROGRAM = Path(sys.executable).with_name("mailgate")
READY_S = 30.0
EXIT_S = 30.0
ALONE_S = 0.1
LOOK_S = 0.05  # between two looks into the database, which cost it some of its time

SELECTOR = "mg1"  # that of a configuration that names none

_one_at_a_time = threading.Lock()  # what a command prints is caught for the whole process

NOTHING: Mapping[str, str] = {}
MAILBOXES = {"support@g.test": "guarded", "sales@g.test": "off"}


class Daemon:
    """One configured daemon; several of them may live beside one another."""

    def __init__(
        self,
        folder: Path,
        *,
        relay: str,
        name: str = "mx.g.test",
        mailboxes: Mapping[str, str] = MAILBOXES,
        store: Path | None = None,
        url: str = "",
        reserve_bytes: int | None = None,
        extra: str = "",
        whole: str = "",
        options: Sequence[str] = (),
        environment: Mapping[str, str] = NOTHING,
    ) -> None:
        """`mailboxes` are addresses and their modes; `extra` is appended to the configuration, as TOML.

        `store` is the file of its database, or `url` the address of one of either kind.
        `whole` is the configuration itself; then nothing else is put into it. `options` are those of `serve`, and
        `environment` is added to ours.
        """
        self.folder = folder
        self.smtp_port = free_port()
        self.lmtp_port = free_port()
        self.lmtp_socket = folder / "lmtp"
        self.url = url or f"sqlite:///{store or folder / 'mailgate.db'}"
        self.database = file_of(self.url)  # where it is one
        self.config = folder / "config.toml"
        self.starts = 0
        self._log: list[dict[str, Any]] = []
        self._read_bytes = 0  # of the log of this start
        self._relay = relay
        self._name = name
        self._mailboxes = mailboxes
        self._reserve_bytes = reserve_bytes
        self._extra = extra
        self._whole = whole
        self._options = options
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self.config.write_text(self._whole or "\n".join(self._lines()))
        if not (self.folder / "mailgate.keys").exists():
            keys.make(self.folder / "mailgate.keys", wiring.clock(), selector=SELECTOR)
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()

    # ── The process ───────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process
        return self._process.pid

    async def start(self) -> None:
        """Start it and wait until every listener accepts."""
        seen = await self.spawn()
        await self.logged("ready", since=seen, deadline_s=READY_S)

    async def spawn(self) -> int:
        """Start it and wait for nothing; where its log begins."""
        seen = len(self.log)
        self.starts += 1
        self._read_bytes = 0
        # Files and not pipes: a killed process leaves half a line, and a full pipe would hold the daemon up.
        with self._file("log").open("wb") as log, self._file("errors").open("wb") as errors:
            self._process = await asyncio.create_subprocess_exec(
                PROGRAM,
                "--config",
                self.config,
                "serve",
                *self._options,
                stdout=log,
                stderr=errors,
                env={**os.environ, **self._environment},
            )
        return seen

    async def kill(self) -> None:
        """Kill it as by kill -9, and wait until it is gone; nothing where it is gone already."""
        with contextlib.suppress(ProcessLookupError):
            self.signal(signal.SIGKILL)
        await self.gone()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process
        self._process.send_signal(number)

    async def gone(self) -> int:
        """Wait until it has ended; its exit code."""
        assert self._process
        async with asyncio.timeout(EXIT_S):
            return await self._process.wait()

    # ── What it says ──────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def log(self) -> list[dict[str, Any]]:
        """Every line that it logged since the first start."""
        file = self._file("log")
        if file.exists():
            with file.open("rb") as log:
                log.seek(self._read_bytes)
                whole, _, _ = log.read().rpartition(b"\n")
            if whole:
                self._read_bytes += len(whole) + 1
                self._log += map(json.loads, whole.split(b"\n"))
        return self._log

    async def logged(self, event: str, *, since: int = 0, deadline_s: float = 15.0) -> dict[str, Any]:
        """The first line of the log from `since` on that reports `event`; waits for it."""
        assert self._process
        process = self._process

        def found() -> bool:
            ended = process.returncode is not None
            there = bool(self.events(event, since))
            assert there or not ended, f"it ended with {process.returncode}: {self.last_words()}"
            return there

        await wait_until(found, deadline_s=deadline_s)
        return self.events(event, since)[0]

    def events(self, event: str, since: int = 0) -> list[dict[str, Any]]:
        """All lines of the log from `since` on that report `event`."""
        return [line for line in self.log[since:] if line.get("event") == event]

    def last_words(self) -> str:
        """The end of what it wrote, for a failed assertion."""
        return self._file("errors").read_text()[-4000:] + "\n".join(json.dumps(line) for line in self.log[-10:])

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}-{self.starts}"

    # ── What it keeps ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def command(self, *words: str) -> list[dict[str, Any]]:
        """Run a command beside it; the objects that it printed."""
        line = ["--config", str(self.config), "--json", *words]
        code, printed, errors = await asyncio.to_thread(mailgate, *line)
        assert code == os.EX_OK, f"mailgate {' '.join(words)}: {code}: {errors}"
        return [json.loads(line) for line in printed.splitlines() if line.startswith("{")]

    async def ledger(self) -> dict[str, Any]:
        """`mailgate ledger`."""
        return (await self.command("ledger"))[0]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What stands in the database, read past all of mailgate's own code."""
        if not self.url.startswith("sqlite:"):
            return run_sql(self.url, query)
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)) as connection:
            return connection.execute(query).fetchall()

    async def settled(self, *, deadline_s: float = 60.0) -> None:
        """Wait until every accepted mail is judged and every mail that leaves has left.

        What was in hand at a kill comes one by one, so each mail that waits is given `ALONE_S` more.
        """
        # Each has an index, in the same words: whoever looks must not read a whole table beside the one who works.
        waiting = ("journal WHERE state = 'pending'", "outbox WHERE state = 'ready'")
        leaving = "outbox WHERE state IN ('leased', 'handed')"
        questions = [f"SELECT EXISTS (SELECT 1 FROM {some})" for some in (*waiting, leaving)]
        ((left,),) = self.rows(f"SELECT count(*) FROM {waiting[0]}")
        async with asyncio.timeout(deadline_s + left * ALONE_S):
            # Another process works there, which can set no event here.
            while any(self.rows(question)[0][0] for question in questions):  # noqa: ASYNC110
                await asyncio.sleep(LOOK_S)

    # ── How it is configured ──────────────────────────────────────────────────────────────────────────────────────────

    def _lines(self) -> Iterable[str]:
        yield f'[gateway]\nname = "{self._name}"\nkey_file = "mailgate.keys"'
        for address, mode in self._mailboxes.items():
            yield f'[[mailbox]]\naddress = "{address}"\nmode = "{mode}"'
        yield f'[[listener]]\nbind = "127.0.0.1:{self.smtp_port}"'
        yield f'[[listener]]\nbind = "127.0.0.1:{self.lmtp_port}"\nprotocol = "lmtp"'
        yield f'[[listener]]\nbind = "unix:{self.lmtp_socket}"\nprotocol = "lmtp"'
        yield f'[store]\nurl = "{self.url}"'
        if self._reserve_bytes is not None:
            yield f"reserve_bytes = {self._reserve_bytes}"
        yield f'[outbound]\nrelay = "{self._relay}"\ntls = "none"'
        yield self._extra


def mailgate(*line: str) -> tuple[int, str, str]:
    """Run a command line in this process, which has all in memory: its exit code, and what it wrote to each stream."""
    printed, errors = io.StringIO(), io.StringIO()
    with _one_at_a_time, contextlib.redirect_stdout(printed), contextlib.redirect_stderr(errors):
        code = run(list(line))
    return code, printed.getvalue(), errors.getvalue()
