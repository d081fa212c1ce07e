"""What every page is wrapped in: headers that keep it private, and for the demo's console the proof that a person on
this very machine asks.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PRIVATE_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
}


def private(app: ASGIApp) -> ASGIApp:
    """Wrap `app` so that every answer, errors included, carries the private headers it did not set itself."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_private(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in PRIVATE_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await app(scope, receive, send_private)

    return answer


def loopback_only(app: ASGIApp) -> ASGIApp:
    """Wrap `app` so that it answers only under a loopback name (else 421) and changes nothing for a foreign page (403).

    The name is checked because a page of the world may point a host name of its own at 127.0.0.1 (DNS rebinding).
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        refusal = _refusal(scope) if scope["type"] == "http" else None
        await (refusal or app)(scope, receive, send)

    return answer


def is_loopback(host: str) -> bool:
    """Does a Host field (`localhost:8025`, `127.0.0.1`, `[::1]:80`) name this machine alone?"""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def comes_from_us(headers: Headers) -> bool:
    """Was a request caused by our own page, or by no page at all (a command line)?

    Every browser of today says which page caused a POST: in Sec-Fetch-Site, the older ones in Origin alone.
    """
    if (site := headers.get("sec-fetch-site")) is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host")


def _refusal(scope: Scope) -> ASGIApp | None:
    headers = Headers(scope=scope)
    hosts = headers.getlist("host")
    if len(hosts) != 1 or not is_loopback(hosts[0]):
        return PlainTextResponse("This page answers only on this machine, as localhost.\n", status_code=421)
    if scope["method"] not in ("GET", "HEAD") and not comes_from_us(headers):
        return PlainTextResponse("This request came from another page.\n", status_code=403)
    return None
