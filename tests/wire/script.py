"""Dialogue files: what a client says and what it must hear, played against a real listener.

    # Comment
    L: protocol=lmtp role=behind size_bytes=1000     the listener, before anything else: fields of Bind or Bounds
    N:                                               another connection (the first one is made by itself)
    C: EHLO client.test                              the client says a line
    C+ MAIL FROM:<a@x.test>                          a line that leaves together with what comes next
    c: half a li                                     the client says this, without a line end
    c+ half a li                                     the same, and it leaves together with what comes next
    D: NOOP                                          this comes octet by octet, again and again, until the server speaks
    S: 250 2\\.1\\.0 (?P<words>.*)                     the server says a line that matches; (?P=words) is heard again
    H: EHLO client.test                              for short: greeting, hello, and a 250 of as many lines as it has
    F:                                               the client has said all (half-close)
    X:                                               the server hangs up, without another word
    A: a@x.test -> support@g.test [long-line] regex  the next mail at the door: envelope, notes, raw text
    100x C+ RCPT TO:<box{n}@g.test>                  any step so many times, {n} counting from 1

`\\r`, `\\n`, `\\\\` and `\\xNN` mean what they mean in Python.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, fields, replace
from itertools import cycle
from pathlib import Path
from typing import Any

from mailgate.model import Protocol, Role
from mailgate.net.bind import Bind
from mailgate.net.bounds import Bounds
from tests.wire.wire import LOOPBACK, Client, Wire, listening

DRIP_S = 0.05

_BIND: dict[str, Any] = {
    "protocol": Protocol,
    "role": Role,
    "proxies": lambda text: tuple(text.split(",")),
    "xclient": lambda text: tuple(text.split(",")),
}
_REPEATED = re.compile(r"(\d+)x (.*)")
_HEARD = re.compile(r"\(\?P=(\w+)\)")
_ARRIVAL = re.compile(r"(\S*) -> (\S+)(?: \[(\S*)\])?(?: (.*))?")


@dataclass(frozen=True)
class Step:
    place: str
    mark: str
    text: str


def steps_of(path: Path) -> Iterator[Step]:
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            repeated = _REPEATED.fullmatch(line)
            said = _times(repeated[2], int(repeated[1])) if repeated else [line]
            yield from (Step(f"{path.name}:{number}", one[:2], one[2:].removeprefix(" ")) for one in said)


def _times(line: str, times: int) -> list[str]:
    return [line.replace("{n}", str(n)) for n in range(1, times + 1)]


async def play(path: Path) -> None:
    """Play a file. Raises AssertionError at the first line that goes otherwise."""
    steps = list(steps_of(path))
    bind, bounds = LOOPBACK, Bounds()
    if steps[0].mark == "L:":
        bind, bounds = _listener(steps.pop(0).text)
    async with listening(bind, bounds) as wire, contextlib.AsyncExitStack() as connections:
        player = _AtTheDoor(wire, lambda _: connections.enter_async_context(wire.connected()))
        for step in steps:
            await player.play(step)


def _listener(text: str) -> tuple[Bind, Bounds]:
    given = dict(word.split("=", 1) for word in text.split())
    bounds: dict[str, Any] = {
        field.name: (int if given[field.name].isdigit() else float)(given.pop(field.name))
        for field in fields(Bounds)
        if field.name in given
    }
    return replace(LOOPBACK, **{name: _BIND[name](value) for name, value in given.items()}), Bounds(**bounds)


class Player:
    """The client's side of a dialogue. `connect` opens a connection to what `N:` names, "" where it names nothing."""

    def __init__(self, connect: Callable[[str], Awaitable[Client]]) -> None:
        self.heard: dict[str, str] = {}
        self._connect = connect
        self._client: Client | None = None
        self._group = bytearray()
        self._hearing: asyncio.Future[str] | None = None

    async def client(self) -> Client:
        """The newest connection; the first one is made when somebody asks for it."""
        if self._client is None:
            self._client = await self._connect("")
        return self._client

    async def play(self, step: Step) -> None:
        """Do one step, or see that it goes as written."""
        match step.mark:
            case "N:":
                self._client = await self._connect(step.text)
            case "C+" | "c+" | "C:" | "c:":
                self._group += octets(step.text) + (b"\r\n" if step.mark[0] == "C" else b"")
                if step.mark[1] == ":":
                    await self._leave()
            case "D:":
                await self._drip(octets(step.text))
            case "S:":
                self._match(step, await self._line())
            case "H:":
                verb, _, name = step.text.partition(" ")
                assert name == "client.test"
                assert (await (await self.client()).hello(verb)).startswith("250"), step.place
            case "F:":
                (await self.client()).writer.write_eof()
            case "X:":
                assert await (await self.client()).hung_up(), f"{step.place}: still connected"
            case _:
                await self.direct(step)

    async def direct(self, step: Step) -> None:
        """A step that only some players know."""
        raise AssertionError(f"{step.place}: no such mark: {step.mark!r}")

    async def _leave(self) -> None:
        group, self._group = bytes(self._group), bytearray()
        await (await self.client()).send(group)

    async def _drip(self, some: bytes) -> None:
        client, drops = await self.client(), cycle(some)
        self._hearing = asyncio.ensure_future(client.line())
        while not self._hearing.done():
            await client.send(bytes([next(drops)]))
            await asyncio.wait({self._hearing}, timeout=DRIP_S)

    async def _line(self) -> str:
        hearing, self._hearing = self._hearing, None
        return await (hearing or (await self.client()).line())

    def _match(self, step: Step, said: str) -> None:
        expected = _HEARD.sub(lambda name: re.escape(self.heard[name[1]]), step.text)
        found = re.fullmatch(expected, said)
        assert found, f"{step.place}: expected {expected!r}, heard {said!r}"
        self.heard |= found.groupdict()


class _AtTheDoor(Player):
    """Looks at what came to the door as well."""

    def __init__(self, wire: Wire, connect: Callable[[str], Awaitable[Client]]) -> None:
        super().__init__(connect)
        self._wire = wire
        self._met = 0

    async def direct(self, step: Step) -> None:
        if step.mark == "A:":
            self._meet(step)
        else:
            await super().direct(step)

    def _meet(self, step: Step) -> None:
        expected = _ARRIVAL.fullmatch(step.text)
        assert expected, step.place
        assert len(self._wire.door.arrivals) > self._met, f"{step.place}: no mail has come"
        arrival = self._wire.door.arrivals[self._met]
        self._met += 1
        mail_from, recipients, notes, raw = expected.groups()
        assert (arrival.mail_from, ",".join(arrival.recipients)) == (mail_from, recipients), step.place
        assert ",".join(arrival.notes) == (notes or ""), step.place
        assert raw is None or re.fullmatch(raw.encode(), arrival.raw, re.DOTALL), f"{step.place}: {arrival.raw!r}"


def octets(text: str) -> bytes:
    return text.encode("ascii").decode("unicode_escape").encode("latin-1")
