"""What time alone changes: challenges that nobody answered, held mail that waited long enough, keys that are forgotten.

Every timer is a moment in the database, so none is lost by a restart, and each change can be made twice without harm.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from mailgate.context import Context
from mailgate.errors import TryAgain
from mailgate.log import Event
from mailgate.store import ledger, timers

EVERY_S = 60.0
KEY_DAYS = 7  # longer than any queue retries (RFC 5321 section 4.5.4.1)


class Upkeep:
    """Looks once a minute."""

    def __init__(self, context: Context) -> None:
        self.database = context.database
        self.book = context.book
        self.clock = context.clock
        self.log = context.log

    async def run(self) -> None:
        """Keep up until cancelled."""
        while True:
            try:
                await self.settle()
                await self._check()
            except TryAgain as trouble:
                self.log.warning(Event.STORE_TROUBLE, error=str(trouble))
            await asyncio.sleep(EVERY_S)

    async def settle(self) -> int:
        """Do what is due now; the number of rows that changed."""
        now, timing = self.clock(), self.book().limits.timing
        waited = now - timedelta(seconds=timing.held_wait_s)
        keyed = now - timedelta(days=KEY_DAYS)
        return await self.database.write(lambda conn: timers.settle(conn, now, waited=waited, keyed=keyed))

    async def _check(self) -> None:
        found = await self.database.read(ledger.ledger)
        if not found.balanced:
            self.log.error(Event.LEDGER_UNBALANCED, ledger=str(found))
