"""What goes wrong with automatic mail on its way out, and who is told that a breaker opened.

What a mail that comes in tells of our own is judged with that mail. A next hop that says no tells it here, in the same
transaction that writes down what it said.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mailgate.context import Context
from mailgate.judge import breaker
from mailgate.judge.canonical import domain_of
from mailgate.log import Event, Log, without_addresses
from mailgate.model import (
    Ask,
    Breaker,
    BreakerState,
    Broken,
    Due,
    Effect,
    Facts,
    Mishap,
    OutboxState,
    Scope,
    Settlement,
    Suffered,
    Trouble,
)
from mailgate.store import conduct, locks, outbox, record

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Alarm:
    """Counts automatic mail that no next hop would take for good, and opens the breaker where it is too much."""

    def __init__(self, context: Context) -> None:
        self.book = context.book
        self.mint = context.mint
        self.log = context.log

    def rings(self, due: Due, settlement: Settlement) -> bool:
        """Does this end of an attempt count? Only where somebody said no, and to a mail for the world outside."""
        said_no = settlement.state is OutboxState.FAILED and settlement.answer.code >= 500
        return said_no and due.purpose.outside and not settlement.answer.text.startswith(outbox.OUR_HOPS_LACK)

    def settle(self, conn: Connection, due: Due, settlement: Settlement) -> list[Effect]:
        """Write how the attempt ended, that it went wrong, and the breaker if that opens; what was written."""
        locks.spending(conn)
        outbox.settle(conn, [settlement])
        message_id, recipient = outbox.message_of(conn, due.outbox_id)
        told = Mishap(self.mint.new_id(), settlement.at, Trouble.FAILED, recipient, domain_of(recipient), message_id)
        known = Facts()
        conduct.gather(conn, Ask(settlement.at, runs=True), frozenset(), known)
        opened = breaker.tripped(known, settlement.at, self.book().limits.fuse, fresh=[told])
        effects: list[Effect] = [Suffered(told), *([Broken(opened)] if opened else [])]
        record.apply(conn, effects, settlement.at)
        return effects


def tell(effects: Iterable[Effect], log: Log) -> None:
    """Say loudly which breaker opened, and how to look at it; a restart of the trial is nobody's alarm."""
    for effect in effects:
        if isinstance(effect, Broken):
            _tell(effect.breaker, log)


def _tell(stands: Breaker, log: Log) -> None:
    said = {
        "scope": stands.scope,
        "key": stands.key if stands.scope is not Scope.ADDRESS else "",
        "reason": without_addresses(stands.reason),
        "until": stands.until.isoformat() if stands.until else "",
    }
    if stands.state is BreakerState.LATCHED:
        log.error(Event.BREAKER_LATCHED, **said)
    elif stands.state is BreakerState.OPEN:
        log.error(Event.BREAKER_OPENED, **said)
