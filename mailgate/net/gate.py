"""Net: the keeper's side of its links: takes mail from fronts and puts it through its own door.

gate = Gate(path, door, most_body_bytes=50 << 20, clock=clock, log=log)
await gate.start()
...
await gate.drain(deadline_s=30)
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import cast

from msgspec.structs import replace

from mailgate.errors import TryAgain
from mailgate.log import Event, Log
from mailgate.model import Arrival, Reply
from mailgate.net.bind import Bind, open_server, remove_socket_file
from mailgate.net.door import Door
from mailgate.net.frames import FrameError, Frames, Header, arrival_of, frame, reply_lists
from mailgate.net.wake import Nearby

_MOST_ASKED = 4096  # of whom we do not know yet whether we trust them
_MODE = 0o600  # whoever may write here brings mail past every bound of a listener


def gate_path(database: Path) -> Path:
    """Where the keeper of this database file waits for its fronts."""
    return database.with_name(database.name + ".fronts")


class Gate:
    """Where fronts bring mail to."""

    def __init__(
        self,
        path: Path,
        door: Door,
        *,
        most_body_bytes: int,
        clock: Callable[[], datetime],
        log: Log,
        welcomed: Callable[[], list[int]] = list,
    ) -> None:
        """`welcomed` tells the networks that a front learns of as it comes; of others it hears by `welcome`."""
        self.refused: Counter[int] = Counter()  # replies from 400 on that fronts gave, by code
        self.path = path
        self._door = door
        self._most_body_bytes = most_body_bytes
        self._clock = clock
        self._welcomed = welcomed
        self._log = log
        self._server: asyncio.Server | None = None
        self._fronts: set[_Front] = set()
        self._put_off: dict[tuple[int, str], None] = {}
        self._acceptances: set[asyncio.Task[Sequence[Reply]]] = set()

    @property
    def connected(self) -> int:
        """How many sessions the fronts have open, as they said the last time."""
        return sum(front.sessions for front in self._fronts)

    async def start(self) -> None:
        """Wait for fronts, in place of any keeper that died. Raises OSError where the folder is not ours to use."""
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.path.unlink(missing_ok=True)
            with Nearby(self.path) as near:
                listening.bind(near)
            # Nobody can connect before it listens, so nobody slips in under a wider mode.
            self.path.chmod(_MODE)
        except OSError:
            listening.close()
            raise
        self._server = await open_server(Bind(f"unix:{self.path}"), lambda: _Front(self), listening)

    async def drain(self, deadline_s: float) -> None:
        """Take nothing more, and answer what was taken; what was not answered is brought again."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        remove_socket_file(str(self.path))
        for front in self._fronts:
            front.pause()
        if self._acceptances:
            await asyncio.wait(self._acceptances, timeout=deadline_s)
        for front in tuple(self._fronts):
            front.close()

    def welcome(self, network: int) -> None:
        """Let all fronts know that somebody we trust writes from there."""
        for front in self._fronts:
            front.tell({"welcome": [network]})

    def take_put_off(self) -> list[tuple[int, str]]:
        """Whom fronts have put off since this was asked the last time: their network, and the envelope's sender."""
        taken, self._put_off = list(self._put_off), {}
        return taken

    def vouch(self, callers: list[tuple[int, str]]) -> None:
        """Let all fronts know that we trust these."""
        for front in self._fronts:
            front.tell({"vouched": callers})

    def take(self, front: _Front, header: Header, raw: bytes) -> None:
        """Do what a front asked for. Raises FrameError."""
        if "refused" in header:
            self.refused += Counter({int(code): count for code, count in header["refused"].items()})
            front.sessions = header["sessions"]
            # A front of an earlier version asks about nobody.
            for network, sender in header.get("put_off", ()):
                if len(self._put_off) < _MOST_ASKED:
                    self._put_off[network, sender] = None
        elif "mail" in header:
            number, arrival = header["mail"], arrival_of(header, raw)
            # A front looks at the clock of the machine, and we may have reasons not to follow that.
            arrival = replace(arrival, at=min(arrival.at, self._clock()))
            task = asyncio.ensure_future(self._accept(arrival))
            self._acceptances.add(task)
            task.add_done_callback(self._acceptances.discard)
            task.add_done_callback(lambda done: front.answer(number, done))

    async def _accept(self, arrival: Arrival) -> Sequence[Reply]:
        try:
            return await self._door.accept(arrival)
        except TryAgain:
            raise
        # Whatever breaks behind the door is our trouble: the front says that its client may come again.
        except Exception as error:
            self._log.exception(Event.ACCEPTANCE_FAILED)
            raise TryAgain("the keeper failed; its own log says how") from error


class _Front(asyncio.Protocol):
    """One front that is connected."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.sessions = 0
        self._frames = Frames(gate._most_body_bytes)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Said to the type checker alone: the transports of uvloop are none of asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)
        self._gate._fronts.add(self)
        if known := self._gate._welcomed():
            self.tell({"welcome": known})

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._gate._fronts.discard(self)

    def data_received(self, data: bytes) -> None:
        try:
            for header, body in self._frames.feed(data):
                self._gate.take(self, header, body)
        except FrameError as error:
            self._gate._log.error(Event.LINK_BROKEN, error=str(error))
            if self._transport:
                self._transport.abort()

    def tell(self, header: Header) -> None:
        """Write what it did not ask for."""
        if self._transport:
            self._transport.write(frame(header)[0])

    def pause(self) -> None:
        """Read nothing more."""
        if self._transport and not self._transport.is_closing():
            self._transport.pause_reading()

    def close(self) -> None:
        """Hang up once everything is written."""
        if self._transport:
            self._transport.close()

    def answer(self, number: int, done: asyncio.Task[Sequence[Reply]]) -> None:
        """Write what became of a mail; nothing where the front has gone, which will bring it again."""
        if self._transport is None or done.cancelled():
            return
        error = done.exception()
        if isinstance(error, TryAgain):
            header: Header = {"mail": number, "trouble": (error.code, error.public, str(error))}
        else:
            header = {"mail": number, "replies": reply_lists(done.result())}
        self._transport.write(frame(header)[0])
