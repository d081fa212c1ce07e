"""Store: what was sent to an address by itself of late, and what was withheld from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from mailgate.model import OutboxState, Purpose
from mailgate.store import tables

MOST = 100  # of each, the newest

_PERMIT, _OUTBOX, _MESSAGE = tables.permit.c, tables.outbox.c, tables.message.c


@dataclass(frozen=True, slots=True)
class AutomaticLine:
    """An automatic mail that was granted to an address."""

    at: datetime
    kind: Purpose
    state: OutboxState


@dataclass(frozen=True, slots=True)
class WithheldLine:
    """One that was not, and why; `journal_id` is the mail it would have answered."""

    at: datetime
    journal_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Lately:
    """Both, newest first."""

    sent: tuple[AutomaticLine, ...]
    withheld: tuple[WithheldLine, ...]


def automatic(conn: Connection, address: str, since: datetime) -> Lately:
    """The automatic mails of a canonical address after `since`."""
    granted = (
        select(_PERMIT.at, _PERMIT.purpose, _OUTBOX.state)
        .join(tables.outbox, _OUTBOX.permit_id == _PERMIT.id)
        .where(_PERMIT.address == address, _PERMIT.at > since)
        .order_by(_PERMIT.at.desc())
        .limit(MOST)
    )
    withheld = (
        select(_MESSAGE.at, _MESSAGE.journal_id, _MESSAGE.suppressed)
        .where(_MESSAGE.sender == address, _MESSAGE.at > since, _MESSAGE.suppressed != "")
        .order_by(_MESSAGE.at.desc())
        .limit(MOST)
    )
    return Lately(
        tuple(AutomaticLine(row.at, row.purpose, row.state) for row in conn.execute(granted)),
        tuple(WithheldLine(row.at, row.journal_id, row.suppressed) for row in conn.execute(withheld)),
    )
