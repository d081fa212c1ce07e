"""People: what a person of ours may do with a ticket."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mailgate import letters
from mailgate.desk import floods
from mailgate.desk.acts import Acts
from mailgate.errors import NotAllowed, NotFound
from mailgate.judge import answer, confirm
from mailgate.judge.canonical import canonical
from mailgate.judge.waiting import answered
from mailgate.model import Effect, Level, Sending, TicketChange, TicketState, Written
from mailgate.store import conversation, record, waiting

if TYPE_CHECKING:
    from sqlalchemy import Connection

A_DAY = timedelta(days=1)


class Tickets(Acts):
    """Answer, note, assign, close, open again, part a flood."""

    async def reply(self, number: int, text: str, agent: str, *, anyway: bool = False) -> Sending:
        """Answer the requester of a ticket. He is trusted from then on: whom we write to, we listen to.

        Raises:
            NotFound: no such ticket.
            NotAllowed: the text is empty, or the ticket has nobody to write to; or somebody else answered just now, and
                `anyway` does not say that both answers are meant.
        """
        if not text.strip():
            raise NotAllowed("an answer needs text")
        sent = await self.database.write(lambda conn: self._reply(conn, number, text, agent, anyway=anyway))
        self.on_outgoing()
        return sent

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

    async def split(self, number: int, agent: str) -> list[int]:
        """Give each mail of a flood ticket but the first a ticket of its own; their numbers, in order of arrival.

        Raises:
            NotFound: no such ticket.
            NotAllowed: it took no flood, or has only one mail left.
        """
        actor, mint = f"agent:{agent}", self.mint
        return await self.database.write(
            lambda conn: floods.split(conn, self._conversation(conn, number), actor, mint=mint, now=self.clock())
        )

    # ── How it is done ────────────────────────────────────────────────────────────────────────────────────────────────

    def _reply(self, conn: Connection, number: int, text: str, agent: str, *, anyway: bool) -> Sending:
        found, now, book = self._conversation(conn, number), self.clock(), self.book()
        if not found.requester:
            raise NotAllowed(f"ticket #{number} has nobody to answer: its mail names no single author")
        history = self._history(conn, canonical(found.requester))
        if not anyway:
            self._only_one(conn, found, f"agent:{agent}", now)
        done = confirm.written_to(canonical(found.requester), history, now, f"agent:{agent}")
        sending = letters.agent_reply(found, Written(text, agent), self.gateway, book, mint=self.mint, now=now)
        change = TicketChange(self.mint.new_id(), found.ticket_id, now, "replied", f"agent:{agent}", sending.identity)
        record.apply(conn, [*done.effects, change, answered(found.ticket_id, now), sending], now)
        return sending

    def _only_one(self, conn: Connection, found: conversation.Conversation, actor: str, now: datetime) -> None:
        """Two who answer at once would say two things to one customer."""
        apart = timedelta(seconds=self.book().limits.waiting.apart_s)
        other = waiting.answered_by_another(conn, found.ticket_id, actor, now - apart)
        if other:
            who, at = other
            told = f"{who.removeprefix('agent:')} answered #{found.number} {(now - at).total_seconds():.0f} s ago"
            raise NotAllowed(f"{told}; --anyway answers as well")

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
