"""People: what a person of ours may say of an address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailgate.desk.acts import Acts, key_of
from mailgate.errors import NotFound
from mailgate.judge import confirm, trust
from mailgate.judge.governor import SILENT_STANDINGS
from mailgate.model import Acquaintance, Met
from mailgate.store import record

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Senders(Acts):
    """Trust an address, block it, or forget what is held against it."""

    async def trust(self, address: str, agent: str) -> int:
        """Trust an address and let in what is held of it; how many mails that released."""
        released = await self.database.write(lambda conn: self._trust(conn, key_of(address), agent))
        self.on_outgoing()
        return released

    async def block(self, address: str, agent: str) -> None:
        """Want nothing of an address in view. Its mail is kept as spam, and nothing is ever sent to it by machine."""

        def work(conn: Connection) -> None:
            key, now = key_of(address), self.clock()
            record.apply(conn, confirm.blocked(key, self._history(conn, key), now, agent), now)

        await self.database.write(work)

    async def clear(self, address: str, agent: str) -> Acquaintance:
        """Forget that an address is a machine's, undeliverable or blocked; how it stands then. It earns no credit.

        Raises:
            NotFound: nothing of that is held against it.
        """

        def work(conn: Connection) -> Acquaintance:
            key, now = key_of(address), self.clock()
            known = self._history(conn, key).acquaintance(key, now)
            if known.standing not in SILENT_STANDINGS:
                raise NotFound(f"nothing is held against {key}: it is {known.standing}")
            cleared = trust.cleared(known, now)
            record.apply(conn, [Met(cleared)], now)
            return cleared

        return await self.database.write(work)

    def _trust(self, conn: Connection, key: str, agent: str) -> int:
        now = self.clock()
        history = self._history(conn, key)
        waiting = len(history.held(key))
        self._write(conn, confirm.vouched(key, history, now, f"agent:{agent}"), now)
        return waiting
