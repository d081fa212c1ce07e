"""People: what a person of ours may do with a ticket."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mailgate import learning
from mailgate.desk.acts import Acts
from mailgate.errors import NotFound
from mailgate.judge import answer, confirm
from mailgate.judge.canonical import canonical
from mailgate.model import Effect, Level, TicketChange, TicketState
from mailgate.store import conversation, record

if TYPE_CHECKING:
    from sqlalchemy import Connection

A_DAY = timedelta(days=1)


class Tickets(Acts):
    """Note, assign, close, open again."""

    async def note(self, number: int, text: str, agent: str) -> None:
        """Write a note that only agents see."""
        await self._change(number, "noted", agent, text)

    async def assign(self, number: int, assignee: str, agent: str) -> None:
        """Give the ticket to somebody; "" to nobody."""
        await self._change(number, "assigned", agent, assignee)

    async def close(self, number: int, agent: str, *, spam: bool = False) -> None:
        """Close the ticket as solved, or as spam. A human follow-up within the reopening time wakes it again.

        That somebody was there to be helped earns his address a little credit, once a day; spam counts against him.
        """
        await self.database.write(lambda conn: self._close(conn, number, agent, spam=spam))

    async def reopen(self, number: int, agent: str) -> None:
        """Open the ticket again."""
        await self._change(number, "reopened-by-agent", agent, "", TicketState.OPEN)

    # ── How it is done ────────────────────────────────────────────────────────────────────────────────────────────────

    def _close(self, conn: Connection, number: int, agent: str, *, spam: bool) -> None:
        found, now = self._conversation(conn, number), self.clock()
        event = "closed-as-spam" if spam else "closed"
        change = TicketChange(self.mint.new_id(), found.ticket_id, now, event, f"agent:{agent}", "", TicketState.CLOSED)
        effects: list[Effect] = [change]
        key = canonical(found.requester)
        if key and found.state is not TicketState.CLOSED:
            history = self._history(conn, key)
            known = history.acquaintance(key, now)
            if spam and found.bound is not Level.A0:
                effects.append(confirm.suspected(key, history, now))
            elif not spam and not found.flood and not conversation.closed_since(conn, key, now - A_DAY):
                effects.append(answer.closed_as_solved(known, history))
        gateway, limits = self.gateway, self.book().limits
        effects += learning.of_tickets(conn, [change], now, gateway=gateway, limits=limits, mint=self.mint)
        record.apply(conn, effects, now)

    async def _change(self, number: int, event: str, agent: str, detail: str, state: TicketState | None = None) -> None:
        def work(conn: Connection) -> None:
            found, now = self._conversation(conn, number), self.clock()
            change = TicketChange(self.mint.new_id(), found.ticket_id, now, event, f"agent:{agent}", detail, state)
            record.apply(conn, [change], now)

        await self.database.write(work)

    def _conversation(self, conn: Connection, number: int) -> conversation.Conversation:
        found = conversation.of_ticket(conn, number)
        if found is None:
            raise NotFound(f"no ticket #{number}")
        return found
