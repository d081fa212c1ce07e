"""Sockets that systemd keeps: the daemon listens on them, and while it is started again nobody is refused."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mailgate.net.bind import listen
from tests.fakes.sink import Sink
from tests.fakes.waiting import wait_until
from tests.scenarios.conftest import ASSUME_PASS
from tests.scenarios.daemon import PROGRAM, Daemon
from tests.scenarios.sender import Client, deliver, letter
from tests.serve.caller import calling

# As systemd does it: numbers from 3 on, and the id of the process that they are for.
HAND_ON = 'LISTEN_FDS=$1 LISTEN_PID=$$; export LISTEN_FDS LISTEN_PID; shift; exec "$@"'


class Activated(Daemon):
    """A daemon that is started with sockets, as by systemd, which keeps them while the daemon is away."""

    def __init__(self, folder: Path, sockets: list[socket.socket], **options: object) -> None:
        super().__init__(folder, **options)  # type: ignore[arg-type]  # what a Daemon takes
        self.sockets = sockets

    async def spawn(self) -> int:
        seen = len(self.log)
        self.starts += 1
        self._read_bytes = 0
        with self._file("log").open("wb") as log, self._file("errors").open("wb") as errors:
            words = ["sh", "-c", HAND_ON, "sh", str(len(self.sockets)), PROGRAM, "--config", self.config, "serve"]
            self._process = await asyncio.create_subprocess_exec(
                *words, *self._options, stdout=log, stderr=errors, close_fds=False, preexec_fn=self._number_them
            )
        return seen

    def _number_them(self) -> None:
        """In the new process: give the sockets the numbers from 3 on."""
        copies = [os.dup(listening.fileno()) for listening in self.sockets]
        beyond = max(copies, default=3) + len(copies) + 4
        for place, copy in enumerate(copies):
            os.dup2(copy, beyond + place)
        for place in range(len(copies)):
            os.dup2(beyond + place, 3 + place)
        os.closerange(3 + len(copies), beyond + len(copies))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with Sink() as running:
        yield running


@pytest.fixture
def kept() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


async def activated(
    folder: Path, sink: Sink, kept: contextlib.ExitStack, *, options: tuple[str, ...] = ()
) -> Activated:
    """A daemon whose listeners are all given."""
    daemon = Activated(folder, [], relay=sink.address, extra=ASSUME_PASS, options=options)
    addresses = [f"unix:{daemon.lmtp_socket}", f"127.0.0.1:{daemon.lmtp_port}", f"127.0.0.1:{daemon.smtp_port}"]
    daemon.sockets = [kept.enter_context(listen(address)) for address in addresses]
    return daemon


@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=["alone", "workers"])
async def test_mail_comes_in_at_every_given_socket(
    folder: Path, sink: Sink, kept: contextlib.ExitStack, options: tuple[str, ...]
) -> None:
    async with await activated(folder, sink, kept, options=options) as daemon:
        for number, address in enumerate([daemon.smtp_port, daemon.lmtp_port, daemon.lmtp_socket]):
            async with Client(address, lmtp=number > 0) as client:
                assert (await client.send(letter(number, "sales@g.test"))).code == 250
        daemon.signal(signal.SIGTERM)
        assert await daemon.gone() == 0
        # It is not ours to remove.
        assert daemon.lmtp_socket.exists()


@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=["alone", "workers"])
async def test_a_restart_refuses_no_connection(
    folder: Path, sink: Sink, kept: contextlib.ExitStack, options: tuple[str, ...]
) -> None:
    async with await activated(folder, sink, kept, options=options) as daemon:
        async with calling(daemon.smtp_port) as caller:
            for _ in range(2):
                daemon.signal(signal.SIGTERM)
                assert await daemon.gone() == 0
                await daemon.start()
                await caller.more(10)
        assert (caller.refused, caller.put_off) == ([], [])
        await daemon.settled()
        assert daemon.rows("SELECT count(*) FROM message WHERE direction = 'in'") == [(len(caller.accepted),)]


async def test_a_connection_waits_while_nobody_is_there(folder: Path, sink: Sink, kept: contextlib.ExitStack) -> None:
    async with await activated(folder, sink, kept) as daemon:
        daemon.signal(signal.SIGTERM)
        await daemon.gone()
        waiting = asyncio.create_task(deliver(daemon.smtp_port, letter(1, "sales@g.test")))
        await daemon.start()
        assert (await waiting).code == 250


@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=["alone", "workers"])
async def test_a_socket_that_nobody_configured_is_a_fault(
    folder: Path, sink: Sink, kept: contextlib.ExitStack, options: tuple[str, ...]
) -> None:
    daemon = await activated(folder, sink, kept, options=options)
    stranger = kept.enter_context(listen("127.0.0.1:0"))
    daemon.sockets.append(stranger)
    with pytest.raises(AssertionError, match="78"):
        await daemon.__aenter__()
    await wait_until(lambda: f"127.0.0.1:{stranger.getsockname()[1]}" in daemon.last_words())
