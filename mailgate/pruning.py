"""What has been kept long enough goes, while the daemon works: step by step, each a short transaction of its own.

What may go, and after how long, is the operator's to say; nothing goes by itself. How it goes is told in
`store.retention`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

from mailgate.errors import TryAgain
from mailgate.store import retention
from mailgate.store.database import Database
from mailgate.store.retention import PERMIT_DAYS, Due, Kind

if TYPE_CHECKING:
    from sqlalchemy import Connection

T = TypeVar("T")

STEP = 100  # tickets, mails or permits in one transaction
MOST_TRIES = 5  # of one step, while the database is in trouble
TROUBLE_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Rules:
    """For how many days what is kept; 0 is for ever."""

    closed_tickets_days: int
    quiet_tickets_days: int
    parked_days: int
    spam_days: int
    likely_spam_days: int
    refusals_days: int


async def due(database: Database, rules: Rules, now: datetime) -> list[Due]:
    """What `prune` would take away. Raises TryAgain."""

    def work(conn: Connection) -> list[Due]:
        return [retention.due(conn, kind, until) for kind, until in _limits(rules, now).items()]

    return await database.read(work)


async def prune(
    database: Database,
    rules: Rules,
    now: datetime,
    *,
    removed: Callable[[Kind, int], None] = lambda _kind, _number: None,
) -> dict[Kind, int]:
    """Take away what is due; how many of each kind that were. `removed` hears of each step.

    Between two steps it rests as long as a step took, so that no sender waits for more than one of them.

    Raises:
        TryAgain: the database is in trouble for long; what was taken away until then stays so.
    """
    gone = {}
    for kind, until in _limits(rules, now).items():
        gone[kind] = await _prune(database, kind, until, removed)
    if rules.refusals_days:
        before = now - timedelta(days=rules.refusals_days)
        await _patiently(database, lambda conn: retention.remove_refusals(conn, before))
    return gone


async def _prune(database: Database, kind: Kind, until: datetime, removed: Callable[[Kind, int], None]) -> int:
    gone, ids = 0, [0]
    while ids := await database.read(partial(retention.some, kind=kind, until=until, after=ids[-1], limit=STEP)):
        begun = perf_counter()
        gone += await _patiently(database, partial(retention.remove, kind=kind, until=until, ids=ids))
        removed(kind, len(ids))
        await asyncio.sleep(perf_counter() - begun)
    return gone


async def _patiently(database: Database, work: Callable[[Connection], T]) -> T:
    for _ in range(MOST_TRIES - 1):
        with contextlib.suppress(TryAgain):
            return await database.write(work)
        await asyncio.sleep(TROUBLE_WAIT_S)
    return await database.write(work)


def _limits(rules: Rules, now: datetime) -> dict[Kind, datetime]:
    """The moment up to which each kind goes, in the order in which they go: permits when their tickets are gone."""
    days = {
        Kind.CLOSED_TICKETS: rules.closed_tickets_days,
        Kind.QUIET_TICKETS: rules.quiet_tickets_days,
        Kind.PARKED: rules.parked_days,
        Kind.SPAM: rules.spam_days,
        Kind.LIKELY_SPAM: rules.likely_spam_days,
        Kind.PERMITS: PERMIT_DAYS,
    }
    return {kind: now - timedelta(days=number) for kind, number in days.items() if number}
