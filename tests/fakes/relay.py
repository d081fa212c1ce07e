"""A relay that may spoil what it carries: it takes any mail, says 250, changes it as it likes, and hands it on.

async with Relay(without_marks, hand_on) as relay:     # whoever should send through it connects to relay.port
    relay.idle                                         # nothing waits here any more
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Awaitable, Callable
from email.utils import parseaddr
from typing import Self

from tests.fakes.sink import OK, Sink, Taken

Change = Callable[[Taken], Taken]

_numbers = itertools.count(1)

# All that says that a machine wrote a mail, and of which mails it knows (T36).
MARKS = re.compile(
    rb"^(?:auto-submitted|precedence|x-[^:]*|mailgate-trace|references|in-reply-to|thread-[^:]*|dkim-signature|received"
    rb"|authentication-results)[ \t]*:.*\r\n(?:[ \t].*\r\n)*",
    re.IGNORECASE | re.MULTILINE,
)
NEEDED = re.compile(rb"^(?:from|to|date)[ \t]*:.*\r\n(?:[ \t].*\r\n)*", re.IGNORECASE | re.MULTILINE)
REFERENCE = re.compile(rb"mg-[0-9a-z]{8}-[0-9a-z]{8}")


def unchanged(taken: Taken) -> Taken:
    """As it came."""
    return taken


def without_marks(taken: Taken) -> Taken:
    """Without the fields that mark automatic mail or a thread, and without our reference in the text."""
    head, body = _halves(taken.raw)
    return Taken(taken.mail_from, taken.rcpt_to, MARKS.sub(b"", head) + b"\r\n" + REFERENCE.sub(b"", body))


def as_if_new(taken: Taken) -> Taken:
    """Only its author and its recipient are left: words, subject, Message-ID and envelope are new each time."""
    number = next(_numbers)
    head, _ = _halves(taken.raw)
    _, author = parseaddr(str(taken.fields["From"]))
    kept = b"".join(found.group() for found in NEEDED.finditer(head))
    new = f"Subject: Word {number:x} of mine\r\nMessage-ID: <{number}.{id(taken):x}@relay.test>\r\n\r\n"
    return Taken(author, taken.rcpt_to, kept + new.encode() + f"My {number * 7919:x} is on fire.\r\n".encode())


class Relay:
    """Takes mail, and hands on what `change` makes of each with `hand_on`, one after the other."""

    def __init__(self, change: Change, hand_on: Callable[[Taken], Awaitable[object]]) -> None:
        self.passed: list[Taken] = []  # as they came
        self._change = change
        self._hand_on = hand_on
        self._waiting: asyncio.Queue[Taken] = asyncio.Queue()
        self._busy = 0
        self._sink = Sink(self._took)

    async def __aenter__(self) -> Self:
        await self._sink.__aenter__()
        self.address = self._sink.address
        self._task = asyncio.create_task(self._work())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._sink.__aexit__()

    @property
    def idle(self) -> bool:
        """Has it handed on all that it took? Raises what kept it from doing so."""
        if self._task.done():
            self._task.result()
        return self._busy == 0

    def _took(self, taken: Taken) -> str:
        self._busy += 1
        self.passed.append(taken)
        self._waiting.put_nowait(taken)
        return OK

    async def _work(self) -> None:
        while True:
            await self._hand_on(self._change(await self._waiting.get()))
            self._busy -= 1


def _halves(raw: bytes) -> tuple[bytes, bytes]:
    head, _, body = raw.partition(b"\r\n\r\n")
    return head + b"\r\n", body
