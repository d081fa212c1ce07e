"""The web as one ASGI application: the confirmation page for the world, the pages that our own people reach by the
links of a digest, pages for those who watch over us, and in the demo a console for this machine.

Wires templates, routes and guards. What a token means, and what a person may do, is asked of the objects it is given.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import ASGIApp

from mailgate.errors import TryAgain
from mailgate.mail.phrases import Phrases
from mailgate.web.confirm import Confirm, ConfirmPage
from mailgate.web.console import Console
from mailgate.web.console_pages import ConsolePages
from mailgate.web.filters import as_time, with_links
from mailgate.web.guards import loopback_only, private
from mailgate.web.held import Held, HeldPage
from mailgate.web.watch import Watch

STATIC = Path(__file__).parent / "static"

# A person's answer to a ticket fits in easily; attachments do not come this way.
MAX_BODY_BYTES = 256 * 1024


def make_app(
    confirm: Confirm,
    console: Console | None = None,
    *,
    clock: Callable[[], datetime],
    phrases: Callable[[], Mapping[str, Phrases]],
    name: str = "",
    watch: Watch | None = None,
    held: Held | None = None,
) -> ASGIApp:
    """Make the application. `name` says on the confirmation page who asks where its link does not; `phrases` gives
    the words that hold now, by language; `console` is only for loopback.

    The confirmation page needs nothing outside /c/, and `held`, the pages that a digest links to, nothing outside /h/;
    so a proxy before them passes these two paths and no other.
    """
    templates = _templates()
    page = ConfirmPage(confirm, clock, phrases, templates.get_template("confirm.html"), name)
    routes: list[BaseRoute] = [
        Route("/c/mailgate.css", _file("mailgate.css", "text/css"), methods=["GET"]),
        Route("/c/{token}", page.answer, methods=["GET", "POST"]),
    ]
    if held is not None:
        decide = HeldPage(held, clock, templates.get_template("held.html"))
        routes += [
            Route("/h/mailgate.css", _file("mailgate.css", "text/css"), methods=["GET"]),
            Route("/h/{link}", decide.answer, methods=["GET", "POST"]),
        ]
    if watch is not None:
        routes += watch.routes()
    if console is not None:
        pages = ConsolePages(console, *map(templates.get_template, ("console.html", "pieces.html", "message.html")))
        script = Route("/live.js", _file("live.js", "text/javascript"), methods=["GET"])
        routes.append(Mount("/", loopback_only(Router([script, *pages.routes()]))))
    handlers = {TryAgain: _try_again}
    return private(Starlette(routes=routes, exception_handlers=handlers, max_body_size=MAX_BODY_BYTES))


def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("mailgate.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(time=as_time, links=with_links)
    return templates


def _file(name: str, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    """Serve one of our few files, read once."""
    content = (STATIC / name).read_bytes()

    async def answer(_: Request) -> Response:
        return Response(content, media_type=media_type)

    return answer


async def _try_again(_: Request, __: Exception) -> Response:
    return PlainTextResponse("The store is in trouble. Nothing is lost; please try again.\n", status_code=503)
