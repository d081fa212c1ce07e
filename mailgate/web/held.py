"""The page behind a link of a digest: what waits there in one line, and two buttons. It never sees the mail's text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from jinja2 import Template
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from mailgate.errors import TryAgain
from mailgate.heldlinks import Decision, HeldPageState, HeldSight
from mailgate.mail.language import FIRST, preferred
from mailgate.mail.words import without_links
from mailgate.web.confirm import RETRY_AFTER_S
from mailgate.web.held_words import HELD_WORDS

SUBJECT_WORDS = 20
STATUS = {HeldPageState.UNKNOWN: 404}
LONGEST_NUMBER = 11  # digits of a moment; one more would leave the calendar


class Held(Protocol):
    """What a link means and does. A forged one is answered without a look into the database."""

    async def look(self, link: str, now: datetime, /) -> HeldSight:
        """Say how things stand, with no effect."""

    async def decide(self, link: str, decision: Decision, seen_s: int, now: datetime, /) -> HeldSight:
        """Do it, or say why not; a second time says that it was decided."""


@dataclass(frozen=True, slots=True)
class HeldPage:
    """The page at `/h/<link>`. GET and HEAD only look; POST with one of two decisions acts."""

    road: Held
    clock: Callable[[], datetime]
    template: Template

    async def answer(self, request: Request) -> Response:
        """Answer GET, HEAD and POST. Trouble in the store is 503 with words; nothing is lost by it."""
        language = preferred(request.headers.get("accept-language", ""), HELD_WORDS) or FIRST
        link, now = request.path_params["link"], self.clock()
        chosen = _decision(request)
        decision = chosen if request.method == "POST" else None
        try:
            sight = await (
                self.road.decide(link, decision, _seen(request, now), now) if decision else self.road.look(link, now)
            )
        except TryAgain:
            return self._page(language, None, chosen, 503, {"Retry-After": str(RETRY_AFTER_S)})
        return self._page(language, sight, chosen, STATUS.get(sight.state, 200), {})

    def _page(
        self, language: str, sight: HeldSight | None, chosen: Decision | None, status: int, headers: dict[str, str]
    ) -> Response:
        words, mail = HELD_WORDS[language], sight.mail if sight else None
        html = self.template.render(
            words=words,
            language=language,
            sight=sight,
            subject=without_links(mail.subject, SUBJECT_WORDS) if mail else "",
            # The button that the link spoke of stands out; which one is pressed, the person says.
            chosen=chosen or Decision.ACCEPT,
            decisions=[(Decision.ACCEPT, words.accept), (Decision.SPAM, words.spam)],
            seen=int(self.clock().timestamp()),
        )
        return HTMLResponse(html, status, {"Content-Language": language, "Vary": "Accept-Language", **headers})


def _decision(request: Request) -> Decision | None:
    """What the pressed button says; None, which only looks, for anything else."""
    try:
        return Decision(request.query_params.get("decision", ""))
    except ValueError:
        return None


def _seen(request: Request, now: datetime) -> int:
    """When the page with the button was shown; now where nobody says."""
    said = request.query_params.get("seen", "")
    return int(said) if said.isdecimal() and len(said) <= LONGEST_NUMBER else int(now.timestamp()) + 1
