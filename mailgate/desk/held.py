"""People: what a person of ours may do with mail that waits for him."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mailgate.desk.acts import Acts
from mailgate.errors import NotFound
from mailgate.judge import confirm
from mailgate.judge.release import release
from mailgate.model import HeldMail
from mailgate.store import conversation, record

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Held(Acts):
    """Let held mail in, or judge it spam."""

    async def accept(self, held_id: int, agent: str) -> int:
        """Let a held mail in, with all others of its sender, and trust him; or a parked one, by itself. Its ticket.

        Raises:
            NotFound: no held or parked mail of this id.
        """

        def work(conn: Connection) -> int:
            number = self._accept(conn, held_id, agent)
            record.apply(conn, self._learned(held_id, spam=False), self.clock())
            return number

        number = await self.database.write(work)
        self.on_outgoing()
        return number

    async def spam(self, held_id: int, agent: str) -> None:
        """Judge a held mail spam: it stays kept and can be accepted later."""

        def work(conn: Connection) -> None:
            mail, now = self._held(conn, held_id), self.clock()
            history = self._history(conn, mail.address)
            marked = confirm.judged_spam(self._held(conn, held_id), history, now, agent)
            record.apply(conn, [*marked, *self._learned(held_id, spam=True)], now)

        await self.database.write(work)

    # ── How it is done ────────────────────────────────────────────────────────────────────────────────────────────────

    def _accept(self, conn: Connection, held_id: int, agent: str) -> int:
        now = self.clock()
        mail = conversation.parked(conn, held_id)
        if mail:
            # It was handed on when it was parked.
            alone = replace(mail, routed=replace(mail.routed, webhooks=()))
            return self._accept_alone(conn, alone, agent, now)
        mail = self._held(conn, held_id)
        if not mail.address:
            return self._accept_alone(conn, mail, agent, now)
        history = self._history(conn, mail.address)
        done = confirm.vouched(mail.address, history, now, f"agent:{agent}")
        numbers = self._write(conn, done, now)
        return numbers[conversation.ticket_of(conn, mail.message_id)]

    def _accept_alone(self, conn: Connection, mail: HeldMail, agent: str, now: datetime) -> int:
        """A machine's mail, or one without a single author, is let in by itself: there is nobody to trust."""
        limits = self.book().limits
        effects, placed = release([mail], now, f"agent:{agent}", self.mint, gateway=self.gateway, limits=limits)
        return record.apply(conn, effects, now)[placed[0][1]]

    def _held(self, conn: Connection, held_id: int) -> HeldMail:
        mail = conversation.held(conn, held_id)
        if mail is None:
            raise NotFound(f"no held mail {held_id}")
        return mail
