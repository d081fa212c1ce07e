"""Store: outgoing mail as whoever receives it gets it: envelope and bytes. What faces list of it is in `queries`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from mailgate.model import OutboxState, Purpose
from mailgate.store import tables
from mailgate.store.journal import decompressed

_OUTBOX, _MESSAGE, _RAW = tables.outbox.c, tables.message.c, tables.raw.c

_LETTER = (
    select(
        _OUTBOX.id,
        _OUTBOX.purpose,
        _OUTBOX.mail_from,
        _OUTBOX.rcpt_to,
        _OUTBOX.state,
        _OUTBOX.created_at,
        _OUTBOX.last_code,
        _OUTBOX.last_reply,
        _MESSAGE.subject,
        _RAW.zstd,
        _RAW.size_bytes,
    )
    .join(tables.message, _MESSAGE.id == _OUTBOX.message_id)
    .join(tables.raw, _RAW.id == _OUTBOX.raw_id)
)


@dataclass(frozen=True, slots=True)
class Letter:
    """An outgoing mail, whole. `last_reply` is what the next hop last said, with its code, "" before."""

    id: int  # row of `outbox`
    purpose: Purpose
    mail_from: str
    rcpt_to: str
    subject: str
    created_at: datetime
    state: OutboxState
    last_reply: str
    raw: bytes = field(repr=False)


def letters(conn: Connection, limit: int) -> list[Letter]:
    """The newest outgoing mails, newest first."""
    return [_letter(row) for row in conn.execute(_LETTER.order_by(_OUTBOX.id.desc()).limit(limit))]


def letter(conn: Connection, outbox_id: int) -> Letter | None:
    """One outgoing mail, or None."""
    row = conn.execute(_LETTER.where(_OUTBOX.id == outbox_id)).one_or_none()
    return _letter(row) if row else None


def _letter(row: Any) -> Letter:
    return Letter(
        id=row.id,
        purpose=row.purpose,
        mail_from=row.mail_from,
        rcpt_to=row.rcpt_to,
        subject=row.subject,
        created_at=row.created_at,
        state=row.state,
        last_reply=f"{row.last_code} {row.last_reply}" if row.last_code else row.last_reply,
        raw=decompressed(row.zstd, row.size_bytes),
    )
