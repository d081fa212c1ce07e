"""Pages are served from the daemon's own loop, quickly, and end when they are told to."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mailgate.net.webserver import WebServer

Message = dict[str, Any]


async def hello(_scope: Message, _receive: Any, send: Callable[[Message], Awaitable[None]]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def get(address: str) -> bytes:
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize("bind", ["127.0.0.1:0", "[::1]:0"])
async def test_a_page_is_served_until_the_server_stops(bind: str) -> None:
    server = WebServer(hello, bind)
    try:
        await server.start()
    except OSError:
        if bind.startswith("["):
            pytest.skip("no IPv6 on this machine")
        raise

    answer = await get(server.address)

    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"hello")
    assert b"server:" not in answer.lower()
    await server.stop()
    with pytest.raises(OSError):
        await get(server.address)


async def test_an_address_that_is_taken_is_told_at_once() -> None:
    first = WebServer(hello, "127.0.0.1:0")
    await first.start()
    with pytest.raises(OSError):
        await WebServer(hello, first.address).start()
    await first.stop()


async def test_stopping_what_never_started_does_nothing() -> None:
    await WebServer(hello, "127.0.0.1:0").stop()
