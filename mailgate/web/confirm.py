"""The confirmation page: one question and one button for a person who wrote to us for the first time.

Knows the words and the statuses, never what a token means; and it never sees the mail, so it cannot show it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from jinja2 import Template
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from mailgate.errors import TryAgain
from mailgate.model import PageState
from mailgate.web.confirm_words import DEFAULT_LANGUAGE, TROUBLE, WORDS, Words

# A browser lists a handful of languages; more is not a browser.
MAX_LANGUAGES = 20

RETRY_AFTER_S = 60

# A link that has expired is no error to the person who follows it, and some proxies put a page of their own in the
# place of an error's: only a link that never was is one.
STATUS = {PageState.UNKNOWN: 404}


class Confirm(Protocol):
    """What a token means and does. One that we did not make is UNKNOWN, in the same time whatever is wrong."""

    async def look(self, token: str, now: datetime, /) -> PageState:
        """Say how things stand; no effect but remembering when the page was first looked at."""

    async def confirm(self, token: str, now: datetime, /) -> PageState:
        """Confirm, or say why not; a second time changes nothing and says `DONE` again."""


@dataclass(frozen=True, slots=True)
class ConfirmPage:
    """The page at `/c/<token>`. GET and HEAD only look, because link scanners fetch; POST confirms."""

    road: Confirm
    clock: Callable[[], datetime]
    template: Template
    name: str  # who asks, for the head of the page; may be ""

    async def answer(self, request: Request) -> Response:
        """Answer GET, HEAD and POST. Trouble in the store is 503 with words; nothing is lost by it."""
        language = preferred_language(request.headers.get("accept-language", ""))
        act = self.road.confirm if request.method == "POST" else self.road.look
        try:
            state = await act(request.path_params["token"], self.clock())
        except TryAgain:
            return self._page(TROUBLE[language], language, 503, {"Retry-After": str(RETRY_AFTER_S)})
        return self._page(WORDS[language][state], language, STATUS.get(state, 200), {})

    def _page(self, words: Words, language: str, status: int, headers: dict[str, str]) -> Response:
        html = self.template.render(words=words, language=language, name=self.name)
        return HTMLResponse(html, status, {"Content-Language": language, "Vary": "Accept-Language", **headers})


def preferred_language(accept: str) -> str:
    """Choose among our languages by an Accept-Language field (RFC 9110 section 12.5.4); English where none fits."""
    ranges = [_weighed(part) for part in accept.split(",")[:MAX_LANGUAGES]]
    for quality, tag in sorted(ranges, key=lambda item: -item[0]):
        primary = tag.partition("-")[0]
        if quality > 0 and primary in WORDS:
            return primary
    return DEFAULT_LANGUAGE


def _weighed(language_range: str) -> tuple[float, str]:
    tag, _, parameter = language_range.partition(";")
    _, _, quality = parameter.partition("=")
    try:
        return float(quality.strip() or 1), tag.strip().lower()
    except ValueError:
        return 0.0, ""
