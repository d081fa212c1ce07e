"""Who waits for an answer, as monitoring asks: with all other queues, how many and since when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from mailgate.judge.waiting import horizons
from mailgate.model import Gateway
from mailgate.store import waiting, watch
from mailgate.store.watch import Depth

if TYPE_CHECKING:
    from sqlalchemy import Connection

ALL_OF_IT = 100  # percent of the promised time


def depths_of(gateway: Gateway, clock: Callable[[], datetime]) -> Callable[[Connection], list[Depth]]:
    """What reads every queue, who waits for an answer and who waits too long among them."""

    def read(conn: Connection) -> list[Depth]:
        now = clock()
        return watch.depths(conn) + waiting.depths(conn, now, horizons(gateway.mailboxes, now, ALL_OF_IT))

    return read
