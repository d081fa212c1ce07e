"""Net: a front's link to the keeper. Hands over finished mail, and says 250 only when the keeper has said so.

link = Link(path, log)
keeping = asyncio.create_task(link.keep())
replies = await link.hand_over(arrival)

The keeper may go away and come back. What it had not answered is then handed over again: if it had become durable
after all, the journal knows it by its envelope and content, and gives the same answer.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from mailgate.errors import TryAgain
from mailgate.log import Event, Log
from mailgate.model import Arrival, Reply
from mailgate.net.frames import FrameError, Frames, Header, arrival_header, frame, replies_of
from mailgate.net.wake import Nearby

PATIENCE_S: Final = 30.0  # long enough for the keeper to be started again; a client waits for ten minutes
MOST_UNDER_WAY: Final = 400  # mails without an answer; the keeper writes two hundred in one transaction
MOST_UNDER_WAY_BYTES: Final = 64 << 20  # each is in the memory of both
_PAUSES_S: Final = (0.05, 0.1, 0.2, 0.5)  # between tries to reach the keeper
_JOINED_BYTES: Final = 64 << 10  # below this, to copy costs less than to write twice


@dataclass(slots=True, eq=False)
class _Parcel:
    """A mail that waits for the keeper's answer."""

    number: int
    head: bytes
    raw: bytes
    answer: asyncio.Future[Sequence[Reply]]


class Link(asyncio.Protocol):
    """A front's side."""

    def __init__(self, path: Path, log: Log, *, patience_s: float = PATIENCE_S) -> None:
        """`path` is where the keeper listens; a mail that it does not answer within `patience_s` is given back."""
        # Told of the networks that somebody we trust wrote from, as the keeper found.
        self.on_welcome: Callable[[list[int]], None] = lambda networks: None
        # Told whom of those that were put off we trust: their network, and the sender of the envelope.
        self.on_vouched: Callable[[list[tuple[int, str]]], None] = lambda callers: None
        self._path = path
        self._log = log
        self._patience_s = patience_s
        self._number = 0
        self._waiting: deque[_Parcel] = deque()
        self._sent: dict[int, _Parcel] = {}
        self._sent_bytes = 0
        self._transport: asyncio.WriteTransport | None = None
        self._lost = asyncio.Event()
        self._reached = asyncio.Event()

    async def keep(self) -> None:
        """Be connected to the keeper whenever it is there; until cancelled."""
        loop, failures = asyncio.get_running_loop(), 0
        try:
            while True:
                try:
                    with Nearby(self._path) as near:
                        await loop.create_unix_connection(lambda: self, near)
                except OSError:
                    failures += 1
                else:
                    await self._lost.wait()
                    failures = 0
                await asyncio.sleep(_PAUSES_S[min(failures, len(_PAUSES_S) - 1)])
        finally:
            if self._transport:
                self._transport.close()

    async def reach(self) -> None:
        """Wait until the keeper has been there once."""
        await self._reached.wait()

    async def hand_over(self, arrival: Arrival) -> Sequence[Reply]:
        """The keeper's replies, one for each recipient.

        Raises:
            TryAgain: the keeper said so, or is not there. The mail may be safe all the same; its sender brings it
                again, and the journal knows it then.
        """
        self._number += 1
        head, raw = frame({"mail": self._number, **arrival_header(arrival)}, arrival.raw)
        answer: asyncio.Future[Sequence[Reply]] = asyncio.get_running_loop().create_future()
        parcel = _Parcel(self._number, head, raw, answer)
        self._waiting.append(parcel)
        self._forward()
        try:
            async with asyncio.timeout(self._patience_s):
                return await answer
        except TimeoutError as error:
            raise TryAgain(f"no answer from the keeper for {self._patience_s:g} s") from error
        finally:
            self._forget(parcel)

    def report(
        self, refused: Counter[int], sessions: int, take_put_off: Callable[[], list[tuple[int, str]]] = list
    ) -> bool:
        """Let the keeper count these refusals, by code, and these open sessions too, and ask him about who was put off.

        False where he is not there.
        """
        if self._transport is None:
            return False
        counts = {str(code): count for code, count in refused.items()}
        header: Header = {"refused": counts, "sessions": sessions, "put_off": take_put_off()}
        self._transport.write(frame(header)[0])
        return True

    # ── The connection ────────────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._lost.clear()
        # Said to the type checker alone: the transports of uvloop are none of asyncio's classes.
        self._transport = cast("asyncio.WriteTransport", transport)
        self._frames = Frames(0)
        self._reached.set()
        self._forward()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._waiting.extendleft(reversed(self._sent.values()))
        self._sent.clear()
        self._sent_bytes = 0
        self._lost.set()

    def data_received(self, data: bytes) -> None:
        try:
            for header, _ in self._frames.feed(data):
                self._answered(header)
        except FrameError as error:
            self._log.error(Event.LINK_BROKEN, error=str(error))
            if self._transport:
                self._transport.abort()

    def _answered(self, header: Header) -> None:
        if "welcome" in header:
            self.on_welcome(header["welcome"])
            return
        if "vouched" in header:
            self.on_vouched([(network, sender) for network, sender in header["vouched"]])
            return
        parcel = self._sent.get(header.get("mail", 0))
        # Whoever waited for it may have given up.
        if parcel is None or parcel.answer.done():
            return
        if "replies" in header:
            parcel.answer.set_result(replies_of(header["replies"]))
        else:
            code, public, private = header["trouble"]
            parcel.answer.set_exception(TryAgain(private, code=code, public=public))

    def _forward(self) -> None:
        """Send what waits, as long as not too much is under way."""
        while self._waiting and self._transport and self._has_room_for(self._waiting[0]):
            parcel = self._waiting.popleft()
            self._sent[parcel.number] = parcel
            self._sent_bytes += len(parcel.raw)
            if len(parcel.raw) <= _JOINED_BYTES:
                self._transport.write(parcel.head + parcel.raw)
            else:
                self._transport.write(parcel.head)
                self._transport.write(parcel.raw)

    def _has_room_for(self, parcel: _Parcel) -> bool:
        return not self._sent or (
            len(self._sent) < MOST_UNDER_WAY and self._sent_bytes + len(parcel.raw) <= MOST_UNDER_WAY_BYTES
        )

    def _forget(self, parcel: _Parcel) -> None:
        if self._sent.pop(parcel.number, None):
            self._sent_bytes -= len(parcel.raw)
            self._forward()
        elif parcel in self._waiting:
            self._waiting.remove(parcel)
