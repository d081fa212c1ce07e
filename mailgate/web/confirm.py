"""The confirmation page: one question and one button for a person who wrote to us for the first time.

Knows the statuses, never what a token means; and it never sees the mail, so it cannot show it. Its words come from the
rule files, and are whichever hold now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from jinja2 import Template
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from mailgate.errors import TryAgain
from mailgate.mail.language import FIRST, preferred
from mailgate.mail.phrases import TROUBLE, Page, Phrases, promised
from mailgate.model import Mailbox, PageState, PageView
from mailgate.web.guards import comes_from_us

RETRY_AFTER_S = 60

KEPT = "mailgate-confirmed"  # the cookie in which a browser keeps what it confirmed
KEPT_S = 86_400  # the longest that a browser keeps it; how long it holds is the road's to say
BOTH = "both"  # in the address of what the second button does

# A link that has expired is no error to the person who follows it, and some proxies put a page of their own in the
# place of an error's: only a link that never was is one.
STATUS = {PageState.UNKNOWN: 404}

# On these it matters when people are there.
WITH_ANSWER_TIME = (PageState.ASK, PageState.TOO_SOON, PageState.DONE, PageState.EXPIRED, PageState.BOTH)


class Confirm(Protocol):
    """What a token means and does. One that we did not make is UNKNOWN, in the same time whatever is wrong."""

    async def look(self, token: str, now: datetime, /, *, seen: bool) -> PageView:
        """Say how things stand; no effect but remembering when the page was first `seen`."""

    async def confirm(self, token: str, now: datetime, language: str, kept: str, /) -> PageView:
        """Confirm, or say why not; a second time changes nothing and says `DONE` again. `kept` is the browser's."""

    async def join(self, token: str, now: datetime, kept: str, /) -> PageView:
        """Say that both addresses that this browser confirmed are one person's, or say why not."""


@dataclass(frozen=True, slots=True)
class ConfirmPage:
    """The page at `/c/<token>`. GET and HEAD only look, because link scanners fetch; POST confirms."""

    road: Confirm
    clock: Callable[[], datetime]
    phrases: Callable[[], Mapping[str, Phrases]]
    template: Template
    name: str  # who asks where the link does not say it, for the head of the page; may be ""

    async def answer(self, request: Request) -> Response:
        """Answer GET, HEAD and POST. Trouble in the store is 503 with words; nothing is lost by it."""
        known = self.phrases()
        spoken = (code for code, words in known.items() if words.pages[PageState.ASK].language == code)
        language = preferred(request.headers.get("accept-language", ""), spoken) or FIRST
        words, token, now = known[language], request.path_params["token"], self.clock()
        try:
            # Another page may press a button of its own in this browser: that says nothing of who reads the mail.
            pressed_here = comes_from_us(request.headers)
            kept = request.cookies.get(KEPT, "") if pressed_here else ""
            if request.method == "POST" and BOTH in request.query_params:
                view = await self.road.join(token, now, kept)
            elif request.method == "POST":
                view = await self.road.confirm(token, now, language, kept)
            else:
                view = await self.road.look(token, now, seen=request.method == "GET" and not _fetched_ahead(request))
        except TryAgain:
            return self._page(words.pages[TROUBLE], self.name, "", 503, {"Retry-After": str(RETRY_AFTER_S)})
        answer_time = promised(words.promise, view.mailbox) if view.state in WITH_ANSWER_TIME else ""
        name, status = _name_of(view.mailbox) or self.name, STATUS.get(view.state, 200)
        answer = self._page(words.pages[view.state], name, answer_time, status, addresses=view.addresses)
        if view.keep and pressed_here:
            # Only to pages of ours, never to a script, and where no path is said to /c/ alone, whatever a proxy makes
            # of it; a browser takes it from this machine without TLS, too.
            how: Any = {"path": None, "secure": True, "httponly": True, "samesite": "strict"}
            answer.set_cookie(KEPT, view.keep, max_age=KEPT_S, **how)
        return answer

    def _page(
        self,
        page: Page,
        name: str,
        answer_time: str,
        status: int,
        headers: Mapping[str, str] | None = None,
        *,
        addresses: Sequence[str] = (),
    ) -> Response:
        target = f"?{BOTH}=yes" if addresses else ""
        html = self.template.render(page=page, name=name, answer_time=answer_time, addresses=addresses, target=target)
        told = {"Content-Language": page.language, "Vary": "Accept-Language", **(headers or {})}
        return HTMLResponse(html, status, told)


def _name_of(mailbox: Mailbox | None) -> str:
    return (mailbox.name or mailbox.address) if mailbox else ""


def _fetched_ahead(request: Request) -> bool:
    """Does a program fetch the page before anybody asks for it? Browsers say so in one of these fields."""
    headers: Headers = request.headers
    purposes = (headers.get(name, "") for name in ("sec-purpose", "purpose", "x-purpose", "x-moz"))
    return any("prefetch" in purpose.lower() or "preview" in purpose.lower() for purpose in purposes)
