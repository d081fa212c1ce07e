"""People: tickets that belong together, mails that do not, and who may take part."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mailgate.desk import floods
from mailgate.desk.acts import Acts, key_of
from mailgate.errors import NotAllowed, NotFound
from mailgate.judge import waiting
from mailgate.judge.company import joined
from mailgate.judge.evidence import topic_of
from mailgate.model import Amended, Effect, Joined, Level, NewTicket, Participant, TicketChange, TicketState
from mailgate.store import conversation, locks, merging, record
from mailgate.store.merging import Contribution, Standing

if TYPE_CHECKING:
    from sqlalchemy import Connection

MOST_MESSAGES = 1000  # given a ticket of their own at once


class Merging(Acts):
    """Join and part tickets; hear somebody who takes no part, or do not."""

    async def merge(self, number: int, into: int, agent: str) -> int:
        """Make a ticket part of another: all its mail, and whatever follows it later, stands there; it is closed.

        Who took part in either still reaches the whole, and hears only what is answered to him. The number of the
        ticket that took it in.

        Raises:
            NotFound: no such ticket.
            NotAllowed: the two are one already.
        """
        return await self.database.write(lambda conn: self._merge(conn, number, into, agent))

    async def split(self, number: int, agent: str, messages: Sequence[int] = ()) -> list[int]:
        """Give mails of a ticket one of their own; its number. What we sent stays, and so does where answers to it go.

        Without `messages`, each mail of a flood but the first gets one; their numbers, in order of arrival.

        Raises:
            NotFound: no such ticket, or no such mail in it.
            NotAllowed: too many, or none would stay behind; or it took no flood.
        """
        if messages:
            return await self.database.write(lambda conn: self._part(conn, number, tuple(messages), agent))
        return await self.database.write(lambda conn: self._part_flood(conn, number, agent))

    async def let_in(self, message_id: int, agent: str) -> int:
        """Make what somebody wrote who takes no part a mail like any other, and him a participant if he is proven.

        The number of its ticket, which wakes.

        Raises:
            NotFound: no such mail.
            NotAllowed: it is in already.
        """

        def work(conn: Connection) -> int:
            number = self._let_in(conn, message_id, agent)
            record.apply(conn, self._learned(message_id, spam=False), self.clock())
            return number

        return await self.database.write(work)

    async def discard(self, message_id: int, agent: str) -> int:
        """Put what somebody wrote who takes no part out of view; it is kept, and can be let in later. Its ticket.

        Raises:
            NotFound: no such mail.
            NotAllowed: it is in already, or out of view.
        """
        return await self.database.write(lambda conn: self._discard(conn, message_id, agent))

    async def join(self, number: int, address: str, agent: str) -> None:
        """Make an address a participant of a ticket, as far as its mail is proven.

        Raises:
            NotFound: no such ticket.
            NotAllowed: it is no address, or takes part already.
        """
        await self.database.write(lambda conn: self._join(conn, number, key_of(address), agent))

    # ── How it is done ────────────────────────────────────────────────────────────────────────────────────────────────

    def _merge(self, conn: Connection, number: int, into: int, agent: str) -> int:
        gone, target, now = self._standing(conn, number), self._followed(conn, into), self.clock()
        if gone.merged_into is not None:
            raise NotAllowed(f"#{number} is part of #{self._followed(conn, number).number} already")
        if gone.id == target.id:
            raise NotAllowed(f"#{into} is part of #{number}, so #{number} cannot become part of it")
        # Whoever takes part may be writing just now.
        locks.together(conn, {one.address for one in (*gone.people, *target.people)})
        wakes = gone.state is TicketState.OPEN and target.state is not TicketState.OPEN
        opened = TicketState.OPEN if wakes else None
        merging.merge(conn, gone.id, target.id)
        effects: list[Effect] = [
            self._line(gone.id, "merged", agent, f"into #{target.number}", TicketState.CLOSED),
            self._line(target.id, "merged-in", agent, f"#{gone.number}", opened),
            Amended(gone.id, merged_into=target.id, waits_since=None, due_at=None, warned_at=None, pending_until=None),
            Amended(
                target.id,
                waits_since=_earlier(gone.waits_since, target.waits_since),
                due_at=_earlier(gone.due_at, target.due_at),
            ),
        ]
        record.apply(conn, effects, now)
        return target.number

    def _part_flood(self, conn: Connection, number: int, agent: str) -> list[int]:
        flood = conversation.of_ticket(conn, number)
        if flood is None:
            raise NotFound(f"no ticket #{number}")
        return floods.split(conn, flood, f"agent:{agent}", mint=self.mint, now=self.clock())

    def _part(self, conn: Connection, number: int, messages: tuple[int, ...], agent: str) -> list[int]:
        whole, now = self._followed(conn, number), self.clock()
        if len(messages) > MOST_MESSAGES:
            raise NotAllowed(f"at most {MOST_MESSAGES} mails at once")
        mails = [one for one in merging.contributions(conn, messages) if one.ticket_id == whole.id]
        missing = sorted(set(messages) - {one.id for one in mails})
        if missing:
            raise NotFound(f"no mail {missing[0]} that came into #{whole.number}")
        if not merging.stays_behind(conn, whole.id, messages):
            raise NotAllowed(f"one mail of #{whole.number} has to stay")
        ticket_id = self.mint.new_id()
        effects = [self._opened(whole, mails[0], ticket_id), *_people_of(mails, ticket_id)]
        began = self._line(ticket_id, "split-off", agent, f"#{whole.number}")
        given = record.apply(conn, [*effects, began], now)[ticket_id]
        merging.part(conn, [one.id for one in mails], ticket_id, now)
        left = self._line(whole.id, "split", agent, f"{len(mails)} mails: #{given}")
        record.apply(conn, [left], now)
        return [given]

    def _opened(self, whole: Standing, first: Contribution, ticket_id: int) -> NewTicket:
        topic = topic_of(first.subject, self.book().limits.reply_prefixes)
        who = Participant(first.sender, first.level)
        return NewTicket(
            ticket_id,
            first.subject,
            whole.queue,
            whole.mailbox,
            who,
            first.name,
            first.at,
            topic=topic,
            waits_since=first.at,
            due_at=waiting.due(self.gateway.mailbox(whole.mailbox), first.at),
        )

    def _let_in(self, conn: Connection, message_id: int, agent: str) -> int:
        mail, now = self._contribution(conn, message_id), self.clock()
        ticket = self._by_id(conn, mail.ticket_id)
        state = None if ticket.state is TicketState.OPEN else TicketState.OPEN
        merging.let_in(conn, mail.id)
        effects: list[Effect] = [
            *_people_of([mail], ticket.id),
            replace(
                self._line(ticket.id, "let-in", agent, mail.identity, state),
                waits_since=mail.at,
                due_at=waiting.due(self.gateway.mailbox(ticket.mailbox), mail.at),
            ),
        ]
        if state:
            effects.append(Amended(ticket.id, pending_until=None))
        record.apply(conn, effects, now)
        return ticket.number

    def _discard(self, conn: Connection, message_id: int, agent: str) -> int:
        mail, now = self._contribution(conn, message_id), self.clock()
        if mail.discarded:
            raise NotAllowed(f"mail {message_id} is out of view already")
        merging.discard(conn, mail.id)
        record.apply(conn, [self._line(mail.ticket_id, "discarded", agent, mail.identity)], now)
        return self._by_id(conn, mail.ticket_id).number

    def _join(self, conn: Connection, number: int, key: str, agent: str) -> None:
        ticket, now = self._followed(conn, number), self.clock()
        if merging.takes_part(conn, ticket.id, key):
            raise NotAllowed(f"{key} takes part in #{ticket.number} already")
        # Who comes from a ticket that was merged comes as he is; of anybody else any proof will do.
        bound = next((one.bound for one in ticket.people if one.address == key and not one.copied), Level.A0)
        effects: list[Effect] = [
            Joined(ticket.id, Participant(key, bound)),
            self._line(ticket.id, "joined", agent, key),
        ]
        record.apply(conn, effects, now)

    def _line(
        self, ticket_id: int, event: str, agent: str, detail: str, state: TicketState | None = None
    ) -> TicketChange:
        return TicketChange(self.mint.new_id(), ticket_id, self.clock(), event, f"agent:{agent}", detail, state)

    def _contribution(self, conn: Connection, message_id: int) -> Contribution:
        found = merging.contributions(conn, [message_id])
        if not found:
            raise NotFound(f"no mail {message_id} that came into a ticket")
        if not found[0].proposed:
            raise NotAllowed(f"mail {message_id} is in its ticket already")
        return found[0]

    def _standing(self, conn: Connection, number: int) -> Standing:
        found = merging.ticket(conn, merging.by_number(number))
        if found is None:
            raise NotFound(f"no ticket #{number}")
        return found

    def _followed(self, conn: Connection, number: int) -> Standing:
        """The ticket of this number, or the one that it is part of by now."""
        found = self._standing(conn, number)
        return found if found.merged_into is None else self._by_id(conn, found.merged_into)

    def _by_id(self, conn: Connection, ticket_id: int) -> Standing:
        found = merging.ticket(conn, merging.by_id(ticket_id))
        if found is None:
            raise NotFound("the ticket that it is part of is no longer kept")
        return found


def _people_of(mails: Sequence[Contribution], ticket_id: int) -> list[Effect]:
    """Who wrote them takes part, as far as he is proven; whom they name may be heard."""
    wrote = {one.sender: one.level for one in mails if one.sender and one.level is not Level.A0}
    named = (key for one in mails for key in one.copied if key not in wrote)
    return [*(Joined(ticket_id, Participant(key, level)) for key, level in wrote.items()), *joined(ticket_id, named)]


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((moment for moment in (one, other) if moment is not None), default=None)
