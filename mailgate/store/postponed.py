"""Store: mail that was claimed and not tried, because of what is known of the way."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, update

from mailgate.model import OutboxState, PutOff
from mailgate.store import tables
from mailgate.store.bulk import run
from mailgate.store.types import Utc

_OUTBOX = tables.outbox
_PUT_OFF = (
    update(_OUTBOX)
    .where(_OUTBOX.c.id == bindparam("of_outbox"), _OUTBOX.c.state == OutboxState.LEASED)
    .values(
        state=OutboxState.READY,
        # It was claimed, and not tried.
        attempts=_OUTBOX.c.attempts - 1,
        next_at=bindparam("then", type_=Utc()),
        last_code=0,
        last_reply=bindparam("reply"),
        lease_owner=None,
        lease_until=None,
    )
)


def put_off(conn: Connection, several: Sequence[PutOff]) -> list[None]:
    """Give claimed mails back untried. Work for a group. One that was cancelled meanwhile stays so."""
    run(conn, _PUT_OFF, [{"of_outbox": one.outbox_id, "then": one.until, "reply": one.why} for one in several])
    return [None] * len(several)
