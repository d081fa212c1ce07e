"""The links of a digest: whoever holds one may decide on that one mail, until it expires, and on nothing else.

A link is as good as a login for this one decision. Looking changes nothing, for programs that check links look too;
and a button that is pressed sooner than a person could is one of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from mailgate.context import Context
from mailgate.desk import Desk
from mailgate.errors import NotFound
from mailgate.judge import heldlink
from mailgate.judge.heldlink import HeldLink
from mailgate.store import held
from mailgate.store.views import HeldContact

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Decision(StrEnum):
    """What may be decided."""

    ACCEPT = "accept"
    SPAM = "spam"


class HeldPageState(StrEnum):
    """What the page has to say."""

    ASK = "ask"
    TOO_SOON = "too-soon"
    ACCEPTED = "accepted"
    SPAM = "spam"
    GONE = "gone"  # somebody decided before
    EXPIRED = "expired"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class HeldSight:
    """The state of a link, with the mail where it is to be decided, and the ticket where it became one."""

    state: HeldPageState
    mail: HeldContact | None = None
    ticket: int = 0


UNKNOWN, EXPIRED, GONE = map(HeldSight, (HeldPageState.UNKNOWN, HeldPageState.EXPIRED, HeldPageState.GONE))


class HeldLinks:
    """What a link shows and does. A forged one is known as that without any look into the database."""

    def __init__(self, context: Context, desk: Desk) -> None:
        self.database = context.database
        self.gateway = context.gateway
        self.book = context.book
        self.desk = desk

    async def look(self, link: str, now: datetime) -> HeldSight:
        """How things stand; nothing is changed. Raises TryAgain."""
        found = self._valid(link, now)
        if isinstance(found, HeldSight):
            return found
        mail = await self.database.read(lambda conn: held.one(conn, found.message_id))
        return HeldSight(HeldPageState.ASK, mail) if mail else GONE

    async def decide(self, link: str, decision: Decision, seen_s: int, now: datetime) -> HeldSight:
        """Do it, once. `seen_s` is when the page with the button was shown, in seconds since 1970. Raises TryAgain."""
        sight = await self.look(link, now)
        if sight.state is not HeldPageState.ASK or sight.mail is None:
            return sight
        if now < datetime.fromtimestamp(seen_s, UTC) + timedelta(seconds=self.book().limits.timing.page_wait_s):
            return HeldSight(HeldPageState.TOO_SOON, sight.mail)
        agent = f"digest:{self.gateway.notify.address}"
        try:
            if decision is Decision.ACCEPT:
                return HeldSight(HeldPageState.ACCEPTED, ticket=await self.desk.accept(sight.mail.id, agent))
            await self._spam(sight.mail.id, agent)
        except NotFound:
            return GONE
        return HeldSight(HeldPageState.SPAM)

    async def _spam(self, message_id: int, agent: str) -> None:
        """What is held of one sender stands on one line of the digest, and is judged together."""

        def read(conn: Connection) -> list[int]:
            return held.with_the_rest(conn, message_id)

        for one in await self.database.read(read):
            await self.desk.spam(one, agent)

    def _valid(self, link: str, now: datetime) -> HeldLink | HeldSight:
        found = heldlink.read(link, self.gateway.keys)
        if found is None:
            return UNKNOWN
        return found if now < found.until else EXPIRED
