"""People: how much a ticket presses, what it is about, who looks after it, and when it wants to be seen again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mailgate.desk.acts import Acts
from mailgate.errors import NotAllowed, NotFound
from mailgate.judge import tags
from mailgate.model import Amended, Effect, Priority, Tagged, TicketChange, TicketState
from mailgate.store import conversation, record, waiting
from mailgate.store.conversation import Conversation

if TYPE_CHECKING:
    from sqlalchemy import Connection

FURTHEST = timedelta(days=366)  # that a ticket is put off; beyond, nobody remembers why
LONGEST_QUEUE = 100  # characters

Said = tuple[str, str, TicketState | None]  # event, detail, and the state where that changes
Follows = tuple[Said, list[Effect]]
Then = Callable[["Connection", Conversation], Follows]


class Sorting(Acts):
    """Press, tag, put off, move to another queue."""

    async def prioritise(self, number: int, priority: Priority, agent: str) -> None:
        """Say how much a ticket presses. Raises NotFound where there is none."""
        await self._sort(
            number, agent, lambda _, one: (("prioritised", priority, None), [Amended(one.ticket_id, priority=priority)])
        )

    async def tag(self, number: int, words: Iterable[str], agent: str) -> tuple[str, ...]:
        """Let a ticket bear these tags as well; all that it bears then.

        Raises:
            NotFound: no such ticket.
            NotAllowed: one of them is no tag, or there would be more than `tags.MOST`.
        """
        added = _tags(words)

        def follows(conn: Connection, found: Conversation) -> Follows:
            if len({*waiting.tags_of(conn, found.ticket_id), *added}) > tags.MOST:
                raise NotAllowed(f"ticket #{number} would bear more than {tags.MOST} tags")
            return ("tagged", ", ".join(added), None), [Tagged(found.ticket_id, add=added)]

        return await self._tagged(number, agent, follows)

    async def untag(self, number: int, words: Iterable[str], agent: str) -> tuple[str, ...]:
        """Take tags from a ticket; those that are left. Raises what `tag` raises."""
        gone = _tags(words)
        return await self._tagged(
            number, agent, lambda _, one: (("untagged", ", ".join(gone), None), [Tagged(one.ticket_id, remove=gone)])
        )

    async def put_off(self, number: int, until: datetime, agent: str) -> None:
        """Let a ticket rest until that moment, or until its customer writes. Whoever waits for an answer still does.

        Raises:
            NotFound: no such ticket.
            NotAllowed: the moment is past or further than `FURTHEST`, or the ticket is closed.
        """

        def follows(conn: Connection, found: Conversation) -> Follows:
            now = self.clock()
            if not now < until <= now + FURTHEST:
                raise NotAllowed(f"a ticket is put off until a moment within the next {FURTHEST.days} days")
            if found.state is TicketState.CLOSED:
                raise NotAllowed(f"ticket #{number} is closed")
            said = ("put-off", until.isoformat(timespec="minutes"), TicketState.PENDING)
            return said, [Amended(found.ticket_id, pending_until=until)]

        await self._sort(number, agent, follows)

    async def move_to(self, number: int, queue: str, agent: str) -> None:
        """Put a ticket into another queue. What was promised to its customer stays promised.

        Raises:
            NotFound: no such ticket.
            NotAllowed: `queue` is no name of one.
        """
        name = queue.strip()
        if not 0 < len(name) <= LONGEST_QUEUE or not name.isprintable():
            raise NotAllowed(f"a queue has a name of at most {LONGEST_QUEUE} characters")
        await self._sort(number, agent, lambda _, one: (("moved", name, None), [Amended(one.ticket_id, queue=name)]))

    # ── How it is done ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _tagged(self, number: int, agent: str, follows: Then) -> tuple[str, ...]:
        def work(conn: Connection) -> tuple[str, ...]:
            return waiting.tags_of(conn, self._sorted(conn, number, agent, follows))

        return await self.database.write(work)

    async def _sort(self, number: int, agent: str, follows: Then) -> None:
        await self.database.write(lambda conn: self._sorted(conn, number, agent, follows))

    def _sorted(self, conn: Connection, number: int, agent: str, follows: Then) -> int:
        """One line of history, and what it tells of; the id of the ticket."""
        found, now = conversation.of_ticket(conn, number), self.clock()
        if found is None:
            raise NotFound(f"no ticket #{number}")
        (event, detail, state), effects = follows(conn, found)
        change = TicketChange(self.mint.new_id(), found.ticket_id, now, event, f"agent:{agent}", detail, state)
        record.apply(conn, [change, *effects], now)
        return found.ticket_id


def _tags(words: Iterable[str]) -> tuple[str, ...]:
    written = tuple(words)
    for one in written:
        if not tags.tag_of(one):
            raise NotAllowed(f"{one!r} is no tag: {tags.ALLOWED}")
    if not 0 < len(written) <= tags.MOST:
        raise NotAllowed(f"1 to {tags.MOST} tags, please")
    return tuple(dict.fromkeys(map(tags.tag_of, written)))
