"""An HTTP server in a few lines: answers each request from a function, and keeps what it was asked."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    path: str
    fields: tuple[tuple[str, str], ...]  # names in lower case
    body: bytes

    def field(self, name: str) -> str:
        return next((value for key, value in self.fields if key == name.lower()), "")


def answer(status: int, body: bytes = b"", *fields: str) -> bytes:
    head = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Server:
    """Listens on loopback. `says` gives the bytes of an answer, or None where none ever comes."""

    def __init__(
        self, says: Callable[[Asked], bytes | None] = lambda asked: GOOD, tls: ssl.SSLContext | None = None
    ) -> None:
        self.says = says
        self.asked: list[Asked] = []
        self._tls = tls
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        scheme = "https" if self._tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                said = self.says(await self._read(reader))
                if said is not None:
                    writer.write(said)
                    await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            writer.transport.abort()
        finally:
            self._writers.discard(writer)

    async def _read(self, reader: asyncio.StreamReader) -> Asked:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip("\r\n").split("\r\n")
        fields = tuple((name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines))
        size = next(int(value) for name, value in fields if name == "content-length")
        asked = Asked(first.split(" ")[1], fields, await reader.readexactly(size))
        self.asked.append(asked)
        return asked
