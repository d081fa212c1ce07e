"""People: what whoever holds the link of a challenge may do: look at its page, and press its button."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mailgate.desk.acts import Acts
from mailgate.judge import challenge, confirm, token
from mailgate.judge.docket import Planned
from mailgate.model import Ask, Asked, Challenge, ChallengeState, PageState, PageView, TokenKind
from mailgate.store import facts, queries, record

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Confirming(Acts):
    """The road behind `/c/<token>`."""

    async def look(self, token_text: str, now: datetime, *, seen: bool = True) -> PageView:
        """How a challenge stands; remembers when its page was first `seen`, and does nothing else.

        The store is asked only about links that we made, expired and used ones too: nobody makes those without our key.
        """
        token_id = self._token_id(token_text)
        if token_id is None:
            return self._view(None, PageState.UNKNOWN)

        def work(conn: Connection) -> PageView:
            asked = self._challenge(conn, token_id, now)
            state = challenge.page(asked, now)
            if asked and seen:
                self._remember_seen(conn, asked, state, now)
            return self._view(asked, state)

        return await self.database.write(work)

    async def confirm(self, token_text: str, now: datetime, language: str = "") -> PageView:
        """Press the button: confirm the challenge, once, however often it is pressed. As `look`, for what we made.

        What is sent then is in `language`, a key of rules/languages.toml.
        """
        token_id = self._token_id(token_text)
        if token_id is None:
            return self._view(None, PageState.UNKNOWN)
        view, granted = await self.database.write(lambda conn: self._confirm(conn, token_id, now, language))
        self.meter.granted(granted)
        self.on_outgoing()
        return view

    def _confirm(
        self, conn: Connection, token_id: int, now: datetime, language: str
    ) -> tuple[PageView, tuple[Planned, ...]]:
        asked = self._challenge(conn, token_id, now)
        state = challenge.pressed(asked, now, self.book().limits.timing)
        view = self._view(asked, state)
        if asked and state is PageState.EXPIRED:
            record.apply(conn, confirm.too_late(asked, self._history(conn, asked.address)), now)
        if asked is None or state is not PageState.DONE or asked.state is ChallengeState.CONFIRMED:
            if asked:
                self._remember_seen(conn, asked, state, now)
            return view, ()
        history = self._history(conn, asked.address)
        done = confirm.confirmed(asked, history, now, "page", language=language)
        self._write(conn, done, now)
        return view, done.planned

    def _remember_seen(self, conn: Connection, asked: Challenge, state: PageState, now: datetime) -> None:
        """From now on there is a page with a button before somebody, also where it was pressed unseen."""
        if state in (PageState.ASK, PageState.TOO_SOON) and asked.seen_at is None:
            record.apply(conn, [Asked(replace(asked, seen_at=now))], now)

    def _view(self, asked: Challenge | None, state: PageState) -> PageView:
        return PageView(state, self.gateway.mailbox(asked.mailbox) if asked else None)

    def _token_id(self, text: str) -> int | None:
        """What a challenge's link names; None where we did not make it, or not for a link."""
        found = token.read_token(text, self.gateway.keys)
        return found.id if found and found.kind is TokenKind.CHALLENGE else None

    def _challenge(self, conn: Connection, token_id: int, now: datetime) -> Challenge | None:
        known = facts.gather(conn, Ask(now, token_ids=frozenset({token_id})))
        message = known.tokens.get(token_id)
        newest = known.challenges.get(message.recipient) if message else None
        # One that a later challenge took the place of is over, and its page says so.
        return newest if newest is None or newest.token_id == token_id else queries.challenge(conn, token_id)
