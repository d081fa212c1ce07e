"""Dialogue files: what a client says and what it must hear, played against a real listener.

    # Comment
    L: protocol=lmtp role=behind size_bytes=1000     the listener, before anything else: fields of Bind or Bounds
    N:                                               another connection (the first one is made by itself)
    C: EHLO client.test                              the client says a line
    C+ MAIL FROM:<a@x.test>                          a line that leaves together with the next one
    c: half a li                                     the client says this, without a line end
    S: 250 2\\.1\\.0 .*                                the server says a line that matches
    H: EHLO client.test                              for short: greeting, hello, and a 250 of as many lines as it has
    F:                                               the client has said all (half-close)
    X:                                               the server hangs up, without another word
    A: a@x.test -> support@g.test [long-line] regex  the next mail at the door: envelope, notes, raw text

`\\r`, `\\n`, `\\\\` and `\\xNN` mean what they mean in Python.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from mailgate.model import Protocol, Role
from mailgate.net.bind import Bind
from mailgate.net.bounds import Bounds
from tests.wire.wire import LOOPBACK, Client, Wire, listening

_BIND: dict[str, Any] = {
    "protocol": Protocol,
    "role": Role,
    "proxies": lambda text: tuple(text.split(",")),
    "xclient": lambda text: tuple(text.split(",")),
}
_ARRIVAL = re.compile(r"(\S*) -> (\S+)(?: \[(\S*)\])?(?: (.*))?")


@dataclass(frozen=True)
class Step:
    place: str
    mark: str
    text: str


def steps_of(path: Path) -> Iterator[Step]:
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            yield Step(f"{path.name}:{number}", line[:2], line[2:].removeprefix(" "))


async def play(path: Path) -> None:
    """Play a file. Raises AssertionError at the first line that goes otherwise."""
    steps = list(steps_of(path))
    bind, bounds = LOOPBACK, Bounds()
    if steps[0].mark == "L:":
        bind, bounds = _listener(steps.pop(0).text)
    async with listening(bind, bounds) as wire, contextlib.AsyncExitStack() as connections:
        player = _Player(wire, await connections.enter_async_context(wire.connected()))
        for step in steps:
            if step.mark == "N:":
                player.client = await connections.enter_async_context(wire.connected())
            else:
                await player.play(step)


def _listener(text: str) -> tuple[Bind, Bounds]:
    given = dict(word.split("=", 1) for word in text.split())
    bounds: dict[str, Any] = {
        field.name: (int if given[field.name].isdigit() else float)(given.pop(field.name))
        for field in fields(Bounds)
        if field.name in given
    }
    return replace(LOOPBACK, **{name: _BIND[name](value) for name, value in given.items()}), Bounds(**bounds)


class _Player:
    def __init__(self, wire: Wire, client: Client) -> None:
        self.wire = wire
        self.client = client
        self.group = b""
        self.met = 0

    async def play(self, step: Step) -> None:
        match step.mark:
            case "C+":
                self.group += _bytes(step.text) + b"\r\n"
            case "C:" | "c:":
                await self.client.send(self.group + _bytes(step.text) + (b"\r\n" if step.mark == "C:" else b""))
                self.group = b""
            case "S:":
                said = await self.client.line()
                assert re.fullmatch(step.text, said), f"{step.place}: expected {step.text!r}, heard {said!r}"
            case "H:":
                verb, _, name = step.text.partition(" ")
                assert name == "client.test"
                assert (await self.client.hello(verb)).startswith("250"), step.place
            case "F:":
                self.client.writer.write_eof()
            case "X:":
                assert await self.client.hung_up(), f"{step.place}: still connected"
            case "A:":
                self.meet(step)
            case _:
                raise AssertionError(f"{step.place}: no such mark: {step.mark!r}")

    def meet(self, step: Step) -> None:
        expected = _ARRIVAL.fullmatch(step.text)
        assert expected, step.place
        assert len(self.wire.door.arrivals) > self.met, f"{step.place}: no mail has come"
        arrival = self.wire.door.arrivals[self.met]
        self.met += 1
        mail_from, recipients, notes, raw = expected.groups()
        assert (arrival.mail_from, ",".join(arrival.recipients)) == (mail_from, recipients), step.place
        assert ",".join(arrival.notes) == (notes or ""), step.place
        assert raw is None or re.fullmatch(raw.encode(), arrival.raw, re.DOTALL), f"{step.place}: {arrival.raw!r}"


def _bytes(text: str) -> bytes:
    return text.encode("ascii").decode("unicode_escape").encode("latin-1")
