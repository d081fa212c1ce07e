"""People: who our own people are, and what they may do by mail."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mailgate.desk.acts import Acts, key_of
from mailgate.errors import NotAllowed, NotFound
from mailgate.judge import admission
from mailgate.model import Agent, Enrolled, Right
from mailgate.store import agents, record

if TYPE_CHECKING:
    from sqlalchemy import Connection

LONGEST_NAME = 40  # characters
RESERVED = frozenset({"me", "mail", "clock"})  # what else stands where a name may


class Agents(Acts):
    """Add one of our own people, say what he may do, and let him go."""

    async def enrol(
        self, address: str, name: str, *, rights: Collection[Right] = tuple(Right), queues: Collection[str] = ()
    ) -> Agent:
        """He answers tickets by mail from now on. Whoever was there before under this address stands anew.

        Without `queues` he is told of the tickets of all.

        Raises:
            NotAllowed: the address is none, or one of ours; the name is no word, or somebody else's.
        """

        def work(conn: Connection) -> Agent:
            now = self.clock()
            agent = Agent(self._key(address), _checked(name), _in_order(rights), tuple(queues), now)
            everybody = agents.everybody(conn)
            if any(one.name.casefold() == agent.name.casefold() and one.address != agent.address for one in everybody):
                raise NotAllowed(f"{agent.name} is somebody else's name, now or once: history knows people by it")
            before = next((one for one in everybody if one.address == agent.address), None)
            if before is None and len(everybody) >= agents.MOST:
                raise NotAllowed(f"there are {agents.MOST} people already")
            if before is not None and before.left_at is None:
                agent = replace(agent, added_at=before.added_at)
            return _written(conn, agent, now)

        return await self.database.write(work)

    async def entitle(
        self, address: str, *, rights: Collection[Right] | None = None, queues: Collection[str] | None = None
    ) -> Agent:
        """Say what he may do by mail, and of whose tickets he is told; None leaves it as it is.

        Raises:
            NotFound: nobody of ours has this address.
        """

        def work(conn: Connection) -> Agent:
            agent = _current(conn, key_of(address))
            agent = replace(agent, rights=agent.rights if rights is None else _in_order(rights))
            agent = replace(agent, queues=agent.queues if queues is None else tuple(queues))
            return _written(conn, agent, self.clock())

        return await self.database.write(work)

    async def dismiss(self, address: str) -> Agent:
        """He is told nothing more, and what he writes counts as anybody's. History keeps his name.

        Raises:
            NotFound: nobody of ours has this address.
        """

        def work(conn: Connection) -> Agent:
            now = self.clock()
            return _written(conn, replace(_current(conn, key_of(address)), left_at=now), now)

        return await self.database.write(work)

    def _key(self, address: str) -> str:
        """An address that receives our own mail would have us write to ourselves."""
        key = key_of(address)
        if admission.mailbox_of(key, self.gateway) is not None:
            raise NotAllowed(f"{address} is an address of this gateway: nobody of ours reads there")
        return key


def _written(conn: Connection, agent: Agent, now: datetime) -> Agent:
    record.apply(conn, [Enrolled(agent)], now)
    return agent


def _current(conn: Connection, key: str) -> Agent:
    found = agents.one(conn, key)
    if found is None or found.left_at is not None:
        raise NotFound(f"nobody of ours has the address {key}")
    return found


def _checked(name: str) -> str:
    word = name.strip()
    good = 0 < len(word) <= LONGEST_NAME and all(char.isalnum() or char in "-_." for char in word)
    if not good or not word[0].isalnum() or word.lower() in RESERVED:
        raise NotAllowed(
            f"{name!r} is no name: a word of letters, digits, dots and hyphens, and not {', '.join(sorted(RESERVED))}"
        )
    return word


def _in_order(rights: Collection[Right]) -> tuple[Right, ...]:
    return tuple(right for right in Right if right in rights)
