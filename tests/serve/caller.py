"""A client that never lets go: it opens a new connection for each letter, all the time, and remembers how each went."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from itertools import count

from tests.fakes.waiting import wait_until
from tests.scenarios.sender import Client, HangUpError, Letter, letter

CALLERS = 4


class Caller:
    """`refused` are connections that nobody took or greeted; `accepted` are letters with what their 250 said."""

    def __init__(self, port: int, rcpt_to: str = "sales@g.test") -> None:
        self.port = port
        self.rcpt_to = rcpt_to
        self.accepted: dict[str, str] = {}
        self.refused: list[str] = []
        self.put_off: list[str] = []  # told to come again, in the middle of a session
        self._numbers = count(1)
        self._leaving = False

    async def run(self) -> None:
        """Call until told to leave; every letter that was begun is delivered."""
        async with asyncio.TaskGroup() as group:
            for _ in range(CALLERS):
                group.create_task(self._call())

    def leave(self) -> None:
        """Begin no other letter."""
        self._leaving = True

    async def more(self, letters: int = 20) -> None:
        """Wait until so many more are accepted."""
        enough = len(self.accepted) + letters
        await wait_until(lambda: len(self.accepted) >= enough, deadline_s=60)

    async def _call(self) -> None:
        while not self._leaving:
            mail = letter(next(self._numbers), self.rcpt_to)
            delivered = False
            while not delivered:
                delivered = await self._deliver(mail)

    async def _deliver(self, mail: Letter) -> bool:
        client = Client(self.port)
        try:
            await client.__aenter__()
        except HangUpError as error:
            self.refused.append(str(error.__cause__ or "not greeted"))
            return False
        try:
            reply = await client.send(mail)
        except HangUpError as error:
            self.put_off.append(str(error.__cause__ or "421"))
            return False
        finally:
            await client.__aexit__(None, None, None)
        if reply.code == 250:
            self.accepted[mail.message_id] = reply.text
            return True
        self.put_off.append(str(reply))
        return False


@contextlib.asynccontextmanager
async def calling(port: int) -> AsyncIterator[Caller]:
    """A caller at work; on leaving, all that it began has been accepted."""
    caller = Caller(port)
    task = asyncio.create_task(caller.run())
    try:
        await caller.more(1)
        yield caller
    finally:
        caller.leave()
        async with asyncio.timeout(60):
            await task
