"""People: what every act needs: all that it can depend on, read under its locks, and the way to write what follows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from mailgate import learning, letters
from mailgate.context import Context
from mailgate.errors import NotAllowed
from mailgate.judge.ask import about
from mailgate.judge.canonical import canonical
from mailgate.judge.confirm import Confirmed
from mailgate.judge.history import History
from mailgate.model import Errand
from mailgate.store import facts, locks

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Acts:
    """The parts that acts of people share. `on_outgoing` is called when mail may have been queued."""

    def __init__(self, context: Context, *, on_outgoing: Callable[[], None] = lambda: None) -> None:
        self.database = context.database
        self.gateway = context.gateway
        self.book = context.book
        self.mint = context.mint
        self.clock = context.clock
        self.meter = context.meter
        self.on_outgoing = on_outgoing

    def _write(self, conn: Connection, done: Confirmed, now: datetime) -> dict[int, int]:
        return letters.record_with_mail(
            conn, done.effects, done.planned, gateway=self.gateway, book=self.book(), now=now
        )

    def _learned(self, message_id: int, *, spam: bool) -> list[Errand]:
        """The spam filter is taught what one of ours says of a mail, where the operator wants that."""
        gateway, limits = self.gateway, self.book().limits
        return learning.of_mail(message_id, self.clock(), spam=spam, gateway=gateway, limits=limits, mint=self.mint)

    def _history(self, conn: Connection, key: str) -> History:
        limits = self.book().limits
        locks.together(conn, {key})
        locks.spending(conn)
        known = facts.gather(conn, about(key, self.gateway, limits, self.clock()))
        return History(known, limits, self.gateway, self.mint)


def key_of(address: str) -> str:
    """The canonical form under which an address is known. Raises NotAllowed where it is none."""
    key = canonical(address)
    if not key:
        raise NotAllowed(f"{address!r} is no address")
    return key
