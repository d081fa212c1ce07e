"""The demo's console as web pages: one page that renders whole without JavaScript, its live update, and the acts.

Decides nothing: every form is one call of the `Console`, whose refusals come back as words on the page.
"""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import parse_qsl

from jinja2 import Template
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from mailgate.errors import NotAllowed, NotFound, TryAgain
from mailgate.model import Reply
from mailgate.web.console import Console, Letter, Snapshot

Form = Mapping[str, str]
View = TypeVar("View")

MAX_FIELDS = 10

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)

# A message of the world's making, shown by itself: it runs nothing, fetches nothing and is of no origin.
MESSAGE_POLICY = (
    "default-src 'none'; img-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; sandbox"
)

# What the page says after an act, by the code that stands in its address.
SAID = {
    "accepted": "The mail was let in. Whatever this sender writes now comes straight to a ticket.",
    "spam": "Judged spam. The mail is kept, and nobody was told.",
    "replied": "Your answer is on its way to the customer.",
    "closed": "The ticket is closed.",
    "reopened": "The ticket is open again.",
    "let-in": "The mail was let in. Who wrote it takes part in the ticket from now on.",
    "discarded": "The mail is out of view. It is kept, and nobody was told.",
    "parted": "The mail has a ticket of its own now.",
    "sent": "Your mail was accepted. Watch what becomes of it.",
}


@dataclass(frozen=True, slots=True)
class Piece:
    """One entry of a list on the page; the browser exchanges it when its version differs."""

    key: str
    version: str
    html: Markup


class FormError(Exception):
    """A form was not filled in; the text says what is missing, to the person who sent it."""


@dataclass(frozen=True, slots=True)
class ConsolePages:
    """The pages over one `Console`. They have no login: whoever serves them must keep the world away."""

    console: Console
    page: Template
    pieces: Template  # one macro for each list of the page
    message: Template

    def routes(self) -> list[Route]:
        """Give the routes: the page, its live update, and one for each act."""
        acts: Mapping[str, Callable[[Request, Form], Awaitable[str]]] = {
            "/held/{id:int}/accept": self._accept,
            "/held/{id:int}/spam": self._spam,
            "/tickets/{number:int}/reply": self._reply,
            "/tickets/{number:int}/close": self._close,
            "/tickets/{number:int}/reopen": self._reopen,
            "/tickets/{number:int}/messages/{id:int}/let-in": self._let_in,
            "/tickets/{number:int}/messages/{id:int}/discard": self._discard,
            "/tickets/{number:int}/messages/{id:int}/part": self._part,
            "/demo/send": self._send,
            "/demo/answer/{id:int}": self._answer,
        }
        return [
            Route("/", self.show, methods=["GET"]),
            Route("/live.json", self.live, methods=["GET"]),
            Route("/messages/{id:int}/html", self.html, methods=["GET"]),
            *(Route(path, partial(self._act, act), methods=["POST"]) for path, act in acts.items()),
        ]

    # ── The page and its live update ──────────────────────────────────────────────────────────────────────────────────

    async def show(self, request: Request) -> Response:
        """Show the whole page."""
        return await self._page(said=SAID.get(request.query_params.get("said", ""), ""))

    async def live(self, request: Request) -> Response:
        """Give every piece of the page in JSON, or 204 where the browser has `seen` just this already."""
        sections = self._sections(await self.console.snapshot())
        version = _version("".join(piece.key + piece.version for pieces in sections.values() for piece in pieces))
        if version == request.query_params.get("seen"):
            return Response(status_code=HTTPStatus.NO_CONTENT)
        shown = {
            name: [[piece.key, piece.version, piece.html] for piece in pieces] for name, pieces in sections.items()
        }
        return JSONResponse({"version": version, "sections": shown})

    async def html(self, request: Request) -> Response:
        """Show one message as HTML, as a document that can do nothing."""
        try:
            shown = await self.console.html(request.path_params["id"])
        except NotFound as error:
            return await self._page(trouble=_sentence(error), status=HTTPStatus.NOT_FOUND)
        page = self.message.render(html=Markup(shown.html), cut=shown.cut)  # noqa: S704 - sanitised
        return HTMLResponse(page, headers={"Content-Security-Policy": MESSAGE_POLICY})

    async def _page(self, *, said: str = "", trouble: str = "", status: int = HTTPStatus.OK) -> Response:
        snapshot = await self.console.snapshot()
        sections = self._sections(snapshot)
        html = self.page.render(snapshot=snapshot, sections=sections, said=said, trouble=trouble)
        return HTMLResponse(html, status, {"Content-Security-Policy": CONTENT_SECURITY_POLICY})

    def _sections(self, snapshot: Snapshot) -> dict[str, list[Piece]]:
        return {
            "ledger": self._rendered("ledger", [snapshot.ledger], lambda _: "ledger"),
            "outgoing": self._rendered("outgoing", snapshot.outgoing, lambda mail: f"outgoing-{mail.id}"),
            "held": self._rendered("held", snapshot.held, lambda mail: f"held-{mail.id}"),
            "tickets": self._rendered("ticket", snapshot.tickets, lambda ticket: f"ticket-{ticket.number}"),
            "decisions": self._rendered("decision", snapshot.decisions, lambda mail: f"decision-{mail.id}"),
        }

    def _rendered(self, macro: str, views: Iterable[View], key: Callable[[View], str]) -> list[Piece]:
        render = getattr(self.pieces.module, macro)
        return [Piece(key(view), _version(html), html) for view in views for html in (render(view),)]

    # ── The acts ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _act(self, act: Callable[[Request, Form], Awaitable[str]], request: Request) -> Response:
        """Do one act and say what came of it: in JSON to the page's script, else by showing the page again."""
        for_script = "application/json" in request.headers.get("accept", "")
        try:
            said = await act(request, await _form(request))
        except (FormError, NotFound, NotAllowed, TryAgain) as error:
            words, status = _refusal(error)
            if for_script:
                return JSONResponse({"trouble": words}, status)
            return await self._page(trouble=words, status=status)
        if for_script:
            return JSONResponse({"said": SAID[said]})
        # Shown by a GET of its own, so that reloading the page does not do the act again.
        return RedirectResponse(f"/?said={said}", HTTPStatus.SEE_OTHER)

    async def _accept(self, request: Request, _: Form) -> str:
        await self.console.accept(request.path_params["id"])
        return "accepted"

    async def _spam(self, request: Request, _: Form) -> str:
        await self.console.spam(request.path_params["id"])
        return "spam"

    async def _reply(self, request: Request, form: Form) -> str:
        await self.console.reply(request.path_params["number"], _required(form, "text"))
        return "replied"

    async def _close(self, request: Request, _: Form) -> str:
        await self.console.close(request.path_params["number"])
        return "closed"

    async def _reopen(self, request: Request, _: Form) -> str:
        await self.console.reopen(request.path_params["number"])
        return "reopened"

    async def _let_in(self, request: Request, _: Form) -> str:
        await self.console.let_in(request.path_params["id"])
        return "let-in"

    async def _discard(self, request: Request, _: Form) -> str:
        await self.console.discard(request.path_params["id"])
        return "discarded"

    async def _part(self, request: Request, _: Form) -> str:
        await self.console.part(request.path_params["number"], request.path_params["id"])
        return "parted"

    async def _send(self, _: Request, form: Form) -> str:
        letter = Letter(*(_required(form, name) for name in ("sender", "mailbox", "subject", "text")))
        return _accepted(await self.console.write(letter))

    async def _answer(self, request: Request, form: Form) -> str:
        robot = form.get("as") == "robot"
        text = form.get("text", "") if robot else _required(form, "text")
        return _accepted(await self.console.answer(request.path_params["id"], text, robot=robot))


async def _form(request: Request) -> Form:
    """Read the fields of a form; the size of its body is bounded by the application."""
    try:
        body = (await request.body()).decode()
        return dict(parse_qsl(body, keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError as error:
        raise FormError("This form cannot be read.") from error


def _required(form: Form, name: str) -> str:
    value = form.get(name, "").strip()
    if not value:
        raise FormError(f"Please fill in the {name}.")
    return value


def _accepted(reply: Reply) -> str:
    if not 200 <= reply.code < 300:
        raise NotAllowed(f"The mail was not accepted: {reply}")
    return "sent"


def _refusal(error: Exception) -> tuple[str, int]:
    """Say a refusal in words, with its status. What the store said privately stays private."""
    match error:
        case TryAgain():
            return "The store is in trouble; nothing was changed. Please try again.", HTTPStatus.SERVICE_UNAVAILABLE
        case NotFound():
            return _sentence(error), HTTPStatus.NOT_FOUND
        case NotAllowed():
            return _sentence(error), HTTPStatus.CONFLICT
        case _:
            return _sentence(error), HTTPStatus.BAD_REQUEST


def _sentence(error: Exception) -> str:
    words = str(error).rstrip(".")
    return f"{words[:1].upper()}{words[1:]}."


def _version(html: str) -> str:
    return format(zlib.crc32(html.encode()), "08x")
