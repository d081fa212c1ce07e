"""The pages for those who watch over the daemon: is it alive, is it ready, and what does it count.

Anybody may ask the first two, so they say no more than they must. The counts are for few, and never for the world:
a proxy that passes too much would publish them, so what came through a proxy gets none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from mailgate.net.bind import Networks, listed

# Whatever a proxy adds to a request (RFC 7239 section 4, RFC 9110 section 7.6.3, and older custom).
PROXIED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")

NOT_FOR_YOU = "The metrics answer the networks in [web] metrics, asked without a proxy.\n"

Page = Callable[[str], Awaitable[tuple[str, bytes]]]


class Health(Protocol):
    """How the daemon fares, in lines that anybody may read; no line means well."""

    async def dead(self) -> Sequence[str]:
        """Why it should be started again."""

    async def unready(self) -> Sequence[str]:
        """Why it can take no mail now."""


@dataclass(frozen=True, slots=True)
class Watch:
    """The pages. `metrics` makes content type and text for an Accept field; `networks` are those who may see them."""

    health: Health
    metrics: Page
    networks: Networks

    def routes(self) -> list[BaseRoute]:
        """`/healthz`, `/readyz` and `/metrics`."""
        return [
            Route("/healthz", self.alive, methods=["GET"]),
            Route("/readyz", self.ready, methods=["GET"]),
            Route("/metrics", self.counts, methods=["GET"]),
        ]

    async def alive(self, _: Request) -> Response:
        """200, or 503 where only a restart helps."""
        return _verdict(await self.health.dead())

    async def ready(self, _: Request) -> Response:
        """200, or 503 with a reason on each line."""
        return _verdict(await self.health.unready())

    async def counts(self, request: Request) -> Response:
        """The metrics, or 403."""
        client = request.client.host if request.client else ""
        if not client or not listed(client, self.networks) or _is_proxied(request):
            return PlainTextResponse(NOT_FOR_YOU, 403)
        content_type, text = await self.metrics(request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": content_type})


def _is_proxied(request: Request) -> bool:
    # A proxy that nobody configured may add no header at all, but then speaks HTTP/1.0, which no browser of today does.
    return request.scope["http_version"] == "1.0" or any(name in request.headers for name in PROXIED)


def _verdict(reasons: Sequence[str]) -> Response:
    return PlainTextResponse("".join(f"{line}\n" for line in reasons or ["ok"]), 503 if reasons else 200)
