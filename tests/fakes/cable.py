"""The cable between a process and a server of ours: it can be cut, go silent, become slow, and be whole again.

async with Cable(server.port) as cable:     # whoever should go through it connects to cable.port
    cable.cut()                             # every connection is reset, and new ones too
    cable.silence()                         # nothing passes any more, and nobody is told
    cable.slow(latency_s=0.2, bytes_a_s=50_000)
    cable.mend()                            # what was held back arrives, as TCP would send it again
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import Self

PIECE_BYTES = 16_384
AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: to close is to reset


class Cable:
    """Passes bytes from a port of its own to `port` of this machine, and back, as well as its state allows."""

    def __init__(self, port: int) -> None:
        self._far = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._passing = asyncio.Event()
        self._is_cut = False
        self._latency_s = 0.0
        self._bytes_a_s = 0.0
        self.mend()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def mend(self) -> None:
        """Pass everything, at once."""
        self._is_cut, self._latency_s, self._bytes_a_s = False, 0.0, 0.0
        self._passing.set()

    def cut(self) -> None:
        """Reset all connections, and each new one, until it is mended."""
        self.mend()
        self._is_cut = True
        for writer in list(self._writers):
            _reset(writer)

    def silence(self) -> None:
        """Pass nothing, and keep what comes, until it is mended."""
        self.mend()
        self._passing.clear()

    def slow(self, *, latency_s: float, bytes_a_s: float) -> None:
        """Let each piece wait, and its bytes trickle, until it is mended."""
        self.mend()
        self._latency_s, self._bytes_a_s = latency_s, bytes_a_s

    async def _connected(self, near_reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        ends = [near]
        # Cancelled only at the end; a server's task that says so is an error to asyncio.
        with contextlib.suppress(OSError, asyncio.CancelledError):
            # Also the handshake is lost in a cable that is silent.
            await self._passing.wait()
            if not self._is_cut:
                far_reader, far = await asyncio.open_connection("127.0.0.1", self._far)
                ends.append(far)
                self._writers |= set(ends)
                await asyncio.gather(self._pump(near_reader, far), self._pump(far_reader, near))
        self._tasks.discard(task)
        for writer in ends:
            self._writers.discard(writer)
            _reset(writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what comes until it ends, then end the far side too."""
        while piece := await reader.read(PIECE_BYTES):
            await self._delay(len(piece))
            writer.write(piece)
            await writer.drain()
        await self._delay(0)
        if writer.can_write_eof():
            writer.write_eof()

    async def _delay(self, size_bytes: int) -> None:
        await self._passing.wait()
        if self._latency_s:
            await asyncio.sleep(self._latency_s + size_bytes / self._bytes_a_s)
            await self._passing.wait()


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    writer.transport.abort()
