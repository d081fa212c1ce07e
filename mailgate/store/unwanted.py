"""Store: which automatic mail that was allowed once may leave no more, though nobody has stopped it.

What happens while a mail waits mostly stops it at once: trust, a block, a breaker that opens. But a mail that was away
just then, and that the next hop did not take, waits again. So this is asked whenever mail is claimed.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, literal, or_, select

from mailgate.model import BreakerState, ChallengeState, Purpose, Scope, Standing
from mailgate.store import tables
from mailgate.store.dialect import is_one_of_given, listed
from mailgate.store.types import Utc

HELD_BACK = "automatic mail was stopped before it left"
SILENCED = "the address gets no automatic mail any more"
NOT_ASKED = "the challenge is over"

_OUTBOX, _MESSAGE, _PERMIT, _BREAKER = tables.outbox.c, tables.message.c, tables.permit.c, tables.breaker.c
_CHALLENGE, _ADDRESS = tables.challenge.c, tables.address.c

_NOW = bindparam("now", type_=Utc())
_SILENT = (Standing.ROBOT, Standing.UNDELIVERABLE, Standing.BLOCKED)


def _question() -> Any:
    concerned = or_(
        and_(_BREAKER.scope == Scope.ALL, _BREAKER.key == ""),
        and_(_BREAKER.scope == Scope.ADDRESS, _BREAKER.key == _PERMIT.address),
        and_(_BREAKER.scope == Scope.DOMAIN, _BREAKER.key == _PERMIT.domain),
        and_(_BREAKER.scope == Scope.MAILBOX, _BREAKER.key == _PERMIT.mailbox),
    )
    opened = and_(_BREAKER.state == BreakerState.OPEN, or_(_BREAKER.until.is_(None), _BREAKER.until > _NOW))
    stopped = select(_BREAKER.key).where(concerned, or_(_BREAKER.state == BreakerState.LATCHED, opened)).exists()
    silenced = and_(_ADDRESS.standing.in_(_SILENT), or_(_ADDRESS.until.is_(None), _ADDRESS.until > _NOW))
    over = and_(_OUTBOX.purpose == Purpose.CHALLENGE, _CHALLENGE.state != ChallengeState.QUEUED)
    why = case((over, literal(NOT_ASKED)), (silenced, literal(SILENCED)), (stopped, literal(HELD_BACK)))
    return (
        select(_OUTBOX.id, why.label("why"))
        .join(tables.message, _MESSAGE.id == _OUTBOX.message_id)
        .join(tables.permit, _PERMIT.id == _OUTBOX.permit_id)
        .outerjoin(tables.challenge, _CHALLENGE.token_id == _MESSAGE.token_id)
        .outerjoin(tables.address, _ADDRESS.address == _PERMIT.address)
        .where(is_one_of_given(_OUTBOX.id, "mine"))
        .where(_OUTBOX.purpose.in_((Purpose.ACKNOWLEDGE, Purpose.CHALLENGE)), or_(over, silenced, stopped))
    )


# Built once: to build a statement costs more than to run it.
_UNWANTED = _question()


def unwanted(conn: Connection, outbox_ids: Collection[int], now: datetime) -> dict[int, str]:
    """Those of `outbox_ids` that may not leave at `now`, each with the reason in words."""
    rows = conn.execute(_UNWANTED, {"mine": listed(outbox_ids), "now": now})
    return {row.id: row.why for row in rows}
