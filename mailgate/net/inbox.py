"""What a client has said and nobody has read yet: fed by the session, emptied line by line.

Everything unread is in view (`buffer`), so that it can be seen whether a client has spoken before its turn.
"""

from __future__ import annotations

import asyncio
from typing import Final

HIGH_WATER_BYTES: Final = 262_144

# RFC 5321 section 4.5.3.1.4 asks for 512, RFC 6531 and the parameters of the other extensions for more.
MAX_LINE_OCTETS: Final = 2048


class Inbox:
    """The unread bytes of one connection. Stops its transport while too much of them waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.buffer = bytearray()
        self._loop = loop
        self._transport: asyncio.ReadTransport | None = None
        self._more: asyncio.Future[None] | None = None
        self._paused = False
        self.ended = False  # nothing more will come

    def attach(self, transport: asyncio.ReadTransport) -> None:
        """Say which transport feeds from now on."""
        self._transport = transport
        self._paused = False

    def feed(self, block: bytes | memoryview) -> None:
        """Take what has come."""
        self.buffer += block
        if len(self.buffer) > HIGH_WATER_BYTES:
            self.pause()
        if self._more is not None:
            self._wake()

    def end(self) -> None:
        """Nothing more will come."""
        self.ended = True
        self._wake()

    def pause(self) -> None:
        """Take nothing more until somebody asks for it."""
        if self._transport is not None and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Take more."""
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    async def more(self) -> None:
        """Wait until something new has come. Raises EOFError where nothing ever will: the client has hung up."""
        if self.ended:
            raise EOFError
        self.resume()
        self._more = self._loop.create_future()
        await self._more

    def line(self) -> bytes | None:
        """Take one line with its line feed; None while none is complete. One too long is known by its length."""
        end = self.buffer.find(b"\n") + 1
        if not end:
            del self.buffer[MAX_LINE_OCTETS + 1 :]
            return None
        line = bytes(self.buffer[:end])
        del self.buffer[:end]
        return line

    def _wake(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(None)
