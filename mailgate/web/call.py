"""Calls an ASGI application as a server would, without a socket: for tests and the laboratory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes, urlsplit

from starlette.types import ASGIApp, Message


@dataclass(frozen=True, slots=True)
class Response:
    """What came back. Header names are in lower case; the body of a HEAD is empty, as it would be on the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text, UTF-8."""
        return self.body.decode()


async def call(
    app: ASGIApp,
    method: str,
    path: str,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    *,
    client: str = "127.0.0.1",
) -> Response:
    """Make one request from the address `client` and wait for the whole answer.

    `path` may carry a query, and may be a whole URL, whose host is then the Host; else it is `localhost`. An exception
    of the application reaches the caller.
    """
    url = urlsplit(path)
    fields = {"host": url.netloc or "localhost", "content-length": str(len(body))}
    fields.update((name.lower(), value) for name, value in headers)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": url.scheme or "http",
        "path": unquote_to_bytes(url.path or "/").decode(errors="replace"),
        "raw_path": (url.path or "/").encode(),
        "query_string": url.query.encode(),
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()],
        "client": (client, 50000),
        "server": (url.hostname or "localhost", url.port or 80),
    }
    wire = _Wire(body)
    await app(scope, wire.receive, wire.send)
    return Response(wire.status, wire.headers, b"" if method == "HEAD" else bytes(wire.body))


class _Wire:
    """The server's end of one request."""

    def __init__(self, request_body: bytes) -> None:
        self.requests: list[Message] = [{"type": "http.request", "body": request_body, "more_body": False}]
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()

    async def receive(self) -> Message:
        return self.requests.pop() if self.requests else {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]}
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
