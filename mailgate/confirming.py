"""People: what whoever holds the link of a challenge may do: look at its page, and press its button."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace as replace_view
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mailgate.desk import customers
from mailgate.desk.acts import Acts
from mailgate.errors import NotAllowed
from mailgate.judge import challenge, confirm, sameperson, token, trust
from mailgate.judge.docket import Planned
from mailgate.judge.sameperson import Pressed
from mailgate.model import Ask, Asked, Challenge, ChallengeState, PageState, PageView, Standing, TokenKind
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

    async def confirm(self, token_text: str, now: datetime, language: str = "", kept: str = "") -> PageView:
        """Press the button: confirm the challenge, once, however often it is pressed. As `look`, for what we made.

        What is sent then is in `language`, a key of rules/languages.toml. `kept` is what the browser was told to keep.
        """
        token_id = self._token_id(token_text)
        if token_id is None:
            return self._view(None, PageState.UNKNOWN)
        pressed = sameperson.read(kept, self.gateway.keys)
        view, granted = await self.database.write(lambda conn: self._confirm(conn, token_id, now, language, pressed))
        self.meter.granted(granted)
        self.on_outgoing()
        return view

    async def join(self, token_text: str, now: datetime, kept: str) -> PageView:
        """Say that both addresses that were confirmed in this browser are one person's. As `look`, for what we made."""
        token_id = self._token_id(token_text)
        if token_id is None:
            return self._view(None, PageState.UNKNOWN)
        pressed = sameperson.read(kept, self.gateway.keys)
        return await self.database.write(lambda conn: self._join(conn, token_id, now, pressed))

    def _join(self, conn: Connection, token_id: int, now: datetime, pressed: Sequence[Pressed]) -> PageView:
        asked, timing = queries.challenge(conn, token_id), self.book().limits.timing
        offered = self._offered(conn, asked, now, pressed)
        if asked is None or offered is None:
            return self._view(asked, challenge.page(asked, now))
        mine, other = offered
        if now < mine.at + timedelta(seconds=timing.page_wait_s):
            return self._both(asked, other)
        try:
            customers.link(self, conn, other.address, asked.address, "page")
        except NotAllowed:
            return self._view(asked, PageState.DONE)
        return self._view(asked, PageState.LINKED)

    def _offered(
        self, conn: Connection, asked: Challenge | None, now: datetime, pressed: Sequence[Pressed]
    ) -> tuple[Pressed, Challenge] | None:
        """The press of this question, and the other question that the same browser confirmed, if one may be joined."""
        found = sameperson.both(pressed, asked.token_id, now, self.book().limits.timing) if asked else None
        other = queries.challenge(conn, found[1].token_id) if found else None
        if asked is None or found is None or other is None or not sameperson.are_two(asked, other):
            return None
        people = [trust.current(one, now) for one in queries.acquaintances(conn, (asked.address, other.address))]
        if len(people) != 2 or any(one.standing is not Standing.TRUSTED for one in people):
            return None
        return None if people[0].contact_id == people[1].contact_id else (found[0], other)

    def _both(self, asked: Challenge, other: Challenge) -> PageView:
        return replace_view(self._view(asked, PageState.BOTH), addresses=(other.address, asked.address))

    def _confirm(
        self, conn: Connection, token_id: int, now: datetime, language: str, pressed: Sequence[Pressed]
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
        pressed = (*pressed, Pressed(token_id, now))
        offered = self._offered(conn, queries.challenge(conn, token_id), now, pressed)
        view = self._both(asked, offered[1]) if offered else view
        return replace_view(view, keep=sameperson.written(pressed, self.gateway.keys)), done.planned

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
